"""The appliance as tables: (time, event) -> commands."""

from __future__ import annotations

from typing import Any

import pytest

from daemon import events as ev
from daemon.appliance import Appliance
from daemon.events import Phase, Trouble
from daemon.talk import BargeIn, Capture, TalkMode, TalkSettings
from daemon.transitions import Alarm, Answer, Link, Speaker, Turn

PERIOD_S = 0.01
Script = list[tuple[float, Any, list[Any]]]


def appliance(mode: TalkMode = TalkMode.HOLD, **settings: Any) -> Appliance:
    return Appliance(TalkSettings(mode=mode, **settings), PERIOD_S)


def play(box: Appliance, script: Script) -> None:
    """Each step's commands, phases aside, must be exactly the listed ones."""
    for at, event, expected in script:
        commands = [c for c in box.step(event, at) if not isinstance(c, ev.ShowPhase)]
        assert commands == expected, f"{event} at {at}"


def ready(mode: TalkMode = TalkMode.HOLD, **settings: Any) -> Appliance:
    box = appliance(mode, **settings)
    box.step(ev.LinkConnecting(), 0.0)
    box.step(ev.LinkReady(), 0.0)
    return box


def speak(box: Appliance, start: float, periods: int, speech: bool | None = True) -> float:
    """Feed captured periods; answers the time of the last."""
    for i in range(1, periods + 1):
        box.step(ev.MicPeriod(10.0, speech), start + i * PERIOD_S)
    return start + periods * PERIOD_S


def asked(mode: TalkMode = TalkMode.HOLD, **settings: Any) -> Appliance:
    """A box whose user has spoken for half a second and waits for the answer since t=1.51."""
    box = ready(mode, **settings)
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 50)
    box.step(ev.Released() if mode is TalkMode.HOLD else ev.Pressed(), 1.5)
    box.step(ev.MicPeriod(10.0, True), 1.51)
    assert box.turn is Turn.SENT
    return box


def answering(mode: TalkMode = TalkMode.HOLD, **settings: Any) -> Appliance:
    box = asked(mode, **settings)
    box.step(ev.AnswerStarted("r1"), 1.6)
    box.step(ev.PlaybackStarted(), 1.7)
    return box


MIC = ev.MicPeriod(10.0, True)
QUIET = ev.MicPeriod(10.0, False)


def test_hold_press_speak_release_commits_with_the_period_that_holds_the_release() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)])])
    at = speak(box, 1.0, 20)
    play(
        box,
        [
            (at + 0.004, ev.Released(), []),
            (at + 0.01, MIC, [ev.UploadPeriod(), ev.CommitTurn()]),
            (at + 0.02, MIC, []),
        ],
    )
    assert (box.turn, box.answer) == (Turn.SENT, Answer.EXPECTED)


def test_hold_periods_between_presses_stay_here() -> None:
    play(ready(), [(0.5, MIC, []), (0.51, ev.Released(), []), (0.52, MIC, [])])


def test_release_tail_keeps_capturing() -> None:
    box = ready(release_tail_ms=30)
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 20)
    play(
        box,
        [
            (at, ev.Released(), []),
            (at + 0.01, MIC, [ev.UploadPeriod()]),
            (at + 0.02, MIC, [ev.UploadPeriod()]),
            (at + 0.0301, MIC, [ev.UploadPeriod(), ev.CommitTurn()]),
        ],
    )


def test_turn_under_100_ms_is_cleared() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 8)
    play(
        box,
        [
            (at, ev.Released(), []),
            (at + 0.01, MIC, [ev.UploadPeriod(), ev.ClearTurn("shorter than 100 ms")]),
        ],
    )
    assert (box.turn, box.answer) == (Turn.IDLE, Answer.NONE)


def test_turn_of_exactly_100_ms_is_committed() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 9)
    play(box, [(at, ev.Released(), []), (at + 0.01, MIC, [ev.UploadPeriod(), ev.CommitTurn()])])


def test_turn_without_speech_is_cleared() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 100, speech=False)
    cleared = [ev.UploadPeriod(), ev.ClearTurn("no speech in it")]
    play(box, [(at, ev.Released(), []), (at + 0.01, QUIET, cleared)])


def test_turn_without_voice_detector_is_judged_by_length_only() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 20, speech=None)
    play(
        box,
        [
            (at, ev.Released(), []),
            (at + 0.01, ev.MicPeriod(10.0, None), [ev.UploadPeriod(), ev.CommitTurn()]),
        ],
    )


def test_microphone_that_stops_at_the_release_does_not_hold_the_turn() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 20)
    box.step(ev.Released(), at)
    assert box.next_deadline() == pytest.approx(at + 2 * PERIOD_S)
    report = ev.Report("the microphone delivered nothing after the release")
    play(box, [(at + 0.021, ev.Tick(), [report, ev.CommitTurn()])])


def test_press_again_before_the_turn_closed_goes_on_with_it() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    at = speak(box, 1.0, 5)
    play(
        box,
        [
            (at, ev.Released(), []),
            (at + 0.004, ev.Pressed(), []),
            (at + 0.01, MIC, [ev.UploadPeriod()]),
        ],
    )
    assert box.turn is Turn.OPEN


