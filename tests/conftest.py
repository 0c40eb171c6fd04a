from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.system.virtual_card import VirtualCard, what_is_missing


@pytest.fixture(scope="session")
def virtual_card() -> Iterator[VirtualCard]:
    """Both virtual cards plugged in, and ALSA of this process pointed at them.

    A test that unplugs a card plugs it in again.
    """
    missing = what_is_missing()
    if missing:
        pytest.fail(missing)
    card = VirtualCard()
    before = dict(os.environ)
    try:
        card.start()
        os.environ.update(card.environment)
        yield card
    finally:
        os.environ.clear()
        os.environ.update(before)
        card.stop()
