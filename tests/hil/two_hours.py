"""Hours of a whole box whose person, card, link and server have bad days. Shell around `appliance`.

`python3 -m tests.hil.two_hours DIRECTORY MINUTES SEED`, in the guest and in virtual time; what came of it
goes to soak.json there. It judges nothing: test_two_hours.py does.
"""

from __future__ import annotations

import gc
import json
import os
import random
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from daemon.simulator import Script, SimulatorServer
from daemon.simulator.script import Answer, Fault, FunctionCall, Saying
from tests.hil.appliance import (
    MUTE_LINE,
    SERVICE,
    TALK_LINE,
    Header,
    Link,
    Service,
    plug_the_card_in,
    run,
    simulator_behind_the_link,
    unplug_the_card,
)
from tests.hil.plain_room import RATE_HZ, Room, frames_heard, noise, without_zeros

COUNTED = Path("/var/lib/harkd/counted.json")
MINUTE_S = 60.0
AT_REST_S = 50.0
"""Of a minute: by then everything is mended, and the box has come to rest."""

LINE_MINUTES = 3
"""So long the box has its button at a line, then the control socket takes over: a button that a reload takes
away is one of the changes."""

ALWAYS_OPEN = {"capture": "always", "keep_open": "always"}
WHILE_USED = {"capture": "on_demand", "keep_open": "while_used"}
"""So for most of the time: two hours of 100 periods a second would take half an hour."""

_CONFIG = """
[audio.capture]
rate_hz = {rate}
period_ms = {capture_ms}
[audio.playback]
rate_hz = {rate}
period_ms = {playback_ms}
keep_open = "{keep_open}"
[gestures]
long_ms = {long_ms}
[light]
brightness_percent = {brightness}
[vad]
driver = "energy"
[talk]
capture = "{capture}"
[volume]
start_percent = 100
[session]
voice = "{voice}"
speed = {speed}
[agents]
start = "host"
"""
_AGENT = 'name = "Host"\ninstructions = "Help, for the {nth} time."\ntools = ["count", "look"]\n'
_TOOL = '''"""How much there is of the daemon just now; version {nth}."""

import asyncio
import gc
import json
from pathlib import Path

from daemon.realtime import function_tool


def again() -> None:
    names = sorted(task.get_name() for task in asyncio.all_tasks())
    Path("{path}").write_text(json.dumps({{"names": names, "objects": len(gc.get_objects())}}))
    asyncio.get_running_loop().call_later(5, again)


@function_tool
async def count() -> str:
    """Count now, and every five seconds from now on."""
    again()
    return "done"


@function_tool
async def look() -> str:
    """Look out of the window."""
    return "It rains."
'''


@dataclass
class Attempt:
    """What a person did to be answered, what was in the way, and what box, server and room have of it."""

    number: int
    kind: str
    at_s: float
    over_s: float = 0.0
    troubles: list[str] = field(default_factory=list)
    ends: list[dict[str, str]] = field(default_factory=list)  # from the journal
    refused: list[str] = field(default_factory=list)
    rested: bool = False
    sounded_ms: float = 0.0
    answer: int | None = None  # the last one that the server gave
    answer_frames: int = 0
    heard_frames: int = 0  # of that answer, in order and unchanged from its first one on
    told_ms: int | None = None  # what the server was told of how much of it was heard
    asked_times: int = 0  # how often the server got the question, whole


def plan_faults(chance: random.Random, connections: int) -> Iterator[Fault]:
    """What becomes of each connection in the end: half of them in mid turn, half of them at some time."""
    for number in range(1, connections + 1):
        if chance.random() < 0.12:
            yield Fault(action="refuse", status=chance.choice([429, 500, 503]), first_connection=number)
            continue
        action = chance.choice(["close", "close", "reset", "stall", "expire", "expire", "garbage"])
        how: dict[str, Any] = {"first_connection": number}
        if action == "close":
            how["code"] = chance.choice([1000, 1001, 1011, 1012])
        if action == "stall":
            how["seconds"] = 40.0
        if action == "garbage":
            how["frames"] = ("truncated_json", "array", "null", "binary", "unknown_type", "missing_fields")
            yield Fault(action="expire", at_s=chance.uniform(300, 900), first_connection=number)
        if chance.random() < 0.5:
            event, most = chance.choice(
                [
                    ("response.output_audio.delta", 120),
                    ("input_audio_buffer.append", 700),
                    ("response.created", 6),
                ]
            )
            yield Fault(action=action, after=event, count=chance.randint(1, most), **how)
        else:
            yield Fault(action=action, at_s=chance.uniform(60, 900), **how)


