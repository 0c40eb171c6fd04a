"""What every speaker driver promises in hw/ports.py."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw import load
from hw.audio.portaudio import PortAudioSpeaker
from hw.audio.wavfile import WavSpeaker
from hw.fakes import FakeSpeaker
from hw.ports import Speaker
from tests.system.native_card import NativeCard, NativeCards
from tests.system.virtual_card import VirtualCard

RATE_HZ = 48000
SOON_S = 10.0
TONE = b"\x39\x30"


@dataclass
class Rig:
    """A speaker, and what makes time pass for it: some periods, or nothing when it has a clock of its own."""

    speaker: Speaker
    play: Callable[[int], object] = lambda periods: None
    unplug: Callable[[], object] | None = None
    played: Callable[[], bytes] | None = None  # what left the device so far, all channels


class Player:
    """Answers a steady mono tone, and counts and watches while it does."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.pulled_frames = 0
        self._pulled = threading.Condition()

    def __call__(self, frames: int) -> bytes:
        with self._pulled:
            self.asked.append(frames)
            self.pulled_frames += frames
            self._pulled.notify_all()
        return TONE * frames

    def wait_for(self, happened: Callable[[], bool], timeout_s: float = SOON_S) -> bool:
        with self._pulled:
            return self._pulled.wait_for(happened, timeout_s)


def _fake(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    speaker = FakeSpeaker(rate_hz=RATE_HZ, channels=2)
    return Rig(speaker, speaker.play, speaker.unplug, lambda: speaker.played)


def _wavfile(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return Rig(WavSpeaker(tmp_path / "heard.wav", rate_hz=RATE_HZ), played=lambda: _wav(tmp_path))


def _wavfile_unpaced(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    speaker = WavSpeaker(tmp_path / "heard.wav", rate_hz=RATE_HZ, channels=2, paced=False)
    return Rig(speaker, speaker.advance, played=lambda: _wav(tmp_path))


def _wav(tmp_path: Path) -> bytes:
    return (tmp_path / "heard.wav").read_bytes()[44:]


def _portaudio(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    card: VirtualCard = request.getfixturevalue("virtual_card")
    request.addfinalizer(lambda: card.plug("speaker"))
    return Rig(PortAudioSpeaker("speaker", rate_hz=RATE_HZ), unplug=lambda: card.unplug("speaker"))


def _portaudio_native(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """Six channels, and nothing else."""
    cards = NativeCards(tmp_path, NativeCard("dock", [44100], [6]))
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in cards.environment.items():
        patch.setenv(name, value)
    return Rig(PortAudioSpeaker("dock", channels=6), played=cards.played("dock").read_bytes)


RIGS = {
    "fake": _fake,
    "wavfile": _wavfile,
    "wavfile-unpaced": _wavfile_unpaced,
    "portaudio": _portaudio,
    "portaudio-native": _portaudio_native,
}
SYSTEM = {"portaudio", "portaudio-native"}
UNPLUGGABLE = {"fake", "portaudio"}


def _params(names: list[str]) -> list[object]:
    return [pytest.param(n, marks=[pytest.mark.system] if n in SYSTEM else []) for n in names]


@pytest.fixture(params=_params(list(RIGS)))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    rig = RIGS[request.param](request, tmp_path)
    yield rig
    rig.speaker.stop()


def _started(rig: Rig, periods: int = 6) -> Player:
    player = Player()
    rig.speaker.start(player)
    rig.play(periods)
    assert player.wait_for(lambda: len(player.asked) >= periods)
    return player


def test_every_driver_is_held_to_the_contract() -> None:
    assert {name.split("-")[0] for name in RIGS} == set(load.SPEAKERS)


def test_it_pulls_one_period_at_a_time(rig: Rig) -> None:
    player = _started(rig)
    assert set(player.asked) == {rig.speaker.format.period_frames}


@pytest.mark.parametrize("rig", _params(sorted(RIGS.keys() - {"portaudio"})), indirect=True)
def test_mono_sounds_on_every_channel(rig: Rig) -> None:
    assert rig.played is not None
    _started(rig)
    rig.speaker.stop()
    played, frame = rig.played(), TONE * rig.speaker.format.channels
    assert len(played) >= 3 * rig.speaker.format.period_bytes
    assert played == frame * (len(played) // len(frame))


def test_heard_begins_at_0_never_falls_and_never_passes_pulled(rig: Rig) -> None:
    assert rig.speaker.heard_frames() == 0
    player = _started(rig)
    heard = []
    for _ in range(2000):
        now_heard = rig.speaker.heard_frames()
        heard.append((now_heard, player.pulled_frames))
    assert all(now_heard <= pulled for now_heard, pulled in heard)
    assert [now for now, _ in heard] == sorted(now for now, _ in heard)
    assert heard[-1][0] > 0


def test_what_was_pulled_is_heard_soon(rig: Rig) -> None:
    player = _started(rig)
    pulled = player.pulled_frames
    rig.play(20)
    assert player.wait_for(lambda: rig.speaker.heard_frames() >= pulled)


def test_heard_stands_still_after_stop_and_counts_the_rest_as_past_after_a_start(rig: Rig) -> None:
    player = _started(rig)
    rig.speaker.stop()
    heard = rig.speaker.heard_frames()
    assert heard <= player.pulled_frames
    assert not player.wait_for(lambda: rig.speaker.heard_frames() != heard, timeout_s=0.1)
    rig.speaker.start(player)
    assert rig.speaker.heard_frames() >= heard
    rig.play(20)
    assert player.wait_for(lambda: rig.speaker.heard_frames() >= player.pulled_frames - 9 * max(player.asked))


def test_running_from_start_to_stop(rig: Rig) -> None:
    before = rig.speaker.running
    rig.speaker.start(Player())
    started = rig.speaker.running
    rig.speaker.stop()
    assert (before, started, rig.speaker.running) == (False, True, False)


def test_a_second_start_is_refused_and_harms_nothing(rig: Rig) -> None:
    player = _started(rig)
    with pytest.raises(RuntimeError):
        rig.speaker.start(Player())
    pulled = player.pulled_frames
    rig.play(1)
    assert player.wait_for(lambda: player.pulled_frames > pulled)
    assert rig.speaker.running


def test_stop_is_harmless_when_not_started_and_when_stopped(rig: Rig) -> None:
    rig.speaker.stop()
    _started(rig)
    rig.speaker.stop()
    rig.speaker.stop()
    assert not rig.speaker.running


def test_nothing_is_pulled_after_stop(rig: Rig) -> None:
    player = _started(rig)
    rig.speaker.stop()
    pulled = player.pulled_frames
    rig.play(3)
    assert not player.wait_for(lambda: player.pulled_frames > pulled, timeout_s=0.1)


@pytest.mark.parametrize("rig", _params(sorted(UNPLUGGABLE)), indirect=True)
def test_an_unplugged_device_stops_running_within_a_second(rig: Rig) -> None:
    assert rig.unplug is not None
    player = _started(rig)
    rig.unplug()
    player.wait_for(lambda: not rig.speaker.running, timeout_s=1.0)
    assert not rig.speaker.running
    with pytest.raises(RuntimeError):  # lost is not stopped
        rig.speaker.start(player)
