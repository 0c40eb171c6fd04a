"""A link that is closed on purpose: nobody notices, nothing is lost, and a failure is one all the same."""

from __future__ import annotations

import pytest

from daemon import events as ev
from daemon.events import Phase, Trouble
from daemon.talk import TalkMode
from daemon.transitions import Answer, Link, Turn
from tests.daemon.test_appliance import MIC, appliance, asked, play, ready, speak

RENEW = ev.LinkRenewing("old")
REST = ev.LinkResting("at rest")


def resting(mode: TalkMode = TalkMode.HOLD) -> None:
    box = ready(mode, idle_hang_up_s=60.0)
    box.step(REST, 1.0)
    return box


# ---- renewal -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(TalkMode))
def test_nothing_shows_of_a_session_that_is_renewed_at_rest(mode: TalkMode) -> None:
    box = ready(mode)
    shown, turn = box.phase, box.turn
    for event in (RENEW, ev.LinkConnecting(), ev.LinkReady()):
        commands = box.step(event, 1.0)
        assert (box.phase, box.turn) == (shown, turn)
        assert [c for c in commands if not isinstance(c, ev.RewindTurn)] == []
    assert box.link is Link.READY


def test_press_while_the_session_is_renewed_is_a_turn_like_any_other() -> None:
    box = ready()
    play(box, [(1.0, RENEW, []), (1.1, ev.LinkConnecting(), []), (1.2, ev.Pressed(), [ev.OpenTurn(300.0)])])
    speak(box, 1.2, 30)
    box.step(ev.Released(), 1.5)
    play(box, [(1.51, MIC, [ev.UploadPeriod(), ev.ConnectNow()]), (1.6, ev.LinkReady(), [ev.CommitTurn()])])
    assert box.turn is Turn.SENT


def test_turn_that_was_already_up_goes_up_again() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    play(box, [(1.1, RENEW, [ev.RewindTurn()])])
    assert box.turn is Turn.OPEN


def test_committed_turn_is_sent_again_after_a_renewal() -> None:
    box = asked()
    play(box, [(1.6, RENEW, [ev.RewindTurn(), ev.ConnectNow()]), (2.0, ev.LinkReady(), [ev.CommitTurn()])])
    assert (box.turn, box.answer) == (Turn.SENT, Answer.EXPECTED)


def test_hands_free_goes_on_listening_while_the_session_is_renewed() -> None:
    box = ready(TalkMode.HANDS_FREE)
    play(box, [(1.0, RENEW, [ev.RewindTurn()]), (1.01, MIC, [ev.UploadPeriod()]), (1.1, ev.LinkReady(), [])])
    assert box.turn is Turn.LIVE


def test_renewal_that_fails_is_a_lost_link() -> None:
    box = ready()
    box.step(RENEW, 1.0)
    box.step(ev.LinkDown("no route"), 2.0)
    assert (box.link, box.phase) == (Link.DOWN, Phase.OFFLINE)


def test_hands_free_ends_when_the_renewal_fails() -> None:
    box = ready(TalkMode.HANDS_FREE)
    box.step(RENEW, 1.0)
    play(box, [(2.0, ev.LinkDown("no route"), [ev.StopStreaming()])])


# ---- hanging up ----------------------------------------------------------------------


def test_link_that_nobody_needs_is_hung_up() -> None:
    box = ready(idle_hang_up_s=60.0)
    assert box.next_deadline() == 60.0
    play(box, [(59.9, ev.Tick(), []), (60.0, ev.Tick(), [ev.HangUp("at rest: nothing was asked for 60 s")])])
    play(box, [(60.1, REST, [])])
    assert (box.link, box.phase, box.next_deadline()) == (Link.RESTING, Phase.IDLE, None)


def test_every_turn_begins_the_waiting_anew() -> None:
    box = ready(idle_hang_up_s=60.0)
    box.step(ev.Ask("what time is it"), 50.0)
    box.step(ev.AnswerStarted("r1"), 51.0)
    assert box.hang_up_at is None
    box.step(ev.AnswerEnded("r1", "completed", ""), 55.0)
    assert box.hang_up_at == 115.0


def test_hands_free_is_never_hung_up_on_unless_it_is_muted() -> None:
    box = ready(TalkMode.HANDS_FREE, idle_hang_up_s=60.0)
    play(box, [(500.0, ev.Tick(), [])])
    box.step(ev.Mute(), 500.0)
    assert box.hang_up_at == 560.0
    box.step(REST, 560.0)
    play(box, [(600.0, ev.Unmute(), [ev.ConnectNow()]), (601.0, ev.LinkReady(), [ev.StartStreaming()])])


