"""The command line: `harkd COMMAND`. Shell around everything it starts.

Imports are deferred into the commands, so that `harkd status` on a small board does not pay for the daemon.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemon.box import Devices

OK, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 78
"""Exit codes. systemd does not restart after 78: the same files would fail again."""

ANSWER_S = 15.0
"""A reload waits up to 10 s for a turn to end."""

WATCH_S = 0.5
"""Between two looks of `harkd status --watch`."""

_PLAIN_CONTROLS = {
    "press": "as if the button went down",
    "release": "as if the button came up",
    "stop": "be silent and forget the turn",
    "approve": "let the tool call that waits for consent be made",
    "reject": "do not let it be made",
    "flight": "write down what the box did in the last minutes, for `harkd replay`",
    "reload": "read the configuration now, and say what is wrong with it",
}
"""Commands to the running daemon that need nothing but their name."""

DEFAULT_CONFIG = Path("/etc/harkd")
DEFAULT_SOCKET = Path("/run/harkd/control.sock")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, without side effects."""
    parser = argparse.ArgumentParser(
        prog="harkd", description="A voice appliance for the OpenAI Realtime API."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="the daemon")
    run.add_argument(
        "--config",
        action="append",
        type=Path,
        metavar="DIR_OR_FILE",
        help=f"configuration, may be given several times, later ones win (default {DEFAULT_CONFIG})",
    )
    run.add_argument("--verbose", action="store_true", help="log every decision and every frame's type")

    demo = commands.add_parser("demo", help="talk to a simulator: no key, no hardware")
    demo.add_argument("--say", type=Path, metavar="WAV", help="what is said into the microphone, 16-bit PCM")
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="where heard.wav and session.jsonl go",
    )
    demo.add_argument(
        "--mic", action="store_true", help="use this machine's microphone, loudspeaker and space bar"
    )

    simulate = commands.add_parser("simulate", help="the Realtime server the demo talks to")
    simulate.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    simulate.add_argument("--port", type=_port, default=0, help="port to listen on (default: any free one)")
    simulate.add_argument("--script", type=Path, metavar="FILE", help="answers and faults, TOML")

    config = commands.add_parser("config", help="judge configuration files")
    config_commands = config.add_subparsers(dest="config_command", metavar="COMMAND", required=True)
    _config_command(config_commands, "check", "tell every mistake with file and line")
    show = _config_command(config_commands, "show", "what is set, and by which line of which file")
    show.add_argument("--all", action="store_true", help="the keys that have their default, too")
    show.add_argument("--json", action="store_true", help="for programs")
    rollback = _config_command(config_commands, "rollback", "put the files of an earlier configuration back")
    rollback.add_argument("revision", nargs="?", help="which (default: the last one that is not there now)")
    rollback.add_argument(
        "--state", type=Path, default=Path("/var/lib/harkd"), metavar="DIR", help="default %(default)s"
    )
    config_commands.add_parser("defaults", help="every key with its default, as TOML")
    config_commands.add_parser("schema", help="every key as a JSON Schema, for editors")

    devices = commands.add_parser("devices", help="what sound devices, GPIO chips and SPI buses there are")
    devices.add_argument("--json", action="store_true", help="for programs")

    _doctor_command(commands)

    status = _control_command(commands, "status", "what the running daemon is doing")
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    for name, text in _PLAIN_CONTROLS.items():
        _control_command(commands, name, text)
    mute = _control_command(commands, "mute", "close the microphone, or open it again")
    mute.add_argument("on", choices=("on", "off"), help="on: nothing is captured")
    volume = _control_command(commands, "volume", "how loud the box is")
    volume.add_argument("percent", type=int, metavar="N", help="from 0, silent, to 100")
    for name, text in (("say", "speak this text"), ("ask", "answer this question")):
        _control_command(commands, name, text).add_argument("text", metavar="TEXT")
    _recording_commands(commands)
    commands.add_parser("version", help="the version of harkd and of what it is built on")
    return parser


def _config_command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    what = f"a file or a directory, may be given several times, later ones win (default {DEFAULT_CONFIG})"
    command.add_argument("--config", action="append", type=Path, metavar="DIR_OR_FILE", help=what)
    command.add_argument("--hostname", metavar="NAME", help="as the box of this name reads devices/NAME.toml")
    return command


def _doctor_command(commands: Any) -> None:
    doctor: argparse.ArgumentParser = commands.add_parser(
        "doctor", help="check the whole box, and say what to do"
    )
    doctor.add_argument("--config", action="append", type=Path, metavar="DIR_OR_FILE")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--lamp", action="store_true", help="light the lamp for a second, too")


