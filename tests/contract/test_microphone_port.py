"""What every microphone driver promises in hw/ports.py."""

from __future__ import annotations

import random
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw import load
from hw.audio.portaudio import PortAudioMicrophone
from hw.audio.wavfile import WavMicrophone
from hw.fakes import FakeMicrophone
from hw.ports import Microphone
from tests.system.native_card import NativeCard, NativeCards
from tests.system.virtual_card import VirtualCard

RATE_HZ = 48000
SOON_S = 10.0


@dataclass
class Rig:
    """A microphone and the room it stands in."""

    microphone: Microphone
    say: Callable[[bytes], object]  # the PCM, and some silence, reaches the microphone
    unplug: Callable[[], object] | None = None


class Listener:
    """Takes what is delivered, and waits for it."""

    def __init__(self) -> None:
        self.periods: list[bytes] = []
        self._arrived = threading.Condition()

    def __call__(self, pcm: bytes) -> None:
        with self._arrived:
            self.periods.append(pcm)
            self._arrived.notify_all()

    def heard(self) -> bytes:
        return b"".join(self.periods)

    def wait_for(self, happened: Callable[[], bool], timeout_s: float = SOON_S) -> bool:
        with self._arrived:
            return self._arrived.wait_for(happened, timeout_s)


def _fake(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    mic = FakeMicrophone(rate_hz=RATE_HZ)
    return Rig(mic, lambda pcm: mic.feed(pcm + bytes(mic.format.period_bytes)), mic.unplug)


def _wav(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        wav.writeframes(pcm)
    return path


def _wavfile(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    mic = WavMicrophone(_wav(tmp_path / "silence.wav", b""))
    return Rig(mic, lambda pcm: mic.speak(_wav(tmp_path / "said.wav", pcm)))


def _wavfile_unpaced(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    mic = WavMicrophone(_wav(tmp_path / "silence.wav", b""), paced=False)

    def say(pcm: bytes) -> None:
        mic.speak(_wav(tmp_path / "said.wav", pcm))
        mic.advance(len(pcm) // mic.format.period_bytes + 2)

    return Rig(mic, say)


def _portaudio(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    card: VirtualCard = request.getfixturevalue("virtual_card")
    request.addfinalizer(lambda: card.plug("mic"))
    mic = PortAudioMicrophone("mic", rate_hz=RATE_HZ)
    return Rig(mic, lambda pcm: card.say(pcm, RATE_HZ), lambda: card.unplug("mic"))


def _portaudio_native(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """A card that does 44.1 kHz in stereo and nothing else; it speaks from its start on."""
    cards = NativeCards(tmp_path, NativeCard("dock", [44100], [2], mouth=1))
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in cards.environment.items():
        patch.setenv(name, value)
    return Rig(PortAudioMicrophone("dock"), lambda pcm: None)


RIGS = {
    "fake": _fake,
    "wavfile": _wavfile,
    "wavfile-unpaced": _wavfile_unpaced,
    "portaudio": _portaudio,
    "portaudio-native": _portaudio_native,
}
SYSTEM = {"portaudio", "portaudio-native"}
DEAF = {"portaudio-native"}  # says what it likes
UNPLUGGABLE = {"fake", "portaudio"}


def _params(names: list[str]) -> list[object]:
    return [pytest.param(n, marks=[pytest.mark.system] if n in SYSTEM else []) for n in names]


@pytest.fixture(params=_params(list(RIGS)))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = RIGS[request.param](request, tmp_path)
    yield rig
    rig.microphone.stop()


def _noise(seconds: float) -> bytes:
    chance = random.Random(7)
    return array("h", (chance.randint(-9000, 9000) for _ in range(round(seconds * RATE_HZ)))).tobytes()


def test_every_driver_is_held_to_the_contract() -> None:
    assert {name.split("-")[0] for name in RIGS} == set(load.MICROPHONES)


@pytest.mark.parametrize("rig", _params(sorted(RIGS.keys() - DEAF)), indirect=True)
def test_what_is_said_arrives_gapless_and_in_order(rig: Rig) -> None:
    listener = Listener()
    rig.microphone.start(listener)
    said = _noise(0.3)
    rig.say(said)
    assert listener.wait_for(lambda: said in listener.heard())
    assert {len(period) for period in listener.periods} == {rig.microphone.format.period_bytes}
    assert rig.microphone.overflows == 0


def test_running_from_start_to_stop(rig: Rig) -> None:
    before = rig.microphone.running
    rig.microphone.start(Listener())
    started = rig.microphone.running
    rig.microphone.stop()
    assert (before, started, rig.microphone.running) == (False, True, False)


def test_a_second_start_is_refused_and_harms_nothing(rig: Rig) -> None:
    listener = Listener()
    rig.microphone.start(listener)
    with pytest.raises(RuntimeError):
        rig.microphone.start(Listener())
    rig.say(_noise(0.05))
    assert listener.wait_for(lambda: bool(listener.periods))
    assert rig.microphone.running


def test_stop_is_harmless_when_not_started_and_when_stopped(rig: Rig) -> None:
    rig.microphone.stop()
    rig.microphone.start(Listener())
    rig.microphone.stop()
    rig.microphone.stop()
    assert not rig.microphone.running


def test_nothing_is_delivered_after_stop(rig: Rig) -> None:
    listener = Listener()
    rig.microphone.start(listener)
    rig.say(_noise(0.05))
    assert listener.wait_for(lambda: bool(listener.periods))
    rig.microphone.stop()
    delivered = len(listener.periods)
    rig.say(_noise(0.05))
    assert not listener.wait_for(lambda: len(listener.periods) > delivered, timeout_s=0.1)


@pytest.mark.parametrize("rig", _params(sorted(RIGS.keys() - DEAF)), indirect=True)
def test_it_captures_again_after_a_restart(rig: Rig) -> None:
    rig.microphone.start(Listener())
    rig.microphone.stop()
    listener = Listener()
    rig.microphone.start(listener)
    said = _noise(0.1)
    rig.say(said)
    assert listener.wait_for(lambda: said in listener.heard())


@pytest.mark.parametrize("rig", _params(["wavfile", "portaudio", "portaudio-native"]), indirect=True)
def test_its_clock_keeps_time_whatever_its_receiver_takes(rig: Rig) -> None:
    arrivals: list[float] = []
    arrived = threading.Event()

    def deliver(pcm: bytes) -> None:
        arrivals.append(time.monotonic())
        threading.Event().wait(0.005)
        if len(arrivals) == 60:
            arrived.set()

    rig.microphone.start(deliver)
    assert arrived.wait(SOON_S)
    rig.microphone.stop()
    assert arrivals[59] - arrivals[0] == pytest.approx(59 * rig.microphone.format.period_s, abs=0.1)


@pytest.mark.parametrize("rig", _params(sorted(UNPLUGGABLE)), indirect=True)
def test_an_unplugged_device_stops_running_within_a_second(rig: Rig) -> None:
    assert rig.unplug is not None
    listener = Listener()
    rig.microphone.start(listener)
    rig.say(_noise(0.05))
    assert listener.wait_for(
        lambda: bool(listener.periods)
    )  # see hw/audio/portaudio.py: not before the first
    rig.unplug()
    listener.wait_for(lambda: not rig.microphone.running, timeout_s=1.0)
    assert not rig.microphone.running
    with pytest.raises(RuntimeError):  # lost is not stopped
        rig.microphone.start(listener)