def test_second_press_without_release_changes_nothing() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    deadline = box.next_deadline()
    play(box, [(5.0, ev.Pressed(), [])])
    assert box.next_deadline() == deadline


def test_toggle_tap_speak_tap() -> None:
    box = ready(TalkMode.TOGGLE)
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.1, ev.Released(), [])])
    at = speak(box, 1.1, 30)
    play(
        box,
        [
            (at, ev.Pressed(), []),
            (at + 0.005, ev.Released(), []),
            (at + 0.01, MIC, [ev.UploadPeriod(), ev.CommitTurn()]),
        ],
    )


@pytest.mark.parametrize("mode", [TalkMode.HOLD, TalkMode.TOGGLE])
def test_press_in_mid_answer_interrupts_and_opens_the_next_turn_in_one_step(mode: TalkMode) -> None:
    box = answering(mode)
    play(box, [(2.0, ev.Pressed(), [ev.Interrupt(), ev.OpenTurn(0.0)])])
    assert (box.turn, box.answer, box.speaker) == (Turn.OPEN, Answer.NONE, Speaker.SILENT)


def test_press_while_thinking_interrupts_with_preroll() -> None:
    play(asked(), [(1.55, ev.Pressed(), [ev.Interrupt(), ev.OpenTurn(300.0)])])


def test_press_after_generation_ended_still_interrupts_what_plays() -> None:
    box = answering()
    box.step(ev.AnswerEnded("r1", "completed", ""), 1.8)
    play(box, [(2.0, ev.Pressed(), [ev.Interrupt(), ev.OpenTurn(0.0)])])


def test_press_after_everything_was_heard_interrupts_nothing() -> None:
    box = answering()
    box.step(ev.AnswerEnded("r1", "completed", ""), 1.8)
    box.step(ev.PlaybackDrained(), 5.0)
    play(box, [(7.0, ev.Pressed(), [ev.OpenTurn(300.0)])])


def test_preroll_reaches_back_only_to_where_our_own_voice_had_faded() -> None:
    box = answering()
    box.step(ev.AnswerEnded("r1", "completed", ""), 1.8)
    box.step(ev.PlaybackDrained(), 5.0)
    [opened] = [c for c in box.step(ev.Pressed(), 5.4) if isinstance(c, ev.OpenTurn)]
    assert opened.preroll_ms == pytest.approx(100.0)


def test_late_end_of_an_interrupted_answer_does_not_end_the_next_one() -> None:
    box = answering()
    box.step(ev.Pressed(), 2.0)
    speak(box, 2.0, 30)
    box.step(ev.Released(), 2.3)
    box.step(MIC, 2.31)
    play(box, [(2.4, ev.AnswerEnded("r1", "cancelled", ""), [])])
    assert (box.turn, box.answer) == (Turn.SENT, Answer.EXPECTED)


def test_failed_answer_is_reported_and_the_box_is_idle_again() -> None:
    box = asked()
    forget = [ev.Report("answer failed: rate limit"), ev.ForgetTurn()]
    play(box, [(2.0, ev.AnswerEnded(None, "failed", "rate limit"), forget)])
    assert box.phase is Phase.IDLE


def test_answer_that_never_begins_is_given_up() -> None:
    box = asked()
    due = box.next_deadline()
    assert due == pytest.approx(1.51 + 30)
    report = ev.Report("no answer began within 30 s")
    play(box, [(due + 0.1, ev.Tick(), [report, ev.Interrupt(), ev.ForgetTurn()])])
    assert box.phase is Phase.IDLE


def test_stop_silences_and_forgets() -> None:
    play(answering(), [(2.0, ev.Stop(), [ev.Interrupt()])])
    play(asked(), [(1.6, ev.Stop(), [ev.Interrupt(), ev.ForgetTurn()])])
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.1, ev.Stop(), [ev.ClearTurn("stopped")])])
    play(ready(), [(1.0, ev.Stop(), [])])


def test_stuck_button_ends_the_turn() -> None:
    box = ready(max_turn_s=5.0)
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 50)
    play(box, [(6.0, ev.Tick(), [ev.Report("turn ended after 5 s: is the button stuck?")])])
    play(box, [(6.005, MIC, [ev.UploadPeriod(), ev.CommitTurn()]), (9.0, ev.Released(), [])])


def test_press_without_link_is_refused_and_hurries_the_link() -> None:
    box = appliance()
    box.step(ev.LinkDown("name not resolved"), 0.0)
    refused = [ev.ConnectNow(), ev.Refuse("not connected: name not resolved", Trouble.OFFLINE)]
    play(box, [(1.0, ev.Pressed(), refused), (1.5, ev.Released(), [])])


def test_turn_spoken_while_connecting_is_sent_when_the_link_is_ready() -> None:
    box = appliance()
    box.step(ev.LinkConnecting(), 0.0)
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)])])
    at = speak(box, 1.0, 30)
    play(
        box,
        [
            (at, ev.Released(), []),
            (at + 0.01, MIC, [ev.UploadPeriod(), ev.ConnectNow()]),
            (at + 1.0, ev.LinkReady(), [ev.CommitTurn()]),
        ],
    )
    assert box.phase is Phase.THINKING