def _recording_commands(commands: Any) -> None:
    replay = commands.add_parser("replay", help="run a flight recording once more, and compare")
    timeline = commands.add_parser("timeline", help="one turn of a flight recording as a picture")
    for command in (replay, timeline):
        command.add_argument("file", type=Path, metavar="FILE", help="a flight recording")
    timeline.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.html", help="where it goes")
    timeline.add_argument("--turn", type=int, metavar="N", help="which, counted from 1 (default: the last)")


def _control_command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text)
    command.add_argument(
        "--socket", type=Path, default=DEFAULT_SOCKET, metavar="PATH", help="the daemon's control socket"
    )
    return command


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; allowed: a number from 0 to 65535")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    """Run one command; answers its exit code."""
    arguments = build_parser().parse_args(argv)
    arguments.own_process = argv is None
    try:
        return _COMMANDS[arguments.command](arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `harkd status | head`: whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the exit flushes once more
        return FAILED


# ---- commands that start something -----------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    if arguments.own_process:
        gc.disable()  # until READY: imports leave no garbage, and a twentieth of their time went into looking
    from daemon.config.files import ConfigError
    from daemon.last_words import block_abort

    if arguments.own_process:
        block_abort()  # before what follows, which may start threads

    from daemon.control import ControlError
    from daemon.realtime.errors import UserError
    from daemon.run import run_daemon
    from hw.errors import DeviceError

    try:
        paths = arguments.config or [DEFAULT_CONFIG]
        run_daemon(paths, verbose=arguments.verbose, own_process=arguments.own_process)
    except ConfigError as error:
        _complain(str(error), _keys())
        return CONFIGURATION
    except UserError as error:  # of an agent, or of a tool of the operator's
        _complain(f"run: {error}", _keys())
        return CONFIGURATION
    except (ControlError, DeviceError, ImportError) as error:  # of an extra: it says which
        return _fail(f"run: {error}")
    return OK


def _demo(arguments: argparse.Namespace) -> int:
    import asyncio
    import logging

    from daemon.demo.run import QUESTION, DemoFiles, live_demo, recorded_demo
    from daemon.demo.stage import DemoError
    from hw.errors import DeviceError

    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return _fail(f"demo: {arguments.out}: cannot be made a directory: {error.strerror}")
    logging.getLogger("harkd").setLevel(logging.ERROR)  # the stage tells what happens
    files = DemoFiles(arguments.out)
    try:
        if arguments.mic:
            with contextlib.suppress(KeyboardInterrupt):  # before it listens to Ctrl-C
                if not asyncio.run(live_demo(_live_devices(), files, sys.stdout)):
                    os._exit(OK)
            return OK
        say = arguments.say or QUESTION
        if not say.exists():
            return _fail(f"demo: {say} is not there; install alsa-utils (Debian) or pass --say WAV")
        devices, talker = _recorded_devices(say, files.heard)
        return asyncio.run(recorded_demo(devices, talker, files, sys.stdout))
    except (DemoError, DeviceError) as error:
        return _fail(f"demo: {error}")


def _recorded_devices(say: Path, heard: Path) -> tuple[Devices, Any]:
    from daemon.box import Devices
    from daemon.config.hardware import Vad
    from daemon.demo.run import PERIOD_MS, RATE_HZ
    from daemon.device_setup import open_detector
    from hw import load

    microphone: Any = load.microphone("wavfile", path=say, period_ms=PERIOD_MS, lead_in_s=None)
    speaker = load.speaker("wavfile", path=heard, rate_hz=RATE_HZ, period_ms=PERIOD_MS)
    return Devices(microphone, speaker, detector=open_detector(Vad())), microphone


def _live_devices() -> Devices:
    from daemon.config.hardware import Button
    from daemon.config.schema import Config
    from daemon.device_setup import open_devices

    return open_devices(Config(buttons={"talk": Button(driver="keyboard")}))


def _simulate(arguments: argparse.Namespace) -> int:
    import asyncio

    from daemon.simulator import ScriptError, simulate

    try:
        asyncio.run(simulate(arguments.host, arguments.port, arguments.script))
    except (ScriptError, OSError) as error:
        return _fail(f"simulate: {error}")
    return OK


# ---- commands that only ask --------------------------------------------------------


def _config(arguments: argparse.Namespace) -> int:
    from daemon.config.commands import answer
    from daemon.config.files import ConfigError
    from daemon.config.last_good import RollbackError
    from daemon.redaction import redacted

    try:
        print(redacted(answer(arguments), _keys()), end="")
    except RollbackError as error:
        return _fail(f"config {arguments.config_command}: {error}")
    except ConfigError as error:
        _complain(str(error), _keys())
        return FAILED
    return OK


def _replay(arguments: argparse.Namespace) -> int:
    from daemon.flight import FlightError
    from daemon.recorder import load_flight
    from daemon.replay import Replay, report

    try:
        flight = load_flight(arguments.file)
    except FlightError as error:
        return _fail(f"replay: {error}")
    outcome = Replay(flight).run()
    print(report(flight, outcome, str(arguments.file)))
    return OK if outcome.difference is None else FAILED


def _timeline(arguments: argparse.Namespace) -> int:
    from daemon.flight import FlightError
    from daemon.recorder import load_flight
    from daemon.timeline import NoTurn, page

    try:
        drawn = page(load_flight(arguments.file), arguments.file.name, arguments.turn)
        arguments.out.write_text(drawn, encoding="utf-8")
    except (FlightError, NoTurn) as error:
        return _fail(f"timeline: {error}")
    except OSError as error:
        return _fail(f"timeline: {arguments.out}: cannot be written: {error.strerror}")
    return OK


def _devices(arguments: argparse.Namespace) -> int:
    from daemon.devices_report import as_json, as_text, look

    report = as_json(look())
    print(json.dumps(report, indent=2) if arguments.json else as_text(report))
    return OK


def _doctor(arguments: argparse.Namespace) -> int:
    from daemon.doctor.run import doctor

    paths = arguments.config or [DEFAULT_CONFIG]
    return doctor(paths, for_programs=arguments.json, wants_lamp=arguments.lamp)


def _status(arguments: argparse.Namespace) -> int:
    from daemon.status_report import report

    while True:
        answer = _ask_daemon(arguments, {"command": "status"})
        if answer is None:
            return FAILED
        status = answer["status"]
        if arguments.json:
            print(json.dumps(status, indent=None if arguments.watch else 2), flush=True)
        elif not sys.stdout.isatty():
            print("\n".join(report(status)), flush=True)
        elif arguments.watch:
            columns, rows = shutil.get_terminal_size()
            drawn = "\x1b[K\n".join(report(status, columns, rows - 1))
            print(f"\x1b[H{drawn}\x1b[J", flush=True)  # over what is there: it does not flicker
        else:
            print("\n".join(report(status, shutil.get_terminal_size().columns)))
        if not arguments.watch:
            return OK
        time.sleep(WATCH_S)


def _control(arguments: argparse.Namespace) -> int:
    message: dict[str, Any] = {"command": arguments.command}
    if "text" in arguments:
        message["text"] = arguments.text
    elif "percent" in arguments:
        message["percent"] = arguments.percent
    elif "on" in arguments:
        message["on"] = arguments.on == "on"
    return FAILED if _ask_daemon(arguments, message) is None else OK


def _flight(arguments: argparse.Namespace) -> int:
    answer = _ask_daemon(arguments, {"command": "flight"})
    if answer is None:
        return FAILED
    print(answer["path"])
    return OK


def _reload(arguments: argparse.Namespace) -> int:
    answer = _ask_daemon(arguments, {"command": "reload"})
    if answer is None:
        return FAILED
    print(f"revision {answer['revision']} is in force")
    return OK


def _ask_daemon(arguments: argparse.Namespace, message: dict[str, Any]) -> dict[str, Any] | None:
    """The daemon's answer, or None after saying what went wrong."""
    from daemon.control import ControlError, request

    try:
        answer = request(arguments.socket, message, ANSWER_S)
    except ControlError as error:
        _fail(f"{arguments.command}: {error}")
        return None
    if not answer.get("ok"):
        _fail(f"{arguments.command}: {answer.get('error')}")
        return None
    return answer


def _version(arguments: argparse.Namespace) -> int:
    import platform
    from importlib.metadata import version

    print(
        f"harkd {version('harkd')} (Python {platform.python_version()}, websockets {version('websockets')})"
    )
    return OK


def _fail(message: str) -> int:
    _complain(f"harkd {message}", [os.environ.get("OPENAI_API_KEY", "")])
    return FAILED


def _complain(message: str, secrets: Sequence[str]) -> None:
    from daemon.redaction import redacted

    print(redacted(message, secrets), file=sys.stderr)


def _keys() -> list[str]:
    """The API key of this box, for whoever may read it."""
    from daemon.config.files import api_key_reader

    try:
        key = api_key_reader(os.environ)()
    except (OSError, ValueError):
        key = None
    return [key] if key else []


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "demo": _demo,
    "simulate": _simulate,
    "config": _config,
    "devices": _devices,
    "replay": _replay,
    "timeline": _timeline,
    "doctor": _doctor,
    "status": _status,
    "press": _control,
    "release": _control,
    "stop": _control,
    "approve": _control,
    "flight": _flight,
    "reload": _reload,
    "reject": _control,
    "mute": _control,
    "volume": _control,
    "say": _control,
    "ask": _control,
    "version": _version,
}
