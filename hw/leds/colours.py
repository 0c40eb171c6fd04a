"""Colours on their way to a lamp: checked, and turned from what the eye takes into light. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hw.ports import Colour

FULL = 255
BLACK: Colour = (0, 0, 0)


def require_colours(colours: Sequence[Colour], pixels: int) -> None:
    """Raises `ValueError` unless there is one colour per pixel, and every part of it is in 0..255."""
    if len(colours) != pixels:
        raise ValueError(f"a light of {pixels} pixels takes {pixels} colours, got {len(colours)}")
    for colour in colours:
        if len(colour) != 3 or not all(0 <= part <= FULL for part in colour):
            raise ValueError(f"a colour is red, green and blue, each 0..{FULL}, got {colour!r}")


def luminance(part: int) -> float:
    """The share of its full light, 0..1, at which a lamp looks `part` / 255 as bright as at its full light.

    CIE 1976 lightness turned round: a lamp at half its current looks three quarters as bright.
    """
    lightness = 100.0 * part / FULL
    if lightness <= 8.0:
        return lightness * 27.0 / 24389.0
    return float(((lightness + 16.0) / 116.0) ** 3)


def lamp_byte(part: int) -> int:
    """The same in steps of 1/255; what is not dark stays lit."""
    return max(1, round(FULL * luminance(part))) if part else 0
