"""What is tried with the box on a kernel of its own, one step after the other. Shell around `appliance`.

`python3 -m tests.hil.steps DIRECTORY`, in the guest; what came of it goes to results.json there.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
import traceback
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daemon.simulator import SimulatorServer
from tests.hil.appliance import (
    HEADER_LABEL,
    HEADER_LINES,
    MUTE_LINE,
    SERVICE,
    SOON_S,
    TALK_LINE,
    Header,
    Link,
    Room,
    Service,
    plug_the_card_in,
    run,
    simulator_behind_the_link,
    unplug_the_card,
    until,
)
from tests.system.running_box import (
    SESSION_HZ,
    VOICE_HZ,
    answer_with,
    converted,
    last_sound_ms,
    likeness,
    read_voice,
    voice,
)
from tests.system.virtual_card import Recording

QUESTION = "Front_Center"
ANSWER = ("Front_Left", "Front_Right", "Rear_Left", "Rear_Center", "Rear_Right", "Side_Left", "Side_Right")
THINKS_MS = 2000
ALIKE = 0.95
PREROLL_MS = 300
CAPTURE_STATUS = Path("/proc/asound/card0/pcm1c/sub0/status")

# Lit and dark in turn, in seconds, as docs/lights.md has them for a lamp that only switches.
RHYTHMS: dict[str, tuple[float, ...]] = {
    "listening": (0.8, 0.2),
    "thinking": (0.35, 0.35),
    "speaking": (0.8, 0.8),
    "offline": (0.3, 3.7),
    "cannot hear": (0.2, 0.2, 0.2, 1.5),
}
WATCHED_S = {"listening": 3.0, "thinking": 1.6, "speaking": 4.0, "offline": 30.0, "cannot hear": 5.0}
RHYTHM_OFF_MS = 25  # 10 ms are the kernel's, 5 the look's

Figures = dict[str, float]


@dataclass
class Bench:
    header: Header
    room: Room
    link: Link
    server: SimulatorServer
    box: Service

    def ask_aloud(self) -> bytes:
        """Press, speak, let go; what was said, as the server should have it."""
        said = read_voice(QUESTION)
        self.header.press(TALK_LINE)
        self.box.await_phase("listening")
        self.room.say(said)
        self.header.release(TALK_LINE)
        return converted(said, VOICE_HZ, SESSION_HZ)

    def take_a_turn(self) -> Figures:
        """Ask, and hear the whole answer."""
        with self.room.listening() as heard:
            said = self.ask_aloud()
            released_at = heard.frames
            self.box.await_phase("speaking", 60)
            self.box.await_phase("idle", 60)
            time.sleep(0.1)
        asked = likeness(self.committed()[-1], said, SESSION_HZ)
        answered = min(likeness(heard.pcm(), read_voice(part), VOICE_HZ) for part in ANSWER)
        assert asked > ALIKE, f"the server got something else: likeness {asked:.3f}"
        assert answered > ALIKE, f"something else was heard: likeness {answered:.3f}"
        return {
            "asked_likeness": asked,
            "answered_likeness": answered,
            "release_to_sound_ms": first_sound_ms(heard, released_at),
        }

    def committed(self) -> list[bytes]:
        return [pcm for connection in self.server.connections for pcm in connection.committed_audio()]

    def bytes_up(self) -> int:
        return sum(len(event["audio"]) for event in self.server.events("input_audio_buffer.append"))


def first_sound_ms(heard: Recording, start_frame: int) -> float:
    """When after `start_frame` the first non-zero sample was."""
    samples = array("h", heard.pcm()[start_frame * 2 :])
    first = next((i for i, sample in enumerate(samples) if sample), None)
    assert first is not None, "nothing was heard"
    return first * 1000 / VOICE_HZ


def shows(bench: Bench, state: str) -> float:
    """Milliseconds by which the lamp is off from what the manual says of this state.

    One whole round of the rhythm must be seen: it begins anew whenever the state does.
    """
    rhythm = RHYTHMS[state]
    runs = bench.header.lamp_runs(WATCHED_S[state])[1:-1]
    rounds = [runs[at : at + len(rhythm)] for at in range(len(runs) - len(rhythm) + 1) if runs[at][0]]
    off_ms = [
        max(abs(seen_s - said_s) * 1000 for (_, seen_s), said_s in zip(seen, rhythm, strict=True))
        for seen in rounds
    ]
    assert min(off_ms, default=math.inf) <= RHYTHM_OFF_MS, f"{state} is not {runs}"
    return min(off_ms)


def is_steady(bench: Bench, lit: bool) -> bool:
    return all(seen == lit for seen, _ in bench.header.lamp_runs(2.0))


# ---- the steps ------------------------------------------------------------------------------------------


def starts_ready(bench: Bench) -> Figures:
    """systemd took it for started, its devices work, its lamp is dark, nothing else in the system failed."""
    failed = run("systemctl", "--failed", "--no-legend", "--plain")
    assert not failed, failed
    assert bench.box.unit_property("NRestarts") == "0"
    [chip] = json.loads(run("harkd", "devices", "--json"))["gpio"]
    assert (chip["label"], chip["lines"]) == (HEADER_LABEL, HEADER_LINES), chip
    assert is_steady(bench, False)
    return {
        "ready_ms": int(bench.box.unit_property("ActiveEnterTimestampMonotonic")) / 1000
        - int(bench.box.unit_property("ExecMainStartTimestampMonotonic")) / 1000
    }


def press_speak_hear(bench: Bench) -> Figures:
    """The server gets what was said, the room hears what was answered."""
    return bench.take_a_turn()


def first_word(bench: Bench) -> Figures:
    """Who speaks while pressing loses nothing: what was in the air before the press is with the server."""
    said = read_voice(QUESTION)
    time.sleep(1)  # nothing from within the echo of an answer is kept
    speaking = threading.Thread(target=bench.room.say, args=(said,))
    speaking.start()
    time.sleep(bench.room.LATENCY_S)
    bench.header.press(TALK_LINE)
    speaking.join()
    bench.header.release(TALK_LINE)
    bench.box.await_phase("speaking")
    bench.box.ask("stop")
    bench.box.await_phase("idle")
    asked = likeness(bench.committed()[-1], converted(said, VOICE_HZ, SESSION_HZ), SESSION_HZ)
    assert asked > ALIKE, f"likeness {asked:.3f}"
    return {"asked_likeness": asked}


def interrupt(bench: Bench) -> Figures:
    """A press in the middle of the answer is silence, and the server is told how far it was heard."""
    with bench.room.listening() as heard:
        bench.ask_aloud()
        bench.box.await_phase("speaking")
        time.sleep(3)
        cut_at = heard.frames
        bench.header.press(TALK_LINE)
        time.sleep(1)
        bench.header.release(TALK_LINE)
        bench.box.await_phase("idle")
    silent_ms = last_sound_ms(heard, cut_at)
    heard_ms = cut_at * 1000 / VOICE_HZ - first_sound_ms(heard, 0)
    told_ms = bench.server.events("conversation.item.truncate")[-1]["audio_end_ms"]
    assert silent_ms <= 60, f"{silent_ms:.0f} ms"
    assert abs(told_ms - heard_ms) <= 60, f"heard {heard_ms:.0f} ms, the server was told {told_ms} ms"
    return {"silent_after_ms": silent_ms, "truncated_off_ms": told_ms - heard_ms}


def mute_switch(bench: Bench) -> Figures:
    """The kernel says that the microphone is closed, and not a byte goes up; back, it hears again."""
    assert CAPTURE_STATUS.read_text() != "closed\n"
    bench.header.press(MUTE_LINE)
    closed_after_s = until(lambda: CAPTURE_STATUS.read_text() == "closed\n", "closed")
    assert bench.box.status()["microphone"]["muted"]
    assert is_steady(bench, True)
    before = bench.bytes_up()
    bench.header.press(TALK_LINE)
    bench.room.say(read_voice(QUESTION))
    bench.header.release(TALK_LINE)
    assert CAPTURE_STATUS.read_text() == "closed\n"
    assert bench.bytes_up() == before
    bench.header.release(MUTE_LINE)
    open_after_s = bench.box.await_sound("working")
    return {
        "closed_after_ms": closed_after_s * 1000,
        "open_after_ms": open_after_s * 1000,
        **bench.take_a_turn(),
    }


def lights(bench: Bench) -> Figures:
    """The lamp has the rhythms of docs/lights.md, read from the line itself."""
    assert is_steady(bench, False)
    off_ms = {}
    bench.header.press(TALK_LINE)
    bench.box.await_phase("listening")
    off_ms["listening_off_ms"] = shows(bench, "listening")
    bench.room.say(read_voice(QUESTION))
    bench.header.release(TALK_LINE)
    bench.box.await_phase("thinking")
    off_ms["thinking_off_ms"] = shows(bench, "thinking")
    bench.box.await_phase("speaking")
    off_ms["speaking_off_ms"] = shows(bench, "speaking")
    bench.box.await_phase("idle")
    return off_ms


def poor_network(bench: Bench) -> Figures:
    """Each way 60 ms, 20 more or less, and every fiftieth packet is lost: the turn is as good as any."""
    bench.link.be("delay 60ms 20ms loss 2%")
    try:
        return bench.take_a_turn()
    finally:
        bench.link.be("")


def outage_in_the_answer(bench: Bench) -> Figures:
    """Every packet is lost while the box speaks."""
    bench.ask_aloud()
    bench.box.await_phase("speaking")
    begun = time.monotonic()
    bench.link.be("loss 100%")
    try:
        bench.box.await_phase("offline", 60)
        return {"offline_after_s": time.monotonic() - begun, **_without_a_link(bench)}
    finally:
        bench.link.be("")


def outage_at_rest(bench: Bench) -> Figures:
    """There is no way to the server any more, which the kernel says at once: the lamp says so, too."""
    begun = time.monotonic()
    bench.link.cut()
    try:
        bench.box.await_phase("offline", 60)
        offline_after_s = time.monotonic() - begun
        off_ms = shows(bench, "offline")
        return {"offline_after_s": offline_after_s, "offline_off_ms": off_ms, **_without_a_link(bench)}
    finally:
        bench.link.mend()


def _without_a_link(bench: Bench) -> Figures:
    """A press is answered by the box itself."""
    time.sleep(5)  # what it has to say about that has been said
    with bench.room.listening() as heard:
        time.sleep(0.5)
        pressed_at = heard.frames
        bench.header.press(TALK_LINE)
        time.sleep(0.5)
        bench.header.release(TALK_LINE)
        time.sleep(3)
    after_ms = first_sound_ms(heard, pressed_at)
    assert after_ms <= 300
    return {"press_answered_after_ms": after_ms}


def comes_back(bench: Bench) -> Figures:
    """By itself, with the conversation from before, and as good as ever."""
    back_after_s = bench.box.await_phase("idle", 60)
    received = bench.server.connections[-1].received
    told = [event for _, event in received if event["type"] == "conversation.item.create"]
    assert told, "the conversation from before is gone"
    return {"back_after_s": back_after_s, "told_items": len(told), **bench.take_a_turn()}


def unplug(bench: Bench) -> Figures:
    """The card goes, and comes back: state, light, and the same process hears again."""
    pid = bench.box.pid
    going = threading.Thread(target=unplug_the_card)
    going.start()
    try:
        lost_after_s = bench.box.await_sound("lost")
        off_ms = shows(bench, "cannot hear")
        going.join(SOON_S)
        assert not going.is_alive(), "the card is still held open"
        assert not list(Path("/dev/snd").glob("pcm*"))
    finally:
        plug_the_card_in()
    back_after_s = bench.box.await_sound("working")
    bench.room.plugged_in()
    assert bench.box.pid == pid
    figures = {"lost_after_s": lost_after_s, "cannot_hear_off_ms": off_ms, "back_after_s": back_after_s}
    return {**figures, **bench.take_a_turn()}


def in_its_cgroup(bench: Bench, program: str) -> subprocess.CompletedProcess[str]:
    """Run this Python under the limits of the service."""
    join = f"open({str(bench.box.cgroup / 'cgroup.procs')!r}, 'w').write('0')\n"
    return subprocess.run([sys.executable, "-c", join + program], capture_output=True, text=True)


def device_policy(bench: Bench) -> Figures:
    """Under the service's limits even root opens sound and pins, and no other device."""
    program = """
import os
for path in ("/dev/snd/controlC0", "/dev/gpiochip0", "/dev/null"):
    os.close(os.open(path, os.O_RDWR))
for path in ("/dev/hwrng", "/dev/kmsg", "/dev/ttyS5"):
    try:
        os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        continue
    raise SystemExit(f"{path} can be opened")
"""
    tried = in_its_cgroup(bench, program)
    assert tried.returncode == 0, tried.stderr
    return {}


