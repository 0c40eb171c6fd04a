"""What the doctor reads of a machine, from files of the test's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from daemon.config.schema import Config
from daemon.doctor.facts import Key
from daemon.doctor.machine import ThisMachine, output
from daemon.doctor.needs import libraries

KEY = "planted-key-123456"


def machine(root: Path, environ: dict[str, str] | None = None, *paths: Path) -> ThisMachine:
    key_file, timesync = root / "openai_api_key", root / "timesync"
    return ThisMachine(paths, environ or {}, key_file=key_file, sys_root=root, timesync=timesync)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_python_is_the_one_that_runs(tmp_path: Path) -> None:
    assert machine(tmp_path).python() == sys.version_info[:3]


def test_library_that_is_there_imports(tmp_path: Path) -> None:
    assert machine(tmp_path).import_error("websockets") == ""


@pytest.mark.parametrize("module", ["no_such_library_at_all", "lgpio_of_another_name"])
def test_library_that_is_not_there_is_told(tmp_path: Path, module: str) -> None:
    assert machine(tmp_path).import_error(module) == "is not installed"


def test_library_that_lacks_another_names_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "half_a_library.py", "import its_other_half")
    monkeypatch.syspath_prepend(tmp_path)
    assert machine(tmp_path).import_error("half_a_library") == "No module named 'its_other_half'"


def test_configuration_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = machine(tmp_path, None, tmp_path / "none.toml").config_problems()
    assert "none.toml" in problem


def test_every_mistake_of_a_configuration_is_a_problem(tmp_path: Path) -> None:
    file = write(tmp_path / "harkd.toml", "[talk]\nmode = 1\nbarge_in = 2\n")
    assert len(machine(tmp_path, None, file).config_problems()) == 2


def test_good_configuration_has_no_problem(tmp_path: Path) -> None:
    assert machine(tmp_path, None, write(tmp_path / "harkd.toml", "[talk]\n")).config_problems() == []


# ---- the key --------------------------------------------------------------------------


def test_no_key_is_found_nowhere(tmp_path: Path) -> None:
    assert machine(tmp_path).key() == Key()
    assert machine(tmp_path).key_file() is None


def test_key_in_the_file_is_found_and_not_told(tmp_path: Path) -> None:
    file = write(tmp_path / "openai_api_key", KEY)
    assert machine(tmp_path).key() == Key(str(file))
    assert machine(tmp_path).secret() == KEY


def test_key_in_the_environment_is_found_and_not_told(tmp_path: Path) -> None:
    assert machine(tmp_path, {"OPENAI_API_KEY": KEY}).key() == Key("the environment (OPENAI_API_KEY)")


def test_key_of_the_service_is_found_and_not_told(tmp_path: Path) -> None:
    write(tmp_path / "given/openai_api_key", KEY)
    found = machine(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "given")}).key()
    assert found == Key("the service's credentials")


@pytest.mark.parametrize(("text", "mode", "said"), [(KEY, 0o644, "mode 0644"), ("\n", 0o600, "is empty")])
def test_key_file_that_cannot_be_used_is_a_problem(tmp_path: Path, text: str, mode: int, said: str) -> None:
    write(tmp_path / "openai_api_key", text, mode)
    found = machine(tmp_path).key()
    assert (found.source, said in found.problem, KEY in found.problem) == ("", True, False)
    file = machine(tmp_path).key_file()
    assert file is not None
    assert file.mode == mode
    assert machine(tmp_path).secret() == ""


# ---- clock and board ------------------------------------------------------------------


def test_clock_of_this_machine_is_after_the_installation(tmp_path: Path) -> None:
    assert machine(tmp_path).now() > machine(tmp_path).installed_at() > 1_600_000_000


def test_clock_is_synchronized_when_timesyncd_says_so(tmp_path: Path) -> None:
    assert machine(tmp_path).clock_synchronized() is None
    (tmp_path / "timesync").mkdir()
    assert machine(tmp_path).clock_synchronized() is False
    write(tmp_path / "timesync/synchronized", "")
    assert machine(tmp_path).clock_synchronized() is True


@pytest.mark.parametrize(("text", "bits"), [("50005\n", 0x50005), ("0x1", 1), ("0", 0), ("oops", None)])
def test_firmware_says_whether_it_is_throttled(tmp_path: Path, text: str, bits: int | None) -> None:
    write(tmp_path / "devices/platform/soc/soc:firmware/get_throttled", text)
    assert machine(tmp_path).throttled() == bits


def test_other_boards_do_not_say_whether_they_are_throttled(tmp_path: Path) -> None:
    assert machine(tmp_path).throttled() is None


@pytest.mark.parametrize(
    ("zones", "celsius"),
    [
        ([], None),
        ([("cpu-thermal", "48312")], 48.312),
        ([("battery", "30000"), ("cpu0-thermal", "61000"), ("cpu1-thermal", "63000")], 63.0),
        ([("acpitz", "41000"), ("other", "90000")], 41.0),
        ([("cpu-thermal", "no number")], None),
    ],
)
def test_heat_is_that_of_the_processor(
    tmp_path: Path, zones: list[tuple[str, str]], celsius: float | None
) -> None:
    for number, (kind, text) in enumerate(zones):
        write(tmp_path / f"class/thermal/thermal_zone{number}/type", kind)
        write(tmp_path / f"class/thermal/thermal_zone{number}/temp", text)
    assert machine(tmp_path).celsius() == celsius


@pytest.mark.parametrize(("said", "saves"), [("on", {"wlan0": True}), ("off", {"wlan0": False})])
def test_iw_says_whether_the_wireless_network_sleeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, saves: dict[str, bool]
) -> None:
    (tmp_path / "class/net/wlan0/wireless").mkdir(parents=True)
    (tmp_path / "class/net/eth0").mkdir()
    write(tmp_path / "iw", f"#!/bin/sh\necho Power save: {said}\n", 0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine(tmp_path).wlan_power_save() == saves


def test_without_iw_nobody_says_whether_it_sleeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "class/net/wlan0/wireless").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine(tmp_path).wlan_power_save() == {}


@pytest.mark.parametrize(
    ("command", "said"), [(["echo", " x "], "x"), (["false"], ""), (["/no/such/program"], "")]
)
def test_output_is_what_a_program_says(command: list[str], said: str) -> None:
    assert output(command) == said


@pytest.mark.parametrize(
    ("light", "wanted"),
    [
        ({"driver": "gpio_led"}, False),
        ({"driver": "gpio_led", "dimmable": True}, True),
        ({"driver": "gpio_rgb"}, True),
        ({"driver": "apa102", "dimmable": True}, False),
    ],
)
def test_lgpio_is_wanted_to_dim_lamps_on_pins(light: dict[str, object], wanted: bool) -> None:
    config = Config.model_validate({"buttons": {"talk": {"pin": 17}}, "light": light})
    assert ("lgpio" in [library.module for library in libraries(config)]) is wanted
