"""Takes the service through its life under a real systemd and writes down what was seen. Runs in the machine.

It judges nothing: test_systemd_real.py does, from the JSON that this leaves in /hil/seen.json.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from daemon.simulator.script import parse_script
from daemon.simulator.server import SimulatorServer

HIL = Path("/hil")
CONFIG_FILE = Path("/etc/harkd/harkd.toml")
PROBE = Path("/usr/local/lib/guest_probe.py")
KEY_FILE = Path("/etc/harkd/openai_api_key")
HANDED_OVER = Path("/run/harkd/openai_api_key")
KEYS = ("sk-planted-Aa1-first", "sk-planted-Bb2-second", "sk-planted-Cc3-third")

PORT = 8765
CONFIG = f"""
[session]
url = "ws://127.0.0.1:{PORT}/v1/realtime"
[agents]
start = "stuck"
"""
AGENT = 'name = "Stuck"\ninstructions = "Think."\ntools = ["think_for_ever"]\n'
TOOL = '''"""A tool as it must not be written: it holds the loop."""

import time

from daemon.realtime import function_tool


@function_tool
async def think_for_ever() -> str:
    """Think."""
    time.sleep(600)
    return "never"
'''
SCRIPT = """
repeat = true
[[answer]]
function_call = {name = "think_for_ever", arguments = {}}
"""
ANSWERS = """
repeat = true
[[answer]]
text = "I will."
pace = 0
"""
REMEMBERED = "Remember the tea."
REFUSED_ONCE = """
[[fault]]
action = "refuse"
status = 401
"""

seen: dict[str, Any] = {}


def run(*command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)


def systemctl(*words: str) -> int:
    return run("systemctl", *words).returncode


def shown(*names: str, unit: str = "harkd.service") -> dict[str, str]:
    lines = run("systemctl", "show", unit, "-p", ",".join(names)).stdout.splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def journal() -> str:
    return run("journalctl", "--no-pager", "-o", "cat", "-u", "harkd.service").stdout


def wait(condition: Callable[[], Any], limit_s: float = 10) -> float | None:
    """How many seconds it took to become true, None if it did not."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > limit_s:
            return None
        time.sleep(0.02)
    return round(time.monotonic() - started, 3)


def timed(call: Callable[[], Any]) -> float:
    started = time.monotonic()
    call()
    return round(time.monotonic() - started, 3)


def is_running() -> bool:
    return shown("SubState")["SubState"] == "running"


def main_pid() -> int:
    """0 while there is none."""
    return int(shown("MainPID")["MainPID"])


def strike(number: signal.Signals) -> int:
    """Send it to the daemon, which must be there: kill(2) takes 0 for everybody around here."""
    pid = main_pid()
    assert pid > 1, journal()
    os.kill(pid, number)
    return pid


def mode_and_owner(path: Path) -> str:
    about = path.stat()
    return f"{stat.S_IMODE(about.st_mode):04o} {path.owner()}:{path.group()}"


def write_key(text: str) -> None:
    with os.fdopen(os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text + "\n")


