"""The package's names: all there, loaded late, and nobody else's library with them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import daemon.realtime as realtime
from daemon.realtime.names import HOMES

SDK_NAMES = """
    RealtimeAgent RealtimeRunner RealtimeSession RealtimeModel RealtimeModelListener realtime_handoff
    function_tool OutputGuardrail GuardrailFunctionOutput RealtimePlaybackTracker
    OpenAIRealtimeWebSocketModel OpenAIRealtimeSIPModel RealtimeModelSendRawMessage RealtimeRunConfig
    RealtimeModelConfig RealtimeSessionEvent RealtimeItem Handoff RealtimeModelSendUserInput
"""


def test_every_public_name_is_there() -> None:
    names = [name for names in HOMES.values() for name in names.split()]
    assert sorted(names) == sorted(realtime.__all__)
    for name in names:
        assert getattr(realtime, name) is not None


def test_the_names_of_the_sdk_are_there() -> None:
    assert set(SDK_NAMES.split()) <= set(realtime.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'RealtimeAgnet'"):
        _ = realtime.RealtimeAgnet


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_library() -> None:
    assert not {"openai", "agents", "pydantic", "websockets", "asyncio"} & loaded_after(
        "import daemon.realtime"
    )


def test_a_session_loads_no_sdk() -> None:
    loaded = loaded_after("from daemon.realtime import RealtimeRunner, RealtimeAgent, function_tool")
    assert not {"openai", "agents", "numpy", "httpx"} & loaded
