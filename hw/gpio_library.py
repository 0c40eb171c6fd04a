"""Chooses gpiozero's pins, and says in our words what is wrong with them. Shell around gpiozero."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from hw.errors import DeviceError, Fault
from hw.gpio_chips import header_chip
from hw.lgpio_library import import_lgpio

_log = logging.getLogger(__name__)

_ours: list[Any] = []  # our pin factory, once there is one: open pins are known to theirs


@contextlib.contextmanager
def pins_opened(name: str, kind: str, remedy: str) -> Iterator[tuple[ModuleType, Any]]:
    """Hands out gpiozero and the pin factory to open pins with; what goes wrong is raised as `DeviceError`.

    `name`: the device; `kind`: what else to look for where there are no pins, such as "button"; `remedy`:
    what to try when the pin is there but cannot do what is asked of it.
    """
    gpiozero = _library(name)
    factory = _pin_factory(gpiozero)
    fallbacks: list[str] = []
    try:
        with _fallbacks_collected(fallbacks):
            yield gpiozero, factory
    except gpiozero.BadPinFactory as error:
        reason = fallbacks[0] if fallbacks else str(error)
        install = (
            "On a Raspberry Pi: sudo apt install python3-lgpio, and put the user in the group 'gpio'; "
            f"elsewhere use another {kind} driver."
        )
        raise DeviceError(Fault.UNSUPPORTED, name, f"no GPIO here ({reason})", install) from error
    except (gpiozero.GPIOPinInUse, *_lgpio_errors()) as error:
        other = "Name another pin, or end the program that holds this one."
        raise DeviceError(Fault.BUSY, name, str(error), other) from error
    except gpiozero.PinInvalidPin as error:
        raise DeviceError(Fault.NOT_FOUND, name, str(error), "Name a BCM number such as 17.") from error
    except gpiozero.GPIOZeroError as error:
        raise DeviceError(Fault.UNSUPPORTED, name, str(error), remedy) from error
    except OSError as error:
        detail = f"the kernel does not give this pin: {error.strerror or error}"
        allow = "Put the user in the group 'gpio', or name another pin."
        raise DeviceError(Fault.UNSUPPORTED, name, detail, allow) from error


@contextlib.contextmanager
def pins_used(name: str, remedy: str) -> Iterator[None]:
    """For pins that are open: what goes wrong meanwhile is raised as `DeviceError`.

    UNSUPPORTED with `remedy` when the pin cannot do what is asked of it, LOST otherwise.
    """
    gpiozero = _library(name)
    try:
        yield
    except gpiozero.PinPWMUnsupported as error:
        raise DeviceError(Fault.UNSUPPORTED, name, str(error) or "no pulses on this pin", remedy) from error
    except (gpiozero.GPIOZeroError, OSError, *_lgpio_errors()) as error:
        raise DeviceError(Fault.LOST, name, str(error)) from error


def _library(name: str) -> ModuleType:
    try:
        return import_module("gpiozero")
    except ImportError as error:
        remedy = "Install it: sudo apt install python3-gpiozero python3-lgpio, or pip install 'harkd[gpio]'."
        raise DeviceError(Fault.LIBRARY_MISSING, name, f"gpiozero: {error}", remedy) from error


def _pin_factory(gpiozero: ModuleType) -> Any:
    """Pins by the kernel's own word; None for gpiozero's, where others were chosen or there are no such pins.

    gpiozero's own first choice is lgpio, which wakes up 2,000 times a second while a line is watched and 50
    times a second from then on. Ours is handed out, not made gpiozero's default: an owner's tools in this
    process keep all that lgpio's pins can do.
    """
    if _ours:
        return _ours[0]
    chosen = os.environ.get("GPIOZERO_PIN_FACTORY", "")
    if chosen not in ("", "lgpio") or gpiozero.Device.pin_factory is not None:
        return None
    if not chosen and (chip := header_chip()) is not None:
        _ours.append(import_module("hw.gpio_pins").KernelFactory(chip))
        return _ours[0]
    # Where it cannot be imported, gpiozero says so, or finds another library.
    with contextlib.suppress(ImportError, OSError):
        import_lgpio()
    return None


@contextlib.contextmanager
def _fallbacks_collected(reasons: list[str]) -> Iterator[None]:
    """Why gpiozero did not take the libraries it tried, the best one first: only its warnings say so."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            reasons += [str(warning.message).removeprefix("Falling back from ") for warning in caught]
    for reason in reasons:  # it found one in the end
        _log.warning("GPIO: gpiozero does without %s", reason)


def _lgpio_errors() -> tuple[type[Exception], ...]:
    """What lgpio raises past gpiozero, for example when another process holds the pin."""
    lgpio = sys.modules.get("lgpio")
    return () if lgpio is None else (lgpio.error,)
