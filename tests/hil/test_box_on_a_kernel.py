"""The package of harkd under systemd on a kernel with pins and a sound card: each of `steps` is a test."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.hil.guest import run_in_guest
from tests.hil.steps import IN_REAL_TIME, STEPS

pytestmark = pytest.mark.machines

LIMIT_S = 600  # on the wall; a minute or two on a machine that does nothing else


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One boot for all steps of a kind: what one breaks is seen in the next."""
    came: dict[str, Any] = {}
    for steps in (STEPS, IN_REAL_TIME):
        share = tmp_path_factory.mktemp("box")
        names = " ".join(step.__name__ for step in steps)
        run_in_guest(share, f"tests.hil.steps /hil {names}", LIMIT_S, real_time=steps is IN_REAL_TIME)
        came |= json.loads((share / "results.json").read_text())
    return came


@pytest.mark.parametrize("step", [step.__name__ for step in (*STEPS, *IN_REAL_TIME)])
def test_box(step: str, results: dict[str, Any]) -> None:
    result = results[step]
    assert "failed" not in result, result["failed"]
    print(json.dumps(result["figures"]), end=" ")  # for pytest -s
