"""Keeping a session alive over transports that fail in every way; virtual time, no network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NoReturn

import pytest
from virtual_loop import run_virtual

from daemon.realtime import model_events as rt
from daemon.realtime.backoff import Backoff
from daemon.realtime.link import RealtimeLink
from daemon.realtime.protocol import ProtocolState, RealtimeProtocol
from daemon.realtime.transports.port import (
    OnFrame,
    Refusal,
    TransportClosed,
    TransportRefused,
    UplinkCongested,
)
from tests.contract.inbox import hand_on


class Wire:
    """A transport in memory: the test plays the server."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.inbox: asyncio.Queue[str | Exception] = asyncio.Queue()
        self.refuse = refuse
        self.send_error: Exception | None = None
        self.closed = False
        self.queued_bytes = 0

    async def connect(self) -> None:
        if self.refuse is not None:
            raise self.refuse

    def send(self, text: str) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.sent.append(json.loads(text))

    async def receive_into(self, on_frame: OnFrame) -> NoReturn:
        await hand_on(self.inbox, on_frame)

    async def close(self) -> None:
        self.closed = True

    def say(self, **event: Any) -> None:
        self.inbox.put_nowait(json.dumps(event))

    def configure(self) -> None:
        self.say(type="session.updated", event_id="e", session={"type": "realtime"})


