"""Whatever a server sends and whenever the owner acts: no exception, no ghost audio, sane frames."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from realtime_oracle import client_event_problems

from daemon.realtime import model_events as rt
from daemon.realtime.protocol import HeardPosition, RealtimeProtocol
from tests.daemon.realtime.talk import Talk

IDS = st.sampled_from(["r1", "r2", "a", "b", "create_2", "commit_3", "session_1", "truncate_5", ""])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats() | st.text(max_size=8) | IDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "id": IDS,
        "type": st.sampled_from(["message", "function_call", "function_call_output", "mcp_call"]),
        "role": st.sampled_from(["user", "assistant", "system"]),
        "status": st.sampled_from(["completed", "in_progress", "incomplete"]),
        "content": st.lists(
            st.fixed_dictionaries({}, optional={"text": JSON, "transcript": JSON}), max_size=2
        )
        | JSON,
        "name": IDS,
        "call_id": IDS,
        "arguments": JSON,
    },
)
TYPES = [
    *["session.created", "session.updated", "error", "rate_limits.updated", "strange.type"],
    *["conversation.item.added", "conversation.item.done", "conversation.item.deleted"],
    *["conversation.item.truncated", "conversation.item.input_audio_transcription.completed"],
    *["conversation.item.input_audio_transcription.delta", "input_audio_buffer.committed"],
    *["input_audio_buffer.speech_started", "response.created", "response.done", "response.output_item.added"],
    *["response.output_item.done", "response.output_audio.delta", "response.output_audio.done"],
    *["response.output_audio_transcript.delta", "response.output_audio_transcript.done"],
    *["response.content_part.added", "response.mcp_call.in_progress"],
]
CODES = [
    *["conversation_already_has_active_response", "response_cancel_not_active", "invalid_value"],
    *["input_audio_buffer_commit_empty", "unknown_parameter"],
]
NEARLY_RIGHT = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES)},
    optional={
        "response_id": IDS | JSON,
        "item_id": IDS | JSON,
        "previous_item_id": IDS | st.none(),
        "content_index": st.integers(-1, 3) | JSON,
        "delta": st.sampled_from(["AAAA", "AAAAAAAA", "x"]) | JSON,
        "transcript": JSON,
        "audio_end_ms": JSON,
        "audio_start_ms": JSON,
        "item": ITEM | JSON,
        "session": st.dictionaries(st.sampled_from(["expires_at", "type"]), JSON) | JSON,
        "response": st.fixed_dictionaries(
            {}, optional={"id": IDS, "status": IDS, "usage": JSON, "metadata": JSON}
        )
        | JSON,
        "error": st.fixed_dictionaries(
            {}, optional={"code": st.sampled_from(CODES), "event_id": IDS, "param": JSON}
        )
        | JSON,
    },
)
FRAMES = st.text() | st.binary() | JSON.map(json.dumps) | NEARLY_RIGHT.map(json.dumps)
HEARD = st.lists(st.builds(HeardPosition, IDS, st.integers(0, 2), st.integers(-10, 10**6)), max_size=3)
ACTS = st.one_of(
    FRAMES.map(lambda frame: ("receive", frame)),
    FRAMES.map(lambda frame: ("receive", frame)),
    HEARD.map(lambda heard: ("interrupt", heard)),
    st.sampled_from(
        [
            *[("commit_audio",), ("clear_audio",), ("append_audio", b"\0\0"), ("send_message", "hi")],
            *[("request_response",), ("connection_made",), ("connection_lost",)],
            *[("update_session", {"instructions": "x"}), ("send_tool_output", "c", "x"), ("beside",)],
        ]
    ),
    st.floats(0, 40).map(lambda seconds: ("wait", seconds)),
)
TIMELESS = {"commit_audio", "clear_audio", "append_audio"}


def act(protocol: RealtimeProtocol, now: float, name: str, arguments: list[Any]) -> None:
    if name in TIMELESS:
        getattr(protocol, name)(*arguments)
    elif name == "request_response":
        protocol.request_response(now)
    elif name == "beside":
        protocol.request_response(now, {"conversation": "none"})
    else:
        getattr(protocol, name)(*arguments, now)


@given(st.lists(ACTS, max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_nothing_a_server_sends_raises_and_every_frame_is_valid(acts: list[Any], connected: bool) -> None:
    talk = Talk(ready=connected)
    for name, *arguments in acts:
        if name == "wait":
            talk.wait(arguments[0])
        else:
            act(talk.protocol, talk.now, name, arguments)
        for frame in talk.protocol.frames_to_send():
            assert client_event_problems(json.loads(frame)) == []
        for event in talk.protocol.events():
            assert isinstance(event.type, str)
        deadline = talk.protocol.next_deadline()
        assert deadline is None or deadline <= talk.now + 40.0


@given(st.lists(ACTS, max_size=20))
@settings(max_examples=100, deadline=None)
def test_tick_at_the_deadline_always_gets_ahead(acts: list[Any]) -> None:
    talk = Talk()
    for name, *arguments in acts:
        if name != "wait":
            act(talk.protocol, talk.now, name, arguments)
    for _ in range(200):
        deadline = talk.protocol.next_deadline()
        if deadline is None:
            return
        talk.now = deadline
        talk.protocol.tick(deadline)
    raise AssertionError("deadlines never end")


SERVER = st.sampled_from(
    [
        *[("audio", "old", "a", 20), ("audio", "old", "b", 20), ("audio", "old", "a", 20, 1)],
        *[("audio_done", "old", "a"), ("done", "old", "cancelled"), ("created", "old"), ("wait", 1.0)],
        *[("audio", "new", "n", 20), ("created", "new"), ("ask",), ("say",), ("interrupt",)],
        ("error", "response_cancel_not_active", "cancel"),
    ]
)
BEFORE = st.lists(
    st.sampled_from([("audio", "old", "a", 20), ("audio", "old", "b", 20), ("audio_done", "old", "a")]),
    max_size=6,
)


@given(
    before=BEFORE,
    begun=st.sampled_from(["in flight", "created", "foreign"]),
    heard=st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 500)), max_size=2, unique_by=lambda part: part[0]
    ),
    after=st.lists(SERVER, max_size=25),
)
def test_after_an_interruption_no_audio_of_the_old_response_is_heard(
    before: list[Any], begun: str, heard: list[tuple[str, int]], after: list[Any]
) -> None:
    talk = Talk()
    if begun != "foreign":
        talk.ask()
    if begun == "in flight":
        talk.interrupt()
        after = [("created", "old"), *after]
    else:
        talk.created("old")
        for name, *arguments in before:
            getattr(talk, name)(*arguments)
        talk.interrupt(*heard)
    talk.sent_ids()
    talk.ids.setdefault("cancel", "cancel_0")
    talk.protocol.events()
    for name, *arguments in after:
        getattr(talk, name)(*arguments)
    late = [event for event in talk.protocol.events() if isinstance(event, rt.RealtimeModelAudioEvent)]
    assert all(event.response_id != "old" for event in late)
    cuts = [frame for frame in talk.frames() if frame["type"] == "conversation.item.truncate"]
    places = [(cut["item_id"], cut["content_index"]) for cut in cuts]
    assert len(places) == len(set(places)), "a part was cut twice"
    received = {
        key: sum(step[3] for step in before if step[0] == "audio" and step[2] == key) for key in ("a", "b")
    }
    assert all(
        cut["audio_end_ms"] <= received.get(cut["item_id"], 0) for cut in cuts if cut["item_id"] != "n"
    )
