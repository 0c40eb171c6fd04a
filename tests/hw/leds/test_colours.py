from __future__ import annotations

import pytest

from hw.leds.colours import lamp_byte, luminance, require_colours


@pytest.mark.parametrize(
    ("part", "light"),
    # CIE 1976: L* of 0, 8 (where the curve becomes a line), 50, 75 and 100
    [(0, 0.0), (20.4, 0.008856), (127.5, 0.184187), (191.25, 0.482781), (255, 1.0)],
)
def test_light_follows_the_curve_of_the_eye(part: float, light: float) -> None:
    assert luminance(part) == pytest.approx(light, abs=2e-5)  # type: ignore[arg-type]


def test_bytes_rise_with_what_they_stand_for_and_only_black_is_dark() -> None:
    lamps = [lamp_byte(part) for part in range(256)]
    assert lamps == sorted(lamps)
    assert (lamps[0], lamps[1], lamps[255]) == (0, 1, 255)


def test_a_colour_of_two_parts_is_none() -> None:
    with pytest.raises(ValueError, match=r"got \(1, 2\)"):
        require_colours([(1, 2)], 1)  # type: ignore[list-item]
