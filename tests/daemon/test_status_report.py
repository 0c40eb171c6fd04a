from __future__ import annotations

from typing import Any

import pytest
from box import Box
from virtual_loop import run_virtual

from daemon.status_report import report


def status_of(**changes: Any) -> dict[str, Any]:
    """A real box's status, with some of its parts changed: `microphone={...}` changes keys inside."""
    found: dict[str, Any] = {}

    async def main() -> None:
        async with Box() as box:
            await box.live(40, b"\x00\x20\x00\xe0" * 120 * 40)
            found.update(box.app.status())

    run_virtual(main())
    for key, value in changes.items():
        found[key] = {**found[key], **value} if isinstance(value, dict) and found[key] else value
    return found


def lines(**changes: Any) -> str:
    return "\n".join(report(status_of(**changes)))


def test_everything_is_well() -> None:
    assert report(status_of())[:5] == [
        "state        idle, talk mode hold, agent Assistant",
        "link         ready, session 0 min old",
        "microphone   working, 24000 Hz, 1 ch, last sound 0 ms ago",
        "             [###################.....] -12 dB, peak -12 dB",
        "loudspeaker  working, 24000 Hz, 1 ch, last sound 0 ms ago",
    ]


def test_mute_is_proven_by_what_holds_the_device() -> None:
    closed = {"muted": True, "state": "closed", "holds_device": False, "recording_programs": []}
    text = lines(microphone=closed)
    assert "microphone   muted, closed\n" in text
    assert "the driver holds no device; the kernel: nothing records" in text
    text = lines(microphone={**closed, "recording_programs": ["arecord (811) on USB, device 0"]})
    assert "the kernel: arecord (811) on USB, device 0" in text


def test_losses_are_told_only_where_there_are_some() -> None:
    text = lines(microphone={"overflows": 1, "clipped_samples": 12, "reopened": 3})
    assert "1 overflow, 12 clipped samples, reopened 3 times" in text
    assert "underflow" not in text


def test_lost_device_says_why() -> None:
    text = lines(speaker={"state": "lost", "reason": "it was unplugged", "holds_device": False})
    assert "loudspeaker  lost, it was unplugged" in text


def test_only_the_latest_errors_are_shown() -> None:
    text = lines(last_errors=[f"error {n}" for n in range(8)])
    assert "errors       error 5" in text
    assert "error 4" not in text


def test_echo_and_light_are_told_if_there_are_any() -> None:
    text = lines(
        echo={"reason": "echo is cancelled by 34 dB", "dropped_periods": 0},
        light={"cue": "listening", "problem": ""},
    )
    assert "echo         echo is cancelled by 34 dB\n" in text
    assert "light        listening\n" in text


def test_link_says_when_it_is_tried_again() -> None:
    text = lines(link="down", link_reason="refused", session_age_s=None, next_attempt_s=12.4)
    assert "link         down, refused, next attempt in 12 s\n" in text


@pytest.mark.parametrize(
    ("state", "said"),
    [("listening", "listened for"), ("missing", "harkd[wakeword]"), ("failed", "see the journal")],
)
def test_wake_word_is_told_if_somebody_wants_one(state: str, said: str) -> None:
    assert said in lines(wake_word={"word": "okay_nabu", "state": state})
    assert "wake word" not in lines()


def test_what_was_lost_is_told() -> None:
    text = lines(uplink_lost_ms=1200.0, speaker={"rejected_ms": 2500.0})
    assert "to server    1.2 s of speech were lost" in text
    assert "2.5 s of too long answers left out" in text


def test_configuration_in_force_is_told_with_what_is_wrong_with_the_files() -> None:
    assert "config       revision 3f2a\n" in lines(config={"revision": "3f2a", "problems": []}) + "\n"
    text = lines(config={"revision": "3f2a", "problems": ["harkd.toml:3: talk.mode: is 3"]})
    assert "revision 3f2a, an earlier one: the files have mistakes\n" in text
    assert " harkd.toml:3: talk.mode: is 3" in text


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_narrow_terminal_gets_narrow_lines(columns: int) -> None:
    status = status_of(link_reason="a long sentence about what is wrong with the network " * 3)
    assert max(map(len, report(status, columns))) <= max(columns, 24)


def test_low_terminal_gets_what_matters_most() -> None:
    shown = report(status_of(), 80, 5)
    assert len(shown) == 5
    assert shown[0].startswith("state")
    assert shown[-1] == "..."


def test_disk_that_takes_nothing_is_told() -> None:
    assert "not saved    mute and volume: look at the disk" in lines(not_saved=["mute and volume"])
    assert "not saved" not in lines()
