"""The user's audio for those who want it in the history: kept apart, bounded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from daemon.realtime.items import InputAudio, RealtimeItem, UserMessageItem

MAX_STORED_CHARS = 16 * 1024 * 1024
"""Of base64, four minutes of 24 kHz 16-bit mono; the audio of the oldest item goes first."""


class AudioStore:
    """Base64 audio by item id, as the server gave it when it was asked for the item."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._audio: dict[str, str] = {}
        self._chars = 0

    def see(self, event: Mapping[str, Any]) -> None:
        """One raw server event."""
        item = event.get("item")
        wanted = self.enabled and event.get("type") == "conversation.item.retrieved"
        if not wanted or not isinstance(item, Mapping) or not isinstance(item.get("content"), list):
            return
        for part in item["content"]:
            audio = part.get("audio") if isinstance(part, Mapping) else None
            if isinstance(audio, str) and item.get("role") == "user":
                self._keep(str(item.get("id")), audio)

    def fill(self, items: Sequence[RealtimeItem]) -> list[RealtimeItem]:
        """The items with the audio there is."""
        return [self._filled(item) for item in items] if self._audio else list(items)

    def _filled(self, item: RealtimeItem) -> RealtimeItem:
        audio = self._audio.get(item.item_id)
        if audio is None or not isinstance(item, UserMessageItem):
            return item
        content = [
            replace(part, audio=audio) if isinstance(part, InputAudio) else part for part in item.content
        ]
        return replace(item, content=content)

    def _keep(self, item_id: str, audio: str) -> None:
        self._chars += len(audio) - len(self._audio.pop(item_id, ""))
        self._audio[item_id] = audio
        while self._chars > MAX_STORED_CHARS:
            self._chars -= len(self._audio.pop(next(iter(self._audio))))
