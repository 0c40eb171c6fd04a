"""Has somebody begun to speak over what the loudspeaker plays? Pure.

Three questions, the cheap one first, all of them asked of what an adaptive filter leaves of the microphone:

- Is it more than the filter says it must leave? (evidence, every block)
- Can the far end explain it by another way through the room? (correlation, while there is evidence)
- Does it sound like a voice, and go on? (pitch, while there is evidence)

`docs/barge-in.md` compares this with other ways to decide, and says how its numbers were found.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from daemon.audio.adaptive_filter import Cancelled, EchoFilter, Samples, Spectrum
from daemon.audio.pcm import FULL_SCALE, SAMPLE_BYTES
from daemon.audio.rechunk import Rechunker
from daemon.audio.resample import Resampler
from daemon.records import dataclass

RATE_HZ = 16000
BLOCK_FRAMES = 256  # 16 ms
TAIL_BLOCKS = 18  # 288 ms: 120 of delay, and a room until it is 35 dB down

# Evidence is in dB above what the filter must leave, as a mean over the bands, added up over blocks.
# Ten minutes of nothing but the loudspeaker stay below 6 unless it distorts by 7 % and more.
_SUSPECT = 6.0
_DECIDE = 9.0
_MOST = 12.0  # so that a bang is forgotten in 0.1 s
_LEAST_BLOCKS = 7  # since it was suspected: correlation and pitch take 112 ms to show
_RECENT_BLOCKS = 12
_LOUD_BLOCKS = 7  # of the recent ones: what a door or a key makes is shorter
_VOICED_BLOCKS = 3

_COMPARE_AFTER_BLOCKS = 3
_SAME_SOUND = 0.22  # near speech mostly stays below 0.14, an echo by another way reaches 0.2 to 0.5
_PERHAPS_SAME_SOUND = 0.14
_VOICED = 0.55

_READY_DB = 6.0
_NO_LONGER_READY_DB = 3.0
_INAUDIBLE = 10**-4.6  # as a mean square: an echo left at -46 dB drowns nobody


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ready`: the filter knows the room well enough to hear anybody; before that nothing else is ever said.

    `suspected`: somebody may be speaking, or a door fell shut: worth playing more softly, not worth stopping.
    `interrupted`: somebody speaks. Both hold for as long as it seems so.
    """

    ready: bool
    suspected: bool
    interrupted: bool


