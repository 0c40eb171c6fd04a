"""What is done about devices that go, fall silent, wedge, are busy or missing."""

from __future__ import annotations

import pytest

from daemon.health import (
    CALL_S,
    CARDS_S,
    FIRST_PERIOD_S,
    KEEN_S,
    LOOK_S,
    RESCAN_IN_USE_S,
    RESCAN_S,
    RESCAN_UNPROMPTED_S,
    RETRY_UNPROMPTED_S,
    SILENT_AFTER_S,
    SILENT_AGAIN_S,
    SILENT_REOPEN_S,
    SOON_S,
    TABLE,
    UNHEALTHY_AFTER_S,
    WEDGED_AFTER_S,
    Changed,
    Close,
    Command,
    DeviceHealth,
    Open,
    OpenFailure,
    Port,
    PortState,
    Signal,
)

MIC, SPEAKER = Port.MICROPHONE, Port.SPEAKER
AWAY, BUSY = OpenFailure.AWAY, OpenFailure.BUSY
S = PortState


class Bench:
    """A health with a clock. Times are seconds from its beginning."""

    def __init__(self, *, watch_periods: bool = True, watch_silence: bool = True) -> None:
        self.health = DeviceHealth(watch_periods=watch_periods, watch_silence=watch_silence)
        self.now = 0.0
        self.in_use = False

    def step(self) -> list[Command]:
        return self.health.step(self.now, self.in_use)

    def calls(self) -> list[Command]:
        return [command for command in self.step() if not isinstance(command, Changed)]

    def want(self, *ports: Port, on: bool = True) -> list[Command]:
        for port in ports:
            self.health.want(port, on, self.now)
        return self.calls()

    def opened(self, port: Port) -> list[Command]:
        self.health.opened(port, self.now)
        return self.calls()

    def failed(self, port: Port, failure: OpenFailure = AWAY) -> list[Command]:
        self.health.open_failed(port, failure, "it is not there", self.now)
        return self.calls()

    def closed(self, port: Port) -> list[Command]:
        self.health.closed(port, self.now)
        return self.calls()

    def sees(
        self,
        *ports: Port,
        after: float = 0.0,
        running: bool = True,
        period_ago: float | None = 0.0,
        zeros_for: float | None = None,
    ) -> list[Command]:
        """Look at ports, `after` seconds from the last thing that happened, and often until then."""
        until = self.now + after
        while self.now + LOOK_S < until:
            self.now += LOOK_S
            for port in ports:
                self.health.look(port, self.now, running=True, last_period_at=self.now, zeros_since=None)
        self.now = until
        for port in ports:
            self.health.look(
                port,
                self.now,
                running=running,
                last_period_at=None if period_ago is None else self.now - period_ago,
                zeros_since=None if zeros_for is None else self.now - zeros_for,
            )
        return self.calls()

    def state(self, port: Port = MIC) -> PortState:
        return self.health[port].state

    def working(self, *ports: Port) -> Bench:
        self.want(*ports)
        for port in ports:
            self.opened(port)
        self.sees(*ports)
        assert all(self.state(port) is S.WORKING for port in ports)
        return self


def test_every_state_can_end_open_or_closed_whatever_happens() -> None:
    for state, arrows in TABLE.items():
        assert state is S.CLOSED or arrows[Signal.SHUT] is S.CLOSED
        assert state in (S.CLOSED, S.WORKING) or arrows[Signal.PERIODS] is S.WORKING
        assert state in (S.CLOSED, S.SILENT) or arrows[Signal.ZEROS] is S.SILENT


def test_what_nobody_wants_is_left_alone() -> None:
    bench = Bench()
    assert (bench.step(), bench.health.next_deadline(), bench.state()) == ([], None, S.CLOSED)


def test_a_wanted_port_is_opened_and_works_with_its_first_period() -> None:
    bench = Bench()
    bench.health.want(MIC, True, 0.0)
    assert bench.step() == [Changed(MIC, S.OPENING, ""), Open(MIC)]
    assert (bench.opened(MIC), bench.state()) == ([], S.OPENING)
    bench.sees(MIC, after=0.1)
    assert bench.state() is S.WORKING
    assert bench.health.next_deadline() == bench.now + LOOK_S


