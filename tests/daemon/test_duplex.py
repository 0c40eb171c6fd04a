"""What is captured and what is played, together: on real threads, with a fake processor."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest

from daemon.duplex import Duplex, Listened
from hw.errors import DeviceError, Fault
from hw.fakes import FakeVoiceProcessor

RATE_HZ = 16_000
WINDOW = b"\x10\x00" * 160
LIMIT_S = 5.0


class Ears:
    """Collects what is delivered; a period is waited for, not slept for."""

    def __init__(self, find_voices: bool = False, **processor: Any) -> None:
        self.made: list[FakeVoiceProcessor] = []
        self.heard: queue.Queue[Listened] = queue.Queue()
        self.fault: DeviceError | None = None

        def make(rate_hz: int) -> FakeVoiceProcessor:
            if self.fault is not None:
                raise self.fault
            self.made.append(FakeVoiceProcessor(rate_hz=rate_hz, **processor))
            return self.made[-1]

        self.duplex = Duplex(make, find_voices, DeviceError, self.heard.put)

    def hear(self, pcm: bytes = WINDOW) -> Listened:
        self.duplex.captured(pcm)
        return self.heard.get(timeout=LIMIT_S)


@pytest.fixture
def ears() -> Any:
    made = Ears(agc=True)
    yield made
    made.duplex.stop()


def test_captured_sound_passes_through_the_processor(ears: Ears) -> None:
    ears.duplex.tune(RATE_HZ, 48_000)
    assert ears.hear().pcm == b"\x20\x00" * 160
    assert ears.made[0].rate_hz == RATE_HZ


def test_processor_that_cannot_be_had_costs_no_sound(ears: Ears) -> None:
    ears.fault = DeviceError(Fault.LIBRARY_MISSING, "webrtc", "it is not installed")
    ears.duplex.tune(RATE_HZ, 48_000)
    assert ears.hear().pcm == WINDOW
    assert not ears.duplex.safe
    assert "it is not installed" in ears.duplex.reason
    assert ears.duplex.status()["verdict"] == "bypassed"


def test_another_rate_makes_another_processor(ears: Ears) -> None:
    ears.duplex.tune(RATE_HZ, 48_000)
    ears.hear()
    ears.duplex.tune(48_000, 48_000)
    assert len(ears.hear(b"\x10\x00" * 480).pcm) == 960
    assert [processor.rate_hz for processor in ears.made] == [RATE_HZ, 48_000]


def test_nothing_is_delivered_after_the_stop(ears: Ears) -> None:
    ears.duplex.tune(RATE_HZ, 48_000)
    ears.hear()
    ears.duplex.stop()
    ears.duplex.captured(WINDOW)
    assert ears.heard.get(timeout=LIMIT_S).pcm == WINDOW  # as it was captured, by nobody's thread but this


def test_detector_that_fails_costs_no_sound() -> None:
    class Broken:
        def hear(self, near: bytes, far: bytes) -> Any:
            raise ArithmeticError("numbers have a bad day")

    ears = Ears(find_voices=True)
    ears.duplex.tune(RATE_HZ, 48_000)
    ears.duplex._detector = Broken()  # type: ignore[assignment]  # a bug, planted
    try:
        assert [ears.hear().pcm for _ in range(3)] == [WINDOW] * 3
        assert ears.duplex._detector is None
    finally:
        ears.duplex.stop()


def test_nobody_interrupts_before_the_room_is_known() -> None:
    ears = Ears(find_voices=True)
    ears.duplex.tune(RATE_HZ, 48_000)
    try:
        assert not any(ears.hear(b"\x00\x40\x00\xc0" * 80).interrupted for _ in range(20))
    finally:
        ears.duplex.stop()


class Slow(FakeVoiceProcessor):
    """At work until it is told to go on."""

    def __init__(self, rate_hz: int) -> None:
        super().__init__(rate_hz=rate_hz)
        self.at_work, self.go_on = threading.Event(), threading.Event()

    def near(self, window: bytes) -> bytes:
        self.at_work.set()
        self.go_on.wait(5)
        return super().near(window)


def test_forgotten_while_the_processor_works_on_it_is_not_delivered() -> None:
    slow = Slow(16_000)
    delivered: list[bytes] = []
    second = threading.Event()

    def deliver(period: Listened) -> None:
        delivered.append(period.pcm)
        second.set()

    duplex = Duplex(lambda rate_hz: slow, False, DeviceError, deliver)
    duplex.tune(16_000, 16_000)
    duplex.captured(b"\x01\x01" * 160)
    assert slow.at_work.wait(5)
    duplex.forget()  # muted, and opened again at once
    slow.go_on.set()
    duplex.captured(b"\x02\x02" * 160)
    assert second.wait(5)
    duplex.stop()
    assert delivered == [b"\x02\x02" * 160]
