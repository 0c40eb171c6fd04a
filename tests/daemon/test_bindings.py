"""What people do with the buttons, and what must come of it."""

from __future__ import annotations

import re

import pytest

from daemon.bindings import (
    Act,
    Bindings,
    Panel,
    Stuck,
    SwitchTurned,
    TalkPressed,
    TalkReleased,
    TalkTapped,
    Wish,
    problems,
    setting_problems,
    tool_of,
)
from daemon.gestures import GestureSettings

DOWN, UP = True, False
SETTINGS = GestureSettings()


class Hand:
    """Fingers on a panel; time in milliseconds, the panel asked at each of its deadlines."""

    def __init__(self, *switches: str, **buttons: Bindings) -> None:
        self.panel = Panel(buttons, switches, SETTINGS)
        self.wishes: list[Wish] = []

    def move(self, name: str, pressed: bool, at_ms: int) -> None:
        self.wait(at_ms)
        self.wishes += self.panel.level(name, pressed, at_ms / 1000)

    def wait(self, until_ms: int) -> None:
        while (due := self.panel.next_deadline()) is not None and due <= until_ms / 1000:
            self.wishes += self.panel.tick(due)

    def plain(self) -> list[tuple[int, str]]:
        """(ms, what), `Act` by its action."""
        return [
            (round(wish.at * 1000), wish.action if isinstance(wish, Act) else type(wish).__name__)
            for wish in self.wishes
        ]


def _press(bindings: Bindings, *presses: tuple[int, int]) -> list[tuple[int, str]]:
    hand = Hand(button=bindings)
    for down_ms, up_ms in presses:
        hand.move("button", DOWN, down_ms)
        hand.move("button", UP, up_ms)
    hand.wait(90_000)
    return hand.plain()


HOLD = Bindings(hold="talk")
HOLD_OR_TAP = Bindings(hold="talk", tap="talk")
HOLD_TAP_STOP = Bindings(hold="talk", tap="stop")
HOLD_TAP_DOUBLE = Bindings(hold="talk", tap="talk", double="mute")
HOLD_STOP_DOUBLE = Bindings(hold="talk", tap="stop", double="mute")
TAP_TO_TALK = Bindings(tap="talk", long="stop")
LOUDER = Bindings(hold="volume_up", tap="volume_up")

QUICK, AGAIN, HELD = (0, 100), (200, 300), (200, 2000)


