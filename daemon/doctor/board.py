"""Checks 51 to 58: service, control socket, disk, power, heat, wireless. Pure."""

from __future__ import annotations

from daemon.doctor.facts import Subject
from daemon.doctor.findings import Check, Group, Verdict, failed, passed, skipped, warned

MB = 1_000_000
DISK_WARN_BYTES, DISK_FAIL_BYTES = 200 * MB, 10 * MB
WARM_C, HOT_C = 75.0, 85.0
"""A Pi's firmware slows the processor down from 80, and harder from 85 degrees Celsius."""

# raspberrypi.com/documentation, vcgencmd get_throttled: the same bits shifted by 16 are "since the start"
_THROTTLED = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "at its temperature limit"}
_SINCE_START = 16

_STARTED_BY_OTHERS = ("static", "alias", "indirect", "generated")


def unit(subject: Subject) -> Verdict:
    found = subject.service.unit()
    if found is None:
        return skipped("there is no systemd here")
    if found.load != "loaded":
        return warned("harkd.service is not installed: the box does not start by itself")
    said = f"{found.enabled}, {found.active}"
    if found.active == "failed":
        return failed(f"{said} ({found.result})", "journalctl -u harkd -n 50 says why.")
    if not found.enabled.startswith("enabled") and found.enabled not in _STARTED_BY_OTHERS:
        return warned(f"{said}: the box does not start by itself", "sudo systemctl enable harkd")
    if found.active == "inactive":
        return warned(said, "sudo systemctl start harkd")
    if found.active != "active":
        return warned(said, "Wait; journalctl -u harkd -n 50 says whether it is started again and again.")
    return passed(said)


def daemon(subject: Subject) -> Verdict:
    if subject.daemon is not None:
        errors = subject.daemon.get("last_errors") or []
        said = f"running: {subject.daemon.get('phase')}, link {subject.daemon.get('link')}"
        return warned(f"{said}; last error: {errors[-1]}") if errors else passed(said)
    found = subject.service.unit()
    if found is not None and found.active == "active":
        return failed(f"the service runs, but {subject.daemon_error}", "journalctl -u harkd -n 50 says why.")
    return skipped("harkd is not running: the devices were opened by these checks")


def control_socket(subject: Subject) -> Verdict:
    found = subject.service.socket()
    if found is None:
        return skipped("it is there while harkd runs")
    if found.mode & 0o007:
        return failed(f"{found.path} may be used by everybody (mode {found.mode:04o})")
    return passed(f"{found.path}, mode {found.mode:04o}, group {found.group}")


def state_directory(subject: Subject) -> Verdict:
    found = subject.service.state_directory()
    user = subject.service.user().name
    if not found.exists:
        unit = subject.service.unit()
        if unit is not None and unit.load == "loaded":
            return passed(f"{found.path} is made when the service starts")
        return warned(f"{found.path} is not there: timers and volume are forgotten at a restart")
    if not found.writable:
        fix = f"sudo chown {user} {found.path}"
        return failed(f"{user} may not write to {found.path}: timers and volume are forgotten", fix)
    return passed(found.path)


def disk(subject: Subject) -> Verdict:
    found = subject.service.state_directory()
    said = f"{found.free_bytes / MB:.0f} MB free"
    if found.read_only:
        return warned("read-only: timers and volume are forgotten at a restart")
    if found.free_bytes < DISK_FAIL_BYTES:
        return failed(said)
    return warned(said) if found.free_bytes < DISK_WARN_BYTES else passed(said)


def power(subject: Subject) -> Verdict:
    bits = subject.machine.throttled()
    if bits is None:
        return skipped("this board does not say")
    now = [word for bit, word in _THROTTLED.items() if bits >> bit & 1]
    before = [word for bit, word in _THROTTLED.items() if bits >> bit + _SINCE_START & 1]
    if now:
        return failed(f"now: {', '.join(now)}")
    return warned(f"since it was started: {', '.join(before)}") if before else passed("steady")


def heat(subject: Subject) -> Verdict:
    celsius = subject.machine.celsius()
    if celsius is None:
        return skipped("this machine does not say")
    said = f"{celsius:.0f} degrees Celsius"
    if celsius >= HOT_C:
        return failed(said)
    return warned(said) if celsius >= WARM_C else passed(said)


def wlan(subject: Subject) -> Verdict:
    saving = subject.machine.wlan_power_save()
    if not saving:
        return skipped("no wireless network, or no `iw` to ask")
    asleep = [name for name, saves in saving.items() if saves]
    if asleep:
        fix = f"sudo iw dev {asleep[0]} set power_save off; to keep it: nmcli, 802-11-wireless.powersave 2"
        return warned(f"{', '.join(asleep)} saves power, which delays answers", fix)
    return passed(f"{', '.join(saving)} stays awake")


CHECKS = (
    Check(
        51,
        Group.SERVICE,
        "service",
        "harkd.service is installed, starts at boot and runs.",
        "Install it: systemd/README.md says how.",
        unit,
    ),
    Check(
        52,
        Group.SERVICE,
        "daemon",
        "A running harkd answers, and has no errors to tell.",
        "`harkd status` and journalctl -u harkd tell more.",
        daemon,
    ),
    Check(
        53,
        Group.SERVICE,
        "control socket",
        "Only its owner and group may command the box.",
        "Restart harkd: it sets the mode 0660 itself.",
        control_socket,
    ),
    Check(
        54,
        Group.SERVICE,
        "state directory",
        "The user of the service can keep timers and volume.",
        "Start harkd by its unit, which makes the directory.",
        state_directory,
    ),
    Check(
        55,
        Group.SERVICE,
        "disk",
        "The disk can be written to and is not full.",
        "Make room: sudo apt clean, sudo journalctl --vacuum-size=50M.",
        disk,
    ),
    Check(
        56,
        Group.SERVICE,
        "power",
        "The board has enough voltage and is not slowed down.",
        "Use the board's own power supply and a short, thick cable.",
        power,
    ),
    Check(
        57,
        Group.SERVICE,
        "heat",
        "The processor is not too hot.",
        "Give the board air, or a heat sink.",
        heat,
    ),
    Check(
        58,
        Group.SERVICE,
        "wireless",
        "The wireless network does not sleep between packets.",
        "sudo iw dev wlan0 set power_save off",
        wlan,
    ),
)
