"""The package as applications import it."""

from __future__ import annotations

import subprocess
import sys


def loaded_by(program: str, *libraries: str) -> set[str]:
    """Which of the libraries a fresh interpreter has loaded after the program."""
    report = f"{program}; import sys; print(*(n for n in {libraries!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_no_other_sdk_and_nothing_heavy() -> None:
    heavy = ("openai", "agents", "pydantic", "numpy", "mcp", "jsonschema")
    assert loaded_by("import daemon.realtime", *heavy) == set()


def test_a_session_over_a_websocket_loads_nothing_of_the_rest() -> None:
    program = "from daemon.realtime import OpenAIRealtimeWebSocketModel, RealtimeAgent, RealtimeRunner"
    rest = ("argparse", "gpiozero", "lgpio", "numpy", "pyaudio", "pydantic", "soxr", "tomllib")
    assert loaded_by(program, *rest) == set()


def test_everything_published_is_there() -> None:
    program = "from daemon.realtime import *"
    assert loaded_by(program, "daemon.realtime.agent") == {"daemon.realtime.agent"}