def test_turn_kept_too_long_without_link_is_given_up() -> None:
    box = appliance()
    box.step(ev.LinkConnecting(), 0.0)
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    box.step(ev.Released(), 1.3)
    box.step(MIC, 1.31)
    refused = ev.Refuse("not connected: not connected yet", ev.Trouble.OFFLINE)
    play(box, [(16.4, ev.Tick(), [ev.ClearTurn("no connection within 15 s"), refused])])


def test_new_turn_replaces_one_that_still_waits_for_the_link() -> None:
    box = appliance()
    box.step(ev.LinkConnecting(), 0.0)
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    box.step(ev.Released(), 1.3)
    box.step(MIC, 1.31)
    replaced = ev.ClearTurn("replaced by a new turn before it could be sent")
    play(box, [(2.0, ev.Pressed(), [replaced, ev.OpenTurn(300.0)])])


def test_link_lost_in_mid_turn_keeps_the_turn_and_sends_it_again() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    play(
        box,
        [
            (1.30, ev.LinkDown("reset"), [ev.RewindTurn()]),
            (1.31, MIC, [ev.UploadPeriod()]),
            (1.32, ev.LinkConnecting(), []),
            (1.40, ev.LinkReady(), []),
            (1.41, ev.Released(), []),
            (1.42, MIC, [ev.UploadPeriod(), ev.CommitTurn()]),
        ],
    )


def test_link_lost_before_the_answer_began_asks_again() -> None:
    box = asked()
    play(
        box,
        [
            (1.6, ev.LinkDown("reset"), [ev.RewindTurn(), ev.ConnectNow()]),
            (1.7, ev.LinkConnecting(), []),
            (2.0, ev.LinkReady(), [ev.CommitTurn()]),
            (2.1, ev.AnswerStarted("r2"), [ev.ForgetTurn()]),
        ],
    )


def test_link_lost_in_mid_answer_plays_what_is_queued() -> None:
    box = answering()
    play(box, [(2.0, ev.LinkDown("reset"), [])])
    assert (box.speaker, box.answer, box.phase) == (Speaker.PLAYING, Answer.NONE, Phase.SPEAKING)


def test_ask_interrupts_and_sends() -> None:
    play(answering(), [(2.0, ev.Ask("time?"), [ev.Interrupt(), ev.SendText("time?")])])


def test_ask_replaces_a_spoken_question_not_yet_answered() -> None:
    play(asked(), [(1.6, ev.Ask("time?"), [ev.Interrupt(), ev.ForgetTurn(), ev.SendText("time?")])])


def test_say_waits_behind_the_answer() -> None:
    box = answering()
    play(box, [(2.0, ev.Say("tea is ready"), [ev.SpeakText("tea is ready")])])
    play(box, [(3.0, ev.AnswerEnded("r1", "completed", ""), []), (3.1, ev.AnswerStarted("r2"), [])])
    assert box.answer is Answer.GENERATING


@pytest.mark.parametrize("event", [ev.Ask("x"), ev.Say("x")])
def test_texts_are_refused_while_the_user_talks_or_the_link_is_down(event: ev.Event) -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    play(box, [(1.1, event, [ev.Refuse("the user is talking", Trouble.BUSY)])])
    play(appliance(), [(1.1, event, [ev.Refuse("not connected: not connected yet", Trouble.OFFLINE)])])


def test_hands_free_streams_from_ready_to_down() -> None:
    box = appliance(TalkMode.HANDS_FREE)
    play(
        box,
        [
            (0.0, ev.LinkConnecting(), []),
            (0.1, MIC, []),
            (0.2, ev.LinkReady(), [ev.StartStreaming()]),
            (0.3, MIC, [ev.UploadPeriod()]),
            (0.4, ev.LinkDown("reset"), [ev.StopStreaming()]),
            (0.5, MIC, []),
        ],
    )


def test_hands_free_half_duplex_holds_the_microphone_back_until_the_echo_has_faded() -> None:
    box = ready(TalkMode.HANDS_FREE)
    play(
        box,
        [
            (1.0, ev.UserSpeechStarted(), []),
            (2.0, ev.UserSpeechStopped(), []),
            (2.0, ev.InputCommitted(), []),
            (2.1, ev.AnswerStarted("r1"), []),
            (2.2, MIC, [ev.UploadPeriod()]),
            (2.3, ev.PlaybackStarted(), []),
            (2.4, MIC, []),
            (3.0, ev.AnswerEnded("r1", "completed", ""), []),
            (4.0, ev.PlaybackDrained(), []),
            (4.2, MIC, []),
            (4.31, MIC, [ev.UploadPeriod()]),
        ],
    )


def test_hands_free_press_interrupts_and_listens_at_once() -> None:
    box = ready(TalkMode.HANDS_FREE)
    box.step(ev.AnswerStarted("r1"), 1.0)
    box.step(ev.PlaybackStarted(), 1.1)
    play(box, [(1.2, ev.Pressed(), [ev.Interrupt()]), (1.21, MIC, [ev.UploadPeriod()])])


def test_hands_free_server_vad_barge_in_interrupts_on_speech() -> None:
    box = ready(TalkMode.HANDS_FREE, barge_in=BargeIn.SERVER_VAD)
    box.step(ev.AnswerStarted("r1"), 1.0)
    box.step(ev.PlaybackStarted(), 1.1)
    play(box, [(1.2, MIC, [ev.UploadPeriod()]), (1.3, ev.UserSpeechStarted(), [ev.Interrupt()])])
    play(box, [(1.5, ev.UserSpeechStopped(), []), (1.6, ev.UserSpeechStarted(), [])])


