"""One client alone, while something is being made quicker: `python -m tests.bench.one CLIENT [--turns N]`.

CLIENT: null, floor, session, agents_sdk, openai_sdk, daemon (all counted by valgrind), or idle, listening,
ready.
"""

from __future__ import annotations

import argparse

from tests.bench.box import talk
from tests.bench.figures import SHORT_TURNS, idle_wake_ups_per_s, instructions, listening_per_s
from tests.bench.processes import go_first
from tests.bench.server import Plan


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("client")
    parser.add_argument("--turns", type=int, default=SHORT_TURNS, help="of 4 s, and a run of twice as many")
    arguments = parser.parse_args()
    go_first()
    if arguments.client == "idle":
        print(f"{idle_wake_ups_per_s():.1f} wake-ups a second with the microphone closed")
    elif arguments.client == "listening":
        print(f"{listening_per_s() / 1e6:.2f} M instructions a second")
    elif arguments.client == "ready":
        run, _ = talk(Plan())
        print(f"READY after {run.client['ready_s']:.2f} s, peak {run.client['peak_rss_kb'] / 1024:.1f} MB")
    else:
        found = instructions(arguments.client, turns=arguments.turns)
        per_minute, start = found.per_minute / 1e6, found.start / 1e6
        print(f"{per_minute:.0f} M instructions a minute, {start:.0f} M to start and stop")


if __name__ == "__main__":
    main()
