"""Frames as RFC 6455 wants them, judged by the library's own parser."""

from __future__ import annotations

from collections.abc import Generator
from io import BytesIO

import pytest
from websockets.frames import Frame, Opcode

from daemon.realtime.transports.framing import TextFramer


def parsed(data: bytes) -> Frame:
    stream = BytesIO(data)

    def read_exact(n: int) -> Generator[None, None, bytes]:
        yield from ()
        return stream.read(n)

    steps = Frame.parse(read_exact, mask=True)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert stream.read() == b""
    assert isinstance(end.value.value, Frame)
    return end.value.value


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 1_333, 65_535, 65_536, 100_000])
def test_frame_of_any_length_is_one_whole_text_message(length: int) -> None:
    frame = parsed(TextFramer().frame(b"x" * length))
    assert (frame.opcode, bytes(frame.data), frame.fin) == (Opcode.TEXT, b"x" * length, True)


def test_pinned_bytes_of_the_shortest_message() -> None:
    head, length, *rest = TextFramer().frame(b"{}")
    assert (head, length) == (0x81, 0x82)
    key, masked = rest[:4], rest[4:]
    assert bytes(byte ^ key[n] for n, byte in enumerate(masked)) == b"{}"


def test_no_two_frames_have_the_same_mask() -> None:
    framer = TextFramer()
    masks = {framer.frame(b"same")[2:6] for _ in range(1_000)}
    assert len(masks) > 990
