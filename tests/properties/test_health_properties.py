"""Two devices that are pulled out, frozen, grabbed and muted in any order, and what keeps them open."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from daemon.health import (
    RESCAN_UNPROMPTED_IN_USE_S,
    Changed,
    Close,
    DeviceHealth,
    Open,
    OpenFailure,
    Port,
    PortState,
)

CALL_S = 0.05
FIRST_PERIOD_S = 0.03
BACK_S = 3.0
PORTS = st.sampled_from(Port)


class Card:
    """One device as the world has it."""

    def __init__(self) -> None:
        self.plugged = True
        self.wedged = False
        self.grabbed = False  # by another program
        self.zeros = False
        self.held = False
        self.gone = False  # while it was held
        self.last_period_at: float | None = None
        self.zeros_since: float | None = None
        self.flows_from = 0.0

    def pass_time(self, now: float) -> None:
        if self.held and not self.gone and not self.wedged and now >= self.flows_from:
            self.last_period_at = now
            self.zeros_since = (self.zeros_since or now) if self.zeros else None


def other_than(port: Port) -> Port:
    return Port.SPEAKER if port is Port.MICROPHONE else Port.MICROPHONE


class DevicesMachine(RuleBasedStateMachine):
    """A driver that lists what is there when its first device opens, and keeps that list until its last
    closes. Opening what is not on the list fails; any call about a frozen card hangs."""

    @initialize(kernel_tells=st.booleans(), wanted=st.sets(PORTS))
    def begin(self, kernel_tells: bool, wanted: set[Port]) -> None:
        self.health = DeviceHealth()
        self.cards = {port: Card() for port in Port}
        self.listed: set[Port] = set()
        self.listed_after: int | None = None  # so many plugs
        self.plugs = 1 if kernel_tells else None
        self.now = 100.0
        self.in_use = False
        self.call: Open | Close | None = None
        self.call_ends: float | None = None  # None: it hangs
        self.frozen_at = float("-inf")  # the last time anything was
        self.wakes = 0
        self.told: dict[Port, PortState] = dict.fromkeys(Port, PortState.CLOSED)
        for port in wanted:
            self.want(port, True)
        self.advance(1.0)

    # ---- the world -----------------------------------------------------------------

    def turn(self, passing: bool = True) -> None:
        for port, card in self.cards.items():
            if passing:
                card.pass_time(self.now)
            if self.health.looks_at(port):
                self.health.look(
                    port,
                    self.now,
                    running=card.held and not card.gone,
                    last_period_at=card.last_period_at,
                    zeros_since=card.zeros_since,
                )
        if self.health.seeking:
            self.health.cards(self.plugs, self.now)
        for command in self.health.step(self.now, self.in_use):
            if isinstance(command, Changed):
                assert command.state is not self.told[command.port]
                self.told[command.port] = command.state
            else:
                self.take(command)

    def take(self, call: Open | Close) -> None:
        card = self.cards[call.port]
        assert self.call is None, "two calls at a time"
        assert card.held == isinstance(call, Close), "opened twice, or closed twice"
        if isinstance(call, Close):
            assert self.health[call.port].state is not PortState.WEDGED, "a wedged device was closed"
        elif not any(other.held for other in self.cards.values()):
            self.listed = {p for p, c in self.cards.items() if c.plugged and not c.grabbed}
            self.listed_after = self.plugs
        elif self.told[other_than(call.port)] is not PortState.WEDGED:
            assert self.listed_after == self.plugs, "opened by its place on a list that is outdated"
        self.call, self.call_ends = call, None if card.wedged and card.plugged else self.now + CALL_S

    def finish_call(self) -> None:
        assert self.call is not None
        port, card = self.call.port, self.cards[self.call.port]
        call, self.call, self.call_ends = self.call, None, None
        if isinstance(call, Close):
            card.held = card.gone = False
            self.health.closed(port, self.now)
        elif not card.plugged or port not in self.listed:
            self.health.open_failed(port, OpenFailure.AWAY, "away", self.now)
        elif card.grabbed:
            self.health.open_failed(port, OpenFailure.BUSY, "busy", self.now)
        else:
            card.held, card.gone = True, False
            card.last_period_at = card.zeros_since = None
            card.flows_from = self.now + FIRST_PERIOD_S
            self.health.opened(port, self.now)
        self.turn()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:  # at least once: what is overdue
            deadline = self.health.next_deadline()
            due = [at for at in (deadline, self.call_ends) if at is not None]
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            if self.call_ends is not None and self.call_ends <= self.now:
                self.finish_call()
            else:
                self.wakes += 1
                self.turn()
        self.now = end
        if any(card.wedged for card in self.cards.values()):
            self.frozen_at = self.now

    # ---- what may happen -----------------------------------------------------------

    @rule(port=PORTS, on=st.booleans())
    def want(self, port: Port, on: bool) -> None:
        self.health.want(port, on, self.now)
        self.turn()

    @rule(port=PORTS)
    def unplug(self, port: Port) -> None:
        card = self.cards[port]
        if card.plugged:
            card.plugged, card.gone = False, card.held
            self.thaw(port)
            self.plugs = None if self.plugs is None else self.plugs + 1

    @rule(port=PORTS)
    def plug(self, port: Port) -> None:
        if not self.cards[port].plugged:
            self.cards[port].plugged = True
            self.plugs = None if self.plugs is None else self.plugs + 1

    @rule(port=PORTS)
    def freeze(self, port: Port) -> None:
        self.cards[port].pass_time(self.now)
        self.cards[port].wedged = self.cards[port].plugged
        if self.cards[port].wedged:
            self.frozen_at = self.now
            if self.call is not None and self.call.port is port:
                self.call_ends = None

    @rule(port=PORTS)
    def thaw(self, port: Port) -> None:
        self.cards[port].wedged = False
        if self.call is not None and self.call.port is port and self.call_ends is None:
            self.call_ends = self.now + CALL_S

    @rule(port=PORTS, grabbed=st.booleans())
    def another_program(self, port: Port, grabbed: bool) -> None:
        if not self.cards[port].held:
            self.cards[port].grabbed = grabbed

    @rule(zeros=st.booleans())
    def silence(self, zeros: bool) -> None:
        self.cards[Port.MICROPHONE].zeros = zeros

    @rule(in_use=st.booleans())
    def listen(self, in_use: bool) -> None:
        self.in_use = in_use

    @rule(seconds=st.sampled_from([0.1, 0.7, 2.0]))
    def stand_still(self, seconds: float) -> None:
        """Of the whole process, device threads and all."""
        self.now += seconds
        self.frozen_at += seconds  # time in which nobody could see anything does not count
        self.turn(passing=False)
        self.advance(0.0)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.3, 1.0, 2.7, 8.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.wakes = 0
        self.advance(seconds)
        assert self.wakes <= 2 + seconds / 0.05

    @rule()
    def all_is_well_again(self) -> None:
        freed = any(card.grabbed for card in self.cards.values())
        for port, card in self.cards.items():
            self.plug(port)
            self.thaw(port)
            card.grabbed = card.zeros = False
        # where the kernel tells of plugs, nobody tells that another program has let go of a device that could
        # not be listed because of it
        self.advance(BACK_S + (RESCAN_UNPROMPTED_IN_USE_S if freed and self.plugs else 0.0))
        for port, card in self.cards.items():
            wanted = self.health[port].wanted
            assert self.health[port].state is (PortState.WORKING if wanted else PortState.CLOSED)
            assert card.held is wanted

    @rule()
    def a_steady_box_looks_four_times_a_second_or_never(self) -> None:
        self.all_is_well_again()
        self.wait(10.0)
        assert self.wakes <= (41 if any(about.wanted for about in map(self.health.__getitem__, Port)) else 0)

    # ---- what always holds ---------------------------------------------------------

    @invariant()
    def only_what_is_frozen_is_unhealthy(self) -> None:
        assert self.health.healthy(self.now) or self.now - self.frozen_at <= 1.0

    @invariant()
    def only_what_is_frozen_is_called_wedged(self) -> None:
        assert PortState.WEDGED not in self.told.values() or self.now - self.frozen_at <= 2.5

    @invariant()
    def the_last_news_is_the_state(self) -> None:
        assert self.told == {port: self.health[port].state for port in Port}


TestDevices = DevicesMachine.TestCase