def test_without_a_limit_nothing_is_hung_up() -> None:
    assert ready().next_deadline() is None


def test_press_wakes_the_link_and_its_turn_is_kept() -> None:
    box = resting()
    play(box, [(2.0, ev.Pressed(), [ev.OpenTurn(300.0), ev.ConnectNow()])])
    speak(box, 2.0, 20)
    play(box, [(2.2, ev.Released(), []), (2.3, ev.LinkConnecting(), [])])
    box.step(MIC, 2.4)
    assert (box.turn, box.phase) == (Turn.HELD, Phase.THINKING)
    play(box, [(2.5, ev.LinkReady(), [ev.CommitTurn()])])


def test_press_between_hanging_up_and_being_told_so_loses_nothing() -> None:
    box = ready(idle_hang_up_s=60.0)
    box.step(ev.Tick(), 60.0)
    box.step(ev.Pressed(), 60.001)
    play(box, [(60.002, REST, [ev.RewindTurn(), ev.ConnectNow()])])
    assert (box.turn, box.link) == (Turn.OPEN, Link.RENEWING)


@pytest.mark.parametrize(
    ("event", "sent"), [(ev.Ask("hello"), ev.SendText("hello")), (ev.Say("ready"), ev.SpeakText("ready"))]
)
def test_text_wakes_the_link_and_waits_for_it(event: ev.Event, sent: ev.Command) -> None:
    box = resting()
    play(box, [(2.0, event, [sent, ev.ConnectNow()]), (2.5, ev.LinkReady(), [])])
    assert box.phase is Phase.THINKING


def test_text_for_a_link_that_cannot_be_woken_is_refused_not_answered_hours_later() -> None:
    box = resting()
    box.step(ev.Ask("hello"), 2.0)
    refused = ev.Refuse("not connected: no route", Trouble.OFFLINE)
    play(box, [(2.5, ev.LinkDown("no route"), [ev.Interrupt(), refused])])
    assert (box.answer, box.phase) == (Answer.NONE, Phase.OFFLINE)


def test_typed_question_replaces_a_spoken_one_that_waits_for_the_link() -> None:
    box = resting()
    box.step(ev.Pressed(), 2.0)
    speak(box, 2.0, 20)
    box.step(ev.Released(), 2.2)
    box.step(MIC, 2.3)
    cleared = ev.ClearTurn("a typed question came after it")
    play(box, [(2.4, ev.Ask("hello"), [cleared, ev.SendText("hello")]), (2.5, ev.LinkReady(), [])])


def test_unmuting_wakes_the_link_ahead_of_the_press() -> None:
    box = resting()
    box.step(ev.Mute(), 2.0)
    play(box, [(3.0, ev.Unmute(), [ev.ConnectNow()])])


def test_spending_limit_is_no_reason_to_connect() -> None:
    box = resting()
    box.step(ev.SpendingCapped("enough for today"), 2.0)
    play(box, [(3.0, ev.Pressed(), [ev.Refuse("enough for today", Trouble.SPENDING)])])


def test_link_that_is_to_be_warm_again_is_woken() -> None:
    box = resting()
    play(box, [(2.0, ev.TalkSet(ready().settings), [ev.ConnectNow()])])


# ---- on demand -----------------------------------------------------------------------


def test_box_that_connects_on_demand_is_idle_until_the_first_press() -> None:
    box = appliance(connect_on_demand=True)
    box.step(REST, 0.0)
    assert (box.link, box.phase) == (Link.RESTING, Phase.IDLE)
    play(box, [(2.0, ev.Pressed(), [ev.OpenTurn(300.0), ev.ConnectNow()])])


def test_box_that_cannot_be_connected_says_so_when_the_wait_is_over() -> None:
    box = appliance(connect_on_demand=True)
    box.step(REST, 0.0)
    box.step(ev.Pressed(), 2.0)
    box.step(ev.LinkDown("no route"), 2.1)
    speak(box, 2.1, 20)
    box.step(ev.Released(), 2.3)
    box.step(MIC, 2.31)
    refused = ev.Refuse("not connected: no route", Trouble.OFFLINE)
    play(box, [(17.4, ev.Tick(), [ev.ClearTurn("no connection within 15 s"), refused])])
