"""Keys are planted in a box, everything fails that can, and every output is searched for them."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from file_box import write_config, write_silence

from daemon.control import ControlError, request
from daemon.simulator import load_script
from tests.system.running_box import simulator

# None looks like a key: what finds them is that the daemon knows them.
IN_CREDENTIAL = "Quagga7/Okapi+Tapir&42"
IN_ENVIRONMENT = "Zebra9-Wombat_Numbat=13"
CHANGED = "Dingo3~Bilby.Potoroo:77"
IN_ADDRESS = "Kakapo5Takahe8Weka"
ALL = (IN_CREDENTIAL, IN_ENVIRONMENT, CHANGED, IN_ADDRESS)
SOON_S = 20.0

MORE = """
[flight]
speech_text = true
[metrics]
file = "{directory}/metrics/harkd.prom"
every_s = 1
"""
AGENT = 'name = "A"\ntools = ["leak"]\n'
TOOL = '''
import asyncio, logging, os, sys, threading, warnings
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote
from daemon.realtime import function_tool

class Fails:
    def __init__(self, key):
        self.key = key
    def __repr__(self):
        return f"Fails({self.key})"
    def __del__(self):
        raise RuntimeError(f"unraisable {self.key}")

@function_tool
async def leak() -> str:
    """Tells everybody."""
    credential = Path(os.environ["CREDENTIALS_DIRECTORY"], "openai_api_key")
    for key in (os.environ["OPENAI_API_KEY"], credential.read_text()):
        print(f"printed {key}")
        print(f"complained {key}", file=sys.stderr)
        logging.getLogger("mine").error("logged %s and %r", key, key, stack_info=True)
        logging.getLogger("mine").error("encoded %s %s", b64encode(f"u:{key}".encode()).decode(), quote(key))
        warnings.warn(f"warned {key}")
        async def forgotten(key):
            raise RuntimeError(f"forgotten {key}")
        asyncio.create_task(forgotten(key), name=f"task {key}")
        asyncio.get_running_loop().call_soon(lambda k: 1 / 0, key)
        def in_thread():
            raise RuntimeError(f"threaded {key}")
        threading.Thread(target=in_thread, name=f"thread {key}").start()
        Fails(key)
        local = key
        await asyncio.sleep(0.05)
    raise RuntimeError(f"raised {local}")
'''
SCRIPT = """
repeat = true
transcripts = ["my key is {key}"]
[[answer]]
text = "Your key is {key}."
function_call = {{name = "leak", arguments = {{}}}}
seconds = 0.3
pace = 0
[[answer]]
text = "No."
seconds = 0.2
pace = 0
status = "failed"
error_code = "{key}"
[[fault]]
action = "refuse"
status = 401
first_connection = 2
[[fault]]
action = "garbage"
frames = ["truncated_json", "unknown_type", "missing_fields"]
after = "response.done"
[[fault]]
action = "close"
code = 4000
reason = "what is {key}?"
after = "response.done:2"
"""


class PlantedBox:
    """`harkd run` on files, and everything it says."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory, self.url = directory, url
        write_silence(directory)
        for name in ("agents", "tools", "metrics", "credentials", "state", "run"):
            (directory / name).mkdir(mode=0o700)
        self.configure(url)
        (directory / "agents" / "assistant.toml").write_text(AGENT)
        (directory / "tools" / "leak.py").write_text(TOOL)
        self.credential = directory / "credentials" / "openai_api_key"
        self.credential.write_text(IN_CREDENTIAL)
        self.environment = {
            **os.environ,
            "OPENAI_API_KEY": IN_ENVIRONMENT,
            "CREDENTIALS_DIRECTORY": str(directory / "credentials"),
            "STATE_DIRECTORY": str(directory / "state"),
            "RUNTIME_DIRECTORY": str(directory / "run"),
            "PYTHONASYNCIODEBUG": "1",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        with (directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daemon", "run", "--verbose", "--config", str(directory)],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=directory,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)),
            )

    def configure(self, url: str) -> None:
        more = MORE.format(directory=self.directory)
        write_config(self.directory, f"{url}?api-key={IN_ADDRESS}", more)

    @property
    def socket(self) -> Path:
        return self.directory / "control.sock"

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def until(self, happened: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + SOON_S
        while not happened():
            assert time.monotonic() < deadline, f"not {what}: {self.log()[-4000:]}"
            assert self.process.poll() is None, self.log()[-4000:]
            time.sleep(0.05)

    def ask(self, command: str, **fields: str) -> str:
        try:
            return json.dumps(request(self.socket, {"command": command, **fields}))
        except ControlError as error:
            return str(error)

    def run(self, **commands: Sequence[object]) -> Iterator[tuple[str, str]]:
        """What each says, by name; all at once, for each takes a while to start."""
        started = {
            name: subprocess.Popen(
                [sys.executable, "-m", "daemon", *map(str, words)],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name, words in commands.items()
        }
        for name, process in started.items():
            yield name, process.communicate(timeout=60)[0]

    def of_process(self, name: str) -> str:
        return (Path("/proc") / str(self.process.pid) / name).read_text(errors="replace")


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """All that a box said and showed while everything failed, by where it stood."""
    directory = tmp_path_factory.mktemp("planted")
    script = directory / "script.toml"
    script.write_text(SCRIPT.format(key=IN_CREDENTIAL))
    with simulator(load_script(script)) as server:
        box = PlantedBox(directory, server.url)
        try:
            yield dict(fail_in_every_way(box, server.url))
        finally:
            box.process.kill()
            box.process.wait()


def fail_in_every_way(box: PlantedBox, url: str) -> Iterator[tuple[str, str]]:
    box.until(lambda: '"ready"' in box.ask("status"), "ready")
    yield "environ", box.of_process("environ")
    yield "command line", box.of_process("cmdline") + subprocess.check_output(["ps", "-efww"], text=True)
    yield "limits", box.of_process("limits")
    yield "answer to a question", box.ask("ask", text=f"is {IN_CREDENTIAL} my key?")
    box.until(lambda: "raised" in box.log() and "forgotten" in box.log(), "failed")
    box.until(lambda: "401" in box.log(), "refused")
    box.credential.write_text(CHANGED)
    yield "answer to nonsense", box.ask(f"do {IN_CREDENTIAL}")
    box.ask("press")  # somebody is waiting
    box.ask("release")
    box.until(lambda: '"ready"' in box.ask("status"), "ready with another key")
    box.configure(url.replace("ws://", "wss://"))
    box.ask("reload")
    box.until(lambda: "SSL" in box.log() or "TLS" in box.log(), "refused over TLS")
    yield "status as JSON", box.ask("status")
    recording = json.loads(box.ask("flight"))["path"]
    yield "recording", Path(recording).read_text()
    yield "conversation", (box.directory / "run" / "conversation.json").read_text()
    bad, page = box.directory / "bad.toml", box.directory / "turn.html"
    bad.write_text(f'[session]\napi_key = "{IN_CREDENTIAL}"\nvoice = ["{CHANGED}"]\n')
    yield from box.run(
        status=["status", "--socket", box.socket],
        doctor=["doctor", "--config", box.directory],
        configuration=["config", "show", "--all", "--config", box.directory],
        mistakes=["run", "--config", bad],
        drawing=["timeline", recording, "-o", page, "--turn", "1"],
    )
    yield "timeline", page.read_text()
    box.until(lambda: (box.directory / "metrics" / "harkd.prom").exists(), "measured")
    yield "metrics", (box.directory / "metrics" / "harkd.prom").read_text()
    box.process.send_signal(signal.SIGABRT)
    box.process.wait(10)
    yield "core dumps", " ".join(path.name for path in box.directory.glob("*core*"))
    yield "log", box.log()


EVERYWHERE = (
    "environ",
    "command line",
    "answer to a question",
    "answer to nonsense",
    "status as JSON",
    "status",
    "recording",
    "conversation",
    "timeline",
    "metrics",
    "doctor",
    "configuration",
    "mistakes",
    "log",
)


def forms(key: str) -> set[str]:
    """As it is, and as it would be found by somebody who looks closer."""
    encoded = b64encode(f"u:{key}".encode()).decode()[4:-4]
    return {key, quote(key), quote(key, safe=""), json.dumps(key)[1:-1], repr(key)[1:-1], encoded}


@pytest.mark.parametrize("where", EVERYWHERE)
def test_no_key_is_told(outputs: dict[str, str], where: str) -> None:
    found = [form for key in ALL for form in forms(key) if form in outputs[where]]
    assert found == [], re.findall(rf".*{re.escape(found[0])}.*", outputs[where])[:3]


@pytest.mark.parametrize(
    "told",
    [
        "printed",
        "complained",
        "logged",
        "encoded",
        "warned",
        "forgotten",
        "threaded",
        "unraisable",
        "raised",
        "what is",
        "ZeroDivisionError",
    ],
)
def test_everything_else_is_told(outputs: dict[str, str], told: str) -> None:
    lines = [line for line in outputs["log"].splitlines() if told in line]
    assert lines
    assert told == "ZeroDivisionError" or any("[secret]" in line for line in lines)


@pytest.mark.parametrize("where", ["recording", "conversation"])
def test_words_are_kept_without_the_key(outputs: dict[str, str], where: str) -> None:
    assert "is [secret] my key?" in outputs[where]


def test_no_core_is_dumped(outputs: dict[str, str]) -> None:
    assert outputs["core dumps"] == ""
    assert re.search(r"Max core file size +0 +0 ", outputs["limits"])