@pytest.mark.parametrize(
    ("bindings", "presses", "wishes"),
    [
        # hold to talk
        (HOLD, [(0, 2000)], [(0, "TalkPressed"), (2000, "TalkReleased")]),
        (HOLD, [QUICK], [(0, "TalkPressed"), (100, "TalkAbandoned")]),
        (HOLD, [(0, 250)], [(0, "TalkPressed"), (250, "TalkReleased")]),
        # and tap to talk
        (HOLD_OR_TAP, [(0, 2000)], [(0, "TalkPressed"), (2000, "TalkReleased")]),
        (HOLD_OR_TAP, [QUICK], [(0, "TalkPressed"), (100, "TalkTapped")]),
        # tap for something else: the turn was none, and is known to be none at the lift
        (HOLD_TAP_STOP, [QUICK], [(0, "TalkPressed"), (100, "TalkAbandoned"), (100, "stop")]),
        (HOLD_TAP_STOP, [(0, 2000)], [(0, "TalkPressed"), (2000, "TalkReleased")]),
        # double beside a tap to talk: one turn, open until it is known which it was
        (HOLD_TAP_DOUBLE, [QUICK], [(0, "TalkPressed"), (400, "TalkTapped")]),
        (HOLD_TAP_DOUBLE, [QUICK, AGAIN], [(0, "TalkPressed"), (300, "TalkAbandoned"), (300, "mute")]),
        (HOLD_TAP_DOUBLE, [QUICK, HELD], [(0, "TalkPressed"), (2000, "TalkReleased")]),
        # double beside another tap
        (HOLD_STOP_DOUBLE, [QUICK], [(0, "TalkPressed"), (100, "TalkAbandoned"), (400, "stop")]),
        (
            HOLD_STOP_DOUBLE,
            [QUICK, AGAIN],
            [
                (0, "TalkPressed"),
                (100, "TalkAbandoned"),
                (200, "TalkPressed"),
                (300, "TalkAbandoned"),
                (300, "mute"),
            ],
        ),
        (  # a slip, then speech: the slip's stop would cut it off
            HOLD_STOP_DOUBLE,
            [QUICK, HELD],
            [(0, "TalkPressed"), (100, "TalkAbandoned"), (200, "TalkPressed"), (2000, "TalkReleased")],
        ),
        # tap to talk only: whoever holds all the same is heard, unless long is bound
        (Bindings(tap="talk"), [(0, 3000)], [(0, "TalkPressed"), (3000, "TalkTapped")]),
        (TAP_TO_TALK, [(0, 700)], [(0, "TalkPressed"), (700, "TalkTapped")]),
        (TAP_TO_TALK, [(0, 3000)], [(0, "TalkPressed"), (800, "TalkAbandoned"), (800, "stop")]),
        # a button that means one thing does it at the press
        (Bindings(tap="stop"), [(0, 100), (150, 3000)], [(0, "stop"), (150, "stop")]),
        (LOUDER, [(0, 100)], [(0, "volume_up")]),
        (LOUDER, [(0, 900)], [(0, "volume_up"), (500, "volume_up"), (750, "volume_up")]),
        # one that means several waits
        (Bindings(tap="mute", long="stop"), [(0, 799)], [(799, "mute")]),
        (Bindings(tap="mute", long="stop"), [(0, 2000)], [(800, "stop")]),
        (Bindings(tap="mute", double="tool:lamp"), [QUICK], [(400, "mute")]),
        (Bindings(tap="mute", double="tool:lamp"), [QUICK, AGAIN], [(300, "tool:lamp")]),
        (Bindings(hold="volume_up", tap="mute"), [QUICK], [(100, "mute")]),
        (Bindings(hold="volume_up", tap="mute"), [(0, 600)], [(500, "volume_up")]),
        (
            Bindings(hold="volume_up", tap="mute", double="stop"),
            [QUICK, (200, 800)],
            [(700, "mute"), (700, "volume_up")],
        ),
        (Bindings(long="reject"), [QUICK, (1000, 2000)], [(1800, "reject")]),
        # stuck
        (HOLD, [(0, 80_000)], [(0, "TalkPressed"), (60_000, "Stuck"), (60_000, "TalkReleased")]),
        (
            TAP_TO_TALK,
            [(0, 80_000)],
            [(0, "TalkPressed"), (800, "TalkAbandoned"), (800, "stop"), (60_000, "Stuck")],
        ),
        (
            Bindings(tap="talk"),
            [(0, 80_000)],
            [(0, "TalkPressed"), (60_000, "Stuck"), (60_000, "TalkReleased")],
        ),
    ],
)
def test_presses_become_wishes(
    bindings: Bindings, presses: list[tuple[int, int]], wishes: list[tuple[int, str]]
) -> None:
    assert problems(bindings, ["lamp"]) == []
    assert _press(bindings, *presses) == wishes


def test_talk_is_pressed_in_the_step_of_the_edge_with_its_time() -> None:
    for bindings in (HOLD, HOLD_OR_TAP, HOLD_TAP_DOUBLE, TAP_TO_TALK):
        panel = Panel({"talk": bindings}, (), SETTINGS)
        assert panel.level("talk", DOWN, 12.345) == [TalkPressed(12.345)]


def test_late_loop_hears_the_same_as_one_in_time() -> None:
    panel = Panel({"talk": HOLD_TAP_DOUBLE}, (), SETTINGS)
    edges = [(DOWN, 0.0), (UP, 0.1), (DOWN, 5.0), (UP, 7.0)]
    heard = [wish for level, at in edges for wish in panel.level("talk", level, at)]
    assert heard == [TalkPressed(0.0), TalkTapped(0.4), TalkPressed(5.0), TalkReleased(7.0)]


def test_floor_belongs_to_the_button_that_took_it() -> None:
    hand = Hand(first=HOLD, second=HOLD)
    for name, level, at_ms in [
        *[("first", DOWN, 0), ("second", DOWN, 500), ("first", UP, 1000)],
        *[("second", UP, 1500), ("second", DOWN, 2000), ("second", UP, 3000)],
    ]:
        hand.move(name, level, at_ms)
    assert hand.wishes == [TalkPressed(0), TalkReleased(1.0), TalkPressed(2.0), TalkReleased(3.0)]