def content(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def drop_in(name: str, text: str) -> None:
    path = Path(f"/etc/systemd/system/harkd.service.d/{name}.conf")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    systemctl("daemon-reload")


@contextlib.contextmanager
def simulator(script: str = SCRIPT) -> Iterator[SimulatorServer]:
    """A server for the daemon, in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = SimulatorServer(port=PORT, script=parse_script(script, "script", lambda name: b""))
    loop.run_until_complete(server.__aenter__())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def offered_keys(server: SimulatorServer) -> list[str]:
    return [headers.get("authorization", "").removeprefix("Bearer ") for headers in server.handshakes]


# ---- the life of a service, in order ---------------------------------------------------


def installed() -> None:
    """As the package leaves it: its own configuration, no key, no card, no pins."""
    seen["installed"] = shown(
        "ActiveState", "UnitFileState", "WatchdogUSec", "Type", "NotifyAccess", "LimitCORE"
    )
    seen["installed: status"] = run("harkd", "status", "--json").stdout
    systemctl("stop", "harkd")


def wrong_configuration() -> None:
    """At the first start ever: later ones have the last good configuration to go on with."""
    shutil.rmtree("/var/lib/harkd")
    CONFIG_FILE.write_text("[talk]\nmood = 1\n")
    seen["wrong start"] = systemctl("start", "harkd")
    time.sleep(2.5)  # longer than RestartSec=
    seen["wrong"] = shown("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    seen["wrong journal"] = journal()
    CONFIG_FILE.write_text(CONFIG)


def first_start_without_a_key() -> None:
    shutil.copy(HIL / PROBE.name, PROBE)  # the share may be closed to the service's user
    drop_in("probe", f"[Service]\nExecStartPre=/usr/bin/python3 {PROBE} /run/harkd/probe.json\n")
    systemctl("reset-failed", "harkd")
    seen["start"] = systemctl("start", "harkd")
    seen["started"] = shown("ActiveState", "SubState", "StatusText")
    seen["status"] = run("systemctl", "status", "--no-pager", "harkd").stdout
    seen["path unit"] = shown("ActiveState", unit="harkd-key.path")["ActiveState"]
    seen["socket"] = mode_and_owner(Path("/run/harkd/control.sock"))
    seen["runtime directory"] = mode_and_owner(Path("/run/harkd"))
    seen["state directory"] = mode_and_owner(Path("/var/lib/harkd"))
    process = Path(f"/proc/{main_pid()}/status").read_text()
    about = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
    seen["process"] = {name: about[name].strip() for name in ("NoNewPrivs", "Seccomp", "CapBnd", "CapPrm")}
    seen["threads"], seen["peak memory"] = about["Threads"], about["VmHWM"].strip()
    seen["groups"] = sorted(
        run("getent", "group", number).stdout.partition(":")[0] for number in about["Groups"].split()
    )
    nobody = ("setpriv", "--reuid=65534", "--regid=65534")
    member_of = str(Path("/run/harkd").stat().st_gid)
    seen["asked by nobody"] = run(*nobody, "--clear-groups", "harkd", "status").returncode
    seen["asked by a member"] = run(*nobody, "--groups", member_of, "harkd", "status").returncode


def keys_come_and_go() -> None:
    with simulator() as server:
        process = main_pid()
        write_key(KEYS[0])
        seen["first key used after s"] = wait(lambda: KEYS[0] in offered_keys(server), 20)
        seen["first key: same process"] = main_pid() == process
        seen["handed over"] = mode_and_owner(HANDED_OVER)
        systemctl("restart", "harkd")  # now it is a credential
        seen["copy after a restart"] = content(HANDED_OVER)
        limits = Path(f"/proc/{main_pid()}/limits").read_text()
        seen["core limit"] = re.findall(r"Max core file size +(\d+) +(\d+)", limits)
        seen["probe"] = json.loads(Path("/run/harkd/probe.json").read_text())
        seen["credential used after s"] = wait(lambda: offered_keys(server).count(KEYS[0]) > 1)
        process = main_pid()
        write_key(KEYS[1])
        seen["second key handed over after s"] = wait(lambda: content(HANDED_OVER) == KEYS[1])
    with simulator(REFUSED_ONCE) as server:  # the daemon has lost its link, and connects anew
        seen["second key used after s"] = wait(lambda: server.refused, 20)
        seen["keys after the rotation"] = sorted(set(offered_keys(server)))
        write_key(KEYS[2])  # by itself it would be five minutes until the next attempt
        seen["third key used after s"] = wait(lambda: KEYS[2] in offered_keys(server), 20)
        seen["same process"] = main_pid() == process


def texts_in(directory: Path) -> str:
    return "".join(file.read_text(errors="replace") for file in directory.rglob("*") if file.is_file())


def places_where_a_key_may_show() -> None:
    pid = main_pid()
    seen["leaks"] = {
        "systemctl show": run("systemctl", "show", "harkd", "harkd-key.service", "harkd-key.path").stdout,
        "systemctl status": run(
            "systemctl", "status", "-l", "--no-pager", "harkd", "harkd-key.service"
        ).stdout,
        "journal": run("journalctl", "--no-pager", "-o", "export").stdout,
        "command line": Path(f"/proc/{pid}/cmdline").read_text(),
        "environment": Path(f"/proc/{pid}/environ").read_text(),
        "processes": run("ps", "axeww").stdout,
        "harkd status": run("harkd", "status", "--json").stdout,
        "harkd doctor": run("harkd", "doctor", "--json").stdout,
        "harkd config show": run("harkd", "config", "show", "--json").stdout,
        "state": texts_in(Path("/var/lib/harkd")),
        "recording": run("harkd", "flight").stdout + texts_in(Path("/run/harkd/flight")),
    }


def revision() -> str | None:
    found: str | None = json.loads(run("harkd", "status", "--json").stdout)["config"]["revision"]
    return found


def reloaded() -> None:
    process, before = main_pid(), revision()
    CONFIG_FILE.write_text(CONFIG + "[volume]\nstart_percent = 40\n")
    seen["reload"] = systemctl("reload", "harkd")
    seen["reload: another revision"] = revision() != before
    CONFIG_FILE.write_text("[talk]\nmood = 1\n")
    seen["wrong reload"] = systemctl("reload", "harkd")
    CONFIG_FILE.write_text(CONFIG)
    seen["signal"] = run("systemctl", "kill", "--kill-whom=main", "--signal=HUP", "harkd").returncode
    seen["reload by signal after s"] = wait(lambda: revision() == before)
    seen["reload: same process"] = main_pid() == process
    seen["reloaded"] = shown("ActiveState", "SubState", "NRestarts")


def killed() -> None:
    with simulator(ANSWERS) as server:
        wait(lambda: server.events("session.update"), 20)
        run("harkd", "ask", REMEMBERED)
        kept = Path("/run/harkd/conversation.json")
        seen["conversation kept after s"] = wait(lambda: REMEMBERED in (content(kept) or ""))
        seen["conversation"] = mode_and_owner(kept)
        server.received.clear()
        before = strike(signal.SIGKILL)
        seen["killed: running after s"] = wait(lambda: main_pid() not in (0, before) and is_running(), 20)
        wait(lambda: server.events("conversation.item.create"))
        seen["told again"] = json.dumps(server.events("conversation.item.create"))
    seen["killed: NRestarts"] = shown("NRestarts")["NRestarts"]
    seen["killed: asked"] = run("harkd", "status").returncode


def frozen() -> None:
    """As a device in our hands that hangs in the kernel: no code of ours runs any more."""
    before = strike(signal.SIGSTOP)
    seen["frozen: given up after s"] = wait(lambda: shown("Result")["Result"] == "watchdog", 20)
    seen["frozen: running after s"] = wait(lambda: main_pid() not in (0, before) and is_running(), 20)
    seen["frozen: asked"] = run("harkd", "status").returncode


def stuck_loop() -> None:
    with simulator() as server:
        seen["stuck: connected after s"] = wait(lambda: server.events("session.update"), 20)
        before = main_pid()
        seen["stuck: ask"] = run("harkd", "ask", "how long is a piece of string?").stdout
        seen["stuck: given up after s"] = wait(lambda: shown("Result")["Result"] == "watchdog", 20)
        seen["stuck: running after s"] = wait(lambda: main_pid() not in (0, before) and is_running(), 20)
        seen["stuck: asked"] = run("harkd", "status").returncode
    seen["cores"] = [str(path) for path in Path("/var/lib/harkd").glob("*core*")]
    seen["recordings"] = [path.name for path in Path("/run/harkd/flight").iterdir()]
    seen["journal"] = journal()
    lines = run("journalctl", "--no-pager", "-o", "json", "_SYSTEMD_UNIT=harkd.service").stdout.splitlines()
    seen["journal fields"] = [json.loads(line) for line in lines]


def ended() -> None:
    seen["stopped after s"] = timed(lambda: systemctl("stop", "harkd"))
    seen["stopped"] = shown("ActiveState", "Result")
    seen["path unit after the stop"] = shown("ActiveState", unit="harkd-key.path")["ActiveState"]
    seen["left in /run"] = [str(path) for path in Path("/run").glob("harkd*")]
    seen["left running"] = run("ps", "-U", "harkd", "-o", "args=").stdout


def purged() -> None:
    systemctl("start", "harkd")
    seen["purge"] = run("dpkg", "--purge", "harkd").stderr
    systemctl("daemon-reload")
    seen["purged"] = shown("LoadState", "ActiveState")
    seen["purged: key helper"] = shown("LoadState", "ActiveState", unit="harkd-key.path")
    places = ("/etc/harkd", "/var/lib/harkd", "/run/harkd", "/usr/share/harkd", "/usr/bin/harkd")
    seen["left behind"] = [place for place in places if Path(place).exists()]
    seen["left running after the purge"] = run("ps", "-U", "harkd", "-o", "args=").stdout


def main() -> None:
    started = time.monotonic()
    installed()
    for name, text in (("agents/stuck.toml", AGENT), ("tools/stuck.py", TOOL)):
        path = CONFIG_FILE.parent / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    steps = (
        wrong_configuration,
        first_start_without_a_key,
        keys_come_and_go,
        places_where_a_key_may_show,
        reloaded,
        killed,
        frozen,
        stuck_loop,
        ended,
        purged,
    )
    for step in steps:
        if step is killed:  # from the next start on; nobody has time for 30 s here
            drop_in("watchdog", "[Service]\nWatchdogSec=3s\n")
        step()
        print(f"{time.monotonic() - started:6.1f} s {step.__name__}")
    (HIL / "seen.json").write_text(json.dumps(seen))


try:
    main()
except BaseException:
    print(run("journalctl", "--no-pager").stdout)
    raise