def test_phases_follow_the_conversation() -> None:
    box = appliance()
    shown: list[Phase] = []
    for at, event in [
        (0.0, ev.LinkConnecting()),
        (0.1, ev.LinkReady()),
        (1.0, ev.Pressed()),
        *[(1.0 + i / 100, MIC) for i in range(1, 30)],
        (1.3, ev.Released()),
        (1.31, MIC),
        (1.4, ev.AnswerStarted("r1")),
        (1.5, ev.PlaybackStarted()),
        (1.6, ev.AnswerEnded("r1", "completed", "")),
        (9.0, ev.PlaybackDrained()),
        (9.9, ev.LinkDown("reset")),
    ]:
        shown += [c.phase for c in box.step(event, at) if isinstance(c, ev.ShowPhase)]
    assert shown == [
        Phase.CONNECTING,
        Phase.IDLE,
        Phase.LISTENING,
        Phase.THINKING,
        Phase.SPEAKING,
        Phase.IDLE,
        Phase.OFFLINE,
    ]


def test_link_states_follow_the_link() -> None:
    box = appliance()
    box.step(ev.LinkDown("no route"), 0.0)
    assert (box.link, box.link_reason) == (Link.DOWN, "no route")


# ---- mute ------------------------------------------------------------


def test_mute_in_mid_turn_clears_the_turn_and_refuses_presses_until_unmute() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    play(
        box,
        [
            (1.5, ev.Mute(), [ev.ClearTurn("muted")]),
            (1.6, ev.Released(), []),
            (2.0, ev.Pressed(), [ev.Refuse("the microphone is muted", Trouble.MUTED)]),
            (2.1, ev.Released(), []),
            (3.0, ev.Unmute(), []),
            (4.0, ev.Pressed(), [ev.OpenTurn(300.0)]),
        ],
    )
    assert box.next_deadline() == 64.0


def test_mute_between_release_and_its_last_period_clears_the_turn() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    box.step(ev.Released(), speak(box, 1.0, 30))
    play(box, [(1.305, ev.Mute(), [ev.ClearTurn("muted")])])
    assert (box.turn, box.next_deadline()) == (Turn.IDLE, None)


def test_mute_leaves_a_question_that_was_asked_before() -> None:
    play(asked(), [(1.6, ev.Mute(), []), (1.7, ev.AnswerStarted("r1"), [ev.ForgetTurn()])])


def test_press_while_muted_still_cuts_the_answer() -> None:
    box = answering()
    refused = [ev.Interrupt(), ev.Refuse("the microphone is muted", Trouble.MUTED)]
    play(box, [(2.0, ev.Mute(), []), (2.1, ev.Pressed(), refused)])


def test_typed_questions_are_answered_while_muted() -> None:
    play(ready(), [(1.0, ev.Mute(), []), (1.1, ev.Ask("time?"), [ev.SendText("time?")])])


def test_hands_free_mute_stops_streaming_and_unmute_starts_it_again() -> None:
    box = ready(TalkMode.HANDS_FREE)
    play(
        box,
        [
            (0.5, ev.UserSpeechStarted(), []),
            (1.0, ev.Mute(), [ev.StopStreaming()]),
            (1.1, ev.Mute(), []),
            (1.2, ev.Pressed(), [ev.Refuse("the microphone is muted", Trouble.MUTED)]),
            (2.0, ev.Unmute(), [ev.StartStreaming()]),
        ],
    )


def test_box_made_hands_free_listens_at_once_and_stops_when_that_is_taken_back() -> None:
    hands_free, hold = TalkSettings(mode=TalkMode.HANDS_FREE), TalkSettings(mode=TalkMode.HOLD)
    play(
        ready(),
        [
            (1.0, ev.TalkSet(hands_free), [ev.StartStreaming()]),
            (2.0, ev.UserSpeechStarted(), []),
            (2.1, ev.TalkSet(hands_free), []),
            (2.2, ev.TalkSet(hold), [ev.StopStreaming()]),
            (3.0, ev.Pressed(), [ev.OpenTurn(300.0)]),
        ],
    )


def test_box_made_hands_free_while_muted_waits_until_it_is_not() -> None:
    hands_free = TalkSettings(mode=TalkMode.HANDS_FREE)
    play(
        ready(),
        [
            (1.0, ev.Mute(), []),
            (2.0, ev.TalkSet(hands_free), []),
            (3.0, ev.Unmute(), [ev.StartStreaming()]),
        ],
    )


def test_other_limits_of_a_turn_hold_from_the_next_one() -> None:
    box = ready()
    play(
        box,
        [
            (1.0, ev.Pressed(), [ev.OpenTurn(300.0)]),
            (1.1, ev.TalkSet(TalkSettings(preroll_ms=0, max_turn_s=5)), []),
        ],
    )
    assert box.next_deadline() == 61.0
    play(box, [(1.2, ev.Stop(), [ev.ClearTurn("stopped")]), (2.0, ev.Pressed(), [ev.OpenTurn(0)])])
    assert box.next_deadline() == 7.0


