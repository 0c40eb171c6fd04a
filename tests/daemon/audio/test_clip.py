"""WAV files of the box's own, whole and wrong."""

from __future__ import annotations

import io
import struct
import wave
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.clip import Clip, read_clip

MU_LAW = (
    b"RIFF\x2a\0\0\0WAVE"
    b"fmt \x10\0\0\0" + struct.pack("<HHIIHH", 7, 1, 16_000, 16_000, 1, 8) + b"data\x06\0\0\0"
    b"\xff\x7f\x00\x80\xd5\x55"
)


def pcm_wav(pcm: bytes, rate_hz: int = 24_000, channels: int = 1, width: int = 2) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setparams((channels, width, rate_hz, 0, "NONE", ""))
        writer.writeframes(pcm)
    return target.getvalue()


def test_pcm_comes_out_as_it_went_in() -> None:
    assert read_clip(pcm_wav(b"\1\2\3\4", 22_050)) == Clip(22_050, b"\1\2\3\4")


def test_mu_law_is_decoded_as_g711_has_it() -> None:
    clip = read_clip(MU_LAW)
    assert clip.rate_hz == 16_000
    assert list(array("h", clip.pcm)) == [0, 0, -32124, 32124, 716, -716]


def test_other_chunks_are_passed_over() -> None:
    wav = pcm_wav(b"\1\2")
    assert read_clip(wav[:12] + b"LIST\x03\0\0\0abc\0" + wav[12:]) == Clip(24_000, b"\1\2")


@pytest.mark.parametrize(
    ("wav", "complaint"),
    [
        (b"", "no WAV file"),
        (b"ID3" + bytes(100), "no WAV file"),
        (b"RIFF\0\0\0\0WAVE", "without format or data"),
        (MU_LAW[:36], "without format or data"),
        (pcm_wav(bytes(4), channels=2), "2 channels of 16 bits"),
        (pcm_wav(bytes(4), width=1), "1 channels of 8 bits"),
    ],
)
def test_other_files_are_refused_with_the_reason(wav: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_clip(wav)


@given(st.integers(0, len(MU_LAW)), st.binary(max_size=20))
def test_no_damage_does_more_than_be_refused(cut: int, junk: bytes) -> None:
    try:
        clip = read_clip(MU_LAW[:cut] + junk + MU_LAW[cut:])
    except ValueError:
        return
    assert len(clip.pcm) % 2 == 0
