from __future__ import annotations

from typing import Any

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.audio.earcons import Earcon
from daemon.audio.gain import Gain
from daemon.own_voice import OwnVoice
from daemon.prompts import Prompt
from daemon.talk import TalkSettings
from daemon.volume import Volume, VolumeSettings


class Bank:
    """A sound is its name."""

    def chime(self) -> bytes:
        return b"chime"

    def earcon(self, earcon: Earcon) -> bytes:
        return earcon.value.encode()

    def prompt(self, prompt: Prompt) -> bytes:
        return prompt.value.encode()


class Stage:
    def __init__(self, percent: int = 30) -> None:
        self.now = 100.0
        self.box = Appliance(TalkSettings(), 0.01)
        self.gain = Gain(percent)
        self.played: list[str] = []
        volume = Volume(VolumeSettings(start_percent=percent))
        self.voice = OwnVoice(
            self.box, Bank, lambda pcm: self.played.append(pcm.decode()), volume, self.gain, lambda: self.now
        )


@pytest.mark.parametrize(
    ("trouble", "heard"),
    [
        (ev.Trouble.OFFLINE, "no-connection"),
        (ev.Trouble.KEY, "bad-key"),
        (ev.Trouble.QUOTA, "quota-used-up"),
        (ev.Trouble.MODEL, "model-unavailable"),
        (ev.Trouble.MUTED, "muted"),
        (ev.Trouble.NO_MICROPHONE, "no-microphone"),
        (ev.Trouble.BUSY, "refused"),
        (ev.Trouble.NOTHING, "refused"),
    ],
)
def test_refusal_says_why(trouble: ev.Trouble, heard: str) -> None:
    stage = Stage()
    stage.voice.on_command(ev.Refuse("because", trouble))
    assert stage.played == [heard]


def test_same_words_are_not_repeated_at_each_press() -> None:
    stage = Stage()
    for _ in range(3):
        stage.voice.on_command(ev.Refuse("offline", ev.Trouble.OFFLINE))
        stage.now += 1
    assert stage.played == ["no-connection", "refused", "refused"]


def test_nothing_is_said_to_somebody_who_speaks_and_it_is_not_taken_for_said() -> None:
    stage = Stage()
    stage.box.step(ev.LinkConnecting(), 1.0)
    stage.box.step(ev.Pressed(), 2.0)
    stage.voice.went_wrong(Prompt.MICROPHONE_SILENT)
    stage.box.step(ev.Stop(), 3.0)
    stage.voice.went_wrong(Prompt.MICROPHONE_SILENT)
    assert stage.played == ["microphone-silent"]


def test_connection_that_was_never_there_is_not_missed() -> None:
    stage = Stage()
    stage.voice.link_changed("disconnected")
    assert stage.played == []


def test_connection_that_is_lost_and_back_is_heard_both_times() -> None:
    stage = Stage()
    for status in ("ready", "renewing", "ready", "disconnected", "connecting", "ready"):
        stage.voice.link_changed(status)
    assert stage.played == ["offline", "online"]


def test_refused_key_is_told_without_being_asked() -> None:
    stage = Stage()
    stage.box.step(ev.LinkConnecting(), 1.0)
    stage.box.step(ev.LinkDown("401", ev.Trouble.KEY), 2.0)
    stage.voice.link_changed("disconnected")
    stage.voice.link_changed("disconnected")
    assert stage.played == ["bad-key"]


def test_timer_is_louder_than_the_box_was_set_to_and_leaves_it_so() -> None:
    stage = Stage(percent=5)
    stage.box.step(ev.PlaybackStarted(), 1.0)
    stage.voice.on_command(ev.PlayChime())
    stage.voice.settle()
    assert (stage.played, stage.gain.percent) == (["chime"], 60)
    stage.box.step(ev.PlaybackDrained(), 2.0)
    stage.voice.settle()
    assert stage.gain.percent == 5


def test_tool_that_needs_a_person_is_heard() -> None:
    stage = Stage()
    commands: list[Any] = stage.box.step(ev.ApprovalWanted("c1", "unlock_door"), 1.0)
    assert commands == [ev.AskConsent("unlock_door")]
    stage.voice.on_command(commands[0])
    assert stage.played == ["consent-wanted"]
