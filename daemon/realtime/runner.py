"""Makes sessions that begin with the same agent, model and configuration. Shell around the model."""

from __future__ import annotations

from typing import Any, Generic

from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.context import TContext
from daemon.realtime.model import OpenAIRealtimeWebSocketModel, RealtimeModel
from daemon.realtime.session import RealtimeSession
from daemon.realtime.settings_types import RealtimeModelConfig, RealtimeRunConfig


class RealtimeRunner(Generic[TContext]):
    """`model` serves one session at a time; without one each session gets a WebSocket of its own."""

    def __init__(
        self,
        starting_agent: RealtimeAgent[Any],
        *,
        model: RealtimeModel | None = None,
        config: RealtimeRunConfig | None = None,
    ) -> None:
        self._starting_agent = starting_agent
        self._model = model
        self._config = config

    async def run(
        self, *, context: TContext | None = None, model_config: RealtimeModelConfig | None = None
    ) -> RealtimeSession[TContext]:
        """A session that is not connected yet: `async with await runner.run() as session`.

        Raises `UserError` with everything that is wrong with the configs.
        """
        model = self._model or OpenAIRealtimeWebSocketModel()
        return RealtimeSession(model, self._starting_agent, context, model_config, self._config)
