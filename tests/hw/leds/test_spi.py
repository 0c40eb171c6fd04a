"""Opening a bus, with a spidev of our own in the place of the package: no fake can be the absence of one."""

from __future__ import annotations

import errno
import os
import sys
from types import ModuleType

import pytest

from hw.errors import DeviceError, Fault
from hw.leds.spi import open_spidev


class SpiDev:
    """As the package's: settings are attributes, `open` raises what the kernel says."""

    refuses_with = 0
    last: SpiDev

    def __init__(self) -> None:
        SpiDev.last = self
        self.mode: int | None = None
        self.max_speed_hz = 500_000
        self.where: tuple[int, int] | None = None
        self.sent = b""

    def open(self, bus: int, device: int) -> None:
        if self.refuses_with:
            raise OSError(self.refuses_with, os.strerror(self.refuses_with))
        self.where = (bus, device)

    def writebytes2(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.where = None


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> type[SpiDev]:
    module = ModuleType("spidev")
    module.SpiDev = SpiDev  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spidev", module)
    monkeypatch.setattr(SpiDev, "refuses_with", 0)
    return SpiDev


def test_the_bus_is_opened_written_to_and_closed(package: type[SpiDev]) -> None:
    writer = open_spidev(0, 1, 8_000_000)
    device = package.last
    assert (device.where, device.mode, device.max_speed_hz) == ((0, 1), 0, 8_000_000)
    writer.write(b"\x01\x02")
    writer.close()
    assert (device.sent, device.where) == (b"\x01\x02", None)


@pytest.mark.parametrize(
    ("error", "fault", "remedy"),
    [
        (errno.ENOENT, Fault.NOT_FOUND, "raspi-config"),
        (errno.EACCES, Fault.UNSUPPORTED, "group 'spi'"),
        (errno.EBUSY, Fault.BUSY, ""),
    ],
)
def test_a_bus_that_cannot_be_opened_says_what_to_do(
    package: type[SpiDev], monkeypatch: pytest.MonkeyPatch, error: int, fault: Fault, remedy: str
) -> None:
    monkeypatch.setattr(package, "refuses_with", error)
    with pytest.raises(DeviceError, match=r"spidev0\.1") as caught:
        open_spidev(0, 1, 8_000_000)
    assert caught.value.fault is fault
    assert remedy in caught.value.remedy
    assert package.last.where is None


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spidev", None)  # importing it now fails
    with pytest.raises(DeviceError, match=r"apt install python3-spidev.*raspi-config") as caught:
        open_spidev(0, 0, 8_000_000)
    assert caught.value.fault is Fault.LIBRARY_MISSING
