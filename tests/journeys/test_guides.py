"""Every Python block of a guide runs as it stands, with nothing changed but the SDK's imports.

Our own guides are in `docs/`. `GUIDES=FOLDER` names another folder of Markdown, such as the documentation of
the OpenAI Agents SDK: the point of keeping its names is that this works.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import types
from pathlib import Path
from typing import Any

import pytest

from daemon.realtime import RealtimeAgent, RealtimeModelListener, RealtimeRunner, model
from daemon.simulator import SimulatorServer, load_script

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = [
    path
    for folder in (DOCS, *map(Path, filter(None, [os.environ.get("GUIDES")])))
    for path in sorted([*folder.glob("*.md"), *folder.glob("*.txt")])
    if "```python" in path.read_text(encoding="utf-8")
]
SDK_IMPORT = re.compile(r"^(\s*)from agents(\.\w+)* import", re.MULTILINE)
HANG_UP_S = 0.3
"""Blocks that listen for events do so until the server ends the conversation."""


class Listener(RealtimeModelListener):
    def on_event(self, event: Any) -> None:
        pass


def blocks(guide: Path) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [SDK_IMPORT.sub(r"\1from daemon.realtime import", block) for block in found]


async def run_block(code: types.CodeType, names: dict[str, Any]) -> None:
    result = types.FunctionType(code, names)()
    if inspect.iscoroutine(result):
        await asyncio.wait_for(result, 20)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_blocks_of_the_guide_run(guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a guide build on one another; what a fragment takes for granted is supplied."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    script = tmp_path / "script.toml"
    script.write_text(f'[[fault]]\naction = "close"\ncode = 1000\nat_s = {HANG_UP_S}\nconnections = 0\n')

    async def main() -> None:
        async with SimulatorServer(script=load_script(script)) as server:
            monkeypatch.setattr(model, "ADDRESS", server.url)  # where blocks without a URL connect to
            names: dict[str, Any] = {
                "RealtimeAgent": RealtimeAgent,
                "RealtimeRunner": RealtimeRunner,
                "call_id_from_webhook": "rtc_1",
                "my_custom_listener": Listener(),
            }
            for number, block in enumerate(blocks(guide)):
                if "session." in block and "session =" not in block and "session:" not in block:
                    names["session"] = await RealtimeRunner(names["agent"]).run()
                name = f"{guide.name}, block {number}"
                await run_block(compile(block, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)

    asyncio.run(main())