def test_hands_free_stays_deaf_when_the_link_comes_back_while_muted() -> None:
    box = ready(TalkMode.HANDS_FREE)
    play(
        box,
        [
            (1.0, ev.Mute(), [ev.StopStreaming()]),
            (2.0, ev.LinkDown("reset"), []),
            (3.0, ev.LinkConnecting(), []),
            (3.1, ev.LinkReady(), []),
            (4.0, ev.Unmute(), [ev.StartStreaming()]),
        ],
    )


# ---- consent to tool calls -------------------------------------------


def wanted(box: Appliance, *call_ids: str, at: float = 1.0) -> Appliance:
    for call_id in call_ids:
        box.step(ev.ApprovalWanted(call_id, "unlock_door"), at)
    return box


def test_press_approves_the_oldest_call_and_opens_no_turn() -> None:
    box = wanted(ready(), "c1", "c2")
    play(
        box,
        [
            (2.0, ev.Pressed(), [ev.Approve("c1")]),
            (2.1, ev.Released(), []),
            (3.0, ev.Pressed(), [ev.Approve("c2")]),
            (3.1, ev.Released(), []),
            (4.0, ev.Pressed(), [ev.OpenTurn(300.0)]),
        ],
    )


def test_press_approves_rather_than_cutting_an_answer_and_also_while_muted() -> None:
    play(wanted(answering(), "c1"), [(2.0, ev.Pressed(), [ev.Approve("c1")])])
    play(wanted(ready(), "c1"), [(2.0, ev.Mute(), []), (2.1, ev.Pressed(), [ev.Approve("c1")])])


def test_press_that_ends_a_turn_approves_nothing() -> None:
    box = ready(TalkMode.TOGGLE)
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    wanted(box, "c1", at=1.3)
    play(
        box,
        [
            (1.31, ev.Pressed(), []),
            (1.32, MIC, [ev.UploadPeriod(), ev.CommitTurn()]),
            (2.0, ev.Pressed(), [ev.Approve("c1")]),
        ],
    )


def test_commands_approve_and_reject_from_afar() -> None:
    box = wanted(ready(), "c1", "c2")
    play(
        box,
        [
            (2.0, ev.Dissent(), [ev.Reject("c1", "A person rejected the call.")]),
            (2.1, ev.Consent(), [ev.Approve("c2")]),
            (2.2, ev.Consent(), [ev.Refuse("nothing waits for approval", Trouble.NOTHING)]),
            (2.3, ev.Dissent(), [ev.Refuse("nothing waits for approval", Trouble.NOTHING)]),
        ],
    )


def test_stop_rejects_every_call_after_it_has_silenced_the_box() -> None:
    box = wanted(answering(), "c1", "c2")
    rejected = [ev.Reject(call_id, "A person stopped the box.", respond=False) for call_id in ("c1", "c2")]
    play(box, [(2.0, ev.Stop(), [ev.Interrupt(), *rejected]), (2.1, ev.Stop(), [])])


def test_nobody_approving_in_time_rejects() -> None:
    box = wanted(ready(approve_s=20.0), "c1")
    wanted(box, "c2", at=5.0)
    assert box.next_deadline() == 21.0
    report = ev.Report("nobody approved unlock_door within 20 s")
    reason = "Nobody approved the call in time."
    play(box, [(21.0, ev.Tick(), [report, ev.Reject("c1", reason)])])
    assert box.next_deadline() == 25.0


def test_answer_and_approval_overdue_at_once_silence_the_box_first() -> None:
    box = wanted(asked(), "c1", at=1.51)
    [report, interrupt, forget, told, reject] = [
        c for c in box.step(ev.Tick(), 40.0) if not isinstance(c, ev.ShowPhase)
    ]
    assert (report, interrupt, forget) == (
        ev.Report("no answer began within 30 s"),
        ev.Interrupt(),
        ev.ForgetTurn(),
    )
    assert told == ev.Report("nobody approved unlock_door within 30 s")
    assert reject == ev.Reject("c1", "Nobody approved the call in time.")


def test_call_wanted_twice_keeps_its_time() -> None:
    box = wanted(ready(), "c1")
    wanted(box, "c1", at=9.0)
    assert box.next_deadline() == 31.0
    play(box, [(9.1, ev.Consent(), [ev.Approve("c1")])])
    assert box.next_deadline() is None


def test_one_call_too_many_is_rejected_at_once() -> None:
    box = wanted(ready(), *(f"c{i}" for i in range(64)))
    rejected = ev.Reject("c64", "Too many calls are waiting for a person.")
    play(box, [(1.1, ev.ApprovalWanted("c64", "unlock_door"), [rejected])])


# ---- the alarm -------------------------------------------------------


def ringing(box: Appliance) -> Appliance:
    """Since t=5, with the first chime under way."""
    play(box, [(5.0, ev.AlarmDue(), [ev.PlayChime()]), (5.01, ev.PlaybackStarted(), [])])
    assert box.phase is Phase.RINGING
    return box


@pytest.mark.parametrize("box", [appliance(), ready(), ready(TalkMode.HANDS_FREE)])
def test_alarm_chimes_again_and_again_with_and_without_a_link(box: Appliance) -> None:
    ringing(box)
    play(box, [(6.0, ev.PlaybackDrained(), [])])
    assert (box.next_deadline(), box.phase) == (8.0, Phase.RINGING)
    play(box, [(8.0, ev.Tick(), [ev.PlayChime()]), (8.01, ev.PlaybackStarted(), [])])


