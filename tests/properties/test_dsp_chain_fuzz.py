"""Whatever the devices report, in whatever order: all that is captured comes out, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.audio.dsp_chain import DspChain
from hw.fakes import FakeVoiceProcessor

RATE_HZ = 8000

PLAYED = st.tuples(st.just("played"), st.integers(0, 400), st.floats(-2, 2))
CAPTURED = st.tuples(st.just("captured"), st.integers(0, 400), st.floats(-2, 2))
LOST = st.tuples(st.just("lost"), st.integers(0, 8000), st.just(0.0))
FAILS = st.tuples(st.just("fails"), st.integers(0, 8), st.just(0.0))


@given(
    st.sampled_from([8000, 16000, 44100]),
    st.lists(st.one_of(PLAYED, PLAYED, CAPTURED, CAPTURED, LOST, FAILS), max_size=80),
)
def test_what_is_captured_comes_out_whole_and_in_order(
    speaker_rate_hz: int, reports: list[tuple[str, int, float]]
) -> None:
    processor = FakeVoiceProcessor(rate_hz=RATE_HZ, echo_cancellation=False)
    chain, given_pcm, out, now = DspChain(processor, speaker_rate_hz), bytearray(), bytearray(), 1000.0
    for what, frames, off_s in reports:
        now += 0.02
        if what == "played":
            chain.played(b"\x10\x20" * frames, now + off_s)
        elif what == "lost":
            chain.lost(frames)
        elif what == "fails":
            processor.fail(frames)
        else:
            pcm = b"".join(
                (number % 30_000).to_bytes(2, "little")
                for number in range(len(given_pcm) // 2, len(given_pcm) // 2 + frames)
            )
            given_pcm += pcm
            processed = chain.captured(pcm, now + off_s)
            assert len(processed.pcm) == len(processed.near) == len(processed.far)
            out += processed.pcm
    assert out == given_pcm[: len(out)]
    assert 0 <= len(given_pcm) - len(out) < 160
