"""The two crossings between device threads and the loop, with real threads and a real loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from daemon.audio.gain import Gain
from daemon.audio.playback import AudioTag, PlaybackRing
from daemon.bridge import MicTap, SpeakerTap, call_soon

TAG = AudioTag("r1", "i1", 0)
LOUD = b"\x10\x27"


def on_thread(work: Callable[[], object]) -> Coroutine[Any, Any, object]:
    return asyncio.to_thread(work)


def test_mic_periods_arrive_in_order_on_the_loop() -> None:
    async def main() -> None:
        taken: list[tuple[bytes, int]] = []
        loop_thread = threading.get_ident()
        tap = MicTap(asyncio.get_running_loop(), lambda p: taken.append((p, threading.get_ident())), 100)
        await on_thread(lambda: [tap.deliver(bytes([i])) for i in range(50)])
        await asyncio.sleep(0)
        assert taken == [(bytes([i]), loop_thread) for i in range(50)]
        assert tap.dropped == 0

    asyncio.run(main())


def test_mic_tap_keeps_the_newest_when_the_loop_is_stuck() -> None:
    async def main() -> None:
        taken: list[bytes] = []
        tap = MicTap(asyncio.get_running_loop(), taken.append, 3)
        for i in range(5):
            tap.deliver(bytes([i]))
        await asyncio.sleep(0)
        assert (taken, tap.dropped) == ([b"\2", b"\3", b"\4"], 2)

    asyncio.run(main())


def test_a_burst_wakes_the_loop_once() -> None:
    class CountingLoop(asyncio.SelectorEventLoop):
        wakes = 0

        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
            self.wakes += 1
            return super().call_soon_threadsafe(*args, **kwargs)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        tap = MicTap(loop, lambda period: None, 100)
        for i in range(50):
            tap.deliver(bytes([i]))
        return loop.wakes

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(main()) == 1


def test_device_thread_outliving_the_loop_is_harmless() -> None:
    loop = asyncio.new_event_loop()
    tap = MicTap(loop, lambda period: None, 10)
    loop.close()
    tap.deliver(b"\0\0")
    call_soon(loop, lambda: None)


class Deck:
    """A speaker tap whose device hears everything one pull late."""

    def __init__(self) -> None:
        self.handed = self.heard = 0
        self.drained = 0
        self.ring = PlaybackRing(24_000, capacity_frames=24_000, fade_frames=4)
        self.gain = Gain()
        self.tap = SpeakerTap(
            asyncio.get_running_loop(), self.ring, lambda: self.heard, self._on_drained, self.gain
        )

    def _on_drained(self) -> None:
        self.drained += 1

    async def pull(self, n_frames: int) -> bytes:
        self.heard = self.handed
        frames = await asyncio.to_thread(self.tap.pull, n_frames)
        self.handed += n_frames
        await asyncio.sleep(0)
        return frames


def test_speaker_pulls_silence_then_audio_then_silence_and_reports_drained_once() -> None:
    async def main() -> None:
        deck = Deck()
        assert await deck.pull(10) == bytes(20)
        assert deck.tap.push(TAG, LOUD * 15) == (15, True)
        assert deck.tap.push(TAG, LOUD * 5) == (5, False)
        deck.tap.finish(TAG)
        assert await deck.pull(10) == LOUD * 10
        assert await deck.pull(10) == LOUD * 10
        assert deck.drained == 0  # handed over, not yet heard
        for _ in range(3):
            assert await deck.pull(10) == bytes(20)
        assert deck.drained == 1

    asyncio.run(main())


def test_what_was_lost_is_still_counted_after_a_change_of_the_device() -> None:
    async def main() -> None:
        deck = Deck()
        deck.tap.push(TAG, LOUD * 24_005)
        assert (deck.tap.rejected_frames, deck.tap.underruns) == (5, 0)
        deck.tap.use(PlaybackRing(48_000, capacity_frames=10, fade_frames=4))
        deck.tap.push(TAG, LOUD * 11)
        assert deck.tap.rejected_frames == 6

    asyncio.run(main())


def test_asking_how_far_it_is_does_not_swallow_the_news() -> None:
    async def main() -> None:
        deck = Deck()
        deck.tap.push(TAG, LOUD * 10)
        deck.tap.finish(TAG)
        await deck.pull(10)
        deck.heard = deck.handed
        assert deck.tap.so_far() == []
        await deck.pull(10)
        assert deck.drained == 1

    asyncio.run(main())


def test_drained_news_of_a_silenced_answer_is_dropped() -> None:
    async def main() -> None:
        deck = Deck()
        deck.tap.push(TAG, LOUD * 10)
        deck.tap.finish(TAG)
        await deck.pull(10)
        deck.heard = deck.handed
        deck.tap.pull(10)  # notices the end on the device's thread ...
        deck.tap.silence()  # ... but before the loop hears of it, the answer is cut
        await asyncio.sleep(0)
        assert deck.drained == 0

    asyncio.run(main())


def test_silence_says_what_was_heard_and_how_far_the_device_was() -> None:
    async def main() -> None:
        deck = Deck()
        deck.tap.push(TAG, LOUD * 100)
        await deck.pull(10)
        await deck.pull(10)
        parts, pulled_frames = deck.tap.silence()
        assert [(p.tag, p.heard_frames) for p in parts] == [(TAG, 10)]
        assert pulled_frames == 20
        assert (await deck.pull(10))[8:] == bytes(12)

    asyncio.run(main())


def test_first_audio_is_timed_once_per_playback() -> None:
    async def main() -> None:
        deck = Deck()
        assert deck.tap.first_audio_at is None
        deck.tap.push(TAG, LOUD * 30)
        await deck.pull(10)
        first = deck.tap.first_audio_at
        await deck.pull(10)
        assert first is not None
        assert deck.tap.first_audio_at == first
        deck.tap.silence()
        deck.tap.push(TAG, LOUD)
        assert deck.tap.first_audio_at is None

    asyncio.run(main())