def test_one_call_at_a_time() -> None:
    bench = Bench()
    assert bench.want(MIC, SPEAKER) == [Open(MIC)]
    assert bench.calls() == []
    assert bench.opened(MIC) == [Open(SPEAKER)]


def test_unwanted_again_while_it_opens_it_is_closed_after_its_first_period() -> None:
    bench = Bench()
    bench.want(MIC)
    assert bench.want(MIC, on=False) == []
    assert bench.opened(MIC) == []  # closing what has passed nothing yet could hang
    assert bench.health.next_deadline() == pytest.approx(SOON_S)
    assert bench.sees(MIC, after=SOON_S) == [Close(MIC)]
    bench.closed(MIC)
    assert (bench.state(), bench.health.next_deadline()) == (S.CLOSED, None)


def test_an_unplugged_microphone_is_closed_and_opened_until_it_is_back() -> None:
    bench = Bench().working(MIC)
    assert bench.sees(MIC, after=LOOK_S, running=False) == [Close(MIC)]
    assert bench.state() is S.LOST
    assert bench.closed(MIC) == [Open(MIC)]
    attempts = []
    for _ in range(5):
        bench.failed(MIC)
        due = bench.health.next_deadline()
        assert due is not None
        attempts.append(round(due - bench.now, 3))
        bench.now = due
        assert bench.calls() == [Open(MIC)]
    assert attempts == [0.25, 0.5, 0.7, 0.7, 0.7]
    bench.opened(MIC)
    assert bench.state() is S.LOST  # until it is heard
    bench.sees(MIC, after=0.1)
    assert (bench.state(), bench.health[MIC].reopened) == (S.WORKING, 1)


def test_lost_is_told_once_however_long_it_stays_away() -> None:
    bench = Bench()
    bench.want(MIC)
    bench.health.open_failed(MIC, AWAY, "no microphone of this name", 0.0)
    assert bench.step() == [Changed(MIC, S.LOST, "no microphone of this name")]
    bench.now = 5.0
    assert bench.step() == [Open(MIC)]
    bench.health.open_failed(MIC, AWAY, "this machine has no microphone at all", 5.0)
    assert bench.step() == []
    assert bench.health[MIC].reason == "this machine has no microphone at all"


def test_busy_is_told_as_such_and_tried_again() -> None:
    bench = Bench()
    bench.want(SPEAKER)
    bench.failed(SPEAKER, BUSY)
    assert (bench.state(SPEAKER), bench.health.next_deadline()) == (S.BUSY, 0.25)
    bench.now = 0.25
    assert bench.calls() == [Open(SPEAKER)]
    bench.opened(SPEAKER)
    bench.sees(SPEAKER)
    assert bench.state(SPEAKER) is S.WORKING


def test_lost_and_unwanted_is_closed_at_once() -> None:
    bench = Bench()
    bench.want(MIC)
    bench.failed(MIC)
    assert bench.want(MIC, on=False) == []
    assert (bench.state(), bench.health.settled(MIC)) == (S.CLOSED, True)


# ---- wedged ------------------------------------------------------------------------------------------------


def test_a_wedged_device_is_never_closed_and_comes_back_by_itself() -> None:
    bench = Bench().working(MIC)
    assert bench.sees(MIC, after=LOOK_S, period_ago=WEDGED_AFTER_S) == []
    assert (bench.state(), bench.health.healthy(bench.now)) == (S.WEDGED, True)
    assert bench.want(MIC, on=False) == []
    assert bench.sees(MIC, after=UNHEALTHY_AFTER_S, period_ago=9.0) == []
    assert not bench.health.healthy(bench.now)
    assert (bench.health.settled(MIC), bench.health.obstacle(MIC)) == (
        True,
        "the microphone is open, but delivers nothing and reports no error",
    )
    bench.want(MIC)
    assert bench.sees(MIC, after=LOOK_S) == []
    assert (bench.state(), bench.health.healthy(bench.now)) == (S.WORKING, True)


