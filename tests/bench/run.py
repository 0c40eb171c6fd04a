"""`make bench`: measures, prints and draws; with PARTs named, keeps the others. Shell around it all."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

from tests.bench.parts import PARTS
from tests.bench.picture import drawn
from tests.bench.processes import ROOT, BenchError, go_first
from tests.bench.table import comparison, verdicts

JSON = ROOT / "docs" / "bench.json"
SVG = ROOT / "docs" / "bench.svg"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, default=JSON, metavar="FILE")
    parser.add_argument("--svg", type=Path, default=SVG, metavar="FILE")
    arguments = parser.parse_args()
    go_first()
    figures = json.loads(arguments.json.read_text(encoding="utf-8")) if arguments.parts else {}
    try:
        for name in ["where", *arguments.parts] if arguments.parts else PARTS:
            began = time.monotonic()
            figures[name] = dict(PARTS[name]()) | {"date": datetime.date.today().isoformat()}
            print(f"{name}: measured in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
            arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    arguments.svg.write_text(drawn(figures), encoding="utf-8")
    print("\n".join([*comparison(figures), "", *verdicts(figures)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
