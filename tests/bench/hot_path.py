"""What one append and one delta cost, per candidate, in instructions.

`python tests/bench/hot_path.py` prints the table for this interpreter; with `--python PATH --qemu QEMU` for
that of another processor, run by qemu-user. Candidates whose library the interpreter lacks are left out.
Each candidate runs N and 3 N times under a counter, and the difference counts: start-up cancels out.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import subprocess
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

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


def counted(command: list[str], counter: list[str], pattern: str) -> int | None:
    result = subprocess.run([*counter, *command], capture_output=True, text=True)
    found = re.search(pattern, result.stderr)
    return int(found[1].replace(",", "")) if result.returncode == 0 and found else None


def per_call(name: str, python: str, counter: list[str], pattern: str) -> float | None:
    def run(rounds: int) -> int | None:
        command = [python, __file__, "--run", name, "--rounds", str(rounds)]
        return counted(command, counter, pattern)

    few, many = run(ROUNDS), run(3 * ROUNDS)
    return None if few is None or many is None else (many - few) / (2 * ROUNDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", choices=CANDIDATES, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="candidates that begin with this")
    parser.add_argument("--python", default=sys.executable, help="another interpreter")
    parser.add_argument("--qemu", nargs="+", help="qemu-user with a plugin that prints `insns: N`")
    given = parser.parse_args()
    if given.run:
        call = CANDIDATES[given.run]()
        for _ in range(given.rounds):
            call()
        return
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    counter, pattern = (given.qemu, r"insns: (\d+)") if given.qemu else (valgrind, r"I\s+refs:\s+([\d,]+)")
    for name in CANDIDATES:
        if name.startswith(given.only):
            cost = per_call(name, given.python, counter, pattern)
            print(f"{name:28} {'not installed' if cost is None else f'{cost / 1000:8.1f} k'}", flush=True)


if __name__ == "__main__":
    main()
