"""What is tried with the box on a kernel of its own, one step after the other. Shell around `bench`.

`python3 -m tests.hil.steps DIRECTORY`, in the guest; what came of it goes to results.json there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.hil.appliance import (
    CAPTURE_STATUS,
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
from tests.hil.bench import (
    ANSWER,
    QUESTION,
    THINKS_MS,
    Bench,
    Figures,
    first_sound_ms,
    spoken_answer,
)
from tests.hil.pin_steps import dimmed_lamp, idle, lines
from tests.system.running_box import (
    VOICE_HZ,
    answer_with,
    last_sound_ms,
    read_voice,
    voice,
)


def starts_ready(bench: Bench) -> Figures:
    """systemd took it for started, its devices work, its lamp is dark, nothing else in the system failed."""
    failed = run("systemctl", "--failed", "--no-legend", "--plain")
    assert not failed, failed
    assert bench.box.unit_property("NRestarts") == "0"
    [chip] = json.loads(run("harkd", "devices", "--json"))["gpio"]
    assert (chip["label"], chip["lines"]) == (HEADER_LABEL, HEADER_LINES), chip
    time.sleep(1)  # its sound of being ready is over
    assert bench.lamp_stays(lit=False)
    return {}


def press_lights_the_lamp(bench: Bench) -> Figures:
    """From the line that goes down to the line that goes up."""
    with bench.pressing(TALK_LINE):
        lit_after_s = until(bench.header.is_lit, "lit", look_s=0.001)
        bench.box.await_phase("listening")
    bench.box.await_phase("idle")
    dark_after_s = until(lambda: not bench.header.is_lit(), "dark", look_s=0.001)
    assert lit_after_s <= 0.1
    return {"press_to_lamp_ms": lit_after_s * 1000, "dark_after_ms": dark_after_s * 1000}


def glitch(bench: Bench) -> Figures:
    """10 ms of a line that goes down are a blink of the lamp and no question."""
    turns, committed = bench.turns_ended(), len(bench.committed())
    with bench.pressing(TALK_LINE):
        time.sleep(0.01)
    time.sleep(0.1)
    assert bench.lamp_stays(lit=False)
    assert (bench.turns_ended(), bench.box.status()["phase"]) == (turns + 1, "idle")
    assert len(bench.committed()) == committed
    return {}


def bounces(bench: Bench) -> Figures:
    """A contact that chatters for 16 ms is one press, and one release likewise."""

    def bounce() -> None:
        for _ in range(4):
            with bench.pressing(TALK_LINE):
                time.sleep(0.002)
            time.sleep(0.002)

    turns = bench.turns_ended()
    bounce()
    with bench.pressing(TALK_LINE):
        time.sleep(0.5)
        assert (bench.turns_ended(), bench.box.status()["phase"]) == (turns, "listening")
    time.sleep(0.002)
    bounce()
    time.sleep(0.5)
    assert (bench.turns_ended(), bench.box.status()["phase"]) == (turns + 1, "idle")
    return {}


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
    with bench.pressing(TALK_LINE):
        speaking.join()
    bench.box.await_phase("speaking")
    bench.box.ask("stop")
    bench.box.await_phase("idle")
    return {"asked_likeness": bench.asked()}


def interrupt(bench: Bench) -> Figures:
    """A press in the middle of the answer is silence, and the server is told how far it was heard."""
    with bench.room.listening() as heard:
        bench.ask_aloud()
        released_at = heard.frames
        bench.box.await_phase("speaking")
        time.sleep(2)
        cut_at = heard.frames
        with bench.pressing(TALK_LINE):
            time.sleep(1)
        bench.box.await_phase("idle")
    silent_ms = last_sound_ms(heard, cut_at)
    heard_ms = (cut_at - released_at) * 1000 / VOICE_HZ + silent_ms - first_sound_ms(heard, released_at)
    told_ms = bench.server.events("conversation.item.truncate")[-1]["audio_end_ms"]
    assert silent_ms <= 100, f"{silent_ms:.0f} ms"
    assert abs(told_ms - heard_ms) <= 60, f"heard {heard_ms:.0f} ms, the server was told {told_ms} ms"
    return {"silent_after_ms": silent_ms, "truncated_off_ms": told_ms - heard_ms}


def mute_switch(bench: Bench) -> Figures:
    """The kernel says that the microphone is closed, and not a byte goes up; back, it hears again."""
    assert CAPTURE_STATUS.read_text() != "closed\n"
    with bench.pressing(MUTE_LINE):
        closed_after_s = until(lambda: CAPTURE_STATUS.read_text() == "closed\n", "closed", look_s=0.001)
        assert bench.box.status()["microphone"]["muted"]
        assert bench.lamp_stays(lit=True)
        before = bench.bytes_up()
        with bench.pressing(TALK_LINE):
            bench.room.say(read_voice(QUESTION))
        assert CAPTURE_STATUS.read_text() == "closed\n"
        assert bench.bytes_up() == before
    open_after_s = bench.box.await_sound("working")
    bench.box.await_phase("idle")  # it said that it is muted
    return {
        "closed_after_ms": closed_after_s * 1000,
        "open_after_ms": open_after_s * 1000,
        **bench.take_a_turn(),
    }


def lights(bench: Bench) -> Figures:
    """The lamp has the rhythms of docs/lights.md, read from the line itself."""
    assert bench.lamp_stays(lit=False)
    off_ms = {}
    with bench.pressing(TALK_LINE):
        bench.box.await_phase("listening")
        off_ms["listening_off_ms"] = bench.shows("listening")
        bench.room.say(read_voice(QUESTION))
    bench.box.await_phase("thinking")
    off_ms["thinking_off_ms"] = bench.shows("thinking")
    bench.box.await_phase("speaking")
    off_ms["speaking_off_ms"] = bench.shows("speaking")
    bench.box.await_phase("idle")
    return off_ms


def poor_network(bench: Bench) -> Figures:
    """Each way 60 ms, 20 more or less, and every fiftieth packet is lost: late at worst, but whole."""
    bench.link.be("delay 60ms 20ms loss 2%")
    try:
        return bench.take_a_turn(late_s=2.0)
    finally:
        bench.link.be("")


def _comes_back(bench: Bench) -> Figures:
    """By itself, with the conversation from before, and as good as ever."""
    back_after_s = bench.box.await_phase("idle", 60)
    received = bench.server.connections[-1].received
    told = [event for _, event in received if event["type"] == "conversation.item.create"]
    assert told, "the conversation from before is gone"
    return {"back_after_s": back_after_s, "told_items": len(told), **bench.take_a_turn()}


def outage_in_the_answer(bench: Bench) -> Figures:
    """For 30 s every packet is lost: what was there is played, a falling sound tells, and it comes back."""
    with bench.room.listening() as heard:
        bench.ask_aloud()
        bench.box.await_phase("speaking")
        time.sleep(2)  # the server sends four times as fast as is spoken
        begun_at, begun = heard.frames, time.monotonic()
        bench.link.be("loss 100%")
        try:
            bench.box.await_status(lambda status: status["link"] != "ready", "lost", 60)
            lost_after_s = time.monotonic() - begun
            time.sleep(max(0.0, begun + 30 - time.monotonic()))
        finally:
            bench.link.be("")
    answer_ended_ms = len(spoken_answer()) / 2 / VOICE_HZ * 1000
    told_after_ms = last_sound_ms(heard, begun_at)
    assert told_after_ms > answer_ended_ms, "no sound told of it"
    assert told_after_ms - lost_after_s * 1000 < 1500
    return {"lost_after_s": lost_after_s, "told_after_s": told_after_ms / 1000, **_comes_back(bench)}


def outage_at_rest(bench: Bench) -> Figures:
    """There is no way to the server any more, which the kernel says at once: lamp and a press say so, too."""
    begun = time.monotonic()
    bench.link.cut()
    try:
        bench.box.await_phase("offline", 60)
        offline_after_s = time.monotonic() - begun
        time.sleep(5)  # what it has to say about that has been said
        off_ms = bench.shows("offline")
        with bench.room.listening() as heard:
            time.sleep(0.5)
            pressed_at = heard.frames
            with bench.pressing(TALK_LINE):
                time.sleep(0.5)
            time.sleep(3)
        answered_after_ms = first_sound_ms(heard, pressed_at)
        assert answered_after_ms <= 300
    finally:
        bench.link.mend()
    return {
        "offline_after_s": offline_after_s,
        "offline_off_ms": off_ms,
        "press_answered_after_ms": answered_after_ms,
        **_comes_back(bench),
    }


def unplug(bench: Bench) -> Figures:
    """The card goes, and comes back: state, light, and the same process hears again within 3 s.

    In real time: PortAudio's threads ask a card that has gone again and again without a pause until they are
    ended, and as long as nobody waits virtual time stands still. Hence no word of how it sounds.
    """
    pid = bench.box.pid
    going = threading.Thread(target=unplug_the_card)
    going.start()
    try:
        lost_after_s = bench.box.await_sound("lost")
        off_ms = bench.shows("cannot hear", 150)
        going.join(SOON_S)
        assert not going.is_alive(), "the card is still held open"
        assert not list(Path("/dev/snd").glob("pcm*"))
    finally:
        plug_the_card_in()
    back_after_s = until(lambda: "RUNNING" in CAPTURE_STATUS.read_text(), "capturing")
    bench.room.plugged_in()
    assert back_after_s <= 3
    bench.box.await_phase("idle")
    assert bench.box.pid == pid
    asked = len(bench.committed())
    bench.ask_aloud()
    bench.box.await_phase("speaking")
    assert len(bench.committed()) == asked + 1
    return {"lost_after_s": lost_after_s, "cannot_hear_off_ms": off_ms, "back_after_s": back_after_s}


def _back_after_s(bench: Bench, began: float, restarts: int) -> float:
    def has_restarted() -> bool:
        return int(bench.box.unit_property("NRestarts")) == restarts

    until(has_restarted, "restarted", 60, 0.2)
    bench.box.await_phase("idle", 30)
    return time.monotonic() - began


def kill(bench: Bench) -> Figures:
    """After a kill -9 systemd has it back in some seconds."""
    restarts, began = int(bench.box.unit_property("NRestarts")), time.monotonic()
    os.kill(bench.box.pid, signal.SIGKILL)
    back_after_s = _back_after_s(bench, began, restarts + 1)
    assert back_after_s <= 5
    return {"back_after_s": back_after_s, **bench.take_a_turn()}


def standstill(bench: Bench) -> Figures:
    """A daemon that does nothing any more is ended by the watchdog, and started anew."""
    restarts, began = int(bench.box.unit_property("NRestarts")), time.monotonic()
    os.kill(bench.box.pid, signal.SIGSTOP)
    back_after_s = _back_after_s(bench, began, restarts + 1)
    assert "Watchdog timeout" in run("journalctl", "-u", SERVICE, "-o", "cat", "--no-pager")
    return {"back_after_s": back_after_s, **bench.take_a_turn()}


def in_its_cgroup(bench: Bench, program: str) -> subprocess.CompletedProcess[str]:
    """Run this Python under the limits of the service."""
    join = f"open({str(bench.box.cgroup / 'cgroup.procs')!r}, 'w').write('0')\n"
    return run_python(join + program)


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def device_policy(bench: Bench) -> Figures:
    """Under the service's limits even root opens sound and pins, and no device that it opens without them."""
    memory = Path("/dev/mem")
    if not memory.exists():  # this kernel has no driver for it, but who may try is asked first
        os.mknod(memory, stat.S_IFCHR | 0o600, os.makedev(1, 1))
    its_own, others = (
        ["/dev/snd/controlC0", "/dev/gpiochip0", "/dev/null"],
        ["/dev/mem", "/dev/kmsg", "/dev/tty0"],
    )
    program = f"""
import os
for path in {its_own + others}:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    except PermissionError:
        continue
    except OSError:
        pass
    print(path)
"""
    assert run_python(program).stdout.split() == its_own + others
    tried = in_its_cgroup(bench, program)
    assert tried.stdout.split() == its_own, tried
    return {}


