"""No sample of an interrupted answer ever reaches the device, whatever the server still sends and when."""

from __future__ import annotations

from array import array

from box import RATE_HZ, Box
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_loop import run_virtual

FADE_FRAMES = 5 * RATE_HZ // 1000
RESPONSES = 4

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("delta"), st.integers(0, RESPONSES - 1), st.integers(0, 2)),
        st.tuples(st.just("created"), st.integers(0, RESPONSES - 1)),
        st.tuples(
            st.just("done"), st.integers(0, RESPONSES - 1), st.sampled_from(["completed", "cancelled"])
        ),
        st.tuples(st.just("live"), st.integers(1, 12)),
        st.tuples(st.just("turn"), st.integers(11, 15)),
        st.tuples(st.just("press")),
        st.tuples(st.just("release")),
        st.tuples(st.just("stop")),
    ),
    min_size=5,
    max_size=40,
)


def level(response: int) -> int:
    """Every response has a sound of its own: one constant sample value."""
    return 5000 * (response + 1)


async def live_through(steps: list[tuple[object, ...]]) -> None:
    async with Box() as box:
        cuts: list[tuple[int, set[int]]] = []  # frames played at the cut, responses silent from there on
        begun: set[int] = set()

        def note_cut() -> None:
            cuts.append((len(box.speaker.played) // 2, set(begun)))

        for step in steps:
            match step:
                case ("delta", int(response), int(item)):
                    begun.add(response)
                    pcm = array("h", [level(response)] * 1200).tobytes()
                    box.server.delta(f"r{response}", f"r{response}_i{item}", pcm)
                case ("created", int(response)):
                    begun.add(response)
                    box.server.created(f"r{response}")
                case ("done", int(response), str(status)):
                    box.server.done(f"r{response}", status)
                case ("live", int(periods)):
                    await box.live(periods)
                case ("turn", int(periods)):
                    await box.settle()
                    await box.release()
                    note_cut()
                    await box.ask_aloud(periods)
                case ("press",):
                    await box.settle()
                    if not box.button.is_pressed():
                        note_cut()
                        await box.press()
                case ("release",):
                    await box.release()
                case ("stop",):
                    await box.settle()
                    note_cut()
                    await box.app.handle_request({"command": "stop"})
            await box.settle()
        await box.live(30)
        played = array("h", box.speaker.played)
        for frames, silenced in cuts:
            after = played[frames + FADE_FRAMES :]
            for response in silenced:
                assert level(response) not in after, f"response {response} sounded after it was cut"


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_nothing_of_an_interrupted_answer_sounds_again(steps: list[tuple[object, ...]]) -> None:
    run_virtual(live_through(steps))
