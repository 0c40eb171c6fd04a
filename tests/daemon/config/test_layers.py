from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.layers import Layer, Problem, locate_keys, merge, parse_layer, validate
from daemon.config.schema import Config


def layer(text: str, file: str = "a.toml") -> Layer:
    parsed = parse_layer(file, text)
    assert isinstance(parsed, Layer), parsed
    return parsed


def complaints(*texts: str) -> list[str]:
    result = validate([layer(text, f"{'abc'[n]}.toml") for n, text in enumerate(texts)])
    return [] if isinstance(result, Config) else list(map(str, result))


# ---- merging ---------------------------------------------------------


@pytest.mark.parametrize(
    ("tables", "merged"),
    [
        ([], {}),
        ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([{"t": {"a": 1, "b": 1}}, {"t": {"b": 2}}], {"t": {"a": 1, "b": 2}}),
        ([{"t": {"u": {"a": 1}}}, {"t": {"u": {"b": 2}}}], {"t": {"u": {"a": 1, "b": 2}}}),
        ([{"l": [1, 2]}, {"l": [3]}], {"l": [3]}),
        ([{"t": 1}, {"t": {"a": 1}}], {"t": {"a": 1}}),
        ([{"t": {"a": 1}}, {"t": 1}], {"t": 1}),
    ],
)
def test_later_tables_win_key_by_key(tables: list[dict[str, Any]], merged: dict[str, Any]) -> None:
    assert merge(tables) == merged


def test_merging_leaves_its_sources_alone() -> None:
    below = {"t": {"a": 1}}
    merge([below, {"t": {"a": 2}}])["t"]["a"] = 3
    assert below == {"t": {"a": 1}}


def test_layers_make_one_configuration() -> None:
    config = validate([layer("vad.aggressiveness = 1\n[talk]\nhold_s = 3"), layer("[talk]\nhold_s = 4.5")])
    assert isinstance(config, Config)
    assert (config.vad.aggressiveness, config.talk.hold_s) == (1, 4.5)


# ---- complaints ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "\n[audio.capture]\nrate_hz = 7000",
            "a.toml:3: audio.capture.rate_hz: is 7000; "
            'allowed: a whole number from 8000 to 192000, or "auto"',
        ),
        (
            'vad.driver = "webrc"',
            'a.toml:1: vad.driver: is "webrc"; allowed: "webrtc", "energy", "none"; did you mean "webrtc"?',
        ),
        ("[tlak]\nmode=1", "a.toml:1: tlak: there is no such section; did you mean talk?"),
        ('profle = "battery"', "a.toml:1: profle: there is no such key; did you mean profile?"),
        (
            'profile = "batery"',
            'a.toml:1: profile: is "batery"; allowed: "low_latency", "balanced", "battery"; '
            'did you mean "battery"?',
        ),
        ("[talk]\nmod = 1", "a.toml:2: talk.mod: there is no such key; did you mean talk.mode?"),
        (
            "[audio]\npin = 1",
            "a.toml:2: audio.pin: there is no such key; did you mean buttons.NAME.pin or light.pin?",
        ),
        (
            "[vad]\nzzz = 1",
            "a.toml:2: vad.zzz: there is no such key; "
            "allowed: driver, aggressiveness, threshold_dbfs, end_silence_ms, nothing_said_ms, gate_upload",
        ),
        ('"a b" = 1', "a.toml:1: \"a b\": there is no such key; allowed: "
                      "profile, audio, vad, buttons, gestures, light, sounds, volume, talk, wake_word, "
                          "session, agents, budget, link, control, flight, metrics"),
        ("audio = 3", "a.toml:1: audio: is 3; allowed: a table"),
        ("[[talk]]\nmode = 1", 'a.toml:1: talk: is [{"mode": 1}]; allowed: a table'),
        ('buttons.x.pin = "17"', 'a.toml:1: buttons.x.pin: is "17"; allowed: a whole number from 0 to 53'),
        ("buttons.x.pin = 1.5", "a.toml:1: buttons.x.pin: is 1.5; allowed: a whole number from 0 to 53"),
        ("buttons.talk.active_high = 1", "a.toml:1: buttons.talk.active_high: is 1; allowed: true or false"),
        ("talk.hold_s = nan", "a.toml:1: talk.hold_s: is NaN; allowed: a number from 0 to 600"),
        ("talk.hold_s = true", "a.toml:1: talk.hold_s: is true; allowed: a number from 0 to 600"),
        ("session.voice = 1979-05-27", 'a.toml:1: session.voice: is "1979-05-27"; '
                                       "allowed: a text that is not empty"),
        (
            '[audio]\ncapture = { driver = "wavfile" }',
            'a.toml:2: audio.capture.file: is needed when driver = "wavfile"; '
            "allowed: the path of a WAV file",
        ),
        (
            "[audio.capture]\nchannels = 1\nchannel = 1",
            "a.toml:3: audio.capture.channel: there is no such channel when channels = 1; "
            'allowed: a channel number from 0, below `channels`, or "mix"',
        ),
        (
            '[audio.capture]\nchannel = "mixed"',
            'a.toml:2: audio.capture.channel: is "mixed"; '
            'allowed: a channel number from 0, below `channels`, or "mix"; did you mean "mix"?',
        ),
        (
            'session.url = "ws://example.com/"',
            "a.toml:1: session.url: is no address the key and the voice may be sent to; "
            "allowed: wss://HOST/PATH, or ws:// to localhost, without user and password",
        ),
    ],
)  # fmt: skip
def test_complaint_says_where_what_and_what_else(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_all_mistakes_are_told_at_once() -> None:
    assert len(complaints("[talk]\nmod = 1\nhold_s = -1\n[vad]\naggressiveness = 9")) == 3


def test_mistake_is_put_down_to_the_file_that_had_the_last_word() -> None:
    assert complaints("[vad]\naggressiveness = 9", "\n[vad]\naggressiveness = 8")[0].startswith("b.toml:3: ")
    assert complaints("[vad]\naggressiveness = 9", "\n[vad]\n")[0].startswith("a.toml:2: ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a = 1\nb = \nc = 2", "a.toml:2: not valid TOML: Invalid value"),
        ("a = 1\na = 2", "a.toml:2: not valid TOML: Cannot overwrite a value"),
        ('a = 1\n\nb = """open', "a.toml:3: not valid TOML: Unterminated string"),
        ("a = " + "[" * 5000, "a.toml: is nested too deeply"),
    ],
)
def test_broken_toml_is_told_with_its_line(text: str, complaint: str) -> None:
    assert str(parse_layer("a.toml", text)) == complaint


