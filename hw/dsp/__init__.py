"""Voice processors. One file per driver."""
