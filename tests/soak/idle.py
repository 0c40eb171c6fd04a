"""Who wakes an idle box up: an hour of virtual time in which nothing happens. `python -m tests.soak.idle`."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
from pathlib import Path

from tests.soak.household import Household
from tests.soak.soak_loop import SoakLoop, run_day


async def idle(mode: str, capture: str, state: str, hours: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SoakLoop)
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        box = Household(Path(folder), 1, mode=mode, capture=capture)
        async with box:
            if state == "muted":
                await box.app.mute_surely(True)
            elif state == "timer":
                box.app.alarms.set(6 * 3600, "tea")
            elif state == "offline":
                box.service.reachable = "no"
                box.service.lose()
            await asyncio.sleep(600)
            loop.watch_wakes = True
            await asyncio.sleep(3600 * hours)
            loop.watch_wakes = False
    total = sum(loop.wakes.values()) / hours
    print(
        json.dumps(
            {"per_hour": round(total), "per_s": round(total / 3600, 3), "sources": loop.wakes.most_common()},
            indent=1,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", default="hold", choices=["hold", "hands_free"])
    parser.add_argument("--capture", default="on_demand", choices=["on_demand", "always"])
    parser.add_argument("--state", default="idle", choices=["idle", "muted", "timer", "offline"])
    parser.add_argument("--hours", type=float, default=0.75)
    options = parser.parse_args()
    run_day(idle(options.mode, options.capture, options.state, options.hours))


if __name__ == "__main__":
    main()