class InterruptionDetector:
    """Compares a microphone with what is played, window by window, and needs no echo canceller before it.

    `near` is the microphone itself: what a noise suppressor or an echo canceller has worked on no longer fits
    the far end. `far` is what is played meanwhile, its echo up to 288 ms later, never earlier.
    CPU on a server core, per second of sound: 10 ms, 20 while somebody is suspected, 4 once the
    loudspeaker has been silent for 0.3 s.
    """

    def __init__(self, rate_hz: int) -> None:
        """Raises `ValueError` or `ImportError` as `Resampler` does: it works at 16 kHz."""
        self._rate_hz = rate_hz
        self._filter = EchoFilter(BLOCK_FRAMES, TAIL_BLOCKS, RATE_HZ)
        self._evidence = _Evidence()
        self._echo_power = 0.0
        self._left_power = 1e-3
        self._ready = False
        self.reset()

    def reset(self) -> None:
        """There is a gap before the next window. What is known of the room is kept."""
        self._near, self._far = _Blocks(self._rate_hz), _Blocks(self._rate_hz)
        self._filter.forget_sound()
        self._evidence.reset()
        self._recent = _Recent()
        self._suspected_blocks = 0
        self._verdict = Verdict(self._ready, suspected=False, interrupted=False)

    def hear(self, near: bytes, far: bytes) -> Verdict:
        """The next window of both, mono PCM of equal length.

        Verdicts change every 16 ms. Raises `ValueError` if the lengths differ.
        """
        if len(near) != len(far):
            raise ValueError(f"near and far are one window: {len(near)} bytes do not go with {len(far)}")
        for near_block, far_block in zip(self._near.feed(near), self._far.feed(far), strict=True):
            self._verdict = self._judge(near_block, far_block)
        return self._verdict

    def _judge(self, near: Samples, far: Samples) -> Verdict:
        cancelled = self._filter.cancel(far, near)
        self._recent.add(far, cancelled.residual)
        excess = self._evidence.weigh(cancelled)
        self._recent.loud.append(excess > 0)
        self._recent.voiced.append(excess > 0 and self._recent.voicing() > _VOICED)
        self._update_ready(cancelled)
        suspected = self._evidence.total > _SUSPECT
        self._suspected_blocks = self._suspected_blocks + 1 if suspected else 0
        interrupted = suspected and self._speaks()
        suspected = self._suspected_blocks > 0
        return Verdict(self._ready, self._ready and suspected, self._ready and interrupted)

    def _speaks(self) -> bool:
        """Asked of every block while there is evidence."""
        if self._suspected_blocks <= _COMPARE_AFTER_BLOCKS:
            return False
        likeness = self._recent.likeness()
        if likeness > _SAME_SOUND:
            self._filter.unsettle()
            self._evidence.total = 0.0
            self._suspected_blocks = 0
            return False
        return (
            likeness < _PERHAPS_SAME_SOUND
            and self._evidence.total > _DECIDE
            and self._suspected_blocks >= _LEAST_BLOCKS
            and sum(self._recent.loud) >= _LOUD_BLOCKS
            and sum(self._recent.voiced) >= _VOICED_BLOCKS
        )

    def _update_ready(self, cancelled: Cancelled) -> None:
        """By what the filter takes off against what it expects to leave, over the last 0.3 s."""
        # A transform of n frames, half of them zeros: n times their energy, half of it in its bins.
        echo_power = float(np.sum(cancelled.echo)) / BLOCK_FRAMES**2
        left_power = float(np.sum(cancelled.expected)) / BLOCK_FRAMES**2
        self._echo_power += 0.05 * (echo_power - self._echo_power)
        self._left_power += 0.05 * (left_power - self._left_power)
        margin_db = _NO_LONGER_READY_DB if self._ready else _READY_DB
        self._ready = self._left_power < max(_INAUDIBLE, self._echo_power / 10 ** (margin_db / 10))


