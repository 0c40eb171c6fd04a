"""Both ways to base64 judge alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime import base64_text


def judged(decode: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return decode(text)
    except ValueError:
        return None


@given(st.binary(max_size=100))
def test_audio_survives_both_ways(data: bytes) -> None:
    assert base64_text.encode(data) == base64_text.encode_plainly(data)
    assert base64_text.decode(base64_text.encode(data)) == data


@given(st.text(alphabet="ABz019+/=_- \n~é\x00", max_size=24))
def test_what_is_no_base64_is_refused_alike_with_and_without_the_library(text: str) -> None:
    assert judged(base64_text.decode, text) == judged(base64_text.decode_strictly, text)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("AAE=", b"\0\1"),
        ("AAE", None),
        ("A A=", None),
        ("AA==AA==", None),
        ("AA-_", None),
        ("é===", None),
    ],
)
def test_pinned_examples(text: str, data: bytes | None) -> None:
    assert judged(base64_text.decode, text) == data
