"""What the box, and who looks on, are told of the connection. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from daemon import events as ev
from daemon.realtime.losses import SessionRenewed, SessionRested
from daemon.realtime.model_events import RealtimeModelConnectionStatusEvent
from daemon.realtime.transports.port import Refusal, TransportRefused

TROUBLE: Mapping[Refusal, ev.Trouble] = {
    Refusal.KEY: ev.Trouble.KEY,
    Refusal.FORBIDDEN: ev.Trouble.KEY,
    Refusal.MODEL: ev.Trouble.MODEL,
    Refusal.QUOTA: ev.Trouble.QUOTA,
}
"""What a person can do something about; the others mend themselves."""

LinkEvent = ev.LinkConnecting | ev.LinkDown | ev.LinkRenewing | ev.LinkResting


def link_event(
    status: RealtimeModelConnectionStatusEvent, last_loss: Exception | None
) -> tuple[LinkEvent | None, str]:
    """The box's event, None if it waits for the session; and the word for onlookers, as in `LinkChanged`.

    `last_loss` is why the latest connection, or attempt, ended.
    """
    if status.status == "disconnected":
        if isinstance(last_loss, SessionRenewed):
            return ev.LinkRenewing(status.detail), "renewing"
        if isinstance(last_loss, SessionRested):
            return ev.LinkResting(status.detail), "resting"
        refusal = last_loss.refusal if isinstance(last_loss, TransportRefused) else None
        return ev.LinkDown(
            status.detail, TROUBLE.get(refusal, ev.Trouble.OFFLINE) if refusal else ev.Trouble.OFFLINE
        ), "disconnected"
    on_purpose = isinstance(last_loss, SessionRenewed | SessionRested)
    word = "renewing" if on_purpose else status.status
    return (ev.LinkConnecting() if status.status == "connecting" else None), word
