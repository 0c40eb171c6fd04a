"""The package on 64-bit ARM, as far as an emulated Cortex-A53 is one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

import pytest

pytestmark = pytest.mark.machines


def test_libraries_are_there(arm64: Callable[..., str]) -> None:
    libraries = "import os, numpy, pyaudio, pydantic, systemd.daemon, websockets; print(os.uname().machine)"
    assert arm64("-c", libraries).strip() == "aarch64"


def test_first_configuration_is_accepted(arm64: Callable[..., str]) -> None:
    assert arm64("/usr/bin/harkd", "config", "check") == "ok\n"


def test_conversation_with_an_interruption(slow: dict[str, Future[str]]) -> None:
    """Every part of it happens; how long it takes here says nothing about a board."""
    printed = slow["test_conversation_with_an_interruption"].result()
    wrong = [line for line in printed.splitlines() if line.startswith("NOT AS IT SHOULD BE")]
    assert "what was on the wire" in printed
    assert [line for line in wrong if " ms, limit" not in line] == []
