"""Each check of the doctor, with answers for each of its outcomes."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.doctor.facts import (
    Chip,
    Holder,
    Key,
    LoopBack,
    ModelAnswer,
    Opened,
    Recording,
    Secured,
    Socket,
    SpiDevice,
    Unit,
    User,
)
from daemon.doctor.findings import Finding, Outcome
from daemon.doctor.registry import CHECKS
from daemon.doctor.software import PYTHON_FIRST, PYTHON_LAST
from tests.daemon.doctor.healthy import (
    ANSWERS,
    BUTTON,
    DIRECTORY,
    FILES,
    GROUPS,
    KEY_FILE,
    LOCAL,
    QUIET,
    RUNNING,
    STRIP,
    WAKE_WORD,
    Told,
    subject,
)

PASS, WARN, FAIL, SKIP = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.SKIP
BY_NUMBER = {check.number: check for check in CHECKS}
LED_ON_17 = '[light]\ndriver = "gpio_led"\npin = 17\n'
SWITCH = '[buttons.mute]\nkind = "mute_switch"\npin = 12\n'
AZURE = '[session]\nurl = "wss://box.openai.azure.com/openai/v1/realtime"\n'
SOCKS = '[link]\nproxy = "socks5://10.0.0.1:1080"\n'
PIPEWIRE, MPV = Holder("speaker", "Device", "pipewire", 5), Holder("microphone", "Device", "mpv", 811)
NO_UNIT = Unit("not-found", "", "inactive", "success")


def heard(**levels: Any) -> Recording:
    return Recording(Opened(48000, 1, 57_600), replace(QUIET, **levels), 1000)


def lent(member: bool, known: bool = True) -> User:
    return User("pi", False, GROUPS if member else frozenset(), GROUPS if known else frozenset())


def daemon(port: str, **said: Any) -> dict[str, Any]:
    """A running one that says this of its microphone or speaker."""
    return {**RUNNING, port: {**RUNNING[port], **said}}


Case = tuple[int, Outcome, str, dict[str, Any]]
"""Number, outcome, a part of what is said, and what the box is like."""

SOFTWARE: list[Case] = [
    (11, PASS, "3.13.5", {}),
    (11, FAIL, "3.9.2; harkd is made for 3.11 to 3.13", {"python": (3, 9, 2)}),
    (11, FAIL, "3.14.0", {"python": (3, 14, 0)}),
    (12, PASS, "can be used", {}),
    (12, FAIL, "harkd.toml:3: x (and 1 more)", {"config_problems": ["harkd.toml:3: x", "y"]}),
    (13, PASS, "pyaudio, numpy, webrtcvad", {}),
    (
        13,
        WARN,
        "webrtcvad: is not",
        {"import_error": lambda name: "is not installed" * (name == "webrtcvad")},
    ),
    (13, FAIL, "pyaudio: no libportaudio", {"import_error": "no libportaudio"}),
    (14, PASS, "found in the environment", {}),
    (14, PASS, "needs none", {"key": Key(), "config": LOCAL}),
    (14, FAIL, "there is none", {"key": Key()}),
    (14, WARN, "cannot be read", {"key": Key(problem="cannot be read", denied=True)}),
    (14, FAIL, "is empty", {"key": Key(problem="/etc/harkd/openai_api_key is empty")}),
    (15, PASS, "mode 0600, of root", {}),
    (15, FAIL, "mode 0644", {"key_file": replace(KEY_FILE, mode=0o644)}),
    (15, FAIL, "mode 0640", {"key_file": replace(KEY_FILE, mode=0o640)}),
    (15, WARN, "belongs to guest", {"key_file": replace(KEY_FILE, owner="guest")}),
    (15, SKIP, "no key file", {"key_file": None}),
    (16, PASS, "harkd is in audio, gpio", {"config": BUTTON}),
    (16, PASS, "root", {"user": User("root", True, frozenset(), GROUPS)}),
    (16, FAIL, "pi is not in audio,gpio,spi", {"user": lent(member=False), "config": BUTTON + STRIP}),
    (16, WARN, "no group audio", {"user": lent(member=False, known=False)}),
    (16, SKIP, "nothing", {"config": FILES}),
]

HEARS, FAILED, MISSED = (
    {**RUNNING, "wake_word": {"word": "alexa", "state": state}}
    for state in ("listening", "failed", "missing")
)

SOUND: list[Case] = [
    (29, PASS, "okay_nabu can be listened for", {"config": WAKE_WORD}),
    (29, PASS, "okay_nabu can be listened for", {"config": WAKE_WORD, "daemon": None}),
    (29, PASS, "listens for alexa", {"config": WAKE_WORD, "daemon": HEARS}),
    (29, FAIL, "failed there", {"config": WAKE_WORD, "daemon": FAILED}),
    (29, WARN, "when harkd was started", {"config": WAKE_WORD, "daemon": MISSED}),
    (29, SKIP, "none is wanted", {}),
    (21, PASS, "Device (USB Audio)", {}),
    (21, FAIL, "no sound card", {"cards": []}),
    (21, SKIP, "files", {"config": FILES}),
    (22, PASS, "nobody", {}),
    (22, PASS, "only pipewire", {"holders": [PIPEWIRE]}),
    (22, PASS, "nobody", {"holders": [replace(MPV, process="harkd")]}),
    (22, WARN, "mpv (811) has the microphone of Device", {"holders": [PIPEWIRE, MPV]}),
    (22, WARN, "harkd (811)", {"holders": [replace(MPV, process="harkd")], "daemon": None}),
    (22, SKIP, "does not say", {"holders": None}),
    (23, PASS, "USB Audio", {"daemon": None}),
    (23, PASS, "harkd has it open at 48000 Hz, 1 ch", {}),
    (23, FAIL, "unplugged", {"daemon": daemon("microphone", holds_device=False, reason="unplugged")}),
    (23, SKIP, "muted", {"daemon": daemon("microphone", holds_device=False, muted=True)}),
    (23, SKIP, "closed now", {"daemon": daemon("microphone", holds_device=False, state="closed")}),
    (23, FAIL, "wedged, it hangs", {"daemon": daemon("microphone", state="wedged", reason="it hangs")}),
    (24, PASS, "48000 Hz, 1 ch", {"daemon": None}),
    (24, FAIL, "delivers nothing", {"daemon": None, "record": Recording(Opened(48000, 1, 0), QUIET, 0)}),
    (25, PASS, "-58 dBFS, peak -44", {"daemon": None}),
    (25, FAIL, "zeros", {"daemon": None, "record": heard(rms_dbfs=-96.0, zeros_ms=1000)}),
    (25, WARN, "500 samples clipped", {"daemon": None, "record": heard(full_scale_samples=500)}),
    (25, WARN, "-12 % of full scale", {"daemon": None, "record": heard(dc_percent=-12.0)}),
    (25, WARN, "loud", {"daemon": None, "record": heard(rms_dbfs=-9.0)}),
    (25, WARN, "fainter", {"daemon": None, "record": heard(rms_dbfs=-91.0)}),
    (25, PASS, "harkd hears -52 dBFS", {}),
    (25, FAIL, "zeros", {"daemon": daemon("microphone", levels={"rms_dbfs": -96.0, "zeros_ms": 9000})}),
    (25, FAIL, "zeros", {"daemon": daemon("microphone", state="silent")}),
    (25, SKIP, "not open", {"daemon": daemon("microphone", holds_device=False)}),
    (26, PASS, "USB Audio", {"daemon": None}),
    (26, PASS, "harkd has it open at 48000 Hz, 2 ch", {}),
    (26, FAIL, "busy", {"daemon": daemon("speaker", holds_device=False, reason="busy")}),
    (27, PASS, "48000 Hz, 2 ch", {"daemon": None}),
    (27, FAIL, "takes nothing", {"daemon": None, "play_silence": Opened(48000, 2, 0)}),
    (27, SKIP, "overwrite", {"daemon": None, "config": FILES}),
    (28, PASS, "heard after 85 ms at -31 dBFS (played at -20)", {"daemon": None}),
    (28, WARN, "late", {"daemon": None, "loop_back": LoopBack(620.0, -31.0, -70.0)}),
    (28, WARN, "not heard above -70 dBFS", {"daemon": None, "loop_back": LoopBack(None, -96.0, -70.0)}),
    (28, SKIP, "harkd is running", {}),
    (28, SKIP, "a file", {"daemon": None, "config": FILES}),
]

HANDS: list[Case] = [
    (31, PASS, "pinctrl-bcm2711", {"config": BUTTON}),
    (
        31,
        WARN,
        "gpio-mockup",
        {"config": BUTTON, "chips": [Chip("/dev/gpiochip0", "gpio-mockup", False, {})]},
    ),
    (31, FAIL, "no GPIO chip", {"config": BUTTON, "chips": []}),
    (31, FAIL, "denied", {"config": BUTTON, "chips": [Chip("/dev/gpiochip0", "", False, {}, "denied")]}),
    (31, SKIP, "no pin", {}),
    (32, PASS, "GPIO 17 (button talk)", {"config": BUTTON}),
    (32, PASS, "harkd is running", {"config": BUTTON, "chips": [Chip("c", "rp1", True, {17: "harkd"})]}),
    (32, FAIL, "by fan", {"config": BUTTON, "chips": [Chip("c", "rp1", True, {17: "fan"})]}),
    (32, FAIL, "GPIO 17 is button talk and light", {"config": BUTTON + LED_ON_17}),
    (32, FAIL, "by fan", {"config": BUTTON, "daemon": None, "chips": [Chip("c", "x", True, {17: "fan"})]}),
    (32, PASS, "GPIO 17", {"config": BUTTON, "daemon": None, "chips": [Chip("c", "x", True, {4: "fan"})]}),
    (32, SKIP, "no pin", {}),
    (33, PASS, "all released", {"config": BUTTON, "daemon": None}),
    (33, PASS, "switched on: mute", {"config": SWITCH, "daemon": None, "is_pressed": True}),
    (33, WARN, "talk (GPIO 17)", {"config": BUTTON, "daemon": None, "is_pressed": True}),
    (33, SKIP, "harkd is running", {"config": BUTTON}),
    (33, SKIP, "no button", {}),
    (34, PASS, "/dev/spidev0.0", {"config": STRIP}),
    (34, FAIL, "not there", {"config": STRIP, "spi": SpiDevice("/dev/spidev0.0", False, False)}),
    (34, FAIL, "may not be opened", {"config": STRIP, "spi": SpiDevice("/dev/spidev0.0", True, False)}),
    (34, SKIP, "no strip", {}),
    (35, PASS, "did you see it?", {"config": STRIP, "daemon": None, "lamp": True}),
    (35, SKIP, "only on request", {"config": STRIP, "daemon": None}),
    (35, SKIP, "harkd is running", {"config": STRIP, "lamp": True}),
    (35, SKIP, "no light", {"lamp": True}),
    (35, SKIP, "terminal", {"config": '[light]\ndriver = "console"\n', "daemon": None, "lamp": True}),
]

NETWORK: list[Case] = [
    (41, PASS, "plausible", {}),
    (41, PASS, "plausible", {"clock_synchronized": None}),
    (41, WARN, "not synchronized", {"clock_synchronized": False}),
    (41, FAIL, "20718 days before", {"now": 0.0}),
    (42, PASS, "api.openai.com is 203.0.113.7", {}),
    (42, PASS, "10.0.0.1 (the proxy) is 203", {"config": SOCKS}),
    (42, PASS, "10.0.0.1 (the proxy)", {"config": SOCKS, "resolve": ["10.0.0.1"]}),
    (42, FAIL, "no address", {"resolve": []}),
    (43, PASS, "api.openai.com:443 by TLSv1.3", {}),
    (43, PASS, "without TLS", {"connect": Secured("127.0.0.1:8080")}),
    (43, WARN, "ends in 3 days", {"connect": Secured("x:443", "TLSv1.3", 3)}),
    (43, SKIP, "behind a socks5 proxy", {"connect": Secured("p:1080", unchecked="a socks5 proxy")}),
    (44, PASS, "accepted", {}),
    (44, PASS, "accepted", {"ask_model": ModelAnswer(404)}),
    (44, FAIL, "refuses", {"ask_model": ModelAnswer(401)}),
    (44, FAIL, "no key", {"key": Key()}),
    (44, SKIP, "may not read", {"key": Key(denied=True)}),
    (44, WARN, "credit", {"ask_model": ModelAnswer(429)}),
    (44, WARN, "HTTP 503", {"ask_model": ModelAnswer(503)}),
    (44, SKIP, "OpenAI's own", {"config": AZURE}),
    (44, SKIP, "OpenAI's own", {"config": LOCAL}),
    (44, SKIP, "every proxy", {"config": SOCKS}),
    (45, PASS, "gpt-realtime", {}),
    (45, FAIL, "no model 'gpt-realtime' (HTTP 404)", {"ask_model": ModelAnswer(404)}),
    (45, FAIL, "(HTTP 403)", {"ask_model": ModelAnswer(403)}),
    (45, SKIP, "HTTP 503", {"ask_model": ModelAnswer(503)}),
    (45, SKIP, "OpenAI's own", {"config": AZURE}),
    (46, PASS, "within 1 s", {}),
    (46, WARN, "60 minutes ahead of", {"ask_model": ModelAnswer(200, 3600.0)}),
    (46, WARN, "60 minutes behind", {"ask_model": ModelAnswer(200, -3600.0)}),
    (46, SKIP, "its time", {"ask_model": ModelAnswer(200)}),
    (46, SKIP, "OpenAI's own", {"config": AZURE}),
]

SERVICE: list[Case] = [
    (51, PASS, "enabled, active", {}),
    (51, WARN, "not installed", {"unit": NO_UNIT}),
    (51, WARN, "by itself", {"unit": Unit("loaded", "disabled", "active", "success")}),
    (51, PASS, "static", {"unit": Unit("loaded", "static", "active", "success")}),
    (51, WARN, "activating", {"unit": Unit("loaded", "enabled", "activating", "success")}),
    (51, WARN, "inactive", {"unit": Unit("loaded", "enabled", "inactive", "success")}),
    (51, FAIL, "(exit-code)", {"unit": Unit("loaded", "enabled", "failed", "exit-code")}),
    (51, SKIP, "no systemd", {"unit": None}),
    (52, PASS, "running: idle, link ready", {}),
    (52, WARN, "last error: b", {"daemon": {**RUNNING, "last_errors": ["a", "b"]}}),
    (52, FAIL, "nobody listens", {"daemon": None}),
    (52, SKIP, "not running", {"daemon": None, "unit": None}),
    (53, PASS, "mode 0660, group harkd", {}),
    (53, FAIL, "everybody (mode 0666)", {"socket": Socket("/s", 0o666, "harkd")}),
    (53, SKIP, "while harkd runs", {"socket": None}),
    (54, PASS, "/var/lib/harkd", {}),
    (54, PASS, "when the service starts", {"state_directory": replace(DIRECTORY, exists=False)}),
    (54, WARN, "not there", {"state_directory": replace(DIRECTORY, exists=False), "unit": None}),
    (54, FAIL, "harkd may not write", {"state_directory": replace(DIRECTORY, writable=False)}),
    (55, PASS, "2000 MB free", {}),
    (55, WARN, "90 MB free", {"state_directory": replace(DIRECTORY, free_bytes=90_000_000)}),
    (55, WARN, "read-only", {"state_directory": replace(DIRECTORY, read_only=True)}),
    (55, FAIL, "1 MB free", {"state_directory": replace(DIRECTORY, free_bytes=1_000_000)}),
    (56, PASS, "steady", {}),
    (56, WARN, "since it was started: under-voltage, throttled", {"throttled": 0x50000}),
    (56, FAIL, "now: under-voltage", {"throttled": 0x50001}),
    (56, SKIP, "does not say", {"throttled": None}),
    (57, PASS, "48 degrees", {}),
    (57, WARN, "79 degrees", {"celsius": 79.0}),
    (57, FAIL, "86 degrees", {"celsius": 86.0}),
    (57, SKIP, "does not say", {"celsius": None}),
    (58, PASS, "wlan0 stays awake", {}),
    (58, WARN, "wlan1 saves power", {"wlan_power_save": {"wlan0": False, "wlan1": True}}),
    (58, SKIP, "no wireless", {"wlan_power_save": {}}),
]

CASES = [*SOFTWARE, *SOUND, *HANDS, *NETWORK, *SERVICE]


@pytest.mark.parametrize(("number", "outcome", "said", "box"), CASES)
def test_check_says_this_of_such_a_box(number: int, outcome: Outcome, said: str, box: dict[str, Any]) -> None:
    check = BY_NUMBER[number]
    finding = Finding(check, check.run(subject(**box)))
    assert (finding.outcome, said in finding.verdict.detail) == (outcome, True), finding.verdict
    assert bool(finding.fix) == (outcome in (WARN, FAIL))
    assert "\n" not in finding.verdict.detail + finding.fix


def test_every_check_has_a_case_that_passes_and_one_that_does_not() -> None:
    good = {number for number, outcome, *_ in CASES if outcome is PASS}
    bad = {number for number, outcome, *_ in CASES if outcome in (WARN, FAIL)} | {35}  # seen by eye
    assert good == bad == set(BY_NUMBER)


def test_python_is_the_one_of_the_package() -> None:
    root = Path(__file__).resolve().parents[3]
    said = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    assert said == f">=3.{PYTHON_FIRST[1]},<3.{PYTHON_LAST[1] + 1}"


def test_there_are_at_least_twenty_checks_in_order_and_none_has_the_number_of_another() -> None:
    numbers = [check.number for check in CHECKS]
    assert len(numbers) >= 20
    assert numbers == sorted(set(numbers))


def test_checks_need_only_earlier_ones_of_their_own_group() -> None:
    for check in CHECKS:
        assert all(needed < check.number for needed in check.needs)
        assert all(BY_NUMBER[needed].group is check.group for needed in check.needs)


def test_every_fix_is_one_line() -> None:
    for check in CHECKS:
        assert check.fix
        assert len(check.fix) <= 110
        assert "\n" not in check.fix + check.title


def test_every_answer_of_the_healthy_box_is_asked_for() -> None:
    asked = set()

    class Noted(dict[str, Any]):
        def __getitem__(self, question: str) -> Any:
            asked.add(question)
            return ANSWERS[question]

    for running in (None, RUNNING):
        box = subject(BUTTON + STRIP + WAKE_WORD, running, lamp=True)
        told = Told(Noted(ANSWERS))
        for check in CHECKS:
            check.run(replace(box, machine=told, sound=told, pins=told, network=told, service=told))
    assert asked == set(ANSWERS)
