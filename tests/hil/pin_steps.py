"""What is tried with pins alone: Linux by the side of the tests' own kernel, and a box at rest. Shell."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path

from hw.gpio_chips import line_holder
from tests.contract.gpio_kernel import HeaderOfFour
from tests.contract.gpio_manners import MANNERS, Lines
from tests.hil.appliance import CAPTURE_STATUS, LAMP_LINE, PLAYBACK_STATUS, TALK_LINE, SimulatedChip, until
from tests.hil.bench import Bench, Figures

DEVICES_CLOSED = """
[talk]
capture = "on_demand"
[audio.playback]
keep_open = "while_used"
"""
RESTS_S = 20.0
WAKE_UPS_PER_S = 20


def lines(bench: Bench) -> Figures:
    """Linux has the manners that the tests' kernel has."""
    for manner in MANNERS:
        spare = SimulatedChip("spare", "spare")
        try:
            manner(Lines(spare, fcntl.ioctl))
        except Exception as error:
            raise AssertionError(manner.__name__) from error
        finally:
            spare.unplug()
    return {}


def dimmed_lamp(bench: Bench) -> Figures:
    """lgpio has the line while it is dimmed, and gives it back."""
    spare = SimulatedChip("spare", "spare")
    pin = HeaderOfFour(spare.chip).pin(LAMP_LINE)
    try:
        pin.output_with_state(1)
        pin.frequency = 100
        assert spare.is_driven_high(LAMP_LINE)
        pin.state = 0.25
        lit = []
        for _ in range(400):
            lit.append(spare.is_driven_high(LAMP_LINE))
            time.sleep(0.0011)
        pin.frequency = None
        pin.state = 1
        assert all(spare.is_driven_high(LAMP_LINE) for _ in range(20) if not time.sleep(0.003))
        pin.close()
        assert not _holder(spare.chip)
    finally:
        spare.unplug()
    lit_share = sum(lit) / len(lit)
    assert abs(lit_share - 0.25) <= 0.1, lit_share
    return {"lit_share": lit_share}


def _holder(chip: str) -> str:
    with open(chip, "rb") as opened:
        return line_holder(opened.fileno(), LAMP_LINE)


def idle(bench: Bench) -> Figures:
    """With the microphone closed nothing but news wakes it; a press is news, after any rest."""
    assert "lgpio" not in Path(f"/proc/{bench.box.pid}/maps").read_text()
    bench.box.use(DEVICES_CLOSED)
    try:
        until(_card_is_closed, "closed")
        time.sleep(3)
        before = bench.box.wake_ups()
        time.sleep(RESTS_S)
        woken = {name: count - before.get(name, 0) for name, count in bench.box.wake_ups().items()}
        per_s = sum(woken.values()) / RESTS_S
        with bench.pressing(TALK_LINE):
            lit_after_s = until(bench.header.is_lit, "lit", look_s=0.001)
        bench.box.await_phase("idle")
    finally:
        bench.box.use("")
    until(lambda: "RUNNING" in CAPTURE_STATUS.read_text(), "open again")
    assert per_s <= WAKE_UPS_PER_S, f"{per_s:.1f} a second: {woken}"
    assert lit_after_s <= 0.1
    return {"wake_ups_per_s": per_s, "press_to_lamp_ms": lit_after_s * 1000}


def _card_is_closed() -> bool:
    return all(status.read_text() == "closed\n" for status in (CAPTURE_STATUS, PLAYBACK_STATUS))
