"""The installed package under a real systemd, from its first start to its purge: one boot, many questions.

guest_service.py does it in the machine and writes down what it saw; here that is judged. No sound card and no
GPIO is there, and device policy, memory limit and SocketBindDeny= are not enforced: they need a kernel of
their own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.machines

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
GUEST = """
dpkg --install /hil/harkd.deb
PYTHONPATH=/usr/share/harkd/python exec python3 /hil/guest_service.py
"""
TIMEOUT_S = 240
"""A quiet machine takes 30 s, of which 10 s are waiting for systemd to restart something."""

KEYS = ("sk-planted-Aa1-first", "sk-planted-Bb2-second", "sk-planted-Cc3-third")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if os.geteuid() != 0:
        pytest.fail("booting a systemd needs root: sudo make hil")
    share = tmp_path_factory.mktemp("share")
    package = subprocess.run([TREE / "debian/build"], capture_output=True, text=True, timeout=300)
    assert package.returncode == 0, package.stderr
    shutil.copy(package.stdout.strip(), share / "harkd.deb")
    for name in ("guest_service.py", "guest_probe.py"):
        shutil.copy(HERE / name, share)
    (share / "guest.sh").write_text(GUEST)
    command = [HERE / "nspawn", share, str(TIMEOUT_S)]
    # The first time it makes the root, which takes a minute or two.
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S + 900)
    output = (share / "output").read_text() if (share / "output").exists() else ""
    assert done.returncode == 0, done.stderr + output
    found: dict[str, Any] = json.loads((share / "seen.json").read_text())
    return found


# ---- start ----------------------------------------------------------


def test_package_starts_a_service_that_waits_for_key_and_devices(seen: dict[str, Any]) -> None:
    assert seen["installed"] == {
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Type": "notify",
        "NotifyAccess": "main",
        "WatchdogUSec": "30s",
        "LimitCORE": "0",
    }
    errors = " ".join(json.loads(seen["installed: status"])["last_errors"])
    assert "there is no API key" in errors
    assert "no microphone" in errors


def test_wrong_configuration_at_the_first_start_stays_down(seen: dict[str, Any]) -> None:
    assert seen["wrong start"] != 0
    assert seen["wrong"] == {
        "ActiveState": "failed",
        "Result": "exit-code",
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }
    assert (
        "/etc/harkd/harkd.toml:2: talk.mood: there is no such key; did you mean talk.mode?"
        in (seen["wrong journal"])
    )


def test_ready_without_a_key_and_without_devices(seen: dict[str, Any]) -> None:
    assert (seen["start"], seen["started"]["ActiveState"], seen["started"]["SubState"]) == (
        0,
        "active",
        "running",
    )


def test_systemctl_status_has_a_line_of_the_daemon(seen: dict[str, Any]) -> None:
    assert seen["started"]["StatusText"].startswith("offline: ")
    assert f'Status: "{seen["started"]["StatusText"]}"' in seen["status"]


# ---- who may do what --------------------------------------------------


def test_socket_and_directories_belong_to_the_service_and_its_group(seen: dict[str, Any]) -> None:
    assert seen["socket"] == "0660 harkd:harkd"
    assert seen["runtime directory"] == "0750 harkd:harkd"
    assert seen["state directory"] == "0750 harkd:harkd"


def test_only_members_of_the_group_may_ask(seen: dict[str, Any]) -> None:
    assert seen["asked by a member"] == 0
    assert seen["asked by nobody"] == 1


def test_service_is_in_the_groups_of_its_devices_and_has_no_privilege(seen: dict[str, Any]) -> None:
    assert seen["groups"] == ["audio", "gpio", "harkd", "spi"]
    nothing = "0" * 16
    assert seen["process"] == {"NoNewPrivs": "1", "Seccomp": "2", "CapBnd": nothing, "CapPrm": nothing}


@pytest.mark.parametrize(
    ("attempt", "came"),
    [
        ("write /etc", "EROFS"),
        ("write /usr", "EROFS"),
        ("write /sys", "EROFS"),
        ("write /proc/sys", "EROFS"),
        ("list /home", "EACCES"),
        ("list /root", "EACCES"),
        ("read the key file", "EACCES"),
        ("become root", "EPERM"),
        ("raw socket", "EAFNOSUPPORT"),
        ("new namespace", "EPERM"),
        ("code that was data", "EACCES"),
        ("real-time priority", "EPERM"),
        ("make a set-user-id file", "EPERM"),
        ("sees process 1", "False"),
        # What it needs, so that the errors above are not those of a sandbox that forbids everything.
        ("write its state", "done"),
        ("read /proc/cpuinfo", "done"),
        ("umask", "0o27"),
    ],
)
def test_sandbox(seen: dict[str, Any], attempt: str, came: str) -> None:
    assert seen["probe"][attempt] == came


# ---- keys -------------------------------------------------------------


def test_key_that_only_root_may_read_reaches_the_server(seen: dict[str, Any]) -> None:
    assert seen["credential used after s"] is not None


def test_first_key_is_used_without_a_restart(seen: dict[str, Any]) -> None:
    assert seen["first key used after s"] is not None
    assert seen["first key: same process"]
    assert seen["handed over"] == "0600 harkd:harkd"


def test_key_handed_over_is_gone_after_a_restart_which_reads_the_file(seen: dict[str, Any]) -> None:
    assert seen["copy after a restart"] is None


def test_rotated_key_is_used_by_the_same_process(seen: dict[str, Any]) -> None:
    assert seen["second key handed over after s"] is not None
    assert seen["second key used after s"] is not None
    assert seen["keys after the rotation"] == [KEYS[1]]
    assert seen["same process"]


def test_key_in_place_of_a_refused_one_is_tried_at_once(seen: dict[str, Any]) -> None:
    assert seen["third key used after s"] is not None


PLACES = (
    "systemctl show",
    "systemctl status",
    "journal",
    "command line",
    "environment",
    "processes",
    "harkd status",
    "harkd doctor",
    "harkd config show",
    "state",
    "recording",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_key_in(seen: dict[str, Any], place: str) -> None:
    assert len(seen["leaks"][place]) > 20, "nothing was looked at"
    assert not [key for key in KEYS if key in seen["leaks"][place]]


def test_no_core_with_the_key_in_it_after_an_abort(seen: dict[str, Any]) -> None:
    assert "code=killed, status=6/ABRT" in seen["journal"]
    assert (seen["core limit"], seen["cores"]) == ([["0", "0"]], [])


# ---- reload -----------------------------------------------------------


def test_reload_takes_another_configuration(seen: dict[str, Any]) -> None:
    assert seen["reload"] == 0
    assert seen["reload: another revision"]


def test_reload_of_a_wrong_configuration_fails_and_the_service_goes_on(seen: dict[str, Any]) -> None:
    assert seen["wrong reload"] != 0
    assert seen["reloaded"] == {"ActiveState": "active", "SubState": "running", "NRestarts": "0"}


def test_hang_up_signal_reloads(seen: dict[str, Any]) -> None:
    assert seen["reload by signal after s"] is not None
    assert seen["reload: same process"]


# ---- falls ------------------------------------------------------------


@pytest.mark.parametrize("fall", ["killed", "frozen", "stuck"])
def test_service_is_back_and_answers(seen: dict[str, Any], fall: str) -> None:
    assert seen[f"{fall}: running after s"] is not None
    assert seen[f"{fall}: asked"] == 0


def test_conversation_goes_on_after_a_kill(seen: dict[str, Any]) -> None:
    assert seen["conversation"] == "0600 harkd:harkd"
    assert "Remember the tea." in seen["told again"]


@pytest.mark.parametrize("fall", ["frozen", "stuck"])
def test_watchdog_gives_up_a_process_that_does_not_move(seen: dict[str, Any], fall: str) -> None:
    assert seen[f"{fall}: given up after s"] < 20


def test_journal_tells_where_the_loop_was_stuck(seen: dict[str, Any]) -> None:
    assert 'File "/etc/harkd/tools/stuck.py", line 11, in think_for_ever' in seen["journal"]


def test_recordings_of_what_led_to_the_watchdog_outlive_the_restart(seen: dict[str, Any]) -> None:
    assert len([name for name in seen["recordings"] if name.endswith("-watchdog.jsonl")]) == 2


def test_journal_has_fields_to_search_for(seen: dict[str, Any]) -> None:
    ready = [line for line in seen["journal fields"] if line.get("HARKD_EVENT") == "ready"]
    assert ready
    assert {line["_SYSTEMD_UNIT"] for line in ready} == {"harkd.service"}
    assert all({"MESSAGE_ID", "CODE_FILE", "HARKD_VERSION"} <= line.keys() for line in ready)
    assert {line["PRIORITY"] for line in seen["journal fields"] if line.get("HARKD_STATE") == "lost"} == {"4"}


# ---- end --------------------------------------------------------------


def test_stop_takes_less_than_two_seconds(seen: dict[str, Any]) -> None:
    assert seen["stopped after s"] < 2
    assert seen["stopped"] == {"ActiveState": "inactive", "Result": "success"}


def test_stop_leaves_nothing_running_and_no_key_in_run(seen: dict[str, Any]) -> None:
    assert seen["path unit after the stop"] == "inactive"
    assert (seen["left in /run"], seen["left running"]) == ([], "")


def test_purge_of_a_running_service_leaves_nothing(seen: dict[str, Any]) -> None:
    gone = {"LoadState": "not-found", "ActiveState": "inactive"}
    assert (seen["purged"], seen["purged: key helper"]) == (gone, gone)
    assert (seen["left behind"], seen["left running after the purge"]) == ([], "")
