"""Hears one of four names with microWakeWord's models. Shell around pymicro-wakeword."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES
from hw.wake.trigger import Trigger

WORDS = ("okay_nabu", "hey_jarvis", "hey_mycroft", "alexa")
"""The models that are in the package."""

RATE_HZ = 16000
WINDOW_FRAMES = 160
_WINDOWS_PER_S = RATE_HZ // WINDOW_FRAMES

REFRACTORY_S = 1.0
"""Nobody says the word twice so soon; its likelihood may come back within one utterance."""

_INSTALL = "Install it: pip install 'harkd[wakeword]', or set wake_word.engine to \"none\"."


@dataclass(frozen=True, slots=True)
class _Files:
    """Where the package has a model, and what tells how to use it."""

    config: Path
    model: Path

    def require(self) -> None:
        """Without the model the library does not raise an error: it crashes the process."""
        for file in (self.config, self.model):
            if not file.is_file():
                remedy = "Install it again: pip install --force-reinstall pymicro-wakeword."
                raise DeviceError(Fault.NOT_FOUND, "microwakeword", f"{file} is missing", remedy)


class MicroWakeWordDetector:
    """Windows of 10 ms at 16 kHz, judged three at a time.

    Costs 2 to 2.5 ms of CPU per second of sound on a server core, less than 0.15 ms in 99 of 100 windows; a
    Pi Zero 2 W is some 20 to 30 times slower (estimated). The word is heard 100 to 250 ms after its end as a
    rule, at times a little before. docs/wake-word.md has how often it is heard, and how often wrongly.

    `word` is one of `WORDS`. `threshold` is how likely the word has to be, above 0 and below 1: a lower one
    hears the word more often, and more often where nobody said it. None takes what the model's author
    recommends.

    Raises `DeviceError`: UNSUPPORTED for a word or threshold that is not possible, LIBRARY_MISSING, NOT_FOUND
    for an installed package without the model, from `hears` too: after a `reset` it is loaded again.
    """

    def __init__(self, *, word: str = "okay_nabu", threshold: float | None = None) -> None:
        _check(word, threshold)
        library = _library()
        models = Path(str(library.__file__)).parent / "models"
        self._files = _Files(models / f"{word}.json", models / f"{word}.tflite")
        self._files.require()
        self._model = library.MicroWakeWord.from_config(self._files.config)
        self._features = library.MicroWakeWordFeatures()
        cutoff = self._model.probability_cutoff if threshold is None else threshold
        self._trigger = Trigger(cutoff, round(REFRACTORY_S * _WINDOWS_PER_S))
        self._gap = False

    @property
    def rate_hz(self) -> int:
        return RATE_HZ

    @property
    def window_frames(self) -> int:
        return WINDOW_FRAMES

    def hears(self, window: bytes) -> bool:
        if len(window) != WINDOW_FRAMES * SAMPLE_BYTES:
            raise ValueError(f"a window is {WINDOW_FRAMES} frames of mono PCM, got {len(window)} bytes")
        if self._gap:
            self._forget()
        likelihoods = map(self._model.process_streaming_prob, self._features.process_streaming(window))
        heard = [self._trigger.feed(likelihood) for likelihood in likelihoods]  # each has to be fed
        return any(heard)

    def reset(self) -> None:
        self._gap = True

    def _forget(self) -> None:
        self._files.require()  # it is loaded anew, perhaps months after the package was installed
        self._features.reset()
        self._model.reset()
        self._trigger.reset()
        self._gap = False


def _check(word: str, threshold: float | None) -> None:
    if word not in WORDS:
        remedy = f"Use one of {', '.join(WORDS)}."
        raise DeviceError(Fault.UNSUPPORTED, "microwakeword", f"there is no model for {word!r}", remedy)
    if threshold is not None and not 0 < threshold < 1:
        remedy = "Use a number above 0 and below 1."
        raise DeviceError(
            Fault.UNSUPPORTED, "microwakeword", f"threshold {threshold} is not possible", remedy
        )


def _library() -> ModuleType:
    try:
        import pymicro_wakeword
    except ImportError as error:
        detail = f"pymicro-wakeword: {error}"
        raise DeviceError(Fault.LIBRARY_MISSING, "microwakeword", detail, _INSTALL) from error
    return pymicro_wakeword
