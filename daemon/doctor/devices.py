"""Asks sound cards, pins and buses by their drivers. Shell around `hw`."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from daemon.audio.level import LevelMeter
from daemon.audio.pcm import FLOOR_DBFS, SAMPLE_BYTES, mix_channels, pick_channel
from daemon.config.hardware import Button, Vad
from daemon.config.schema import Config
from daemon.device_setup import open_devices
from daemon.doctor import tone
from daemon.doctor.facts import Chip, Holder, LoopBack, Opened, Recording, SpiDevice
from hw import load
from hw.audio.hush import hushed
from hw.audio.kernel import PROC_ASOUND, open_substreams, sound_cards, taken_cards
from hw.audio.portaudio_library import acquire, default_device, devices, lock, release
from hw.audio.selection import AudioDevice, Direction, choose
from hw.errors import DeviceError, Fault
from hw.gpio_chips import gpio_chips
from hw.ports import AudioFormat, Microphone, Speaker

SETTLE_S = 0.2
"""What a microphone delivers first: clicks, and the offset of its coupling."""
RECORD_S = 1.0
SILENCE_S = 0.2
BEFORE_S = 0.3
"""How long the room is listened to before the tone."""
AFTER_S = 0.8
"""How late the tone may begin to be heard."""
FIRST_PERIOD_S = 2.0
SHINE_S = 1.0

DEV = Path("/dev")


class Track:
    """What a microphone delivered, on its thread, and when its first frame was captured."""

    def __init__(self) -> None:
        self.periods: list[bytes] = []  # a second or two
        self.first = threading.Event()
        self.started_at = float("inf")
        self._frames = 0

    def deliver(self, pcm: bytes, audio: AudioFormat) -> None:
        self._frames += len(pcm) // audio.frame_bytes
        # Periods come late or in time, never early: the earliest tells best when it began.
        self.started_at = min(self.started_at, time.monotonic() - self._frames / audio.rate_hz)
        self.periods.append(pcm)
        self.first.set()


class TheseSoundDevices:
    """The configured ones, each opened for a second or so."""

    def __init__(self, config: Config, proc_asound: Path = PROC_ASOUND) -> None:
        self._audio = config.audio
        self._wake_word = config.wake_word
        self._proc_asound = proc_asound
        self._recording: Recording | None = None

    def cards(self) -> Sequence[str]:
        found = [f"{card.id} ({card.name})" for card in sound_cards(self._proc_asound)]
        return found or [device.name for device in _listed()[0]]

    def holders(self) -> Sequence[Holder] | None:
        found = {way: open_substreams(way, self._proc_asound) for way in Direction}
        if any(held is None for held in found.values()):
            return None
        return [
            Holder(way.value, one.card_id, one.process, one.pid)
            for way, held in found.items()
            for one in held or ()
            if one.pid != os.getpid()
        ]

    def microphone(self) -> str:
        return self._found(Direction.CAPTURE)

    def speaker(self) -> str:
        return self._found(Direction.PLAYBACK)

    def record(self) -> Recording:
        """The first time; then what it was."""
        if self._recording is None:
            self._recording = self._record()
        return self._recording

    def play_silence(self) -> Opened:
        speaker, pulled = self._speaker(), 0

        def pull(frames: int) -> bytes:
            nonlocal pulled
            pulled += frames
            return bytes(2 * frames)

        speaker.start(pull)
        try:
            time.sleep(SILENCE_S)
            return Opened(speaker.format.rate_hz, speaker.format.channels, pulled)
        finally:
            speaker.stop()

    def hear_wake_word(self) -> None:
        wanted = self._wake_word
        options = {} if wanted.threshold == "auto" else {"threshold": wanted.threshold}
        detector = load.wake_word(wanted.engine, word=wanted.word, **options)
        detector.hears(bytes(SAMPLE_BYTES * detector.window_frames))

    def loop_back(self) -> LoopBack:
        microphone, speaker, track = self._microphone(), self._speaker(), Track()
        player = _Player()
        microphone.start(lambda pcm: track.deliver(pcm, microphone.format))
        try:
            track.first.wait(FIRST_PERIOD_S)
            speaker.start(player.pull)
            try:
                time.sleep(BEFORE_S)
                player.play(tone.tone(speaker.format.rate_hz))
                time.sleep(tone.TONE_MS / 1000 + AFTER_S)
            finally:
                speaker.stop()
        finally:
            microphone.stop()
        return self._came_back(track, microphone.format, player.played_at)

    def _came_back(self, track: Track, audio: AudioFormat, played_at: float) -> LoopBack:
        if not track.periods:
            return LoopBack(None, FLOOR_DBFS, FLOOR_DBFS)
        windows = tone.levels(self._mono(b"".join(track.periods), audio), audio.rate_hz)
        played_ms = 1000 * (played_at - track.started_at)
        settled = windows[: max(0, int(played_ms) // tone.WINDOW_MS)]
        floor = tone.floor_dbfs(settled)
        found = tone.find(windows, played_ms)
        if found is None:
            return LoopBack(None, FLOOR_DBFS, floor)
        return LoopBack(max(0.0, found.starts_ms - played_ms), found.dbfs, floor)

    def _record(self) -> Recording:
        microphone, track = self._microphone(), Track()
        microphone.start(lambda pcm: track.deliver(pcm, microphone.format))
        try:
            if track.first.wait(FIRST_PERIOD_S):
                time.sleep(SETTLE_S + RECORD_S)
            audio = microphone.format
        finally:
            microphone.stop()
        settling = round(SETTLE_S / audio.period_s)
        meter, frames = LevelMeter(audio.rate_hz), 0
        for pcm in track.periods[settling:]:
            mono = self._mono(pcm, audio)
            meter.feed(mono)
            frames += len(mono) // 2
        opened = Opened(audio.rate_hz, audio.channels, sum(map(len, track.periods)) // audio.frame_bytes)
        return Recording(opened, meter.levels(), 1000 * frames // audio.rate_hz)

    def _mono(self, pcm: bytes, audio: AudioFormat) -> bytes:
        channel = self._audio.capture.channel
        if channel == "mix":
            return mix_channels(pcm, audio.channels)
        return pick_channel(pcm, audio.channels, channel)

    def _microphone(self) -> Microphone:
        microphone: Microphone = self._devices().microphone
        return microphone

    def _speaker(self) -> Speaker:
        speaker: Speaker = self._devices().speaker
        return speaker

    def _devices(self) -> Any:
        """Made anew, and not opened."""
        return open_devices(Config(audio=self._audio, vad=Vad(driver="none")))

    def _found(self, way: Direction) -> str:
        side = self._audio.capture if way is Direction.CAPTURE else self._audio.playback
        if side.driver == "wavfile":
            return _file(Path(side.file), way)
        listed, defaults = _listed()
        default = defaults.get(way) if side.device == "default" else None
        return (default or choose(listed, side.device, way, taken_cards(way, self._proc_asound))).name


class _Player:
    """Silence, until it is given something to play."""

    def __init__(self) -> None:
        self._pcm = b""
        self.played_at = float("inf")

    def play(self, pcm: bytes) -> None:
        self._pcm = pcm

    def pull(self, frames: int) -> bytes:
        if self._pcm and self.played_at == float("inf"):
            self.played_at = time.monotonic()
        piece, self._pcm = self._pcm[: 2 * frames], self._pcm[2 * frames :]
        return piece.ljust(2 * frames, b"\0")


def _file(path: Path, way: Direction) -> str:
    if way is Direction.CAPTURE and not path.is_file():
        raise DeviceError(Fault.NOT_FOUND, str(path), "there is no such file", "Correct audio.capture.file.")
    if way is Direction.PLAYBACK and not os.access(path.parent, os.W_OK):
        detail = f"nothing can be written to {path.parent}"
        raise DeviceError(Fault.NOT_FOUND, str(path), detail, "Correct audio.playback.file.")
    return f"the file {path}"


def _listed() -> tuple[list[AudioDevice], dict[Direction, AudioDevice | None]]:
    """What there is, and what is meant by "default"."""
    with lock, hushed():
        library = acquire()
        try:
            found = devices(library)
            return found, {way: default_device(library, way, found) for way in Direction}
        finally:
            release()


class ThesePins:
    def __init__(self, config: Config, dev: Path = DEV) -> None:
        self._config = config
        self._dev = dev

    def chips(self) -> Sequence[Chip]:
        return [
            Chip(
                chip.path,
                chip.label,
                chip.is_header,
                {line.number: line.holder for line in chip.held},
                chip.open_error,
            )
            for chip in gpio_chips(self._dev)
        ]

    def is_pressed(self, button: Button) -> bool:
        contact = load.button("gpio", pin=button.pin, active_high=button.active_high, pull=button.pull)
        contact.start(lambda pressed: None)
        try:
            return contact.is_pressed()
        finally:
            contact.stop()

    def spi(self) -> SpiDevice:
        light = self._config.light
        path = self._dev / f"spidev{light.spi_bus}.{light.spi_device}"
        return SpiDevice(str(path), path.exists(), os.access(path, os.R_OK | os.W_OK))

    def shine(self) -> None:
        light = open_devices(Config(light=self._config.light, vad=Vad(driver="none"))).light
        if light is None:
            return
        light.start()
        try:
            light.show([(255, 255, 255)] * light.pixels)
            time.sleep(SHINE_S)
        finally:
            light.stop()