@pytest.mark.parametrize("mode", TalkMode)
def test_press_dismisses_the_alarm_and_does_nothing_else(mode: TalkMode) -> None:
    box = ringing(ready(mode))
    play(box, [(5.5, ev.Pressed(), [ev.Interrupt(), ev.DismissAlarm()]), (5.6, ev.Released(), [])])
    assert (box.alarm, box.next_deadline()) == (Alarm.QUIET, None)


def test_press_between_two_chimes_dismisses_the_alarm() -> None:
    box = ringing(ready())
    play(box, [(6.0, ev.PlaybackDrained(), []), (7.0, ev.Pressed(), [ev.DismissAlarm()])])
    play(box, [(7.1, ev.Released(), []), (9.0, ev.Pressed(), [ev.OpenTurn(300.0)])])


def test_stop_dismisses_the_alarm() -> None:
    play(ringing(ready()), [(5.5, ev.Stop(), [ev.Interrupt(), ev.DismissAlarm()])])


def test_alarm_waits_for_the_end_of_an_answer() -> None:
    box = answering()
    play(box, [(5.0, ev.AlarmDue(), []), (6.0, ev.AnswerEnded("r1", "completed", ""), [])])
    play(box, [(9.0, ev.PlaybackDrained(), [ev.PlayChime()])])


def test_alarm_waits_for_the_end_of_a_turn_and_of_its_answer() -> None:
    box = ready()
    box.step(ev.Pressed(), 1.0)
    speak(box, 1.0, 30)
    play(box, [(1.305, ev.AlarmDue(), []), (1.306, ev.Released(), [])])
    play(
        box,
        [(1.31, MIC, [ev.UploadPeriod(), ev.CommitTurn()]), (1.5, ev.AnswerStarted("r"), [ev.ForgetTurn()])],
    )
    play(box, [(2.0, ev.AnswerEnded("r", "completed", ""), [ev.PlayChime()])])


def test_alarm_not_heard_yet_is_not_dismissed_by_a_press_that_cuts_an_answer() -> None:
    box = answering()
    box.step(ev.AlarmDue(), 5.0)
    play(box, [(5.1, ev.Pressed(), [ev.Interrupt(), ev.OpenTurn(0.0)])])
    play(box, [(5.2, ev.Stop(), [ev.ClearTurn("stopped"), ev.PlayChime()])])


def test_alarm_lets_a_hands_free_user_speak_and_be_answered() -> None:
    box = ringing(ready(TalkMode.HANDS_FREE))
    play(
        box,
        [
            (6.0, ev.PlaybackDrained(), []),
            (7.0, ev.UserSpeechStarted(), []),
            (8.5, ev.Tick(), []),
            (9.0, ev.InputCommitted(), []),
            (9.0, ev.UserSpeechStopped(), []),
            (9.5, ev.AnswerStarted("r1"), []),
            (9.6, ev.Stop(), [ev.Interrupt(), ev.DismissAlarm()]),
        ],
    )


def test_alarm_that_is_over_falls_silent() -> None:
    box = ringing(ready())
    play(box, [(5.5, ev.AlarmOver(), []), (6.0, ev.PlaybackDrained(), [])])
    assert (box.alarm, box.next_deadline(), box.phase) == (Alarm.QUIET, None, Phase.IDLE)


def test_alarm_without_a_working_loudspeaker_keeps_trying() -> None:
    box = ready()
    play(box, [(5.0, ev.AlarmDue(), [ev.PlayChime()])])
    play(box, [(7.0, ev.Tick(), [ev.PlayChime()]), (7.1, ev.AlarmDue(), [])])


def test_press_dismisses_the_alarm_before_it_approves_anything() -> None:
    box = wanted(ringing(ready()), "c1", at=5.1)
    play(box, [(5.5, ev.Pressed(), [ev.Interrupt(), ev.DismissAlarm()])])
    play(box, [(6.5, ev.Pressed(), [ev.Approve("c1")])])


# ---- taps, and turns that end by themselves -----------------------------------


def test_tap_lets_the_turn_go_on_until_the_user_has_finished() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.2, ev.Tapped(), [])])
    at = speak(box, 1.2, 30)
    play(box, [(at, ev.SpeechEnded(), []), (at + 0.01, QUIET, [ev.UploadPeriod(), ev.CommitTurn()])])


def test_second_press_ends_a_tapped_turn() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.2, ev.Tapped(), [])])
    at = speak(box, 1.2, 30)
    play(box, [(at, ev.Pressed(), []), (at + 0.1, ev.Tapped(), []), (at + 0.11, MIC, COMMITTED)])


COMMITTED = [ev.UploadPeriod(), ev.CommitTurn()]


def test_tapped_turn_is_not_ended_by_a_release() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.2, ev.Tapped(), []), (1.3, ev.Released(), [])])
    assert box.turn is Turn.OPEN


def test_tapped_turn_in_which_nothing_is_said_is_cleared() -> None:
    box = ready()
    script: Script = [
        (1.0, ev.Pressed(), [ev.OpenTurn(300.0)]),
        (1.2, ev.Tapped(), []),
        (6.0, ev.NothingSaid(), [ev.ClearTurn("nothing was said")]),
    ]
    play(box, script)
    assert box.next_deadline() is None


