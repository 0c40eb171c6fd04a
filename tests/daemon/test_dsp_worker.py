"""With the worker's own thread: what is waited for is waited for by condition, never for a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from daemon.audio.dsp_chain import DspChain, Processed
from daemon.dsp_worker import PLAYED_BOUND, DspWorker
from hw.fakes import FakeVoiceProcessor

RATE_HZ = 16000
PERIOD = 320
SOON_S = 10.0


class Receiver:
    """Keeps what is delivered."""

    def __init__(self) -> None:
        self.pcm = bytearray()
        self.periods: list[Processed] = []
        self.threads: set[str] = set()
        self.raises = False
        self._changed = threading.Condition()

    def __call__(self, processed: Processed) -> None:
        with self._changed:
            self.pcm += processed.pcm
            self.periods.append(processed)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()
        if self.raises:
            raise ValueError("the receiver was told to fail")

    def wait_for(self, periods: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.periods) >= periods, SOON_S)


class GatedProcessor(FakeVoiceProcessor):
    """Hangs in `near` while the gate is shut."""

    def __init__(self) -> None:
        super().__init__(rate_hz=RATE_HZ)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def near(self, window: bytes) -> bytes:
        self.entered.set()
        assert self.gate.wait(SOON_S)
        return super().near(window)


class Bench:
    def __init__(self, **options: float) -> None:
        self.processor = GatedProcessor()
        self.receiver = Receiver()
        self.worker = DspWorker(DspChain(self.processor, RATE_HZ), RATE_HZ, self.receiver, **options)
        self.given = bytearray()

    def capture(self, periods: int) -> None:
        for _ in range(periods):
            number = len(self.given) // (2 * PERIOD) + 1
            period = number.to_bytes(2, "little") * PERIOD
            self.given += period
            self.worker.captured(period)

    def hang(self) -> None:
        """Shut the gate, and wait until the worker stands before it with one period."""
        self.processor.entered.clear()
        self.processor.gate.clear()
        self.capture(1)
        assert self.processor.entered.wait(SOON_S)


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(**getattr(request, "param", {}))
    bench.worker.start()
    yield bench
    bench.processor.gate.set()
    bench.worker.stop()


IMPATIENT = pytest.mark.parametrize("bench", [{"stuck_after_s": 0.0}], indirect=True, ids=["impatient"])
"""Whoever is at work counts as stuck."""


def test_periods_arrive_whole_in_order_and_from_another_thread(bench: Bench) -> None:
    bench.capture(20)
    assert bench.receiver.wait_for(20)
    assert bench.receiver.pcm == bench.given
    assert bench.receiver.threads == {"dsp"}


def test_what_was_played_is_the_reference(bench: Bench) -> None:
    for _ in range(50):
        bench.worker.played(b"\x01\x00" * PERIOD, heard_at=time.monotonic())
        bench.capture(1)
        assert bench.receiver.wait_for(len(bench.given) // (2 * PERIOD))
    assert any(any(period.far) for period in bench.receiver.periods)


def test_at_the_bound_the_oldest_period_is_dropped_and_counted(bench: Bench) -> None:
    bench.hang()
    bench.capture(30)  # 0.6 s, of which 0.5 s are kept
    bench.processor.gate.set()
    assert bench.receiver.wait_for(26)
    assert bench.worker.dropped == 5
    assert bench.receiver.pcm == bench.given[: 2 * PERIOD] + bench.given[2 * PERIOD * 6 :]


def test_what_is_played_while_nobody_captures_takes_no_more_room(bench: Bench) -> None:
    for _ in range(10 * PLAYED_BOUND):
        bench.worker.played(bytes(2 * PERIOD), heard_at=1000.0)
    assert len(bench.worker._played) <= PLAYED_BOUND


@IMPATIENT
def test_while_the_processor_hangs_sound_passes_as_it_was_captured(bench: Bench) -> None:
    bench.hang()
    bench.capture(5)
    assert bench.receiver.pcm == bench.given[2 * PERIOD :]  # all but the one it hangs on
    assert bench.receiver.threads == {threading.current_thread().name}
    assert bench.worker.bypassed == "the voice processor hangs"


@IMPATIENT
def test_a_processor_that_comes_back_goes_on(bench: Bench) -> None:
    bench.hang()
    bench.capture(5)
    bench.processor.gate.set()
    while "dsp" not in bench.receiver.threads and len(bench.receiver.periods) < 10_000:
        bench.capture(1)
        assert bench.receiver.wait_for(len(bench.given) // (2 * PERIOD) - 1)
    assert "dsp" in bench.receiver.threads
    assert bench.worker.bypassed == ""
    assert bench.receiver.pcm == bench.given[2 * PERIOD :]


@pytest.mark.parametrize("bench", [{"overloaded_after_s": 0.0}], indirect=True, ids=["slow"])
def test_a_machine_that_is_too_slow_does_without_the_processor(bench: Bench) -> None:
    bench.hang()
    bench.capture(40)
    bench.processor.gate.set()
    assert bench.receiver.wait_for(20)
    assert bench.worker.bypassed == "this machine is too slow for the voice processor"


def test_one_stall_is_no_slow_machine(bench: Bench) -> None:
    bench.hang()
    bench.capture(400)
    bench.processor.gate.set()
    assert bench.receiver.wait_for(20)
    assert (bench.worker.bypassed, bench.worker.dropped) == ("", 375)


def test_a_processor_that_raises_is_bypassed_with_its_reason(bench: Bench) -> None:
    bench.processor.fail(10**6)
    bench.capture(20)
    assert bench.receiver.wait_for(20)
    assert bench.receiver.pcm == bench.given
    assert "the voice processor fails: OSError" in bench.worker.bypassed


def test_a_receiver_that_raises_does_not_end_the_microphone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.receiver.raises = True
    bench.capture(10)
    assert bench.receiver.wait_for(10)
    assert [(record.levelno, bool(record.exc_info)) for record in caplog.records] == [(logging.ERROR, True)]


def test_a_chain_that_raises_does_not_end_the_microphone(bench: Bench) -> None:
    bench.worker.played(None, heard_at=0.0)  # type: ignore[arg-type]
    bench.capture(5)
    assert bench.receiver.wait_for(5)
    assert bench.receiver.pcm == bench.given


def test_processor_time_is_measured(bench: Bench) -> None:
    for _ in range(26):
        bench.capture(10)
        assert bench.receiver.wait_for(len(bench.given) // (2 * PERIOD))
    assert 0 < bench.worker.cpu_ms_per_s < 1000


def test_after_stop_nothing_is_delivered_and_no_thread_is_left(bench: Bench) -> None:
    bench.capture(5)
    bench.worker.stop()
    delivered = len(bench.receiver.periods)
    bench.capture(5)
    assert len(bench.receiver.periods) == delivered
    assert "dsp" not in {thread.name for thread in threading.enumerate()}


def test_started_twice_is_refused_and_stopped_twice_is_not(bench: Bench) -> None:
    with pytest.raises(RuntimeError, match="started already"):
        bench.worker.start()
    bench.worker.stop()
    bench.worker.stop()


def test_it_starts_again_after_stop(bench: Bench) -> None:
    bench.worker.stop()
    bench.worker.start()
    bench.capture(3)
    assert bench.receiver.wait_for(3)


@IMPATIENT
def test_a_thread_that_hung_when_it_was_stopped_has_nothing_to_say_later(bench: Bench) -> None:
    bench.hang()
    bench.worker.stop()
    (hung,) = (thread for thread in threading.enumerate() if thread.name == "dsp")
    bench.worker.start()
    bench.processor.gate.set()
    hung.join(SOON_S)
    assert not hung.is_alive()
    assert bench.receiver.pcm == b""
    bench.capture(1)
    assert bench.receiver.wait_for(1)
    assert bench.worker.bypassed == "the voice processor hangs"
