"""The short way to the audio of a delta ends where the JSON decoder does."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.realtime.server_events import AudioDelta, MalformedFrame
from daemon.realtime.wire import decode, decode_with_data

FIELDS = {
    "type": "response.output_audio.delta",
    "event_id": "event_1",
    "response_id": "r1",
    "item_id": "a",
    "output_index": 0,
    "content_index": 2,
}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" ,\n", "\t:\n ")])
@pytest.mark.parametrize("place", range(7))
def test_delta_in_any_place_is_found(place: int, separators: tuple[str, str]) -> None:
    fields: list[tuple[str, Any]] = list(FIELDS.items())
    fields.insert(place, ("delta", "AAECAw=="))
    frame = json.dumps(dict(fields), separators=separators)
    assert decode_with_data(frame) == (AudioDelta("r1", "a", 2, bytes(range(4))), json.loads(frame))


HEAD = '{"type":"response.output_audio.delta","response_id":"r1","item_id":"a",'


@pytest.mark.parametrize(
    "rest",
    [
        '"delta":"AAAA","delta":"AAE="}',
        '"delta":"AAE=","delta":""}',
        '"x":{"delta":"AAAA"},"delta":"AAE="}',
        '"delta":"AAE=","x":{"delta":"AAAA"}}',
        '"x":{"delta":"AAAA"},"delta":""}',
        '"x":[{"delta":"AAAA"}],"delta" : "AAE="}',
        '"x":"delta","delta":"AAE="}',
        '"delta":"","x":"delta"}',
        r'"x\"delta":"AAAA","delta":"AAE="}',
        r'"delta":"\u0041AE="}',
        r'"delta":"AP\/\/AA=="}',
        r'"\u0064elta":"AAE=","x":{"delta":""}}',
        '"delta":null,"x":"AAAA"}',
        '"delta":5,"x":"AAAA","y":""}',
        '"delta":["AAE="]}',
        '"delta":{"delta":"AAE="}}',
        '"response_id":"r2","delta":"AAE="}',
    ],
)
def test_odd_delta_is_read_as_the_json_decoder_reads_it(rest: str) -> None:
    event, data = decode_with_data(HEAD + rest)
    whole = json.loads(HEAD + rest)
    assert data == whole
    if whole.get("delta") in ("AAE=", "", "AP//AA=="):
        assert event == AudioDelta(whole["response_id"], "a", 0, base64.b64decode(whole["delta"]))
    else:
        assert isinstance(event, MalformedFrame)


@pytest.mark.parametrize(
    "rest", ['"delta":"AAE=}', '"delta":"AAE="', '"delta":"AAE=",}', '"delta":"AA\nE="}', ""]
)
def test_broken_delta_is_malformed(rest: str) -> None:
    assert isinstance(decode(HEAD + rest), MalformedFrame)


def test_transcript_with_a_raw_line_break_is_no_json_whatever_it_is_called() -> None:
    assert isinstance(decode(HEAD.replace("audio", "audio_transcript") + '"delta":"a\nb"}'), MalformedFrame)


def test_audio_of_all_sizes_arrives_whole() -> None:
    for size in (2, 4_800, 24_000, 480_000):
        pcm = random.Random(size).randbytes(size)
        frame = json.dumps({**FIELDS, "delta": base64.b64encode(pcm).decode()})
        assert decode(frame) == AudioDelta("r1", "a", 2, pcm)


KEYS = st.sampled_from(["delta", "type", "response_id", "item_id", "x", 'q"delta', "\\"])
TEXTS = st.sampled_from(
    ["", "AAE=", "delta", '"delta":', '"', "response.output_audio.delta", "é", "r1", "\\"]
)
VALUES = st.recursive(
    st.none() | st.integers(0, 9) | TEXTS,
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.booleans(), st.booleans())
def test_any_object_is_read_as_the_json_decoder_reads_it(
    fields: dict[str, Any], ascii_only: bool, compact: bool
) -> None:
    separators = (",", ":") if compact else None
    frame = json.dumps(
        {**FIELDS, **fields, "type": FIELDS["type"]}, ensure_ascii=ascii_only, separators=separators
    )
    assert decode_with_data(frame)[1] == json.loads(frame)
