"""Microphones and loudspeakers. One file per driver."""