def test_other_buttons_work_while_somebody_talks() -> None:
    hand = Hand(talk=HOLD, louder=LOUDER)
    for name, level, at_ms in [
        ("talk", DOWN, 0),
        ("louder", DOWN, 500),
        ("louder", UP, 600),
        ("talk", UP, 900),
    ]:
        hand.move(name, level, at_ms)
    assert hand.wishes == [TalkPressed(0), Act("louder", "volume_up", 0.5), TalkReleased(0.9)]


def test_stuck_button_keeps_the_floor_from_nobody() -> None:
    hand = Hand(first=HOLD, second=HOLD)
    hand.move("first", DOWN, 0)
    hand.move("second", DOWN, 61_000)
    assert hand.wishes == [TalkPressed(0), Stuck("first", 60.0), TalkReleased(60.0), TalkPressed(61.0)]


def test_button_down_at_the_start_wishes_nothing_and_is_looked_after() -> None:
    panel = Panel({"talk": HOLD, "stop": Bindings(tap="stop")}, (), SETTINGS)
    panel.begin("talk", True)
    assert panel.unsettled == ["talk"]
    assert panel.tick(1000.0) == panel.level("talk", UP, 1001.0) == []
    assert panel.level("talk", DOWN, 1002.0) == [TalkPressed(1002.0)]


def test_begin_gives_back_the_floor() -> None:
    panel = Panel({"first": HOLD, "second": HOLD}, (), SETTINGS)
    panel.level("first", DOWN, 0.0)
    panel.begin("first", False)
    assert panel.level("second", DOWN, 1.0) == [TalkPressed(1.0)]


def test_switch_turns_at_once_on_and_soon_off() -> None:
    hand = Hand("mute", talk=HOLD)
    hand.panel.begin("mute", False)
    for level, at_ms in [(True, 100), (False, 103), (True, 104), (False, 5000)]:
        hand.move("mute", level, at_ms)
    assert hand.panel.switch_on("mute")
    hand.wait(6000)
    assert hand.wishes == [SwitchTurned("mute", True, 0.1), SwitchTurned("mute", False, pytest.approx(5.05))]
    assert not hand.panel.switch_on("mute")


# ---- what cannot be meant ------------------------------------------------------------


@pytest.mark.parametrize(
    ("bindings", "gesture", "sentence"),
    [
        (Bindings(), "hold", "does nothing"),
        (Bindings(tap="tlak"), "tap", "no action 'tlak'; there are talk, stop, .*; did you mean 'talk'"),
        (Bindings(double="tool:lmap"), "double", "no tool 'lmap'; there are fan, lamp; did you mean 'lamp'"),
        (Bindings(tap="tool:"), "tap", "needs the name of a tool"),
        (Bindings(hold="talk", long="mute"), "long", "hold = 'talk' lasts for longer than a long press"),
        (Bindings(hold="volume_up", long="mute"), "long", "lasts for longer"),
        (Bindings(hold="mute"), "hold", "'mute' is done once.*bind it to long"),
        (Bindings(hold="tool:lamp"), "hold", "'tool:lamp' is done once"),
        (Bindings(hold="volume_up", tap="talk"), "tap", "cannot also be held for 'volume_up'"),
        (Bindings(hold="talk", double="talk"), "double", "bound to hold or tap only"),
        (Bindings(tap="stop", long="talk"), "long", "bound to hold or tap only"),
    ],
)
def test_contradiction_is_said_in_a_sentence(bindings: Bindings, gesture: str, sentence: str) -> None:
    [(where, said)] = problems(bindings, ["lamp", "fan"])
    assert where == gesture
    assert re.search(sentence, said), said


def test_tools_are_not_judged_where_they_are_not_known() -> None:
    assert problems(Bindings(tap="tool:whatever")) == []
    assert "there are none" in problems(Bindings(tap="tool:whatever"), [])[0][1]
    assert (tool_of("tool:lamp"), tool_of("stop")) == ("lamp", None)


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (GestureSettings(), []),
        (GestureSettings(tap_max_ms=900), ["long_ms"]),
        (GestureSettings(double_gap_ms=0), ["double_gap_ms"]),
        (GestureSettings(stuck_s=0.5), ["stuck_s"]),
        (GestureSettings(repeat_every_ms=float("nan")), ["repeat_every_ms"]),
    ],
)
def test_settings_that_contradict_each_other_are_named(settings: GestureSettings, wrong: list[str]) -> None:
    assert [name for name, _ in setting_problems(settings)] == wrong
