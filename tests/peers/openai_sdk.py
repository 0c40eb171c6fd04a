"""A conversation held by the `openai` package: `openai_sdk.py URL SCENARIO` prints its events as a JSON list.

Runs with the interpreter of .venv-peers, never in the project's own. Every event is parsed into a type.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import sys
from typing import Any

from openai import AsyncOpenAI

SPEECH = b"".join(struct.pack("<h", int(9000 * math.sin(n / 12))) for n in range(24000 * 7 // 10))
PCM = {"type": "audio/pcm", "rate": 24000}
TOOL = {
    "type": "function",
    "name": "get_time",
    "description": "The time.",
    "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
}


class Talk:
    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.seen: list[dict[str, Any]] = []

    async def until(self, event_type: str, count: int = 1) -> Any:
        while True:
            event = await asyncio.wait_for(self.connection.recv(), 10)
            shown = event.model_dump(exclude_unset=True)
            self.seen.append({key: value for key, value in shown.items() if key != "audio"} | kind(event))
            if event.type == event_type:
                count -= 1
                if count == 0:
                    return event

    async def configure(self, **session: Any) -> None:
        await self.connection.session.update(session={"type": "realtime", **session})
        await self.until("session.updated")

    async def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        await self.connection.response.create()

    async def append(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), 4800):
            chunk = base64.b64encode(pcm[start : start + 4800]).decode()
            await self.connection.input_audio_buffer.append(audio=chunk)


def kind(event: Any) -> dict[str, str]:
    return {"class": type(event).__name__}


async def text(talk: Talk) -> None:
    await talk.configure(output_modalities=["text"], instructions="Be brief.")
    await talk.say("good morning")
    await talk.until("response.done")


async def audio(talk: Talk) -> None:
    transcription = {"model": "gpt-4o-mini-transcribe"}
    audio_input = {"format": PCM, "turn_detection": None, "transcription": transcription}
    await talk.configure(audio={"input": audio_input, "output": {"voice": "cedar"}})
    await talk.append(SPEECH)
    await talk.connection.input_audio_buffer.commit()
    await talk.until("conversation.item.input_audio_transcription.completed")
    await talk.connection.response.create()
    done = await talk.until("response.done")
    await talk.connection.conversation.item.retrieve(item_id=done.response.output[0].id)
    await talk.until("conversation.item.retrieved")


async def tool(talk: Talk) -> None:
    await talk.configure(tools=[TOOL])
    await talk.say("what time is it?")
    call = (await talk.until("response.function_call_arguments.done")).call_id
    await talk.until("response.done")
    output = {"type": "function_call_output", "call_id": call, "output": "noon"}
    await talk.connection.conversation.item.create(item=output)
    await talk.connection.response.create()
    await talk.until("response.done")


async def interruption(talk: Talk) -> None:
    await talk.configure()
    await talk.say("tell me everything")
    delta = await talk.until("response.output_audio.delta", 5)
    await talk.append(SPEECH)
    await talk.until("response.done")
    await talk.connection.conversation.item.truncate(item_id=delta.item_id, content_index=0, audio_end_ms=250)
    await talk.until("conversation.item.truncated")
    await talk.append(bytes(48000))
    await talk.until("response.done")
    await talk.connection.response.cancel()
    await talk.until("error")


async def main(url: str, scenario: str) -> None:
    client = AsyncOpenAI(api_key="sk-peer", websocket_base_url=url.removesuffix("/realtime"))
    async with asyncio.timeout(30), client.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection)
        await talk.until("session.created")
        await SCENARIOS[scenario](talk)
        print(json.dumps(talk.seen))


SCENARIOS = {"text": text, "audio": audio, "tool": tool, "interruption": interruption}

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
