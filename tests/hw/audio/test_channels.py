from __future__ import annotations

import pytest

from hw.audio.channels import spread


@pytest.mark.parametrize(
    ("channels", "frames"),
    [(1, b"abcd"), (2, b"ababcdcd"), (3, b"abababcdcdcd")],
    ids=["mono", "stereo", "3"],
)
def test_each_frame_holds_the_sample_once_a_channel(channels: int, frames: bytes) -> None:
    assert spread(b"abcd", channels) == frames


def test_nothing_is_nothing_on_any_number() -> None:
    assert spread(b"", 6) == b""