def memory_limit(bench: Bench) -> Figures:
    """What runs wild in the service is killed at the limit; the box is there again."""
    limit_bytes = int(bench.box.unit_property("MemoryMax").replace("infinity", "0"))
    assert limit_bytes, "there is none"
    assert (bench.box.cgroup / "memory.max").read_text().strip() == str(limit_bytes)
    used_bytes = int((bench.box.cgroup / "memory.current").read_text())
    tried = in_its_cgroup(bench, f"b'x' * {limit_bytes}")
    assert tried.returncode == -9, tried
    bench.box.await_phase("idle", 60)
    return {"limit_mb": limit_bytes / 2**20, "used_mb": used_bytes / 2**20, **bench.take_a_turn()}


def task_limit(bench: Bench) -> Figures:
    """A program that only makes processes is stopped by the limit; the box is there all the time."""
    limit = int(bench.box.unit_property("TasksMax").replace("infinity", "0"))
    assert 0 < limit <= 512, f"{limit} tasks"
    pid = bench.box.pid
    program = f"""
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
made = []
try:
    for _ in range({limit}):
        child = os.fork()
        if not child:
            signal.pause()
        made.append(child)
except BlockingIOError:
    print(len(made))
finally:
    for child in made:
        os.kill(child, signal.SIGKILL)
"""
    used = int((bench.box.cgroup / "pids.current").read_text())
    tried = in_its_cgroup(bench, program)
    assert tried.stdout.strip(), tried
    assert bench.box.pid == pid
    return {"limit": limit, "used": used, "made": int(tried.stdout), **bench.take_a_turn()}


