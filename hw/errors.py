"""What can go wrong with a device, in words for the person holding it. Pure."""

from __future__ import annotations

from enum import Enum


class Fault(Enum):
    """Kind of device failure; upper layers decide on this, humans read the message."""

    NOT_FOUND = "not found"
    BUSY = "busy"
    UNSUPPORTED = "unsupported"
    LOST = "lost"
    LIBRARY_MISSING = "library missing"


class DeviceError(Exception):
    """A device cannot be opened or has gone.

    `device` is the name the operator configured; `remedy` is one imperative sentence, or "".
    """

    def __init__(self, fault: Fault, device: str, detail: str, remedy: str = "") -> None:
        self.fault = fault
        self.device = device
        self.detail = detail
        self.remedy = remedy
        message = f"{device}: {detail}"
        super().__init__(f"{message}. {remedy}" if remedy else message)
