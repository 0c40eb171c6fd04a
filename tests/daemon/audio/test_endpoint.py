"""Where speech begins and ends, in windows of a voice detector."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.endpoint import Endpointer, EndpointSettings, NoSpeech, SpeechEnded, SpeechStarted

SHORT = EndpointSettings(end_silence_ms=100, no_speech_ms=200)


def heard(
    windows: str, settings: EndpointSettings = SHORT, window_ms: float = 10
) -> list[tuple[int, object]]:
    """`#` is a window of speech, `.` one without; answers what came of it, and after how many windows."""
    endpointer = Endpointer(settings, window_ms)
    said = [(n, end) for n, window in enumerate(windows, 1) for end in endpointer.feed([window == "#"])]
    return said


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        ("#####", [(5, SpeechStarted(50))]),
        ("####....####", []),  # never 5 of 8
        ("##.#.##", [(7, SpeechStarted(70))]),
        ("....#.#.###", [(11, SpeechStarted(70))]),
        ("#..........#####", [(16, SpeechStarted(50))]),  # a click long before does not count
        ("#####..........", [(5, SpeechStarted(50)), (15, SpeechEnded())]),
        ("#####.........", [(5, SpeechStarted(50))]),
        ("#####......###.........", [(5, SpeechStarted(50))]),  # it went on
        ("#####......##....", [(5, SpeechStarted(50)), (15, SpeechEnded())]),  # a click ends nothing
        (
            "#####..........#####",
            [(5, SpeechStarted(50)), (15, SpeechEnded()), (20, SpeechStarted(50))],
        ),
        ("." * 60, [(20, NoSpeech())]),
        ("." * 20 + "#####", [(20, NoSpeech()), (25, SpeechStarted(50))]),
        ("#." * 10, [(20, NoSpeech())]),  # not speech, whatever it is
        ("." * 19 + "#####" + "." * 60, [(20, NoSpeech()), (24, SpeechStarted(50)), (34, SpeechEnded())]),
        ("." * 15 + "#####" + "." * 60, [(20, SpeechStarted(50)), (30, SpeechEnded())]),
    ],
)
def test_what_is_heard(windows: str, said: list[tuple[int, object]]) -> None:
    assert heard(windows) == said


@pytest.mark.parametrize(
    ("window_ms", "windows", "said"),
    [
        (20, "###", [(3, SpeechStarted(60))]),
        (20, "##..##", []),
        (30, "##", [(2, SpeechStarted(60))]),
        (30, "#.#", [(3, SpeechStarted(90))]),
    ],
)
def test_longer_windows_need_fewer(window_ms: float, windows: str, said: list[tuple[int, object]]) -> None:
    assert heard(windows, window_ms=window_ms) == said


def test_without_a_limit_nobody_need_say_anything() -> None:
    assert heard("." * 5000, EndpointSettings(no_speech_ms=None)) == []


def test_restart_forgets_the_speech_and_begins_to_wait_anew() -> None:
    endpointer = Endpointer(SHORT, 10)
    endpointer.feed([True] * 5)
    endpointer.restart()
    assert not endpointer.speaking
    assert endpointer.feed([True] * 4) == []
    assert endpointer.feed([False] * 15) == []
    assert endpointer.feed([False]) == [NoSpeech()]


def test_speech_that_is_known_only_has_to_end() -> None:
    endpointer = Endpointer(SHORT, 10)
    endpointer.assume_speech()
    assert endpointer.feed([False] * 9) == []
    assert endpointer.feed([False]) == [SpeechEnded()]


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_ms": 0},
        {"resume_ms": 60},
        {"within_ms": 40},
        {"end_silence_ms": 50},
        {"no_speech_ms": 0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"endpoint: .* must"):
        EndpointSettings(**wrong)


def test_window_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="window_ms"):
        Endpointer(SHORT, 0)


@given(st.lists(st.booleans(), max_size=300))
def test_starts_and_ends_alternate_however_the_windows_are_fed(windows: list[bool]) -> None:
    together = Endpointer(SHORT, 10).feed(windows)
    single = Endpointer(SHORT, 10)
    assert [end for window in windows for end in single.feed([window])] == together
    turns = [type(end) for end in together if not isinstance(end, NoSpeech)]
    assert turns == [SpeechStarted, SpeechEnded] * (len(turns) // 2) + [SpeechStarted] * (len(turns) % 2)
    assert single.speaking == bool(len(turns) % 2)
