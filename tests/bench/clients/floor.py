"""The least a client can do: `websockets`, `orjson` and base64, no protocol to speak of."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode

import orjson
from harness import Harness, run
from websockets.asyncio.client import ClientConnection, connect


async def read(connection: ClientConnection, harness: Harness) -> None:
    async for frame in connection:
        event = orjson.loads(frame)
        kind = event["type"]
        if kind == "response.output_audio.delta":
            harness.audio(b64decode(event["delta"]))
        elif kind == "input_audio_buffer.speech_started":
            harness.interrupted()


async def converse(url: str, harness: Harness) -> None:
    async with connect(url, compression=None, max_size=None) as connection:

        async def append(frame: bytes) -> None:
            event = {"type": "input_audio_buffer.append", "audio": b64encode(frame).decode()}
            await connection.send(orjson.dumps(event), text=True)

        await connection.send(
            orjson.dumps({"type": "session.update", "session": {"type": "realtime"}}), text=True
        )
        while orjson.loads(await connection.recv())["type"] != "session.updated":
            pass
        reader = asyncio.create_task(read(connection, harness))
        await harness.speak(append)
        reader.cancel()


if __name__ == "__main__":
    run(converse)
