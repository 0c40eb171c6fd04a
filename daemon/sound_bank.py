"""The box's own sounds, ready to be played. Shell around the files in `daemon/sounds`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from daemon.audio.chime import chime
from daemon.audio.clip import read_clip
from daemon.audio.earcons import Earcon
from daemon.audio.resample import Resampler
from daemon.prompts import Language, Prompt

log = logging.getLogger("harkd")


class SoundBank:
    """Mono 16-bit PCM at one rate, `b""` for what is switched off. Memory: what has been asked for once.

    The first time a sound is asked for it is read and resampled. On a desktop core that takes 0.3 ms for an
    earcon, 2.5 ms for a prompt (the first one 10 ms more, for the filter) and 19 ms for the chime, which is
    computed; a Pi Zero 2 W takes roughly ten times as long. Loading numpy comes on top where nobody has
    resampled yet. A sound that cannot be had is a warning, and silence.
    """

    def __init__(self, language: Language | Literal["off"], earcons: bool, rate_hz: int) -> None:
        """`language` of the prompts, "off" for none; `rate_hz`: the loudspeaker's."""
        self._folder = Path(__file__).with_name("sounds")
        self._language = language
        self._earcons = earcons
        self._rate_hz = rate_hz
        self._loaded: dict[Path, bytes] = {}
        self._chime = b""

    def earcon(self, earcon: Earcon) -> bytes:
        return self._sound(self._folder / "earcons" / f"{earcon.value}.wav") if self._earcons else b""

    def prompt(self, prompt: Prompt) -> bytes:
        """In words; the sound of a refusal where no language is spoken."""
        if self._language == "off":
            return self.earcon(Earcon.REFUSED)
        return self._sound(self._folder / self._language / f"{prompt.value}.wav")

    def chime(self) -> bytes:
        """One ring of a timer, which cannot be switched off."""
        self._chime = self._chime or chime(self._rate_hz)
        return self._chime

    def _sound(self, path: Path) -> bytes:
        if path not in self._loaded:
            self._loaded[path] = self._read(path)
        return self._loaded[path]

    def _read(self, path: Path) -> bytes:
        try:
            clip = read_clip(path.read_bytes())
            resampler = Resampler(clip.rate_hz, self._rate_hz)
        except (OSError, ValueError, ImportError) as error:
            log.warning("%s cannot be played: %s", path, error)
            return b""
        return resampler.feed(clip.pcm) + resampler.flush()
