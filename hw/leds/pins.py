"""Lamps on GPIO pins, each at a share of its full light. Shell around gpiozero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from hw.errors import DeviceError, Fault

if TYPE_CHECKING:
    import gpiozero

FAINTEST = 0.01
"""gpiozero hands lgpio whole percents, rounded down: less would be dark."""


class PinLamps:
    """One lamp per pin, all dark at first. `pins` are BCM numbers or names gpiozero knows ("GPIO18").

    `active_high`: the lamp shines when its pin is at 3.3 V. `pwm`: shares between 0 and 1 are possible, by
    switching the pin 100 times a second; otherwise any share above 0 is all of it.

    Raises `DeviceError` when a pin cannot be had; then none is held.
    """

    def __init__(self, name: str, pins: Sequence[int | str], *, active_high: bool, pwm: bool) -> None:
        self._name = name
        library = _library(name)
        lamp = library.PWMLED if pwm else library.LED
        self._pwm = pwm
        self._lamps: list[gpiozero.PWMLED | gpiozero.LED] = []
        with _device_errors(name, library), ExitStack() as undo:
            for pin in pins:
                opened = lamp(pin, active_high=active_high)
                undo.callback(opened.close)
                self._lamps.append(opened)
            self._undo = undo.pop_all()

    def show(self, shares: Sequence[float]) -> None:
        """One share of full light per lamp, 0..1. Raises `DeviceError` LOST."""
        with _device_errors(self._name, _library(self._name), lost=True):
            for lamp, share in zip(self._lamps, shares, strict=True):
                if self._pwm:
                    lamp.value = max(FAINTEST, share) if share else 0
                else:
                    lamp.value = bool(share)

    def close(self) -> None:
        """Dark, and the pins are free again. A device that has gone is left as it is."""
        with suppress(DeviceError), _device_errors(self._name, _library(self._name), lost=True):
            self._undo.close()


@contextmanager
def _device_errors(name: str, gpiozero: ModuleType, *, lost: bool = False) -> Iterator[None]:
    try:
        yield
    except gpiozero.BadPinFactory as error:
        remedy = (
            "On a Raspberry Pi: sudo apt install python3-lgpio, and put the user in the group 'gpio'; "
            "elsewhere use another light driver."
        )
        raise DeviceError(Fault.UNSUPPORTED, name, f"no GPIO here ({error})", remedy) from error
    except (gpiozero.GPIOPinInUse, *_lgpio_errors()) as error:
        remedy = "" if lost else "Name another pin, or end the program that holds this one."
        raise DeviceError(Fault.LOST if lost else Fault.BUSY, name, str(error), remedy) from error
    except gpiozero.PinInvalidPin as error:
        raise DeviceError(Fault.NOT_FOUND, name, str(error), "Name a BCM number such as 18.") from error
    except gpiozero.GPIOZeroError as error:
        if lost:
            raise DeviceError(Fault.LOST, name, str(error)) from error
        remedy = "Try pwm = false where there is such an option, or another pin."
        raise DeviceError(Fault.UNSUPPORTED, name, str(error), remedy) from error


def _library(name: str) -> ModuleType:
    try:
        return import_module("gpiozero")
    except ImportError as error:
        remedy = "Install it: sudo apt install python3-gpiozero python3-lgpio, or pip install 'harkd[gpio]'."
        raise DeviceError(Fault.LIBRARY_MISSING, name, f"gpiozero: {error}", remedy) from error


def _lgpio_errors() -> tuple[type[Exception], ...]:
    """What lgpio raises past gpiozero, for example when another process holds the pin."""
    try:
        return (import_module("lgpio").error,)
    except ImportError:
        return ()
