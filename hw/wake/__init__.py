"""Wake word detectors. One file per driver."""
