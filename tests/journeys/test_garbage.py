"""Whatever a server sends, the conversation goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from box import RATE_HZ, Box
from virtual_loop import run_virtual

from daemon.events import Phase

GARBAGE: dict[str, Any] = {
    "half an object": "{",
    "a list": "[]",
    "null": "null",
    "nothing": "",
    "binary": b"\x00\xff\xfe",
    "a lone surrogate": '{"type": "\\ud800"}',
    "deep nesting": "[" * 100_000,
    "a huge number": '{"type": "response.created", "response": ' + "9" * 10_000 + "}",
    "unknown type": '{"type": "response.telepathy", "event_id": "e"}',
    "no type": '{"event_id": "e"}',
    "type of the wrong type": '{"type": 7}',
    "missing fields": '{"type": "response.output_audio.delta", "event_id": "e"}',
    "fields of the wrong type": '{"type": "response.output_audio.delta", "response_id": 1, "item_id": []}',
    "broken base64": json.dumps(
        {
            "type": "response.output_audio.delta",
            "response_id": "r1",
            "item_id": "i1",
            "output_index": 0,
            "content_index": 0,
            "delta": "%%%",
        }
    ),
    "10 MB": '{"type": "x", "pad": "' + "a" * 10_000_000 + '"}',
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_mid_answer_leaves_the_conversation_going(name: str) -> None:
    async def main() -> None:
        async with Box() as box:
            await box.ask_aloud()
            box.server.created("r1")
            box.server.delta("r1", "i1", b"\x01\x40" * (RATE_HZ // 2))
            for _ in range(3):
                box.server.inbox.put_nowait(GARBAGE[name])
            box.server.delta("r1", "i1", b"\x01\x40" * (RATE_HZ // 2))
            box.server.audio_done("r1", "i1")
            box.server.done("r1")
            await box.live(130)
            assert len(box.speaker.played.strip(b"\0")) == RATE_HZ * 2
            assert len(box.servers) == 1
            counters = box.app.conductor.link.protocol.counters
            assert counters.malformed + counters.unknown == 3
            await box.ask_aloud()
            box.server.answer("r2", "i2", b"\x01\x40" * RATE_HZ)
            await box.live(130)
            assert box.app.conductor.appliance.phase is Phase.IDLE
            assert len(box.speaker.played.replace(b"\0\0", b"")) == 2 * RATE_HZ * 2

    run_virtual(main())
