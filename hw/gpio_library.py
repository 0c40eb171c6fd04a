"""Imports gpiozero and lgpio, and says in our words what they find wrong. Shell around both."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from hw.errors import DeviceError, Fault

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def pins_opened(name: str, kind: str, remedy: str) -> Iterator[ModuleType]:
    """Hands out gpiozero to open pins with; what goes wrong meanwhile is raised as `DeviceError`.

    `name`: the device; `kind`: what else to look for where there are no pins, such as "button"; `remedy`:
    what to try when the pin is there but cannot do what is asked of it.
    """
    gpiozero = _library(name)
    _import_lgpio(gpiozero)
    fallbacks: list[str] = []
    try:
        with _fallbacks_collected(fallbacks):
            yield gpiozero
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
    except (gpiozero.GPIOZeroError, *_lgpio_errors()) as error:
        raise DeviceError(Fault.LOST, name, str(error)) from error


def _library(name: str) -> ModuleType:
    try:
        return import_module("gpiozero")
    except ImportError as error:
        remedy = "Install it: sudo apt install python3-gpiozero python3-lgpio, or pip install 'harkd[gpio]'."
        raise DeviceError(Fault.LIBRARY_MISSING, name, f"gpiozero: {error}", remedy) from error


def _import_lgpio(gpiozero: ModuleType) -> None:
    """Import lgpio, if gpiozero is about to, where its pipe can be made.

    It makes a pipe in the working directory while it is imported, leaves it there, and fails with a message
    about a file "-3" where it cannot write. Both ends stay open, so the pipe needs its name no more after.
    """
    chosen = os.environ.get("GPIOZERO_PIN_FACTORY", "lgpio")
    if chosen != "lgpio" or gpiozero.Device.pin_factory is not None or "lgpio" in sys.modules:
        return
    # Where it cannot be imported, gpiozero says so, or finds another library.
    with (
        contextlib.suppress(ImportError, OSError),
        tempfile.TemporaryDirectory() as scratch,
        _within(scratch),
    ):
        import_module("lgpio")


@contextlib.contextmanager
def _within(directory: str) -> Iterator[None]:
    """With `directory` as the working directory of the process, for all of its threads."""
    here = os.open(".", os.O_PATH)  # whatever it is called by now, and whether it can be read or not
    try:
        os.chdir(directory)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


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
