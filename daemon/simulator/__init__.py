"""A Realtime API server of our own, for use without key or network. Imports nothing else of this project."""
