"""Checks 31 to 35: GPIO chip, pins, SPI, lamps. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.doctor.facts import Chip, Subject
from daemon.doctor.findings import Check, Group, Verdict, failed, passed, skipped, warned
from daemon.doctor.needs import pins, pins_used_twice, uses_strip

OURS = {"harkd", "lg", ""}
"""Whose our pins are said to be: ours, or lgpio's, by which we dim lamps; a kernel may not say."""

_NO_PIN = "no pin is configured"


def chip_present(subject: Subject) -> Verdict:
    if not pins(subject.config):
        return skipped(_NO_PIN)
    chips = subject.pins.chips()
    if not chips:
        return failed("this machine has no GPIO chip")
    header = _header(chips)
    if header is None:
        closed = [chip for chip in chips if chip.problem]
        if closed:
            return failed(f"{closed[0].path}: {closed[0].problem}", "Put the user in the group 'gpio'.")
        return warned(f"{chips[0].path} ({chips[0].label}): not known to be a header's pins")
    return passed(f"{header.path} ({header.label})")


def pins_free(subject: Subject) -> Verdict:
    used = pins(subject.config)
    if not used:
        return skipped(_NO_PIN)
    if twice := pins_used_twice(subject.config):
        said = ", ".join(f"GPIO {pin} is {used[pin]}" for pin in twice)
        return failed(said, "Give each its own pin.")
    chips = subject.pins.chips()
    header = _header(chips) or next((chip for chip in chips if not chip.problem), None)
    held = {} if header is None else {pin: header.held[pin] for pin in sorted(used) if pin in header.held}
    said = ", ".join(f"GPIO {pin} ({used[pin]}) by {who or 'somebody'}" for pin, who in held.items())
    if held and subject.daemon is not None and set(held.values()) <= OURS:
        return passed("harkd is running and has them")
    if held:
        return failed(f"held: {said}")
    return passed(", ".join(f"GPIO {pin} ({what})" for pin, what in sorted(used.items())))


def at_rest(subject: Subject) -> Verdict:
    buttons = {name: button for name, button in subject.config.buttons.items() if button.driver == "gpio"}
    if not buttons:
        return skipped("no button on a pin is configured")
    if subject.daemon is not None:
        return skipped("harkd is running and has the pins")
    pressed = {name: button for name, button in buttons.items() if subject.pins.is_pressed(button)}
    stuck = [f"{name} (GPIO {button.pin})" for name, button in pressed.items() if button.kind == "button"]
    if stuck:
        return warned(f"pressed, while nobody should press: {', '.join(stuck)}")
    return passed(f"all released; switched on: {', '.join(pressed)}" if pressed else "all released")


def spi_device(subject: Subject) -> Verdict:
    if not uses_strip(subject.config):
        return skipped("no strip of lamps is configured")
    device = subject.pins.spi()
    if not device.exists:
        return failed(f"{device.path} is not there")
    if not device.access:
        return failed(f"{device.path} may not be opened", "sudo usermod -aG spi USER, then log in anew.")
    return passed(device.path)


def lamp(subject: Subject) -> Verdict:
    driver = subject.config.light.driver
    if driver == "none":
        return skipped("no light is configured")
    if driver == "console":
        return skipped("the light is this terminal")
    if not subject.wants_lamp:
        return skipped("only on request: harkd doctor --lamp")
    if subject.daemon is not None:
        return skipped("harkd is running and has the light")
    subject.pins.shine()
    return passed(f"{driver} was lit for a second: did you see it?")


def _header(chips: Sequence[Chip]) -> Chip | None:
    return next((chip for chip in chips if chip.is_header), None)


CHECKS = (
    Check(
        31,
        Group.PINS,
        "GPIO chip",
        "The chip with the pins of the header is there and may be asked.",
        'Use a board with GPIO, or set driver = "keyboard" for the buttons.',
        chip_present,
    ),
    Check(
        32,
        Group.PINS,
        "pins free",
        "No other program holds a configured pin.",
        "End the program that holds it, or remove its overlay from /boot/firmware/config.txt.",
        pins_free,
        needs=(31,),
    ),
    Check(
        33,
        Group.PINS,
        "buttons at rest",
        "No button is pressed while nobody presses one.",
        "Look at the wiring; if it is right, turn active_high over.",
        at_rest,
        needs=(31, 32),
    ),
    Check(
        34,
        Group.PINS,
        "SPI",
        "The SPI device of a strip of lamps is there and may be opened.",
        "sudo raspi-config nonint do_spi 0, then reboot.",
        spi_device,
    ),
    Check(
        35,
        Group.PINS,
        "lamp",
        "The light shines for a second, on request.",
        "Look at the wiring and at [light].",
        lamp,
    ),
)