class _Blocks:
    """A stream of PCM at any rate as blocks of floats at 16 kHz."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._rechunker = Rechunker(BLOCK_FRAMES * SAMPLE_BYTES)

    def feed(self, pcm: bytes) -> list[Samples]:
        blocks = self._rechunker.feed(self._resampler.feed(pcm))
        return [np.frombuffer(block, "<i2").astype(np.float32) / np.float32(FULL_SCALE) for block in blocks]


_EDGES_HZ = (
    *(200, 300, 400, 520, 640, 780, 940, 1120, 1320, 1560),
    *(1840, 2160, 2540, 3000, 3500, 4100, 4800, 5600, 6600),
)
_CLEAR_DB = 6.0  # a band of a few bins is off by this much by chance
_NEEDED_DB = 0.5
_LOWEST_DB, _HIGHEST_DB = -5.0, 20.0  # beyond, one block would outweigh its neighbours
_NOISE_RISE_DB_PER_S = 1.5
_NOISE_FALL_DB_PER_S = 60.0
_NOISE_MARGIN = 1.5
_LEAST_POWER = 10**-8.6  # a band of a microphone's own noise at -75 dB
_LATE = 10**-2.8  # of a room of 0.6 s that the filter learns only the beginning of
_LATE_FALL = 10 ** (-6 * BLOCK_FRAMES / RATE_HZ / 0.6)
_ALLOWANCE_DB = (-3.0, 25.0)
_ALLOWANCE_UP, _ALLOWANCE_DOWN = 0.05, 0.01
_SUSPICIOUS_UP = 0.04  # somebody speaking for half a second earns the echo 10 dB


class _Evidence:
    """How far the residual exceeds what the filter must leave and the room's noise, band by band.

    What a loudspeaker distorts no linear filter explains: each band's allowance for it follows what is there,
    up five times as fast as down.
    """

    def __init__(self) -> None:
        bins_hz = np.arange(BLOCK_FRAMES + 1) * RATE_HZ / (2 * BLOCK_FRAMES)
        bands = [(bins_hz >= low) & (bins_hz < high) for low, high in pairwise(_EDGES_HZ)]
        self._bands = np.array(bands, np.float32) / (2 * BLOCK_FRAMES) ** 2
        window = np.hanning(2 * BLOCK_FRAMES)
        self._window: Samples = (window / np.sqrt(np.mean(window**2))).astype(np.float32)
        block_s = BLOCK_FRAMES / RATE_HZ
        self._noise_rise = 10 ** (_NOISE_RISE_DB_PER_S * block_s / 10)
        self._noise_fall = 10 ** (-_NOISE_FALL_DB_PER_S * block_s / 10)
        self._noise: Spectrum | None = None
        self._smooth = np.zeros(len(bands), np.float32)
        self._allowance_db = np.zeros(len(bands), np.float32)
        self.reset()

    def reset(self) -> None:
        self.total = 0.0
        self._late: Spectrum = np.zeros(len(self._allowance_db), np.float32)
        self._echoes = deque([self._late] * TAIL_BLOCKS, maxlen=TAIL_BLOCKS)
        self._last = np.zeros(BLOCK_FRAMES, np.float32)
        self._excess_db = np.zeros(len(self._allowance_db), np.float32)

    def weigh(self, cancelled: Cancelled) -> float:
        """This block's evidence, above 0 for somebody and below for nobody; it is added to `total`."""
        heard: Spectrum = self._bands @ _power(
            np.concatenate([self._last, cancelled.residual]) * self._window
        )
        self._last = cancelled.residual
        noise = self._follow_noise(heard)
        echo = self._bands @ cancelled.expected * 10 ** (self._allowance_db / 10)
        expected = echo + self._linger(cancelled) + _NOISE_MARGIN * noise + _LEAST_POWER
        excess_db = 10 * np.log10((heard + _LEAST_POWER) / expected)
        self._excess_db += 0.5 * (_within(excess_db, _LOWEST_DB, _HIGHEST_DB) - self._excess_db)
        evidence = float(np.mean(np.maximum(self._excess_db - _CLEAR_DB, 0))) - _NEEDED_DB
        self.total = min(max(0.0, self.total + evidence), _MOST)
        self._learn_allowance(excess_db, echo > noise)
        return evidence

    def _linger(self, cancelled: Cancelled) -> Spectrum:
        """What a live room still holds of the echo that has left the filter."""
        self._late = np.maximum(self._late * _LATE_FALL, self._echoes[0] * _LATE)
        self._echoes.append(self._bands @ cancelled.echo)
        return self._late

    def _follow_noise(self, heard: Spectrum) -> Spectrum:
        """The quietest of late: down to it at once, up only slowly."""
        if self._noise is None:
            self._noise = self._smooth = heard
        self._smooth = self._smooth + np.float32(0.3) * (heard - self._smooth)
        fallen = np.maximum(self._smooth, self._noise * self._noise_fall)
        risen = np.minimum(self._smooth, self._noise * self._noise_rise)
        self._noise = np.where(self._smooth < self._noise, fallen, risen).astype(np.float32)
        return self._noise

    def _learn_allowance(self, excess_db: Spectrum, audible: npt.NDArray[np.bool_]) -> None:
        up = _SUSPICIOUS_UP if self.total > _SUSPECT else _ALLOWANCE_UP
        rate = np.where(excess_db > 0, up, _ALLOWANCE_DOWN) * audible
        allowance_db = self._allowance_db + rate * _within(excess_db, -10, 10)
        self._allowance_db = _within(allowance_db, *_ALLOWANCE_DB)


