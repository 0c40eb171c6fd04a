"""What one append and one delta cost, per candidate: `python -m tests.bench.hot_path [--arm64]`.

In instructions. What needs a library that .venv-bench lacks is left out (its pip installs msgspec, say). Each
runs N and 3 N times under a counter, and the difference counts: start-up cancels out.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import subprocess
import tempfile
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from pathlib import Path

from tests.bench import arm64
from tests.bench.processes import OURS, ROOT, VALGRIND, BenchError, Counter, instructions_in, launch

ROUNDS = 300
APPEND = random.Random(1).randbytes(960)  # 20 ms of 24 kHz 16-bit mono
DELTA = random.Random(2).randbytes(12_000)  # 250 ms of it
FIELDS = {
    "type": "response.output_audio.delta",
    "event_id": "event_Bx3jWl9pRq7dKm2vTn5c",
    "response_id": "resp_Bx3jWl9pRq7dKm2vTn5cA",
    "item_id": "item_Bx3jWl9pRq7dKm2vTn5cB",
    "output_index": 0,
    "content_index": 0,
}
TEXT = json.dumps({**FIELDS, "delta": base64.b64encode(DELTA).decode()})
LAST = json.dumps({"delta": base64.b64encode(DELTA).decode(), **FIELDS})

Candidate = Callable[[], Callable[[], object]]  # imports what it needs, answers the call that counts


def encode_stdlib() -> Callable[[], object]:
    return lambda: json.dumps(
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(APPEND).decode()}
    ).encode()


def encode_orjson() -> Callable[[], object]:
    import orjson

    return lambda: orjson.dumps(
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(APPEND).decode()}
    )


def encode_msgspec() -> Callable[[], object]:
    import msgspec

    class Append(msgspec.Struct):
        type: str
        audio: bytes

    encoder = msgspec.json.Encoder()
    return lambda: encoder.encode(Append("input_audio_buffer.append", APPEND))


def encode_joined() -> Callable[[], object]:
    return lambda: (
        b'{"type":"input_audio_buffer.append","audio":"' + b2a_base64(APPEND, newline=False) + b'"}'
    )


def encode_joined_pybase64() -> Callable[[], object]:
    import pybase64

    return lambda: b'{"type":"input_audio_buffer.append","audio":"' + pybase64.b64encode(APPEND) + b'"}'


def encode_ours() -> Callable[[], object]:
    from daemon.realtime.wire import encode_append

    return lambda: encode_append(APPEND)


def frame_library() -> Callable[[], object]:
    from websockets.frames import Frame, Opcode

    text = encode_joined()()
    assert isinstance(text, bytes)
    return lambda: Frame(Opcode.TEXT, text).serialize(mask=True)


def frame_ours() -> Callable[[], object]:
    from daemon.realtime.transports.framing import TextFramer

    text = encode_joined()()
    assert isinstance(text, bytes)
    framer = TextFramer()
    return lambda: framer.frame(text)


def decode_stdlib() -> Callable[[], object]:
    return lambda: base64.b64decode(json.loads(TEXT)["delta"])


def decode_orjson() -> Callable[[], object]:
    import orjson

    return lambda: base64.b64decode(orjson.loads(TEXT)["delta"])


def decode_orjson_pybase64() -> Callable[[], object]:
    import orjson
    import pybase64

    return lambda: pybase64.b64decode(orjson.loads(TEXT)["delta"], validate=True)


def decode_msgspec() -> Callable[[], object]:
    import msgspec

    class Delta(msgspec.Struct):
        type: str
        response_id: str
        item_id: str
        content_index: int
        delta: bytes

    decoder = msgspec.json.Decoder(Delta)
    return lambda: decoder.decode(TEXT).delta


def decode_base64_alone() -> Callable[[], object]:
    encoded = base64.b64encode(DELTA).decode()
    return lambda: a2b_base64(encoded)


def decode_base64_strict() -> Callable[[], object]:
    encoded = base64.b64encode(DELTA).decode()
    return lambda: a2b_base64(encoded, strict_mode=True)


def decode_pybase64_alone() -> Callable[[], object]:
    import pybase64

    encoded = base64.b64encode(DELTA).decode()
    return lambda: pybase64.b64decode(encoded, validate=True)


def decode_ours() -> Callable[[], object]:
    from daemon.realtime.wire import decode

    return lambda: decode(TEXT)


def decode_ours_key_order() -> Callable[[], object]:
    from daemon.realtime.wire import decode

    return lambda: decode(LAST)


CANDIDATES: dict[str, Candidate] = {
    name.replace("_", " "): value
    for name, value in list(globals().items())
    if name.startswith(("encode_", "frame_", "decode_"))
}


def per_call(name: str, counter: Counter) -> float | None:
    """Instructions of one call; None if the interpreter lacks a library."""

    def run(rounds: int) -> int | None:
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["-m", "tests.bench.hot_path", "--run", name, "--rounds", str(rounds)]
            command, env = launch(OURS, arguments, Path(folder), counter)
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
            if done.returncode and "ModuleNotFoundError" not in done.stderr:
                raise BenchError(f"{name}: {done.stderr[-1000:]}")
            return None if done.returncode else instructions_in(Path(folder))

    run(1)  # writes the .pyc files
    few, many = run(ROUNDS), run(3 * ROUNDS)
    return None if few is None or many is None else (many - few) / (2 * ROUNDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="What one append and one delta cost, per candidate.")
    parser.add_argument("--run", choices=CANDIDATES, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="candidates that begin with this")
    parser.add_argument("--arm64", action="store_true", help="instructions of a Cortex-A53, by qemu-user")
    given = parser.parse_args()
    if given.run:
        call = CANDIDATES[given.run]()
        for _ in range(given.rounds):
            call()
        return
    counter = arm64.counter() if given.arm64 else VALGRIND
    for name in CANDIDATES:
        if name.startswith(given.only):
            cost = per_call(name, counter)
            print(f"{name:28} {'not installed' if cost is None else f'{cost / 1000:8.1f} k'}", flush=True)


if __name__ == "__main__":
    main()
