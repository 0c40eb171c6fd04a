"""The times of one question and its answer."""

from __future__ import annotations

from daemon.exchanges import ExchangeLog


def test_a_heard_exchange_has_all_its_times() -> None:
    log = ExchangeLog()
    log.begin(10.0, spoken=True)
    log.appended(10.004)
    log.appended(10.1)
    log.released(12.0)
    log.released(12.5)
    log.committed(12.008)
    exchange = log.end(15.0, "heard", "", first_audio_at=12.3)
    assert exchange is not None
    assert exchange.summary() == (
        "exchange 1: press to first frame 4 ms, release to commit 8 ms, commit to first audio 292 ms, heard"
    )


def test_without_audio_nothing_was_heard() -> None:
    log = ExchangeLog()
    log.begin(10.0, spoken=True)
    log.note("failed: rate limit")
    exchange = log.end(15.0, "heard", "", first_audio_at=None)
    assert exchange is not None
    assert exchange.summary() == "exchange 1: unanswered (failed: rate limit)"


def test_what_went_wrong_before_the_question_was_sent_again_is_forgotten() -> None:
    log = ExchangeLog()
    log.begin(10.0, spoken=True)
    log.note("lost: the connection was lost")
    log.committed(11.0)
    exchange = log.end(15.0, "heard", "", first_audio_at=12.0)
    assert exchange is not None
    assert exchange.reason == ""


def test_audio_of_the_answer_before_does_not_count() -> None:
    log = ExchangeLog()
    log.begin(10.0, spoken=True)
    exchange = log.end(11.0, "interrupted", "", first_audio_at=9.0)
    assert exchange is not None
    assert exchange.first_audio_at is None


def test_first_part_of_an_answer_in_several_counts() -> None:
    log = ExchangeLog()
    log.begin(10.0, spoken=True)
    log.sounded(12.3)
    exchange = log.end(20.0, "heard", "", first_audio_at=17.0)
    assert exchange is not None
    assert exchange.first_audio_at == 12.3


def test_nothing_ends_when_nothing_goes_on() -> None:
    log = ExchangeLog()
    log.released(1.0)
    log.committed(1.0)
    assert log.end(2.0, "heard", "", None) is None


def test_only_the_last_twenty_are_remembered() -> None:
    log = ExchangeLog()
    for i in range(30):
        log.begin(float(i), spoken=False)
        log.end(i + 0.5, "cleared", "", None)
    assert [e.number for e in log.ended] == list(range(11, 31))


def test_tools_of_one_exchange_are_not_waited_for_in_the_next() -> None:
    log = ExchangeLog()
    log.called("nobody asked")
    assert not log.calls
    log.begin(10.0, spoken=True)
    log.called("c1")
    log.called("c2")
    log.call_answered("c1")
    assert log.calls == {"c2"}
    log.end(15.0, "interrupted", "", first_audio_at=None)
    assert not log.calls
