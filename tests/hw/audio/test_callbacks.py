from __future__ import annotations

import pytest

from hw.audio.callbacks import guarded_deliver, guarded_on_edge, guarded_pull


def _broken(_: object) -> bytes:
    raise OSError("boom")


def test_a_raising_receiver_is_logged_once_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    deliver = guarded_deliver(_broken, "mic")
    for _ in range(3):
        deliver(b"\0\0")
    (record,) = caplog.records
    assert record.exc_info is not None
    assert "mic" in record.message


@pytest.mark.parametrize(
    ("answer", "played"),
    [(b"\1\2\3\4", b"\1\2\3\4"), (b"", bytes(4)), (b"\1\2", bytes(4)), (b"\1" * 6, bytes(4))],
    ids=["exact", "nothing", "short", "long"],
)
def test_only_an_exact_answer_is_played(answer: bytes, played: bytes) -> None:
    assert guarded_pull(lambda frames: answer, 2, "spk")(2) == played


def test_a_raising_pull_is_silence_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    pull = guarded_pull(_broken, 4, "spk")
    assert [pull(3), pull(3)] == [bytes(12), bytes(12)]
    assert len(caplog.records) == 1


def test_a_raising_edge_receiver_is_logged_and_told_of_the_next(caplog: pytest.LogCaptureFixture) -> None:
    on_edge = guarded_on_edge(_broken, "GPIO 17")
    on_edge(True)
    on_edge(False)
    assert [r.message.split(",")[0] for r in caplog.records] == [
        "GPIO 17: a press was lost",
        "GPIO 17: a release was lost",
    ]