# ---- secrets ---------------------------------------------------------

KEY = "sk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    "text",
    [
        f'[session]\napi_key = "{KEY}"',
        '[session]\napi_key = "not even like one"',
        f'[session]\ninstructions = "use {KEY}"',
        f'[session]\nmodel = ["{KEY}"]',
        f'[session]\nx = {{ headers = "Bearer {KEY}" }}',
    ],
)
def test_api_key_in_a_file_is_a_mistake_that_does_not_repeat_it(text: str) -> None:
    (complaint,) = complaints(text)
    assert complaint.startswith("a.toml:2: session.")
    assert "does not belong into a configuration file" in complaint
    assert KEY not in complaint


def test_api_key_overridden_by_a_later_file_is_still_a_mistake() -> None:
    complaint = complaints(f'session.voice = "{KEY}"', 'session.voice = "cedar"')[0]
    assert complaint.startswith("a.toml:1: session.voice: an API key")


# ---- lines -----------------------------------------------------------


def test_keys_are_found_in_every_form_toml_has() -> None:
    text = '''\
# comment with [brackets] and "quotes
a = 1 # it's
  [ t . "u v" ]
  b . 'c' = [ "]", # ]
      """]
=""", [
  1] ]
d = """
[no]
no = 1 \\""" ""\\"""" # "
e = \'\'\'
x = 2\'\'\'
f = { g = "}" }
[[l]]
h = "\\"#"
[[l]]
i = 1979-05-27T07:32:00Z'''
    assert locate_keys(text) == {
        ("a",): 2,
        ("t",): 3,
        ("t", "u v"): 3,
        ("t", "u v", "b"): 4,
        ("t", "u v", "b", "c"): 4,
        ("t", "u v", "d"): 8,
        ("t", "u v", "e"): 11,
        ("t", "u v", "f"): 13,
        ("l",): 14,
        ("l", "h"): 15,
        ("l", "i"): 17,
    }
    assert tomllib.loads(text)["t"]["u v"]["d"] == '[no]\nno = 1 """ """'


@given(st.text(alphabet="ab.=[]{}\"'#\\\n 1", max_size=60))
def test_any_text_gives_a_layer_or_one_problem(text: str) -> None:
    result = parse_layer("a.toml", text)
    assert isinstance(result, Layer | Problem)
    if isinstance(result, Layer):
        assert set(result.values) <= {path[0] for path in result.lines}
        assert all(1 <= line <= text.count("\n") + 1 for line in result.lines.values())
        assert isinstance(validate([result]), Config | list)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[buttons.a]\nhold = "tlak"', "there is no action 'tlak'"),
        ('[buttons.a]\nhold = "talk"\nlong = "mute"', "hold = 'talk' lasts for longer than a long press"),
        ("[gestures]\nlong_ms = 300\ntap_max_ms = 900", "allowed: more than tap_max_ms"),
        ("[volume]\nmin_percent = 90", "allowed by its limits: 90 to 100"),
        (
            '[wake_word]\nengine = "microwakeword"\n[talk]\ncapture = "on_demand"',
            "nobody hears the wake word",
        ),
        ("buttons.a = 3", "buttons.a: is 3; allowed: a table"),
        ('[wake_word]\nengine = "microwakeword"\n[vad]\ndriver = "none"', "nothing ends a turn"),
        ('[talk]\nbarge_in = "wake_word"', "needs an engine"),
        ("[wake_word]\nthreshold = 2", 'allowed: a number above 0 and below 1, or "auto"'),
        ("[audio.capture]\nrate_hz = 12345", "cannot be converted to 24000; use a usual rate"),
        ('[talk]\nbarge_in = "local_vad"', "needs audio.processing.echo_cancellation = true"),
        ("[buttons.a]\nbin = 3", "buttons.a.bin: there is no such key; did you mean buttons.a.pin?"),
    ],
)
def test_keys_that_contradict_each_other_are_told(text: str, complaint: str) -> None:
    (said,) = complaints(text)
    assert complaint in said


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("[volume]\nmax_percent = 50", "2: volume.max_percent: the volume starts at 70"),
        ("[volume]\nmin_percent = 90", "2: volume.min_percent: the volume starts at 70"),
        (
            "[volume]\nstep_percent = 9\nstart_percent = 80\nmax_percent = 75",
            "4: volume.max_percent: the volume",
        ),
        (
            "[gestures]\ntap_max_ms = 900",
            "2: gestures.tap_max_ms: long_ms is 800, allowed: more than tap_max_ms",
        ),
        ('[buttons.a]\npin = 3\nhold = "mute"', "3: buttons.a.hold: 'mute' is done once"),
    ],
)
def test_contradiction_is_told_where_it_was_written(text: str, blamed: str) -> None:
    (said,) = complaints(text)
    assert blamed in said