_COMPARED_FRAMES = 3072  # 192 ms of residual
_FAR_FRAMES = 9216  # against as much of the far end again, and 0.3 s before
_LAGS = 4800
_COMPARED_HZ = (300, 5000)
_WHITENING = 0.35  # of the cross spectrum's magnitude: 0.5 makes all bins equal, noise as well
_PITCH_FRAMES = 1024  # 64 ms: three periods of a low voice
_PITCH_SPECTRUM_HZ = (80, 1200)
_PITCH_LAGS = (40, 230)  # 400 to 70 Hz


class _Recent:
    """The last half second of both ends, and what the last blocks were like. Bound: its arrays."""

    def __init__(self) -> None:
        self.loud: deque[bool] = deque(maxlen=_RECENT_BLOCKS)
        self.voiced: deque[bool] = deque(maxlen=_RECENT_BLOCKS)
        self._far = np.zeros(_FAR_FRAMES, np.float32)
        self._residual = np.zeros(_FAR_FRAMES, np.float32)
        fade = np.sin(np.pi * (np.arange(512) + 0.5) / 1024) ** 2
        taper = np.concatenate([fade, np.ones(_COMPARED_FRAMES - 1024), fade[::-1]])
        self._taper = np.concatenate([np.zeros(_FAR_FRAMES - _COMPARED_FRAMES), taper]).astype(np.float32)
        self._pitch_window = np.hanning(_PITCH_FRAMES).astype(np.float32)
        fall = np.fft.irfft(_power(self._pitch_window, 2 * _PITCH_FRAMES))[: _PITCH_LAGS[1]]
        self._pitch_correction = fall[0] / fall

    def add(self, far: Samples, residual: Samples) -> None:
        self._far = np.concatenate([self._far[BLOCK_FRAMES:], far])
        self._residual = np.concatenate([self._residual[BLOCK_FRAMES:], residual])

    def likeness(self) -> float:
        """How well one delay of the far end explains the residual, 0 to 1."""
        low, high = (hz * _FAR_FRAMES // RATE_HZ for hz in _COMPARED_HZ)
        far = np.fft.rfft(self._far)[low:high]
        residual = np.fft.rfft(self._residual * self._taper)[low:high]
        strength = (np.abs(far) ** 2 + 1e-9) * (np.abs(residual) ** 2 + 1e-9)
        cross = np.zeros(_FAR_FRAMES // 2 + 1, np.complex64)
        cross[low:high] = np.conj(far) * residual / strength**_WHITENING
        most = float(np.sum(np.abs(cross)))
        if most == 0:
            return 0.0
        by_lag = np.abs(np.fft.irfft(cross)[:_LAGS])
        return float(np.max(by_lag)) * _FAR_FRAMES / 2 / most

    def voicing(self) -> float:
        """How strongly the residual repeats itself at a voice's pitch, about 0 to 1."""
        spectrum = _power(self._residual[-_PITCH_FRAMES:] * self._pitch_window, 2 * _PITCH_FRAMES)
        low, high = (hz * 2 * _PITCH_FRAMES // RATE_HZ for hz in _PITCH_SPECTRUM_HZ)
        spectrum[:low] = 0
        spectrum[high:] = 0
        by_lag = np.fft.irfft(spectrum)[: _PITCH_LAGS[1]] * self._pitch_correction
        return float(np.max(by_lag[_PITCH_LAGS[0] :]) / (by_lag[0] + 1e-12))


def _power(samples: Samples, frames: int | None = None) -> Spectrum:
    spectrum = np.fft.rfft(samples, frames)
    return (spectrum.real**2 + spectrum.imag**2).astype(np.float32)


def _within(values: Spectrum, low: float, high: float) -> Spectrum:
    """As `np.clip`, which takes three times as long over 18 numbers."""
    return np.minimum(np.maximum(values, low), high)
