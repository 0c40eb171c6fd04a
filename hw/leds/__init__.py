"""Lamps: on GPIO pins, on an SPI bus, and on a terminal."""