def test_held_turn_is_ended_neither_by_silence_nor_by_nothing() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (2.0, ev.SpeechEnded(), [])])
    play(box, [(6.0, ev.NothingSaid(), [])])
    assert box.turn is Turn.OPEN


def test_press_that_meant_something_else_leaves_no_turn() -> None:
    box = answering()
    play(box, [(2.0, ev.Pressed(), [ev.Interrupt(), ev.OpenTurn(0.0)])])
    play(box, [(2.2, ev.Abandoned(), [ev.ClearTurn("the press meant something else")])])
    assert box.turn is Turn.IDLE
    play(box, [(2.3, ev.Abandoned(), [])])


# ---- follow-up ----------------------------------------------------------------


def replied(**settings: Any) -> Appliance:
    """A box that has answered a tapped turn and listens for a reply since t=3.3."""
    box = ready(follow_up_s=5.0, **settings)
    box.step(ev.Pressed(), 1.0)
    box.step(ev.Tapped(), 1.1)
    at = speak(box, 1.1, 30)
    box.step(ev.SpeechEnded(), at)
    box.step(MIC, at + 0.01)
    box.step(ev.AnswerStarted("r1"), 2.0)
    box.step(ev.PlaybackStarted(), 2.1)
    box.step(ev.AnswerEnded("r1", "completed", ""), 2.5)
    box.step(ev.PlaybackDrained(), 3.0)
    assert box.phase is Phase.FOLLOW_UP
    return box


def test_reply_needs_no_button() -> None:
    box = replied()
    play(box, [(4.5, ev.SpeechStarted(200.0), [ev.OpenTurn(500.0)])])
    at = speak(box, 4.5, 30)
    play(box, [(at, ev.SpeechEnded(), []), (at + 0.01, MIC, COMMITTED)])


def test_reply_begins_where_our_own_sound_ended() -> None:
    play(replied(echo_tail_ms=250.0), [(3.5, ev.SpeechStarted(200.0), [ev.OpenTurn(250.0)])])


def test_nobody_replies() -> None:
    box = replied()
    assert box.next_deadline() == pytest.approx(8.3)
    box.step(ev.Tick(), 8.3)
    assert box.phase is Phase.IDLE
    play(box, [(8.5, ev.SpeechStarted(0.0), [])])


@pytest.mark.parametrize("event", [ev.Stop(), ev.Mute(), ev.LinkDown("lost"), ev.MicrophoneLost("unplugged")])
def test_nobody_can_reply_after(event: ev.Event) -> None:
    box = replied()
    box.step(event, 4.0)
    assert box.phase is not Phase.FOLLOW_UP
    box.step(ev.SpeechStarted(0.0), 4.1)
    assert box.turn is Turn.IDLE


def test_held_turn_is_not_followed_up() -> None:
    box = answering(follow_up_s=5.0)
    box.step(ev.AnswerEnded("r1", "completed", ""), 2.5)
    box.step(ev.PlaybackDrained(), 3.0)
    assert box.phase is Phase.IDLE


# ---- wake word ----------------------------------------------------------------


def test_wake_word_opens_a_turn_that_silence_ends() -> None:
    box = ready()
    play(box, [(1.0, ev.WakeWordHeard(), [ev.OpenTurn(300.0)])])
    at = speak(box, 1.0, 30)
    play(box, [(at, ev.SpeechEnded(), []), (at + 0.01, MIC, COMMITTED)])


@pytest.mark.parametrize(
    ("barge_in", "expected"),
    [(BargeIn.BUTTON, []), (BargeIn.WAKE_WORD, [ev.Interrupt(), ev.OpenTurn(0.0)])],
)
def test_wake_word_over_an_answer(barge_in: BargeIn, expected: list[Any]) -> None:
    play(answering(barge_in=barge_in), [(2.0, ev.WakeWordHeard(), expected)])


def test_wake_word_in_an_open_turn_is_part_of_it() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)]), (1.5, ev.WakeWordHeard(), [])])


# ---- barge-in -----------------------------------------------------------------


def test_answer_that_nothing_may_interrupt_but_stop() -> None:
    box = answering(barge_in=BargeIn.OFF)
    play(box, [(2.0, ev.Pressed(), [ev.Refuse("the answer is played to its end", Trouble.BUSY)])])
    play(box, [(2.1, ev.Released(), []), (2.2, ev.Stop(), [ev.Interrupt()])])


def test_voice_over_the_answer_takes_the_floor_from_its_onset() -> None:
    box = answering(barge_in=BargeIn.LOCAL_VAD)
    play(box, [(2.0, ev.SpokenOver(250.0), [ev.Interrupt(), ev.OpenTurn(550.0)])])
    at = speak(box, 2.0, 30)
    play(box, [(at, ev.SpeechEnded(), []), (at + 0.01, MIC, COMMITTED)])


