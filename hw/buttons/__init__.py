"""Push buttons. One file per driver."""