class Setup:
    """A link whose transports are handed out in order; remembers what it was told and when."""

    def __init__(self, *wires: Wire) -> None:
        self.wires = list(wires)
        self.opened = 0
        self.events: list[rt.RealtimeModelEvent] = []
        self.on_event: Callable[[rt.RealtimeModelEvent], None] = self.events.append
        self.protocol = RealtimeProtocol({"type": "realtime"})
        self.link = RealtimeLink(self.protocol, self._open, lambda e: self.on_event(e), Backoff(Random(1)))
        self.task = asyncio.create_task(self.link.run())

    def _open(self) -> Wire:
        if self.opened == len(self.wires):
            self.wires.append(Wire())
        self.opened += 1
        return self.wires[self.opened - 1]

    def statuses(self) -> list[str]:
        return [e.status for e in self.events if isinstance(e, rt.RealtimeModelConnectionStatusEvent)]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def virtual(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    return run


@virtual
async def test_connects_configures_and_reports_ready() -> None:
    setup = Setup(Wire())
    await settle()
    assert setup.wires[0].sent[0]["type"] == "session.update"
    setup.wires[0].configure()
    await settle()
    assert setup.protocol.state is ProtocolState.READY
    assert setup.statuses() == ["connecting", "connected"]
    await setup.end()
    assert setup.wires[0].closed


@virtual
async def test_lost_connection_is_told_and_opened_again() -> None:
    setup = Setup(Wire(), Wire())
    await settle()
    setup.wires[0].configure()
    setup.wires[0].inbox.put_nowait(TransportClosed(1001, "Your session hit the maximum duration"))
    await settle()
    [lost] = [e for e in setup.events if getattr(e, "status", "") == "disconnected"]
    assert isinstance(lost, rt.RealtimeModelConnectionStatusEvent)
    assert "maximum duration" in lost.detail
    assert lost.retry_in_s is not None
    assert 0 <= lost.retry_in_s <= 0.5
    await asyncio.sleep(0.5)
    await settle()
    assert setup.opened == 2
    assert setup.wires[1].sent[0]["type"] == "session.update"
    await setup.end()


@pytest.mark.parametrize("refusal", [Refusal.KEY, Refusal.FORBIDDEN, Refusal.MODEL, Refusal.QUOTA])
def test_refused_key_is_not_tried_again_soon(refusal: Refusal) -> None:
    async def main() -> None:
        setup = Setup(Wire(refuse=TransportRefused(refusal, "no")))
        await asyncio.sleep(299)
        assert setup.opened == 1
        setup.link.connect_now()
        await settle()
        assert setup.opened == 2
        await setup.end()

    run_virtual(main())


@virtual
async def test_network_trouble_is_tried_again_with_growing_pauses() -> None:
    setup = Setup(*[Wire(refuse=TransportRefused(Refusal.NETWORK, "no route")) for _ in range(9)])
    await asyncio.sleep(180)
    pauses = [e.retry_in_s for e in setup.events if getattr(e, "status", "") == "disconnected"]
    assert len(pauses) >= 9
    assert all(p is not None and p <= 30 for p in pauses[:9])
    await setup.end()


@virtual
async def test_refused_session_ends_the_connection_and_waits_long() -> None:
    setup = Setup(Wire())
    await settle()
    update_id = setup.wires[0].sent[0]["event_id"]
    error = {"type": "invalid_request_error", "code": "unknown_parameter", "message": "bad voice"}
    setup.wires[0].say(type="error", event_id="e", error={**error, "param": None, "event_id": update_id})
    await settle()
    assert setup.statuses()[-1] == "disconnected"
    assert setup.wires[0].closed
    await asyncio.sleep(200)
    assert setup.opened == 1
    await setup.end()


@virtual
async def test_session_never_confirmed_is_tried_again_soon() -> None:
    setup = Setup(Wire())
    await asyncio.sleep(11)
    assert setup.opened == 2
    assert "disconnected" in setup.statuses()
    await setup.end()


@virtual
async def test_congested_uplink_ends_the_connection_not_the_caller() -> None:
    setup = Setup(Wire())
    await settle()
    setup.wires[0].configure()
    await settle()
    setup.wires[0].send_error = UplinkCongested("more than 2 s of audio wait to be sent")
    setup.protocol.append_audio(bytes(960))
    setup.link.flush()
    setup.protocol.append_audio(bytes(960))
    setup.link.flush()
    await settle()
    assert setup.statuses()[-1] == "disconnected"
    assert setup.wires[0].closed
    await setup.end()


@virtual
async def test_owner_may_ask_from_within_an_event() -> None:
    setup = Setup(Wire())

    def ask_when_ready(event: rt.RealtimeModelEvent) -> None:
        setup.events.append(event)
        if isinstance(event, rt.RealtimeModelSessionReadyEvent):
            setup.protocol.send_message("hello", 0.0)
            setup.link.flush()

    setup.on_event = ask_when_ready
    await settle()
    setup.wires[0].configure()
    await settle()
    assert [e["type"] for e in setup.wires[0].sent] == [
        "session.update",
        "conversation.item.create",
        "response.create",
    ]
    await setup.end()


@virtual
async def test_error_of_ours_costs_the_connection_not_the_box() -> None:
    setup = Setup(Wire())

    def broken(event: rt.RealtimeModelEvent) -> None:
        if isinstance(event, rt.RealtimeModelSessionReadyEvent):
            raise ZeroDivisionError("a bug")
        setup.events.append(event)

    setup.on_event = broken
    await settle()
    setup.wires[0].configure()
    await settle()
    assert setup.statuses()[-1] == "disconnected"
    setup.on_event = setup.events.append
    await asyncio.sleep(1)
    assert setup.opened == 2
    await setup.end()


@pytest.mark.parametrize("break_first", [False, True])
def test_cancelling_ends_the_link_although_its_connection_breaks_too(break_first: bool) -> None:
    async def main() -> None:
        setup = Setup(Wire())
        await settle()
        if break_first:
            setup.link.give_up("too slow")
        setup.task.cancel()
        if not break_first:
            setup.link.give_up("too slow")
        await asyncio.sleep(60)
        assert setup.task.cancelled()
        assert setup.opened == 1
        await setup.end()

    run_virtual(main())


@pytest.mark.parametrize(("ready_s", "waits_longer"), [(1, True), (11, False)])
def test_only_a_session_that_lasts_shortens_the_back_off(ready_s: float, waits_longer: bool) -> None:
    async def main() -> None:
        setup = Setup()
        await settle()
        waits = []
        for _ in range(20):
            setup.wires[-1].configure()
            await asyncio.sleep(ready_s)
            setup.wires[-1].inbox.put_nowait(TransportClosed(1011, "internal error"))
            await settle()
            [*_, lost] = (e for e in setup.events if isinstance(e, rt.RealtimeModelConnectionStatusEvent))
            assert lost.retry_in_s is not None
            waits.append(lost.retry_in_s)
            await asyncio.sleep(lost.retry_in_s + 0.001)
        assert (max(waits) > 0.5) == waits_longer
        await setup.end()

    run_virtual(main())


@virtual
async def test_deadline_of_the_protocol_is_kept() -> None:
    setup = Setup(Wire())
    await settle()
    setup.wires[0].configure()
    await settle()
    setup.protocol.request_response(asyncio.get_running_loop().time())
    setup.link.flush()
    await asyncio.sleep(16)  # an answer that does not begin within 15 s is given up
    assert any(isinstance(e, rt.RealtimeModelTurnEndedEvent) and e.status == "lost" for e in setup.events)
    await setup.end()


@virtual
async def test_a_renewed_session_is_replaced_at_once_and_says_why() -> None:
    setup = Setup(Wire(), Wire())
    await settle()
    setup.wires[0].configure()
    await settle()
    setup.link.renew("55 minutes old")
    await settle()
    assert setup.opened == 2
    assert str(setup.link.last_loss) == "55 minutes old"
    await setup.end()


# ---- closed on purpose ---------------------------------------------------------------


async def ready_link(*wires: Wire) -> Setup:
    setup = Setup(*wires)
    await settle()
    setup.wires[0].configure()
    await settle()
    return setup


@virtual
async def test_link_that_rests_opens_nothing_until_it_is_asked_to() -> None:
    setup = await ready_link()
    setup.link.rest("nobody is here")
    await asyncio.sleep(100_000)
    assert (setup.opened, setup.link.resting, setup.statuses()[-1]) == (1, True, "disconnected")
    setup.link.connect_now()
    await settle()
    assert (setup.opened, setup.link.resting) == (2, False)
    await setup.end()


@virtual
async def test_link_that_begins_at_rest_opens_nothing_before_it_is_asked_to() -> None:
    setup = Setup()
    await setup.end()
    setup.link = RealtimeLink(
        setup.protocol, setup._open, setup.events.append, Backoff(Random(1)), at_rest=True
    )
    setup.opened = 0
    setup.task = asyncio.create_task(setup.link.run())
    await asyncio.sleep(1000)
    assert (setup.opened, setup.link.resting) == (0, True)
    setup.link.connect_now()
    await settle()
    assert setup.opened == 1
    await setup.end()


@pytest.mark.parametrize("how", ["rest", "renew"])
def test_question_asked_the_moment_the_link_is_closed_on_purpose_is_asked_on_the_next(how: str) -> None:
    async def main() -> None:
        setup = await ready_link()
        getattr(setup.link, how)("on purpose")
        setup.protocol.send_message("hello", asyncio.get_running_loop().time())
        setup.link.flush()
        await settle()
        setup.wires[1].configure()
        await settle()
        assert [e["type"] for e in setup.wires[0].sent] == ["session.update"]
        assert [e["type"] for e in setup.wires[1].sent][1:] == ["conversation.item.create", "response.create"]
        await setup.end()

    run_virtual(main())


@virtual
async def test_link_does_not_rest_while_an_answer_is_awaited_or_there_is_nothing_to_close() -> None:
    setup = await ready_link()
    setup.protocol.request_response(asyncio.get_running_loop().time())
    setup.link.flush()
    setup.link.rest("too early")
    await settle()
    assert setup.opened == 1
    assert setup.link.connected
    setup.wires[0].inbox.put_nowait(TransportClosed(1006, "reset"))
    await settle()
    setup.link.rest("too late")
    await asyncio.sleep(60)
    assert setup.opened > 1
    await setup.end()


@virtual
async def test_hurry_of_long_ago_does_not_end_a_rest() -> None:
    setup = Setup(Late(1.0), Wire())
    await settle()
    setup.link.connect_now()  # the attempt under way fails, and the next succeeds
    await asyncio.sleep(2)
    setup.wires[1].configure()
    await settle()
    setup.link.rest("nobody is here")
    await asyncio.sleep(1000)
    assert setup.opened == 2
    await setup.end()


@virtual
async def test_other_transport_is_used_from_the_next_connection_on() -> None:
    setup = await ready_link()
    other = Wire()
    setup.link.use(lambda: other)
    assert setup.opened == 1
    setup.link.renew("the address has changed")
    await settle()
    assert other.sent[0]["type"] == "session.update"
    await setup.end()


@pytest.mark.parametrize("refusal", [Refusal.KEY, Refusal.NETWORK])
def test_renewal_ends_whatever_wait_there_is(refusal: Refusal) -> None:
    async def main() -> None:
        setup = Setup(*[Wire(refuse=TransportRefused(refusal, "no")) for _ in range(9)])
        await settle()
        opened = setup.opened
        setup.link.renew("the configuration has changed")
        await settle()
        assert setup.opened == opened + 1
        await setup.end()

    run_virtual(main())


@virtual
async def test_renewal_at_rest_wakes_nobody() -> None:
    setup = await ready_link()
    setup.link.rest("nobody is here")
    await settle()
    setup.link.renew("the configuration has changed")
    await asyncio.sleep(100)
    assert setup.opened == 1
    await setup.end()


# ---- another network -----------------------------------------------------------------


class Probed(Wire):
    def __init__(self) -> None:
        super().__init__()
        self.probes = 0

    def probe(self) -> None:
        self.probes += 1


class Slow(Wire):
    """Takes its time to connect, for ever."""

    async def connect(self) -> None:
        await asyncio.sleep(10_000)


@pytest.mark.parametrize("came", [False, True])
def test_connection_is_tried_when_the_network_changes_and_kept(came: bool) -> None:
    async def main() -> None:
        setup = await ready_link(Probed())
        setup.link.network_changed(came=came)
        await asyncio.sleep(100)
        assert (setup.opened, setup.wires[0].probes) == (1, 1)
        await setup.end()

    run_virtual(main())


@virtual
async def test_network_that_comes_ends_the_wait_and_starts_the_back_off_small() -> None:
    setup = Setup(*[Wire(refuse=TransportRefused(Refusal.NETWORK, "no route")) for _ in range(40)])
    await asyncio.sleep(200)
    opened = setup.opened
    setup.link.network_changed(came=False)
    await settle()
    assert setup.opened == opened
    setup.link.network_changed(came=True)
    setup.link.network_changed(came=True)
    await asyncio.sleep(0.51)
    assert setup.opened >= opened + 1
    pauses = [e.retry_in_s for e in setup.events if getattr(e, "status", "") == "disconnected"]
    assert pauses[opened] <= 0.5
    await setup.end()


@pytest.mark.parametrize("refusal", [Refusal.KEY, Refusal.QUOTA])
def test_network_that_comes_does_not_hurry_what_somebody_has_to_mend(refusal: Refusal) -> None:
    async def main() -> None:
        setup = Setup(Wire(refuse=TransportRefused(refusal, "no")))
        await settle()
        assert setup.link.blocked
        setup.link.network_changed(came=True)
        await asyncio.sleep(100)
        assert setup.opened == 1
        await setup.end()

    run_virtual(main())


@virtual
async def test_network_that_comes_does_not_wake_a_link_at_rest() -> None:
    setup = await ready_link()
    setup.link.rest("nobody is here")
    await settle()
    setup.link.network_changed(came=True)
    await asyncio.sleep(100)
    assert setup.opened == 1
    await setup.end()


@virtual
async def test_attempt_of_the_old_network_is_begun_anew_but_not_again_and_again() -> None:
    setup = Setup(Slow(), Slow(), Slow())
    await asyncio.sleep(4)
    for _ in range(9):
        setup.link.network_changed(came=True)
        await asyncio.sleep(1)
    assert setup.opened == 2
    await asyncio.sleep(10)
    setup.link.network_changed(came=True)
    await asyncio.sleep(1)
    assert setup.opened == 3
    await setup.end()


@virtual
async def test_young_attempt_is_left_alone_and_followed_at_once_if_it_fails() -> None:
    setup = Setup(Late(2.0), Wire())
    for _ in range(9):
        setup.link._backoff.failed()
    await asyncio.sleep(1)
    setup.link.network_changed(came=True)
    await asyncio.sleep(1.001)
    assert setup.opened == 2
    await setup.end()


class Late(Wire):
    """Fails after a while."""

    def __init__(self, after_s: float) -> None:
        super().__init__()
        self.after_s = after_s

    async def connect(self) -> None:
        await asyncio.sleep(self.after_s)
        raise TransportRefused(Refusal.NETWORK, "no answer")
