"""The connection of the `openai` package, as its examples use it; with the interpreter of .venv-peers."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

from harness import Harness, run
from openai import AsyncOpenAI


async def read(connection: Any, harness: Harness) -> None:
    async for event in connection:
        if event.type == "response.output_audio.delta":
            harness.audio(base64.b64decode(event.delta))
        elif event.type == "input_audio_buffer.speech_started":
            harness.interrupted()


async def converse(url: str, harness: Harness) -> None:
    client = AsyncOpenAI(api_key="sk-bench", websocket_base_url=url.removesuffix("/realtime"))
    async with client.realtime.connect(model="gpt-realtime") as connection:

        async def append(frame: bytes) -> None:
            await connection.input_audio_buffer.append(audio=base64.b64encode(frame).decode())

        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        while (await connection.recv()).type != "session.updated":
            pass
        reader = asyncio.create_task(read(connection, harness))
        await harness.speak(append)
        reader.cancel()


if __name__ == "__main__":
    run(converse)
