"""When an ageing session is replaced by a new one."""

from __future__ import annotations

from random import Random

from daemon.realtime.renewal import LOOK_AGAIN_S, RENEW_AFTER_S, Renewal


def test_renewal_is_due_at_its_deadline_whenever_the_session_began() -> None:
    chance = Random(1)
    for _ in range(1000):
        renewal = Renewal()
        began = chance.uniform(0, 1e6)
        renewal.began(began, manual_turns=True)
        assert renewal.next_deadline(began) == began + RENEW_AFTER_S
        assert renewal.due(began + RENEW_AFTER_S)


def test_old_session_in_use_is_looked_at_again_and_not_at_once() -> None:
    renewal = Renewal()
    renewal.began(0.0, manual_turns=False)
    renewal.speaking(True)
    assert not renewal.due(RENEW_AFTER_S)
    assert renewal.next_deadline(RENEW_AFTER_S) == RENEW_AFTER_S + LOOK_AGAIN_S
