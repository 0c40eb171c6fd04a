"""Tool results that the model may not have spoken about yet: a lost connection must not lose them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daemon.realtime.history import HistoryItem

MAX_OUTPUTS = 64
"""Results remembered; the oldest is forgotten. A response asks for a handful at most."""


class ToolOutput(NamedTuple):
    """`respond`: the model was to speak about it. `known`: the server has it, as its echo has shown."""

    call_id: str
    output: str
    respond: bool
    known: bool = False


class UnspokenOutputs:
    """From sending a result to the beginning of the next response."""

    def __init__(self) -> None:
        self._outputs: dict[str, ToolOutput] = {}

    def sent(self, call_id: str, output: str, respond: bool) -> None:
        self._outputs[call_id] = ToolOutput(call_id, output, respond)
        if len(self._outputs) > MAX_OUTPUTS:
            del self._outputs[next(iter(self._outputs))]

    def response_begun(self, *, everything: bool) -> None:
        """`everything`: no request waits behind this response, so that it speaks about them all."""
        if everything:
            self._outputs.clear()

    def interrupted(self) -> None:
        """Nobody wants to hear about them any more; the model still has to have them."""
        self._outputs = {output.call_id: output._replace(respond=False) for output in self._outputs.values()}

    def take(self, history: Iterable[HistoryItem]) -> list[ToolOutput]:
        """All of them, in order, to be sent again; what the history holds, the server has had."""
        outputs, self._outputs = list(self._outputs.values()), {}
        known = (
            {item.call_id for item in history if item.kind == "function_call_output"} if outputs else set()
        )
        return [output._replace(known=output.call_id in known) for output in outputs]