def task_limit(bench: Bench) -> Figures:
    """A program that only makes processes is stopped by the limit; the box is there all the time."""
    limit = int(bench.box.unit_property("TasksMax"))
    pid = bench.box.pid
    program = f"""
import os, signal
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
    assert (bench.box.pid, bench.box.status()["phase"]) == (pid, "idle")
    return {"limit": limit, "used": used, "made": int(tried.stdout)}


def memory_limit(bench: Bench) -> Figures:
    """What runs wild beside the box is killed at the limit, alone."""
    limit_bytes = int(bench.box.unit_property("MemoryMax"))
    assert (bench.box.cgroup / "memory.max").read_text().strip() == str(limit_bytes)
    used_bytes = int((bench.box.cgroup / "memory.current").read_text())
    pid = bench.box.pid
    tried = in_its_cgroup(bench, f"b'x' * {limit_bytes}")
    assert tried.returncode == -signal.SIGKILL, tried
    assert bench.box.pid == pid
    return {"limit_mb": limit_bytes / 2**20, "used_mb": used_bytes / 2**20, **bench.take_a_turn()}


def wrong_configuration(bench: Bench) -> Figures:
    """A first start with one ends with status 78 and is not tried again, until somebody has mended it."""
    run("systemctl", "stop", SERVICE)
    for kept in Path("/var/lib/harkd").iterdir():  # the last configuration that was right is among it
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    wrong = Path("/etc/harkd/conf.d/wrong.toml")
    wrong.write_text('[talk]\nmood = "good"\n')
    subprocess.run(["systemctl", "start", SERVICE], capture_output=True, check=False)
    time.sleep(20)
    down = [bench.box.unit_property(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")]
    wrong.unlink()
    run("systemctl", "start", SERVICE)
    bench.box.await_phase("idle")
    assert down == ["failed", "78", "0"]
    return {}


STEPS: tuple[Callable[[Bench], Figures], ...] = (
    starts_ready,
    lines,
    dimmed_lamp,
    press_lights_the_lamp,
    idle,
    glitch,
    bounces,
    press_speak_hear,
    first_word,
    interrupt,
    mute_switch,
    lights,
    poor_network,
    outage_in_the_answer,
    outage_at_rest,
    kill,
    standstill,
    device_policy,
    task_limit,
    memory_limit,
    wrong_configuration,
)
IN_REAL_TIME: tuple[Callable[[Bench], Figures], ...] = (unplug,)


def main(directory: Path, names: Sequence[str]) -> int:
    """The steps of these names, in this order."""
    results: dict[str, dict[str, Any]] = {}
    steps = {step.__name__: step for step in (*STEPS, *IN_REAL_TIME)}
    work = Path("/run/bench")
    work.mkdir()
    header, room, link = Header(), Room(work), Link()
    room.plugged_in()
    script = answer_with(work, [voice(part) for part in ANSWER], delay_ms=THINKS_MS)
    with simulator_behind_the_link(script) as server:
        try:
            bench = Bench(header, room, link, server, Service())
            for name in names:
                results[name] = _try(steps[name], bench)
                (directory / "results.json").write_text(json.dumps(results, indent=1))
        finally:
            (directory / "journal").write_text(run("journalctl", "-b", "--no-pager"))
    return 0


def _try(step: Callable[[Bench], Figures], bench: Bench) -> dict[str, Any]:
    began = time.monotonic()
    try:
        result: dict[str, Any] = {"figures": {name: round(value, 3) for name, value in step(bench).items()}}
    except Exception:  # noqa: BLE001  # the next one may tell more
        result = {"failed": traceback.format_exc()}
    result["seconds"] = round(time.monotonic() - began, 1)
    print(step.__name__, result, flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
