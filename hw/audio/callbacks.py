"""Keeps a device thread alive when the code it calls misbehaves. Shell around logging."""

from __future__ import annotations

import logging

from hw.ports import Deliver, OnEdge, Pull

_log = logging.getLogger(__name__)


def guarded_deliver(deliver: Deliver, device: str) -> Deliver:
    """`deliver` that never raises: a failed period is lost, the first failure is logged with its traceback.

    Only the first, because a callback that fails does so a hundred times a second.
    """
    logged = False

    def guarded(pcm: bytes) -> None:
        nonlocal logged
        try:
            deliver(pcm)
        except Exception:  # noqa: BLE001 - supervision point: an exception would end the device's thread
            if not logged:
                logged = True
                _log.exception("%s: a captured period was lost, its receiver raised", device)

    return guarded


def guarded_pull(pull: Pull, frame_bytes: int, device: str) -> Pull:
    """`pull` that never raises and always answers exactly the frames asked for, of `frame_bytes` each.

    A period that fails or has the wrong size is played as silence: a short answer would end the stream.
    The first failure is logged with its traceback.
    """
    logged = False

    def guarded(frames: int) -> bytes:
        nonlocal logged
        wanted = frames * frame_bytes
        try:
            pcm = pull(frames)
            if len(pcm) == wanted:
                return pcm
            raise ValueError(f"pull answered {len(pcm)} bytes, {frames} frames are {wanted}")
        except Exception:  # noqa: BLE001 - supervision point: an exception would end the device's thread
            if not logged:
                logged = True
                _log.exception("%s: a period was played as silence", device)
        return bytes(wanted)

    return guarded


def guarded_on_edge(on_edge: OnEdge, device: str) -> OnEdge:
    """`on_edge` that never raises: each failure is logged with its traceback, for fingers are slow."""

    def guarded(pressed: bool) -> None:
        try:
            on_edge(pressed)
        except Exception:  # noqa: BLE001 - supervision point: an exception would end the device's thread
            _log.exception(
                "%s: a %s was lost, its receiver raised", device, "press" if pressed else "release"
            )

    return guarded
