"""How many examples a property is tried with, by the profile that is loaded."""

from __future__ import annotations

from hypothesis import settings


def examples(full: int) -> int:
    """`full`, where a property that says nothing gets 100; of the profile `desk` a tenth."""
    return full * settings().max_examples // 100
