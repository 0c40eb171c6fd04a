"""gpiozero's pins by the kernel's own interface. Shell around gpiozero, GPIO lines, and lgpio for pulses.

gpiozero keeps what it is for: the names of pins, which board has which, resistors that are fixed, and that
nobody opens a pin twice. Only what is done with a line is done here, and not by lgpio.
"""

from __future__ import annotations

import errno
import fcntl
import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from gpiozero import exc
from gpiozero.pins.local import LocalPiFactory, LocalPiPin

from hw.gpio_chips import Ask
from hw.gpio_line import BOTH_EDGES, INPUT, NO_PULL, OUTPUT, PULL_DOWN, PULL_UP, EdgeWatch, GpioLine, LineEdge
from hw.lgpio_library import import_lgpio

_log = logging.getLogger(__name__)

_PULLS = {"up": PULL_UP, "down": PULL_DOWN, "floating": NO_PULL}


class KernelFactory(LocalPiFactory):  # type: ignore[misc]  # gpiozero has no types
    """The pins of the chip at `chip`, such as "/dev/gpiochip0".

    `ask` stands for ioctl; `open_pulses` for what dims, given `chip` when a pin is dimmed first.
    """

    def __init__(
        self, chip: str, ask: Ask = fcntl.ioctl, open_pulses: Callable[[str], Pulses] | None = None
    ) -> None:
        super().__init__()
        self._chip = chip
        self._ask = ask
        self._open_pulses = open_pulses or LgpioPulses
        self._pulses: Pulses | None = None
        self.pin_class = KernelPin

    def line(self, number: int) -> GpioLine:
        return GpioLine(self._chip, number, self._ask)

    def pulses(self) -> Pulses:
        """Raises `PinPWMUnsupported` where there is no lgpio."""
        if self._pulses is None:
            self._pulses = self._open_pulses(self._chip)
        return self._pulses


class Pulses(Protocol):
    """Holds lines that are on and off by turns."""

    def claim(self, number: int, *, high: bool) -> None:
        """A line that nobody holds, steady at first."""

    def show(self, number: int, frequency_hz: float, share: float) -> None:
        """On for `share` (0..1) of the time, from now on."""

    def free(self, number: int) -> None: ...


class LgpioPulses:
    """lgpio, which dims lamps without us: no thread of Python's could keep a steady time.

    From here to the end of the process a thread of lgpio's wakes up 50 times a second; it has no end.
    """

    def __init__(self, chip: str) -> None:
        try:
            self._lgpio: ModuleType = import_lgpio()
        except (ImportError, OSError) as error:
            raise exc.PinPWMUnsupported(f"dimming wants lgpio, which is missing here: {error}") from error
        self._handle = self._lgpio.gpiochip_open(int(Path(chip).name.removeprefix("gpiochip")))

    def claim(self, number: int, *, high: bool) -> None:
        self._lgpio.gpio_claim_output(self._handle, number, int(high))

    def show(self, number: int, frequency_hz: float, share: float) -> None:
        self._lgpio.tx_pwm(self._handle, number, frequency_hz, share * 100)

    def free(self, number: int) -> None:
        self._lgpio.gpio_free(self._handle, number)


class KernelPin(LocalPiPin):  # type: ignore[misc]  # gpiozero has no types
    """One pin: an input whose edges cost nothing while there are none, or an output.

    `when_changed` is called on a thread of the pin's, with the kernel's time of the edge. Raises `OSError`
    for what the kernel refuses, `GPIOPinInUse` where another program holds the line.
    """

    def __init__(self, factory: KernelFactory, info: Any) -> None:
        super().__init__(factory, info)
        self._line = factory.line(self._number)
        self._flags = INPUT | NO_PULL
        self._watch: EdgeWatch | None = None
        self._frequency_hz: float | None = None
        self._share = 0.0

    def close(self) -> None:
        self.when_changed = None
        self._free_pulses()
        self._line.release()
        self._flags = INPUT | NO_PULL

    # ---- what it is, and what is there: gpiozero asks for its properties by these names ----------------

    def _get_function(self) -> str:
        return "output" if self._flags & OUTPUT else "input"

    def _set_function(self, value: str) -> None:
        if value not in ("input", "output"):
            raise exc.PinInvalidFunction(f"invalid function {value!r} for pin {self!r}")
        self.when_changed = None
        self._free_pulses()
        self._claim(OUTPUT if value == "output" else INPUT | NO_PULL)

    def _get_state(self) -> float:
        return self._share if self._frequency_hz else self._line.is_high()

    def _set_state(self, value: float) -> None:
        if not self._flags & OUTPUT:
            raise exc.PinSetInput(f"cannot set state of pin {self!r}")
        if self._frequency_hz:
            self._share = value
            self.factory.pulses().show(self._number, self._frequency_hz, value)
        else:
            self._line.drive(high=bool(value))

    def _get_pull(self) -> str:
        return next((pull for pull, flag in _PULLS.items() if self._flags & flag), "floating")

    def _set_pull(self, value: str) -> None:
        if self._flags & OUTPUT:
            raise exc.PinFixedPull(f"cannot set pull on non-input pin {self!r}")
        if self.info.pull not in (value, ""):
            raise exc.PinFixedPull(f"{self!r} has a physical pull-{self.info.pull} resistor")
        if value not in _PULLS:
            raise exc.PinInvalidPull(f"invalid pull {value!r} for pin {self!r}")
        self._claim(INPUT | _PULLS[value] | self._flags & BOTH_EDGES)

    def _claim(self, flags: int, *, high: bool = False) -> None:
        try:
            self._line.claim(flags, high=high)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            raise exc.GPIOPinInUse(f"{self!r}: {error.strerror}") from error
        self._flags = flags

    # ---- pulses ----------------------------------------------------------------------------------------

    def _get_frequency(self) -> float | None:
        return self._frequency_hz

    def _set_frequency(self, value: float | None) -> None:
        if not value:
            if self._free_pulses():
                self._claim(OUTPUT, high=self._share >= 0.5)
            return
        if not self._flags & OUTPUT:
            raise exc.PinPWMFixedValue(f"cannot start PWM on pin {self!r}")
        pulses = self.factory.pulses()
        if self._frequency_hz is None:
            # Steady until it is told its share: a lamp that is dark at a high pin would flash.
            self._share = high = self._line.is_high()
            self._line.release()
            pulses.claim(self._number, high=high)
        else:
            pulses.show(self._number, value, self._share)
        self._frequency_hz = value

    def _free_pulses(self) -> bool:
        """True if there were any: then the line is not held any more."""
        frequency_hz, self._frequency_hz = self._frequency_hz, None
        if frequency_hz is not None:
            self.factory.pulses().free(self._number)
        return frequency_hz is not None

    # ---- edges -----------------------------------------------------------------------------------------

    def _get_edges(self) -> str:
        return "both"

    def _set_edges(self, value: str) -> None:
        if value != "both":
            raise exc.PinInvalidEdges(f"edges must be 'both', not {value!r}")

    def _enable_event_detect(self) -> None:
        self._claim(self._flags | BOTH_EDGES)
        self._watch = EdgeWatch(self._line, f"gpio-{self._number}", self._edge, self._lost)

    def _disable_event_detect(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()

    def _edge(self, edge: LineEdge) -> None:
        # Not by `_call_when_changed`, which fails where the pin is closed meanwhile. It is a weak reference.
        if (wanted := self._when_changed) is not None and (changed := wanted()) is not None:
            changed(edge.at_s, edge.high)

    def _lost(self, error: OSError) -> None:
        _log.error("%r: its chip has gone (%s): no edge is seen any more", self, error.strerror)
