"""What a model is sent so that its conversation becomes the one an application wants. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.realtime import model_inputs as inp
from daemon.realtime.history import History
from daemon.realtime.history_edit import DeleteItem, history_edits
from daemon.realtime.items import RealtimeItem


def history_update(
    history: History, current: Sequence[RealtimeItem], wanted: Sequence[RealtimeItem]
) -> list[inp.RealtimeModelSendEvent]:
    """From `current`, which is `history` as the application sees it. Raises `UserError`."""
    calls = {item.call_id: item.item_id for item in history if item.kind == "function_call"}
    outputs = {
        calls[item.call_id]: item.item_id
        for item in history
        if item.kind == "function_call_output" and item.call_id in calls
    }
    return [
        inp.RealtimeModelSendItemDelete(edit.item_id)
        if isinstance(edit, DeleteItem)
        else inp.RealtimeModelSendItemPut(edit.item, edit.previous_item_id)
        for edit in history_edits(current, wanted, outputs)
    ]
