"""A microphone and a speaker made of WAV files. Shell around the file system and a pacing thread."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import wave
from collections import deque
from pathlib import Path

from hw.audio.callbacks import guarded_deliver, guarded_pull
from hw.audio.channels import spread
from hw.audio.pacing import Pacer
from hw.errors import DeviceError, Fault
from hw.ports import SAMPLE_BYTES, AudioFormat, Deliver, Pull

_CONVERT = "Convert it with: sox IN.wav -b 16 -e signed-integer OUT.wav"
MAX_QUEUED_FILES = 16
DEFAULT_RATE_HZ = 48000  # where a card would be asked


class WavMicrophone:
    """Captures silence, and the 16-bit PCM file at `path` from `lead_in_s` seconds after the first `start`.

    `lead_in_s=None` keeps the file for `speak()`. After the file comes silence for ever (`loop`: the file
    again), as a microphone has no end. `speak` says a file *now*. Files are read whole into memory. Rate and
    channels are those of `path`; every other file must have the same. `stop` and `start` again continue
    where it was.

    `paced` captures in real time on a thread of its own; otherwise the owner calls `advance`, and everything
    happens within that call.

    Raises `DeviceError` when `path` is missing (NOT_FOUND) or not 16-bit PCM (UNSUPPORTED).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        period_ms: int = 10,
        paced: bool = True,
        loop: bool = False,
        lead_in_s: float | None = 0.0,
    ) -> None:
        self._path = Path(path)
        self._pcm, rate_hz, channels = _read_wav(self._path)
        self._format = AudioFormat(rate_hz, channels, period_frames(rate_hz, period_ms))
        self._period_bytes = self._format.period_bytes
        self._paced = paced
        self._loop = loop
        self._lock = threading.Lock()  # owner's speak() against the pacing thread
        self._waiting: deque[memoryview] = deque()
        self._deliver: Deliver | None = None
        self._pacer: Pacer | None = None
        if lead_in_s is not None:
            lead_in = bytes(round(lead_in_s * rate_hz) * self._format.frame_bytes)
            self._waiting.extend(memoryview(pcm) for pcm in (lead_in, self._pcm) if pcm)

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def running(self) -> bool:
        return self._deliver is not None

    @property
    def holds_device(self) -> bool:
        return self._deliver is not None

    @property
    def overflows(self) -> int:
        """0: a file waits for its reader."""
        return 0

    @property
    def speaking(self) -> bool:
        """True while a file, or the silence leading into it, is not yet wholly captured."""
        return bool(self._waiting)

    def speak(self, path: str | Path | None = None) -> float:
        """Say a file (default: the constructor's) from the next period on, after those still being said.

        Answers the seconds until its last frame is captured. At most 16 files wait: `RuntimeError` beyond.
        Raises `DeviceError` as the constructor does, and UNSUPPORTED when rate or channels differ.
        """
        pcm = self._pcm if path is None else self._read_alike(Path(path))
        with self._lock:
            if len(self._waiting) >= MAX_QUEUED_FILES:
                raise RuntimeError(f"{MAX_QUEUED_FILES} files are waiting to be said already")
            if pcm:
                self._waiting.append(memoryview(pcm))
            to_say_bytes = sum(len(part) for part in self._waiting)
        return to_say_bytes / self._format.frame_bytes / self._format.rate_hz

    def start(self, deliver: Deliver) -> None:
        if self._deliver is not None:
            raise RuntimeError(f"{self._path}: the microphone is started already")
        if not self._paced:
            self._deliver = deliver
            return
        self._deliver = guarded_deliver(deliver, str(self._path))
        self._pacer = Pacer(self._format.period_s, self._capture, "wav-microphone")

    def stop(self) -> None:
        self._deliver = None
        pacer, self._pacer = self._pacer, None
        if pacer is not None:
            pacer.stop()

    def advance(self, periods: int = 1) -> None:
        """Let `periods` pass: each is delivered within this call. `RuntimeError` unless `paced=False`."""
        _refuse_if_paced(self._paced)
        for _ in range(periods):
            if not self._capture():
                return

    def _capture(self) -> bool:
        deliver = self._deliver
        if deliver is None:
            return False
        deliver(self._next_period())
        return True

    def _next_period(self) -> bytes:
        wanted = self._period_bytes
        with self._lock:
            if self._waiting and len(self._waiting[0]) > wanted:  # as most of the time
                part = self._waiting[0]
                self._waiting[0] = part[wanted:]
                return bytes(part[:wanted])
            period = bytearray()
            while self._waiting and len(period) < wanted:
                part = self._waiting.popleft()
                room = wanted - len(period)
                period += part[:room]
                if len(part) > room:
                    self._waiting.appendleft(part[room:])
                elif self._loop and not self._waiting and self._pcm:
                    self._waiting.append(memoryview(self._pcm))
        return bytes(period.ljust(wanted, b"\0"))

    def _read_alike(self, path: Path) -> bytes:
        pcm, rate_hz, channels = _read_wav(path)
        own = self._format
        if (rate_hz, channels) != (own.rate_hz, own.channels):
            detail = (
                f"{rate_hz} Hz with {channels} channel(s), but {self._path} made this a microphone of "
                f"{own.rate_hz} Hz with {own.channels}"
            )
            remedy = f"Convert it with: sox {path} -r {own.rate_hz} -c {own.channels} OUT.wav"
            raise DeviceError(Fault.UNSUPPORTED, str(path), detail, remedy)
        return pcm