def test_voice_over_the_answer_hands_free_goes_up_from_its_onset() -> None:
    box = ready(TalkMode.HANDS_FREE, barge_in=BargeIn.LOCAL_VAD)
    box.step(ev.AnswerStarted("r1"), 1.0)
    box.step(ev.PlaybackStarted(), 1.1)
    play(box, [(1.9, MIC, []), (2.0, ev.SpokenOver(250.0), [ev.Interrupt(), ev.UploadPreroll(550.0)])])
    play(box, [(2.1, MIC, [ev.UploadPeriod()])])


@pytest.mark.parametrize("barge_in", [BargeIn.OFF, BargeIn.BUTTON, BargeIn.SERVER_VAD, BargeIn.WAKE_WORD])
def test_voice_over_the_answer_counts_only_where_it_was_asked_for(barge_in: BargeIn) -> None:
    play(answering(barge_in=barge_in), [(2.0, ev.SpokenOver(250.0), [])])


def test_echo_that_is_not_cancelled_makes_the_box_half_duplex() -> None:
    box = ready(TalkMode.HANDS_FREE, barge_in=BargeIn.SERVER_VAD)
    box.step(ev.AnswerStarted("r1"), 1.0)
    box.step(ev.PlaybackStarted(), 1.1)
    play(box, [(1.4, MIC, [ev.UploadPeriod()]), (1.45, ev.EchoJudged(safe=False), []), (1.5, MIC, [])])
    play(box, [(1.55, ev.EchoJudged(safe=True), []), (1.6, MIC, [ev.UploadPeriod()])])


# ---- devices that go ----------------------------------------------------------

GONE = ev.Refuse("no microphone: it was unplugged", Trouble.NO_MICROPHONE)


def test_press_without_a_microphone_is_refused() -> None:
    box = ready()
    play(box, [(1.0, ev.MicrophoneLost("it was unplugged"), []), (2.0, ev.Pressed(), [GONE])])
    play(box, [(3.0, ev.MicrophoneBack(), []), (4.0, ev.Pressed(), [ev.OpenTurn(300.0)])])


def test_held_turn_goes_on_when_the_microphone_is_back() -> None:
    box = ready()
    play(box, [(1.0, ev.Pressed(), [ev.OpenTurn(300.0)])])
    speak(box, 1.0, 20)
    play(box, [(1.3, ev.MicrophoneLost("it was unplugged"), []), (2.0, ev.MicrophoneBack(), [])])
    play(box, [(2.1, MIC, [ev.UploadPeriod()]), (2.2, ev.Released(), []), (2.21, MIC, COMMITTED)])


def test_turn_that_waits_for_silence_ends_with_its_microphone() -> None:
    box = ready()
    box.step(ev.WakeWordHeard(), 1.0)
    at = speak(box, 1.0, 30)
    play(box, [(at, ev.MicrophoneLost("it was unplugged"), [])])
    play(box, [(at + 0.021, ev.Tick(), [ev.CommitTurn()])])


def test_hands_free_streams_again_when_the_microphone_is_back() -> None:
    box = ready(TalkMode.HANDS_FREE)
    play(box, [(1.0, ev.MicrophoneLost("it was unplugged"), [ev.StopStreaming()])])
    play(box, [(1.5, ev.LinkDown("lost"), []), (1.6, ev.LinkConnecting(), []), (1.7, ev.LinkReady(), [])])
    play(box, [(2.0, ev.MicrophoneBack(), [ev.StartStreaming()])])


def test_answer_ends_with_the_loudspeaker() -> None:
    box = answering()
    play(box, [(2.0, ev.SpeakerLost(), [ev.Interrupt()]), (2.1, ev.SpeakerLost(), [])])


# ---- when the microphone is open ----------------------------------------------


def test_microphone_is_open_on_demand_only() -> None:
    box = ready(capture=Capture.ON_DEMAND)
    assert not box.wants_microphone
    box.step(ev.Pressed(), 1.0)
    assert box.wants_microphone
    box.step(ev.Released(), 1.5)
    assert box.wants_microphone  # the period that holds the release is still to come
    box.step(MIC, 1.51)
    assert not box.wants_microphone


def test_microphone_is_closed_while_muted_whatever_happens() -> None:
    box = ready()
    assert box.wants_microphone
    box.step(ev.Mute(), 1.0)
    box.step(ev.Pressed(), 1.1)
    assert not box.wants_microphone


def test_hands_free_box_thinks_from_the_last_word_to_the_answer() -> None:
    box = ready(TalkMode.HANDS_FREE)
    phases = []
    for at, event in (
        (1.0, ev.UserSpeechStarted()),
        (2.0, ev.UserSpeechStopped()),
        (2.1, ev.InputCommitted()),
        (2.2, ev.AnswerStarted("r1")),
        (2.3, ev.PlaybackStarted()),
    ):
        phases += [c.phase for c in box.step(event, at) if isinstance(c, ev.ShowPhase)]
    assert phases == [Phase.LISTENING, Phase.THINKING, Phase.SPEAKING]


def test_hands_free_box_does_not_think_for_ever_about_what_the_server_has_dropped() -> None:
    box = ready(TalkMode.HANDS_FREE)
    box.step(ev.UserSpeechStarted(), 1.0)
    box.step(ev.UserSpeechStopped(), 2.0)
    assert (box.phase, box.next_deadline()) == (Phase.THINKING, 5.0)
    box.step(ev.Tick(), 5.0)
    assert (box.phase, box.next_deadline()) == (Phase.IDLE, None)
