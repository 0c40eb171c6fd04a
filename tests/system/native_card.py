"""Sound cards that refuse what they do not do, for real PortAudio and alsa-lib: made of native_card.c."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_FILES = ("played", "spoken", "opened", "busy")
_SOURCE = Path(__file__).with_name("native_card.c")


@dataclass(frozen=True, slots=True)
class NativeCard:
    """Takes these rates and channel counts and no others, by the machine's clock.

    `spoken` (raw mono at its rate) is what it captures on channel `mouth`, the others hiss; `played` becomes
    what it plays, raw and interleaved.
    """

    name: str
    rates_hz: Iterable[int]
    channels: Iterable[int]
    mouth: int = 0
    captures: bool = True
    plays: bool = True


class NativeCards:
    """A machine with these cards. `environment` must be set before PortAudio wakes up."""

    def __init__(self, directory: Path, *cards: NativeCard) -> None:
        self._directory = directory
        self._config = directory / "asound.conf"
        self.environment = {"ALSA_CONFIG_PATH": str(self._config), "JACK_NO_START_SERVER": "1"}
        self.plug(*cards)

    def plug(self, *cards: NativeCard) -> None:
        """These instead of what there was: found when PortAudio looks anew."""
        # PortAudio 19.6 aborts the process where every device opens and none is called "default".
        last = "pcm.!default { type native rates [ 44100 ] channels [ 2 ] }"
        lines = [f'pcm_type.native {{ lib "{_module()}" }}', *map(self._described, cards), last]
        self._config.write_text("\n".join(lines) + "\n")

    def played(self, name: str) -> Path:
        return self._directory / f"{name}.played"

    def spoken(self, name: str) -> Path:
        return self._directory / f"{name}.spoken"

    def times_opened(self, name: str) -> int:
        """Either way, by PortAudio's listing and asking too."""
        opened = self._directory / f"{name}.opened"
        return opened.stat().st_size if opened.exists() else 0

    def busy(self, name: str) -> Path:
        """While this file exists, another program has the card."""
        return self._directory / f"{name}.busy"

    def _described(self, card: NativeCard) -> str:
        numbers = {"rates": card.rates_hz, "channels": card.channels}
        lists = " ".join(f"{key} [ {' '.join(map(str, values))} ]" for key, values in numbers.items())
        files = " ".join(f'{what} "{self._directory}/{card.name}.{what}"' for what in _FILES)
        native = f"{{ type native {lists} {files} mouth {card.mouth} }}"
        ways = [f"capture.pcm {native}"] * card.captures + [f"playback.pcm {native}"] * card.plays
        return f"pcm.{card.name} {{ type asym {' '.join(ways)} }}"


@functools.cache
def _module() -> Path:
    """Compiled once a process; PyAudio was built with the same compiler and headers."""
    directory = Path(tempfile.mkdtemp(prefix="native-card-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    module = directory / "native.so"
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter", "-shared", "-fPIC", "-DPIC"]
    try:
        subprocess.run(
            [*command, "-o", module, _SOURCE, "-lasound"], check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise RuntimeError("The native sound card needs gcc and ALSA's headers: run `make setup`.") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"The native sound card does not compile:\n{error.stderr}") from None
    return module
