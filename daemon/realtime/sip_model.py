"""The connection to a model that is on the telephone. Shell around the model's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.realtime.errors import UserError
from daemon.realtime.lead import initial_payload
from daemon.realtime.model import OpenAIRealtimeWebSocketModel
from daemon.realtime.settings_types import RealtimeModelConfig


class OpenAIRealtimeSIPModel(OpenAIRealtimeWebSocketModel):
    """Attaches to a phone call that the Realtime API has accepted; its audio takes another way.

    The model ends with the call.
    """

    async def connect(self, options: RealtimeModelConfig) -> None:
        """Needs the `call_id` from the webhook."""
        if not options.get("call_id"):
            raise UserError(
                "OpenAIRealtimeSIPModel needs call_id in the model config, from the call's webhook"
            )
        await super().connect(options)

    @staticmethod
    async def build_initial_session_payload(
        agent: Any,
        *,
        context: Any = None,
        model_config: RealtimeModelConfig | None = None,
        run_config: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The session object for accepting the call, so that call and session begin with the same settings.

        The audio formats are left to the call unless they are given.
        """
        return await initial_payload(agent, context, model_config, run_config, overrides)
