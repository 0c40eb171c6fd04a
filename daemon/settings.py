"""From the operator's configuration to what the parts of the box want to know. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from daemon.config.schema import Session, Talk
from daemon.realtime.config import ABSENT, SessionConfig
from daemon.talk import BargeIn, TalkMode, TalkSettings


def talk_settings(talk: Talk) -> TalkSettings:
    values = talk.model_dump() | {"mode": TalkMode(talk.mode), "barge_in": BargeIn(talk.barge_in)}
    return TalkSettings(**{field.name: values[field.name] for field in fields(TalkSettings)})


def session_payload(session: Session, talk: Talk) -> dict[str, Any]:
    """The `session` object of `session.update`; turn detection is off unless the server decides on turns."""
    hands_free = talk.mode == "hands_free"
    detection = {
        "type": session.turn_detection,
        "create_response": True,
        "interrupt_response": talk.barge_in == "server_vad",
    }
    transcription = {"model": session.transcription_model}
    if session.transcription_language:
        transcription["language"] = session.transcription_language
    return SessionConfig(
        model=session.model,
        instructions=session.instructions,
        voice=session.voice,
        speed=ABSENT if session.speed == 1.0 else session.speed,
        transcription=transcription if session.transcription_model else None,
        turn_detection=detection if hands_free else None,
        noise_reduction=None if session.noise_reduction == "off" else session.noise_reduction,
    ).payload()


def model_url(session: Session) -> str:
    """The address with the model in its query, unless it names one already."""
    parts = urlsplit(session.url)
    if "model" in parse_qs(parts.query):
        return session.url
    query = urlencode([*parse_qsl(parts.query), ("model", session.model)], quote_via=quote)
    return urlunsplit(parts._replace(query=query))
