"""Opens an SPI bus for writing. Shell around spidev."""

from __future__ import annotations

import errno
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from hw.errors import DeviceError, Fault


class SpiWriter(Protocol):
    """An open bus. Both raise `OSError` when it has gone."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


OpenSpi = Callable[[int, int, int], SpiWriter]
"""From bus, device and clock in Hz. Raises `DeviceError`."""


class _Spidev:
    def __init__(self, device: Any) -> None:
        self._device = device

    def write(self, data: bytes) -> None:
        self._device.writebytes2(data)  # writebytes would take a list, and no more than 4096

    def close(self) -> None:
        self._device.close()


def open_spidev(bus: int, device: int, speed_hz: int) -> SpiWriter:
    """`/dev/spidev<bus>.<device>` in mode 0. Raises `DeviceError`."""
    name = f"spidev{bus}.{device}"
    opened = _library(name).SpiDev()
    try:
        opened.open(bus, device)
        opened.mode = 0
        opened.max_speed_hz = speed_hz
    except OSError as error:
        opened.close()
        raise _device_error(name, error) from error
    return _Spidev(opened)


def _device_error(name: str, error: OSError) -> DeviceError:
    if error.errno == errno.ENOENT:
        remedy = "Enable SPI: sudo raspi-config nonint do_spi 0, then reboot."
        return DeviceError(Fault.NOT_FOUND, name, "there is no such device file in /dev", remedy)
    if error.errno in (errno.EACCES, errno.EPERM):
        remedy = "Put the user in the group 'spi': sudo usermod -aG spi USER, then log in anew."
        return DeviceError(Fault.UNSUPPORTED, name, "no permission to open it", remedy)
    fault = Fault.BUSY if error.errno == errno.EBUSY else Fault.UNSUPPORTED
    return DeviceError(fault, name, f"it cannot be opened ({error})")


def _library(name: str) -> ModuleType:
    try:
        return import_module("spidev")
    except ImportError as error:
        remedy = (
            "Install it: sudo apt install python3-spidev, or pip install 'harkd[spi]'; "
            "then enable SPI with sudo raspi-config."
        )
        raise DeviceError(Fault.LIBRARY_MISSING, name, f"spidev: {error}", remedy) from error