class WavSpeaker:
    """Plays into a 16-bit PCM file that then holds exactly what was pulled, silence included.

    The file is created by the first `start` (what was there is overwritten) and continued by later ones. Its
    header is brought up to date after each second of audio and by `stop`, so that a killed process leaves a
    file every player takes, at most a second short of the bytes in it.

    `paced` plays in real time on a thread of its own; otherwise the owner calls `advance`, and everything
    happens within that call. A full disk is a lost device: `running` turns False.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        rate_hz: int | None = None,
        period_ms: int = 10,
        channels: int = 1,
        paced: bool = True,
    ) -> None:
        rate_hz = rate_hz or DEFAULT_RATE_HZ
        self._path = Path(path)
        self._format = AudioFormat(rate_hz, channels, period_frames(rate_hz, period_ms))
        self._paced = paced
        self._written_frames = 0
        self._header_frames = 0
        self._fd: int | None = None
        self._pull: Pull | None = None
        self._pacer: Pacer | None = None
        self._lost = False

    @property
    def format(self) -> AudioFormat:
        return self._format

    @property
    def running(self) -> bool:
        return self._pull is not None and not self._lost

    @property
    def holds_device(self) -> bool:
        return self._pull is not None

    @property
    def underflows(self) -> int:
        """0: a file waits for its writer."""
        return 0

    def heard_frames(self) -> int:
        """Frames written: a file holds nothing back."""
        return self._written_frames

    def start(self, pull: Pull) -> None:
        """Raises `DeviceError` NOT_FOUND when the file cannot be written."""
        if self._pull is not None:
            raise RuntimeError(f"{self._path}: the speaker is started already")
        self._fd = self._open()
        self._lost = False
        if not self._paced:
            self._pull = pull
            return
        self._pull = guarded_pull(pull, SAMPLE_BYTES, str(self._path))
        self._pacer = Pacer(self._format.period_s, self._play, "wav-speaker")

    def stop(self) -> None:
        self._pull = None
        pacer, self._pacer = self._pacer, None
        if pacer is not None:
            pacer.stop()
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):  # a full disk: the last header written still stands
                self._write_header(fd)
            os.close(fd)

    def advance(self, periods: int = 1) -> None:
        """Let `periods` pass: each is pulled within this call. `RuntimeError` unless `paced=False`."""
        _refuse_if_paced(self._paced)
        for _ in range(periods):
            if not self._play():
                return

    def _play(self) -> bool:
        pull, fd = self._pull, self._fd
        if pull is None or fd is None or self._lost:
            return False
        pcm = pull(self._format.period_frames)
        if self._pull is None:  # it called `stop`: the descriptor may be somebody else's by now
            return False
        wanted = self._format.period_frames * SAMPLE_BYTES
        if len(pcm) != wanted:
            raise ValueError(f"pull answered {len(pcm)} bytes, a period is {wanted}")
        try:
            self._append(fd, spread(pcm, self._format.channels))
        except OSError:
            self._lost = True
        return not self._lost

    def _append(self, fd: int, pcm: bytes) -> None:
        offset = _HEADER_BYTES + self._written_frames * self._format.frame_bytes
        if os.pwrite(fd, pcm, offset) != len(pcm):
            raise OSError("the disk took only a part of the period")
        self._written_frames += self._format.period_frames
        if self._written_frames - self._header_frames >= self._format.rate_hz:
            self._write_header(fd)

    def _open(self) -> int:
        fresh = os.O_TRUNC if self._written_frames == 0 else 0
        fd = None
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | fresh, 0o644)
            self._write_header(fd)
            return fd
        except OSError as error:
            if fd is not None:
                os.close(fd)
            detail = error.strerror or str(error)
            remedy = "Name a file in a directory that exists, is writable and has room."
            raise DeviceError(Fault.NOT_FOUND, str(self._path), detail, remedy) from error

    def _write_header(self, fd: int) -> None:
        os.pwrite(fd, _header(self._format, self._written_frames), 0)
        self._header_frames = self._written_frames


_HEADER_BYTES = 44
_MAX_DATA_BYTES = 0xFFFFFFFF - _HEADER_BYTES  # a WAV's sizes are 32 bit; the audio itself goes on


def _header(audio: AudioFormat, frames: int) -> bytes:
    data_bytes = min(frames * audio.frame_bytes, _MAX_DATA_BYTES)
    byte_rate = audio.rate_hz * audio.frame_bytes
    fmt = struct.pack(
        "<HHIIHH", 1, audio.channels, audio.rate_hz, byte_rate, audio.frame_bytes, 8 * SAMPLE_BYTES
    )
    riff = struct.pack("<4sI4s4sI", b"RIFF", _HEADER_BYTES - 8 + data_bytes, b"WAVE", b"fmt ", len(fmt))
    return riff + fmt + struct.pack("<4sI", b"data", data_bytes)


def _read_wav(path: Path) -> tuple[bytes, int, int]:
    """Whole file: interleaved PCM, rate in Hz, channels."""
    try:
        with wave.open(str(path), "rb") as wav:
            if wav.getsampwidth() != SAMPLE_BYTES:
                detail = f"{8 * wav.getsampwidth()}-bit samples, wanted 16-bit PCM"
                raise DeviceError(Fault.UNSUPPORTED, str(path), detail, _CONVERT)
            pcm = wav.readframes(wav.getnframes())
            whole_bytes = len(pcm) - len(pcm) % (SAMPLE_BYTES * wav.getnchannels())
            return pcm[:whole_bytes], wav.getframerate(), wav.getnchannels()
    except OSError as error:
        detail = error.strerror or str(error)
        raise DeviceError(Fault.NOT_FOUND, str(path), detail, "Name a WAV file that exists.") from error
    except (wave.Error, EOFError) as error:
        detail = f"not a 16-bit PCM WAV file ({error or 'cut short'})"
        raise DeviceError(Fault.UNSUPPORTED, str(path), detail, _CONVERT) from error


def period_frames(rate_hz: int, period_ms: int) -> int:
    """Whole frames of `period_ms` at `rate_hz`; at least one."""
    return max(1, rate_hz * period_ms // 1000)


def _refuse_if_paced(paced: bool) -> None:
    if paced:
        raise RuntimeError("a paced device has a clock of its own; build it with paced=False to advance it")
