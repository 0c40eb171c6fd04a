"""Voice activity detectors. One file per driver."""