def test_after_a_standstill_of_the_process_a_device_gets_its_time_to_be_seen() -> None:
    bench = Bench().working(MIC)
    bench.now += 2.0
    bench.sees(MIC, period_ago=2.0)
    assert bench.state() is S.WORKING
    bench.sees(MIC, after=LOOK_S, period_ago=2.0 + LOOK_S)
    assert bench.state() is S.WORKING
    bench.sees(MIC, after=WEDGED_AFTER_S - LOOK_S, period_ago=9.0)
    assert bench.state() is S.WEDGED


def test_a_wedged_device_nobody_wants_is_closed_once_it_is_back() -> None:
    bench = Bench().working(SPEAKER)
    bench.sees(SPEAKER, after=LOOK_S, period_ago=WEDGED_AFTER_S)
    bench.want(SPEAKER, on=False)
    assert bench.sees(SPEAKER, after=LOOK_S) == [Close(SPEAKER)]


def test_a_wedged_device_that_goes_is_reopened() -> None:
    bench = Bench().working(MIC)
    bench.sees(MIC, after=LOOK_S, period_ago=WEDGED_AFTER_S)
    assert bench.sees(MIC, after=LOOK_S, running=False, period_ago=2.0) == [Close(MIC)]
    assert bench.closed(MIC) == [Open(MIC)]


def test_a_device_is_not_closed_while_it_is_late() -> None:
    bench = Bench().working(MIC)
    bench.health.want(MIC, False, bench.now)
    assert bench.sees(MIC, period_ago=0.3) == []
    assert bench.health.next_deadline() == pytest.approx(bench.now + SOON_S)
    assert bench.sees(MIC, after=SOON_S) == [Close(MIC)]


def test_opened_without_any_period_is_wedged_after_a_while() -> None:
    bench = Bench()
    bench.want(SPEAKER)
    bench.opened(SPEAKER)
    bench.sees(SPEAKER, after=FIRST_PERIOD_S - 0.01, period_ago=None)
    assert bench.state(SPEAKER) is S.OPENING
    bench.sees(SPEAKER, after=0.01, period_ago=None)
    assert bench.state(SPEAKER) is S.WEDGED


def test_a_call_that_hangs_is_unhealthy_and_waited_for_no_longer() -> None:
    bench = Bench().working(MIC)
    assert bench.want(SPEAKER) == [Open(SPEAKER)]
    assert not bench.health.settled(SPEAKER)
    bench.sees(MIC, after=CALL_S)
    assert bench.state(SPEAKER) is S.WEDGED
    assert bench.want(MIC, on=False) == []  # the driver is one for both
    assert (bench.health.settled(MIC), bench.health.obstacle(MIC)) == (True, "opening the loudspeaker hangs")
    bench.now += UNHEALTHY_AFTER_S
    assert not bench.health.healthy(bench.now)
    bench.opened(SPEAKER)
    bench.sees(SPEAKER)
    assert (bench.state(SPEAKER), bench.health.healthy(bench.now)) == (S.WORKING, True)


def test_a_wedged_device_nobody_wants_is_closed_once_it_has_gone() -> None:
    bench = Bench().working(MIC)
    bench.sees(MIC, after=LOOK_S, period_ago=WEDGED_AFTER_S)
    assert bench.want(MIC, on=False) == []
    assert bench.sees(MIC, after=LOOK_S, running=False, period_ago=2.0) == [Close(MIC)]
    assert bench.state() is S.LOST


@pytest.mark.parametrize(("wanted", "state"), [(False, S.CLOSED), (True, S.LOST)])
def test_a_close_that_hung_and_came_back_is_closed(wanted: bool, state: PortState) -> None:
    bench = Bench().working(MIC)
    assert bench.want(MIC, on=False) == [Close(MIC)]
    bench.now += CALL_S
    bench.step()
    assert bench.state() is S.WEDGED
    bench.health.want(MIC, wanted, bench.now)
    assert bench.closed(MIC) == ([Open(MIC)] if wanted else [])
    assert bench.state() is state


def test_a_missing_device_is_no_reason_to_restart() -> None:
    bench = Bench()
    bench.want(MIC, SPEAKER)
    bench.failed(MIC)
    bench.failed(SPEAKER, BUSY)
    assert bench.health.healthy(1e6)


