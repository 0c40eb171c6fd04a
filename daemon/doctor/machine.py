"""Asks this machine: Python, files, clock, firmware. Shell around the file system and a few programs.

Every place is an argument, so that a test can bring its own.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from daemon.config.files import KEY_FILE, ConfigError, api_key_reader, this_box
from daemon.doctor.facts import Key, KeyFile

SYS = Path("/sys")
TIMESYNC = Path("/run/systemd/timesync")
_PROGRAM_S = 3.0
_NOT_IMPORTED = frozenset({"lgpio"})  # it makes a pipe in the working directory


class ThisMachine:
    def __init__(
        self,
        paths: Sequence[Path],
        environ: Mapping[str, str],
        *,
        key_file: Path = KEY_FILE,
        sys_root: Path = SYS,
        timesync: Path = TIMESYNC,
    ) -> None:
        self._paths = paths
        self._environ = environ
        self._key_file = key_file
        self._sys = sys_root
        self._timesync = timesync

    def python(self) -> tuple[int, int, int]:
        return sys.version_info[:3]

    def import_error(self, module: str) -> str:
        if module in _NOT_IMPORTED:
            return "" if module in sys.modules or find_spec(module) else "is not installed"
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            return "is not installed" if error.name == module else str(error)
        except ImportError as error:
            return str(error)
        return ""

    def config_problems(self) -> Sequence[str]:
        from daemon.run import check

        try:
            check(this_box(self._paths))
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        except ImportError as error:  # of an extra: it says which
            return [str(error)]
        return []

    def key(self) -> Key:
        try:
            found = api_key_reader(self._environ, self._key_file)()
        except PermissionError as error:
            return Key(problem=str(error.strerror or error), denied=error.errno is not None)
        except (OSError, ValueError) as error:
            return Key(problem=str(error))
        return Key(self._source() if found else "")

    def secret(self) -> str:
        """The key itself, "" if there is none: for asking the server, and for keeping it out of reports."""
        try:
            return api_key_reader(self._environ, self._key_file)() or ""
        except (OSError, ValueError):
            return ""

    def _source(self) -> str:
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        if directory and (Path(directory) / "openai_api_key").exists():
            return "the service's credentials"
        readable = os.access(self._key_file, os.R_OK)
        return str(self._key_file) if readable else "the environment (OPENAI_API_KEY)"

    def key_file(self) -> KeyFile | None:
        try:
            about = self._key_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            owner = pwd.getpwuid(about.st_uid).pw_name
        except KeyError:  # of a user who is no more
            owner = str(about.st_uid)
        return KeyFile(str(self._key_file), stat.S_IMODE(about.st_mode), owner)

    def now(self) -> float:
        return time.time()

    def installed_at(self) -> float:
        return Path(__file__).stat().st_mtime

    def clock_synchronized(self) -> bool | None:
        return (self._timesync / "synchronized").exists() if self._timesync.exists() else None

    def throttled(self) -> int | None:
        text = read(self._sys / "devices/platform/soc/soc:firmware/get_throttled")
        if text is None and shutil.which("vcgencmd"):
            text = output(["vcgencmd", "get_throttled"]).partition("=")[2]
        try:
            return int(text or "", 16)
        except ValueError:
            return None

    def celsius(self) -> float | None:
        """Of the hottest zone that calls itself a processor's; of the first where none does."""
        found = []
        for zone in sorted(self._sys.glob("class/thermal/thermal_zone*")):
            text, kind = read(zone / "temp") or "", read(zone / "type") or ""
            if re.fullmatch(r"-?\d+", text):
                found.append(("cpu" in kind, int(text) / 1000))
        cpus = [celsius for is_cpu, celsius in found if is_cpu]
        return max(cpus) if cpus else (found[0][1] if found else None)

    def wlan_power_save(self) -> Mapping[str, bool]:
        names = [path.parent.name for path in self._sys.glob("class/net/*/wireless")]
        if not names or not shutil.which("iw"):
            return {}
        said = {name: output(["iw", "dev", name, "get", "power_save"]) for name in sorted(names)}
        return {name: text.endswith("on") for name, text in said.items() if text.startswith("Power save:")}


def read(path: Path) -> str | None:
    """A small file, stripped; None if there is none to read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def output(command: Sequence[str]) -> str:
    """What a program says, stripped; "" if it cannot be asked, fails, or takes too long."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PROGRAM_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
