"""Shell around script parsing: reads the script and the WAVs it names, relative to its folder."""

from __future__ import annotations

from pathlib import Path

from daemon.simulator.script import Script, ScriptError, parse_script


def load_script(path: str | Path) -> Script:
    """The script in this file. Raises `ScriptError` with file, key and what was allowed."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"{path}: cannot be read: {error}") from error
    return parse_script(text, str(path), lambda name: (path.parent / name).read_bytes())