# ---- silent ------------------------------------------------------------------------------------------------


def test_exact_zeros_are_told_and_sound_ends_that_at_once() -> None:
    bench = Bench().working(MIC)
    bench.sees(MIC, after=LOOK_S, zeros_for=SILENT_AFTER_S - 0.01)
    assert bench.state() is S.WORKING
    bench.sees(MIC, after=LOOK_S, zeros_for=SILENT_AFTER_S)
    assert bench.state() is S.SILENT
    bench.sees(MIC, after=LOOK_S)
    assert bench.state() is S.WORKING


def test_a_silent_microphone_is_reopened_once_then_slowly() -> None:
    bench = Bench().working(MIC)
    bench.sees(MIC, zeros_for=SILENT_AFTER_S)
    assert bench.sees(MIC, after=SILENT_REOPEN_S - 0.01, zeros_for=9) == []
    assert bench.sees(MIC, after=0.01, zeros_for=9) == [Close(MIC)]
    assert bench.closed(MIC) == [Open(MIC)]
    bench.opened(MIC)
    assert bench.sees(MIC, after=0.1, zeros_for=0.05) == []
    assert bench.state() is S.SILENT  # of a silent one, a few zeros prove nothing
    assert bench.sees(MIC, after=SILENT_AGAIN_S - 0.2, zeros_for=9) == []
    assert bench.sees(MIC, after=0.2, zeros_for=9) == [Close(MIC)]


def test_a_microphone_that_gates_its_noise_is_not_reopened_in_every_pause() -> None:
    bench = Bench().working(MIC)
    reopened = 0
    for _ in range(10):  # 8 s of silence, then a word
        bench.sees(MIC, zeros_for=SILENT_AFTER_S)
        if bench.sees(MIC, after=8.0, zeros_for=9) == [Close(MIC)]:
            reopened += 1
            bench.closed(MIC)
            bench.opened(MIC)
        bench.sees(MIC, after=0.1)
        assert bench.state() is S.WORKING
    assert reopened == 2


def test_zeros_mean_nothing_where_they_are_not_watched() -> None:
    bench = Bench(watch_silence=False).working(MIC)
    bench.sees(MIC, zeros_for=100.0)
    assert bench.state() is S.WORKING


def test_periods_are_not_missed_where_they_are_not_watched() -> None:
    bench = Bench(watch_periods=False)
    bench.want(MIC)
    bench.opened(MIC)
    bench.sees(MIC, after=100.0, period_ago=None)
    assert bench.state() is S.WORKING
    assert bench.want(MIC, on=False) == [Close(MIC)]


# ---- the driver's list of devices --------------------------------------------------------------------------


def _missing_microphone(*, in_use: bool = False, fingerprint: int | None = None) -> Bench:
    """The loudspeaker works; the microphone was not on the list a moment ago."""
    bench = Bench()
    bench.in_use = in_use
    bench.health.cards(fingerprint, 0.0)
    bench.now = 10 * KEEN_S
    bench.want(SPEAKER)
    bench.opened(SPEAKER)
    bench.sees(SPEAKER)
    assert bench.want(MIC) == [Open(MIC)]
    bench.failed(MIC)
    return bench


def _attempt(bench: Bench, after: float) -> list[Command]:
    bench.health[MIC].retry_at = bench.now + after
    return bench.sees(SPEAKER, after=after)


@pytest.mark.parametrize(("in_use", "rescan_s"), [(False, RESCAN_S), (True, RESCAN_IN_USE_S)])
def test_a_new_list_is_made_when_a_plain_reopening_found_nothing(in_use: bool, rescan_s: float) -> None:
    bench = _missing_microphone(in_use=in_use)
    assert _attempt(bench, rescan_s - 0.01) == [Open(MIC)]
    bench.failed(MIC)
    assert _attempt(bench, 0.01) == [Close(SPEAKER)]
    assert bench.closed(SPEAKER) == [Open(SPEAKER)]  # first, for a short gap
    assert bench.state(SPEAKER) is S.WORKING  # no news for anybody
    assert bench.opened(SPEAKER) == [Open(MIC)]
    bench.failed(MIC)
    bench.sees(SPEAKER)
    assert _attempt(bench, 0.25) == [Open(MIC)]  # the list is young


