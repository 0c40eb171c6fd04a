from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
import terse_worker
from hypothesis import settings
from standstill import pytest_runtest_protocol, pytest_terminal_summary, pytest_unconfigure  # noqa: F401

from tests.system.virtual_card import VirtualCard, what_is_missing

# A gate gives the same answer twice; the desk looks somewhere else every time, make unit at a tenth as much.
# How long an example takes is no property of harkd: that depends on what else the machine does.
settings.register_profile("full", deadline=None)
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("desk", deadline=None, max_examples=10)
settings.load_profile("gate" if os.environ.get("CI") else "full")

# What is collected stays until the end: searching it for garbage doubles the time that collecting takes.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(terse_worker)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000)  # the usual 700 takes a tenth of the time that the short tests take
    gc.enable()


@pytest.fixture(scope="session")
def virtual_card() -> Iterator[VirtualCard]:
    """Both virtual cards plugged in, and ALSA of this process pointed at them.

    A test that unplugs a card plugs it in again.
    """
    missing = what_is_missing()
    if missing:
        pytest.fail(missing)
    card = VirtualCard()
    try:
        card.start()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in card.environment.items():
                patch.setenv(name, value)
            yield card
    finally:
        card.stop()