STEPS: tuple[Callable[[Bench], Figures], ...] = (
    starts_ready,
    press_speak_hear,
    first_word,
    interrupt,
    mute_switch,
    lights,
    poor_network,
    outage_in_the_answer,
    comes_back,
    outage_at_rest,
    comes_back,
    unplug,
    device_policy,
    task_limit,
    memory_limit,
)


def main(directory: Path) -> int:
    results: list[dict[str, Any]] = []
    work = Path("/run/bench")
    work.mkdir()
    run("systemctl", "stop", SERVICE)  # the package started it, on whatever card there is
    header, room, link = Header(), Room(work), Link()
    room.plugged_in()
    script = answer_with(work, [voice(part) for part in ANSWER], delay_ms=THINKS_MS)
    with ExitStack() as stack:
        server = stack.enter_context(simulator_behind_the_link(script))
        try:
            bench = Bench(header, room, link, server, Service())
            for number, step in enumerate(STEPS, 1):
                results.append({"step": f"{number}_{step.__name__}", **_try(step, bench)})
        finally:
            (directory / "results.json").write_text(json.dumps(results, indent=1))
            (directory / "journal").write_text(run("journalctl", "-b", "--no-pager"))
    return 0


def _try(step: Callable[[Bench], Figures], bench: Bench) -> dict[str, Any]:
    began = time.monotonic()
    try:
        result = {"figures": {name: round(value, 3) for name, value in step(bench).items()}}
    except Exception:  # the next one may tell more
        result = {"failed": traceback.format_exc()}
        bench.link.be("")
        for line in (TALK_LINE, MUTE_LINE):
            bench.header.release(line)
    result["seconds"] = round(time.monotonic() - began, 1)
    print(step.__name__, result, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
