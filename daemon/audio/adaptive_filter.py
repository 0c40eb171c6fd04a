"""Learns the way from loudspeaker to microphone, and says how well it knows it. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from daemon.records import dataclass

Samples = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.floating[Any]]

_DRIFT = 0.9998**2  # what a block leaves of a path's likeness to itself: rooms change, clocks drift
_NOISE_MEMORY = 0.8  # of a block; below it near speech upsets the filter, above it learning begins late
_FIRST_GUESS_FALL_DB_PER_S = 75.0
_CONSTRAINED_AT_ONCE = 4
_LEAST_POWER = 1e-9
_FAINT = 0.01  # the least that an echo is taken for when all is to be learned anew


@dataclass(frozen=True, slots=True)
class Cancelled:
    """One block of the near end without its echo, and two power spectra: of the echo, and of what of it is
    expected to be left.

    They have `block_frames + 1` bins and the scale of a transform of two blocks, one of them zeros.
    """

    residual: Samples
    echo: Spectrum
    expected: Spectrum


class EchoFilter:
    """A partitioned Kalman filter in the frequency domain, for mono blocks of floats within -1..1.

    Beside each tap it keeps how uncertain that tap is. So it learns quickly where the echo stands out, hardly
    at all while somebody else speaks, and the power of the echo it will leave is known beforehand instead of
    being guessed from what it left. (Enzner and Vary 2006; partitions as Kuech, Mabande and Enzner 2014.)

    Bound: `partitions` blocks of the far end; an echo that comes later than those stays in.
    """

    def __init__(self, block_frames: int, partitions: int, rate_hz: int) -> None:
        self._frames = block_frames
        shape = (partitions, block_frames + 1)
        blocks = np.arange(partitions, dtype=np.float32)
        fall = 10 ** (-_FIRST_GUESS_FALL_DB_PER_S / 10 * block_frames / rate_hz * blocks)
        self._first_guess = np.repeat(fall[:, None], shape[1], axis=1).astype(np.float32)
        self._far = np.zeros(shape, np.complex64)  # the spectra of the latest blocks, newest first
        self._far_power = np.zeros(shape, np.float32)
        self._path = np.zeros(shape, np.complex64)
        self._doubt = self._first_guess.copy()
        self._noise = np.full(shape[1], 1e-3, np.float32)
        self._last_far = np.zeros(block_frames, np.float32)
        self._next_constrained = 0
        self._silence = np.zeros(block_frames, np.float32)
        self._nothing = np.zeros(shape[1], np.float32)
        self._silent_blocks = 0

    def cancel(self, far: Samples, near: Samples) -> Cancelled:
        """The next block of both ends, each `block_frames` long."""
        self._silent_blocks = 0 if far.any() else self._silent_blocks + 1
        if self._silent_blocks > len(self._far):
            return Cancelled(near, self._nothing, self._nothing)
        self._remember(far)
        # Half: the far end's transforms hold two blocks, the residual's one.
        expected: Spectrum = np.einsum("pk,pk->k", self._doubt, self._far_power) / 2
        if not near.any():  # no room is that silent: nothing can be learned of a microphone that is off
            return Cancelled(near, self._nothing, expected)
        spectrum = np.sum(self._path * self._far, axis=0)
        residual = near - np.fft.irfft(spectrum)[self._frames :].astype(np.float32)
        self._learn(residual, expected)
        return Cancelled(residual, _power(spectrum) / 2, expected)

    def unsettle(self) -> None:
        """The path is another one: learn it as at first, from what was known."""
        loudness = max(_FAINT, float(np.mean(np.sum(_power(self._path), axis=0))))
        np.maximum(self._doubt, self._first_guess * loudness, out=self._doubt)

    def forget_sound(self) -> None:
        """There is a gap before the next block; the path stays known."""
        self._far[:] = 0
        self._far_power[:] = 0
        self._last_far[:] = 0

    def _remember(self, far: Samples) -> None:
        self._far[1:] = self._far[:-1]
        self._far[0] = np.fft.rfft(np.concatenate([self._last_far, far]))
        self._far_power[1:] = self._far_power[:-1]
        self._far_power[0] = _power(self._far[0])
        self._last_far = far

    def _learn(self, residual: Samples, expected: Spectrum) -> None:
        padded = np.concatenate([self._silence, residual])
        error = np.fft.rfft(padded).astype(np.complex64)
        far_power = self._far_power
        error_power = _power(error)
        self._noise += (1 - _NOISE_MEMORY) * (error_power - self._noise)
        # A sound that sets in within this block is not in the average yet, and would be learned as echo.
        surge = max(1.0, float(np.sum(error_power) / (np.sum(self._noise) + _LEAST_POWER)))
        step = self._doubt / (expected + surge * self._noise + _LEAST_POWER)
        self._path += step * np.conj(self._far) * error
        self._doubt *= _DRIFT * (1 - step * far_power / 2)
        self._doubt += (1 - _DRIFT) * _power(self._path)
        self._constrain()

    def _constrain(self) -> None:
        """Take from some partitions in turn what wrapped around: all of them at once would cost double."""
        some = slice(self._next_constrained, self._next_constrained + _CONSTRAINED_AT_ONCE)
        taps = np.fft.irfft(self._path[some])
        taps[:, self._frames :] = 0
        self._path[some] = np.fft.rfft(taps)
        self._next_constrained = some.stop if some.stop < len(self._path) else 0


def _power(spectrum: npt.NDArray[np.complex64]) -> Spectrum:
    return spectrum.real**2 + spectrum.imag**2
