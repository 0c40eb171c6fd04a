"""Chunks of one size."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from daemon.audio.rechunk import Rechunker


def test_feed_gives_whole_chunks_and_keeps_the_rest():
    rechunker = Rechunker(4)
    assert rechunker.feed(b"abc") == []
    assert rechunker.feed(b"defghij") == [b"abcd", b"efgh"]
    assert rechunker.pending_bytes == 2
    assert rechunker.feed(b"kl") == [b"ijkl"]


def test_flush_gives_the_rest_once():
    rechunker = Rechunker(4)
    rechunker.feed(b"abcdef")
    assert rechunker.flush() == b"ef"
    assert rechunker.flush() == b""
    assert rechunker.feed(b"ghij") == [b"ghij"]


def test_chunk_of_no_bytes_is_refused():
    with pytest.raises(ValueError, match="chunk_bytes 0"):
        Rechunker(0)


@given(st.integers(1, 10), st.lists(st.binary(max_size=30)))
def test_nothing_is_lost_or_reordered(chunk_bytes, pieces):
    rechunker = Rechunker(chunk_bytes)
    chunks = [chunk for piece in pieces for chunk in rechunker.feed(piece)]
    assert all(len(chunk) == chunk_bytes for chunk in chunks)
    rest = rechunker.flush()
    assert len(rest) < chunk_bytes
    assert b"".join(chunks) + rest == b"".join(pieces)