class Soak:
    """One box and everything around it. `lives` is its time, `report` what became of it."""

    def __init__(self, minutes: int, seed: int, work: Path) -> None:
        self.minutes, self.chance, self._work = minutes, random.Random(seed), work
        self._sounds = random.Random(seed + 1)
        self.attempts: list[Attempt] = []
        self.samples: list[dict[str, Any]] = []
        self._values: dict[str, Any] = {
            "rate": RATE_HZ,
            **ALWAYS_OPEN,
            "capture_ms": 20,
            "playback_ms": 20,
            "long_ms": 800,
            "brightness": 40,
            "voice": "marin",
            "speed": 1.0,
        }
        self._nth = 0
        self._has_line = True
        self.answers = [
            noise(self._sounds, int(RATE_HZ * self._seconds()), 6000) for _ in range(2 * minutes + 20)
        ]
        self.header, self.link = Header(), Link()
        self.room = Room(self._sounds)

    def _seconds(self) -> float:
        return self._sounds.choice([0.5, 2, 3, 4, 8])

    def script(self) -> Script:
        answers = [Answer(function_call=FunctionCall("count"))]
        for number, pcm in enumerate(self.answers):
            if self._sounds.random() < 0.1:
                answers.append(Answer(function_call=FunctionCall("look")))
            pace = self._sounds.choice([1.2, 4.0, 0.0])
            answers.append(Answer(items=(Saying(f"Answer {number}", pcm),), pace=pace))
        return Script(answers=tuple(answers), faults=tuple(plan_faults(self._sounds, 20 * self.minutes)))

    # ---- time --------------------------------------------------------------------------------------------

    def live(self, server: SimulatorServer) -> None:
        self.server = server
        self._write_agent()
        self.box = Service(self._config())
        began = time.monotonic()
        self.pid = self.box.pid
        for minute in range(self.minutes):
            self._sleep_until(began + minute * MINUTE_S)
            self._sample(minute)
            if minute == LINE_MINUTES:
                self._take_the_button_away()
            self._minute(minute, began + minute * MINUTE_S + AT_REST_S)
            self._forget()
        self._sleep_until(began + self.minutes * MINUTE_S)
        self._sample(self.minutes)

    def _sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - time.monotonic()))

    def _minute(self, minute: int, rest_at: float) -> None:
        kinds = ["ask"] * 6 + ["interrupt"] * 2 + ["typed", "blip"]
        attempt = Attempt(minute, self.chance.choice(kinds), time.monotonic())
        self.attempts.append(attempt)
        trouble = threading.Thread(target=self._trouble, args=(attempt,))
        heard = self._work / "heard.raw"
        with self.room.listening(heard):
            trouble.start()
            said = getattr(self, f"_{attempt.kind}")()
            attempt.rested = self._rest(rest_at)
        trouble.join()
        attempt.over_s = time.monotonic()
        self._look_at(attempt, said, heard.read_bytes())
        print(json.dumps(asdict(attempt)), flush=True)

    def _rest(self, limit: float) -> bool:
        """Until nothing is asked, answered or said any more."""
        quiet = 0
        while time.monotonic() < limit:
            status = self.box.status()
            busy = (
                status.get("phase") in ("listening", "thinking", "speaking") or status["speaker"]["queued_ms"]
            )
            quiet = 0 if busy else quiet + 1
            if quiet == 5:  # an answer may just be on its way
                return True
            time.sleep(0.5)
        return False

    def _take_the_button_away(self) -> None:
        self._values.update(WHILE_USED)
        self._write_config(self._config())
        path = Path("/etc/harkd/harkd.toml")
        sections = path.read_text().split("\n[")
        path.write_text("\n[".join(section for section in sections if not section.startswith("buttons.")))
        run("harkd", "reload")
        self._has_line = False

    # ---- the person --------------------------------------------------------------------------------------

    def _hold(self, seconds: float) -> bytes:
        said = noise(self._sounds, int(RATE_HZ * seconds), 9000)
        self._press()
        time.sleep(0.3)
        self.room.say(said)
        self._release()
        return said

    def _press(self) -> None:
        if self._has_line:
            self.header.press(TALK_LINE)
        else:
            with suppress(AssertionError):  # refused, which is in the journal
                self.box.ask("press")

    def _release(self) -> None:
        if self._has_line:
            self.header.release(TALK_LINE)
        else:
            with suppress(AssertionError):
                self.box.ask("release")

    def _ask(self) -> bytes:
        return self._hold(self.chance.choice([1, 2, 4, 8]))

    def _interrupt(self) -> bytes:
        """Has heard enough."""
        said = self._hold(self.chance.choice([1, 2]))
        for _ in range(40):
            if self.box.status().get("phase") == "speaking":
                break
            time.sleep(0.25)
        time.sleep(self.chance.uniform(0.1, 2))
        self._press()
        time.sleep(0.06)
        self._release()
        return said

    def _typed(self) -> bytes:
        with suppress(AssertionError):  # refused, which is in the journal
            self.box.ask("ask", text="How long do eggs take?")
        return b""

    def _blip(self) -> bytes:
        """Pressed by mistake."""
        self._press()
        time.sleep(0.06)
        self._release()
        return b""

    # ---- what nobody wanted ------------------------------------------------------------------------------

    def _trouble(self, attempt: Attempt) -> None:
        """At some time of this minute; mended when the minute has come to rest."""
        troubles: list[Callable[[], None] | None] = [None] * 8
        troubles += [self._loss, self._loss, self._cut, self._poor, self._unplugged, *[self._changed] * 4]
        trouble = self.chance.choice(troubles)
        if attempt.number and trouble:
            attempt.troubles.append(trouble.__name__.strip("_"))
            time.sleep(self.chance.uniform(0, 12))
            trouble()

    def _loss(self) -> None:
        self.link.be("loss 100%")
        time.sleep(self.chance.choice([0.5, 3, 12, 25]))
        self.link.be("")

    def _cut(self) -> None:
        self.link.cut()
        time.sleep(self.chance.choice([2, 20]))
        self.link.mend()

    def _poor(self) -> None:
        self.link.be("delay 60ms 20ms loss 2%")
        time.sleep(25)
        self.link.be("")

    def _unplugged(self) -> None:
        unplug_the_card()
        time.sleep(self.chance.choice([0.5, 5, 15]))
        plug_the_card_in()

    def _changed(self) -> None:
        """The operator writes files, well or badly, and says so or leaves it to the box to see it."""
        values = self._values
        what = self.chance.choice(
            ["live", "open", "session", "connection", "hardware", "buttons", "agent", "wrong"]
        )
        self.attempts[-1].troubles.append(what)
        match what:
            case "live":
                values["brightness"] = 140 - values["brightness"]
            case "session":
                values["speed"] = 2.2 - values["speed"]
            case "connection":
                values["voice"] = "cedar" if values["voice"] == "marin" else "marin"
            case "hardware":
                port = self.chance.choice(["capture_ms", "playback_ms"])
                values[port] = 60 - values[port]
            case "buttons":
                values["long_ms"] = 1700 - values["long_ms"]
            case "open":
                opened = self._values["capture"] == "always"
                self._values.update(WHILE_USED if opened else ALWAYS_OPEN)
            case "agent":
                self._write_agent()
            case _:
                self._write_config(self._config() + "[talk]\nmood = 1\n")
                time.sleep(self.chance.choice([1, 10]))
        self._write_config(self._config())
        match self.chance.choice(["systemctl", "harkd", "nothing"]):
            case "systemctl":
                subprocess.run(["systemctl", "reload", SERVICE], capture_output=True)
            case "harkd":
                subprocess.run(["harkd", "reload"], capture_output=True)

    def _config(self) -> str:
        return _CONFIG.format(**self._values)

    def _write_config(self, text: str) -> None:
        beside = Path("/etc/harkd/more.new")
        beside.write_text(text)
        beside.replace("/etc/harkd/conf.d/more.toml")

    def _write_agent(self) -> None:
        self._nth += 1
        for name, text in (("agents/host.toml", _AGENT), ("tools/count.py", _TOOL)):
            path = Path("/etc/harkd") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(nth=self._nth, path=COUNTED))

    # ---- what is known of it -----------------------------------------------------------------------------

    def _look_at(self, attempt: Attempt, said: bytes, heard: bytes) -> None:
        sent = [event for at, event in list(self.server.sent) if at >= attempt.at_s]
        got = [event for at, event in list(self.server.received) if at >= attempt.at_s]
        words = [e["transcript"] for e in sent if e["type"] == "response.output_audio_transcript.done"]
        numbers = [int(text.split()[1]) for text in words if text.startswith("Answer ")]
        if numbers:
            attempt.answer = numbers[-1]
            pcm = self.answers[numbers[-1]]
            attempt.answer_frames = len(without_zeros(pcm)) // 2
            attempt.heard_frames = frames_heard(pcm, heard)
        told = [event["audio_end_ms"] for event in got if event["type"] == "conversation.item.truncate"]
        attempt.told_ms = told[-1] if told else None
        attempt.sounded_ms = sum(map(bool, array("h", heard[: len(heard) & ~1]))) * 1000 / RATE_HZ
        committed = [pcm for connection in self.server.connections for pcm in connection.committed_audio()]
        if said:
            attempt.asked_times = sum(said in pcm for pcm in committed)

    def _forget(self) -> None:
        """Hours of it would not fit into the guest."""
        self.server.received.clear()
        self.server.sent.clear()
        for connection in list(self.server.connections):
            connection.received.clear()
            connection.sent.clear()
        while len(self.server.connections) > 3:
            self.server.connections.popleft()
        gc.collect()

    def _sample(self, minute: int) -> None:
        """What the daemon takes, in a minute of rest."""
        counted = json.loads(COUNTED.read_text()) if COUNTED.exists() else {}
        status = self.box.status()
        if minute > LINE_MINUTES and self._values["capture"] == "always" and self.chance.random() < 0.4:
            self._values.update(WHILE_USED)  # for the next change that takes it over
        process = Path(f"/proc/{self.pid}")
        about = dict(
            line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
        )
        files = sorted(os.readlink(fd).partition(":[")[0] for fd in (process / "fd").iterdir())
        self.samples.append(
            {
                "minute": minute,
                "well": status.get("phase") == "idle"
                and status["link"] == "ready"
                and all(status[port]["state"] in ("working", "closed") for port in ("microphone", "speaker")),
                "open": [status[port]["state"] == "working" for port in ("microphone", "speaker")],
                "rss_kb": int(about["VmRSS"].split()[0]),
                "own_kb": int(about["RssAnon"].split()[0]),
                "threads": int(about["Threads"]),
                "descriptors": len(files),
                "files": files,
                "tasks": len(counted.get("names", ())),
                **counted,
            }
        )
        print(json.dumps(self.samples[-1]), flush=True)

    def report(self) -> dict[str, Any]:
        lines = [
            json.loads(line)
            for line in run("journalctl", "-u", SERVICE, "-o", "json", "--no-pager").splitlines()
        ]
        turns = [line for line in lines if line.get("HARKD_EVENT") == "turn"]
        strays = [turn for turn in turns if not self._file(turn)]
        for line in lines:
            if str(line["MESSAGE"]).startswith("refused: ") and (attempt := self._attempt_at(line)):
                attempt.refused.append(line["MESSAGE"])
        status = self.box.status()
        return {
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "samples": self.samples,
            "turns": len(turns),
            "strays": [turn["MESSAGE"] for turn in strays],
            "errors": [line["MESSAGE"] for line in lines if int(line["PRIORITY"]) <= 3],
            "tracebacks": [line["MESSAGE"] for line in lines if "Traceback" in str(line["MESSAGE"])],
            "same_process": self.box.pid == self.pid and self.box.unit_property("NRestarts") == "0",
            "problems": status["config"]["problems"],
            "totals": status["totals"],
            "microphone": {
                name: status["microphone"][name] for name in ("overflows", "dropped_periods", "reopened")
            },
            "speaker": {name: status["speaker"][name] for name in ("underflows", "underruns", "reopened")},
            "connections": self.server.attempts,
            "refused_connections": list(self.server.refused),
            "virtual_s": time.monotonic(),
        }

    def _attempt_at(self, line: dict[str, Any]) -> Attempt | None:
        moment_s = int(line["__MONOTONIC_TIMESTAMP"]) / 1e6
        return next((attempt for attempt in reversed(self.attempts) if attempt.at_s <= moment_s), None)

    def _file(self, turn: dict[str, Any]) -> bool:
        attempt = self._attempt_at(turn)
        if attempt is not None:
            attempt.ends.append({"ended": turn["HARKD_ENDED"], "reason": turn.get("HARKD_REASON", "")})
        return attempt is not None


def main(directory: Path, minutes: int, seed: int) -> int:
    run("systemctl", "stop", SERVICE)  # the package started it, on whatever card there is
    work = Path("/run/soak")
    work.mkdir()
    soak = Soak(minutes, seed, work)
    with ExitStack() as stack:
        server = stack.enter_context(simulator_behind_the_link(soak.script()))
        try:
            soak.live(server)
            (directory / "soak.json").write_text(json.dumps(soak.report(), indent=1))
        finally:
            soak.header.release(MUTE_LINE)
            (directory / "journal").write_text(run("journalctl", "-b", "--no-pager"))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
