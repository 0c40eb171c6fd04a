"""What importing the agent layer costs, beside the SDK it takes its names from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.peers, pytest.mark.alone]

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".venv-peers" / "bin" / "python"
PROBE = """
import json, sys, time
started = time.perf_counter()
{statement}
took_ms = (time.perf_counter() - started) * 1000
# Not ru_maxrss: it remembers the process that started this one.
mb = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
print(json.dumps({{"import_ms": round(took_ms), "peak_rss_mb": round(mb, 1), "modules": len(sys.modules)}}))
"""


def cost(python: Path, statement: str) -> dict[str, float]:
    """The best of three runs: what else the machine does must not count."""
    runs = []
    for _ in range(3):
        command = [str(python), "-c", PROBE.format(statement=statement)]
        result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        runs.append(json.loads(result.stdout))
    return min(runs, key=lambda run: run["import_ms"])


def test_import_costs_less_than_the_sdk(capsys: pytest.CaptureFixture[str]) -> None:
    assert PEER.exists(), "no .venv-peers: run `make test`"
    ours = cost(
        Path(sys.executable),
        "from daemon.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession, function_tool",
    )
    theirs = cost(PEER, "from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession")
    with capsys.disabled():
        print(f"\nimport of the agent layer: {ours}; openai-agents: {theirs}")
    assert ours["peak_rss_mb"] < theirs["peak_rss_mb"]
    assert ours["modules"] < theirs["modules"]