def test_no_new_list_is_made_while_the_other_device_is_late() -> None:
    bench = _missing_microphone()
    bench.health[MIC].retry_at = bench.now
    assert bench.sees(SPEAKER, after=RESCAN_S, period_ago=0.3) == []
    assert bench.sees(SPEAKER, after=SOON_S) == [Close(SPEAKER)]


def test_beside_a_wedged_device_reopening_is_tried_on_the_old_list() -> None:
    bench = _missing_microphone()
    assert bench.sees(SPEAKER, after=RESCAN_S, period_ago=WEDGED_AFTER_S) == [Open(MIC)]


def test_a_busy_device_needs_no_new_list() -> None:
    bench = _missing_microphone()
    assert _attempt(bench, 0.1) == [Open(MIC)]
    bench.failed(MIC, BUSY)
    assert _attempt(bench, 5.0) == [Open(MIC)]


def test_where_the_kernel_tells_of_plugs_the_other_device_is_left_in_peace() -> None:
    bench = _missing_microphone(fingerprint=1)
    assert _attempt(bench, RESCAN_S) == [Open(MIC)]
    bench.failed(MIC)
    assert _attempt(bench, RESCAN_UNPROMPTED_S) == [Close(SPEAKER)]


def test_where_the_kernel_tells_of_plugs_attempts_are_fewer_until_it_does() -> None:
    bench = Bench()
    bench.health.cards(1, 0.0)
    bench.now = 10 * KEEN_S
    bench.want(MIC)
    waits = []
    for _ in range(4):
        bench.failed(MIC)
        waits.append(round(bench.health[MIC].retry_at - bench.now, 3))
        bench.now = bench.health[MIC].retry_at
        assert bench.calls() == [Open(MIC)]
    assert waits == [0.25, 0.5, RETRY_UNPROMPTED_S, RETRY_UNPROMPTED_S]
    bench.health.cards(1, bench.now)
    bench.failed(MIC)
    assert bench.health.next_deadline() == bench.now + CARDS_S  # to look whether it does
    bench.health.cards(2, bench.now)
    assert bench.calls() == [Open(MIC)]
    bench.failed(MIC)
    assert bench.health[MIC].retry_at - bench.now == pytest.approx(0.5)


@pytest.mark.parametrize(("in_use", "wait_s"), [(False, 0.0), (True, RESCAN_IN_USE_S)])
def test_a_plug_is_answered_with_a_new_list_and_never_with_the_old_one(in_use: bool, wait_s: float) -> None:
    bench = _missing_microphone(in_use=in_use, fingerprint=1)
    bench.sees(SPEAKER, after=0.1)
    bench.health.cards(2, bench.now)
    if wait_s:
        assert bench.calls() == []
        assert bench.health.next_deadline() == pytest.approx(bench.now + SOON_S)
        assert bench.sees(SPEAKER, after=wait_s - 0.01) == []
        bench.now += 0.02
    assert bench.sees(SPEAKER) == [Close(SPEAKER)]
    assert bench.closed(SPEAKER) == [Open(SPEAKER)]
    assert bench.opened(SPEAKER) == [Open(MIC)]
    bench.failed(MIC)  # its node may have no owner yet
    bench.sees(SPEAKER)
    assert _attempt(bench, RESCAN_IN_USE_S if in_use else RESCAN_S) == [Close(SPEAKER)]


def test_a_first_opening_does_not_wait_until_nobody_listens() -> None:
    bench = Bench().working(SPEAKER)
    bench.in_use = True
    bench.health.cards(2, bench.now)
    assert bench.want(MIC) == [Close(SPEAKER)]


def test_a_device_lost_while_the_list_was_renewed_is_lost() -> None:
    bench = _missing_microphone()
    assert _attempt(bench, RESCAN_S) == [Close(SPEAKER)]
    assert bench.closed(SPEAKER) == [Open(SPEAKER)]
    assert bench.failed(SPEAKER) == [Open(MIC)]
    assert bench.state(SPEAKER) is S.LOST
