"""Lines on the fake kernel have the manners that Linux's have: tests/hil judges those by the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gpio_kernel import GpioKernel
from gpio_manners import MANNERS, Lines


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.__name__)
def test_lines_of_the_fake_kernel(manner: Callable[[Lines], None], tmp_path: Path) -> None:
    kernel = GpioKernel(tmp_path)
    manner(Lines(kernel, kernel.ioctl))
