"""From the operator's configuration to what the parts of the box want to know. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit, urlunsplit

from daemon.audio.capture import CaptureSettings
from daemon.audio.endpoint import EndpointSettings
from daemon.config.hardware import AudioCapture, Vad
from daemon.config.schema import Config, Link, Session, Talk
from daemon.ears import EarSettings
from daemon.metrics import MetricsSettings
from daemon.money.accounts import AccountSettings
from daemon.money.budget import Limits, nano
from daemon.money.prices import PriceTable
from daemon.realtime.agent import RealtimeAgent
from daemon.realtime.device import DeviceControls
from daemon.realtime.errors import did_you_mean
from daemon.realtime.settings_types import (
    RealtimeAudioInputConfig,
    RealtimeAudioOutputConfig,
    RealtimeInputAudioTranscriptionConfig,
    RealtimeSessionModelSettings,
    RealtimeTurnDetectionConfig,
)
from daemon.talk import BargeIn, Capture, TalkMode, TalkSettings
from daemon.tools import BUILT_IN_TOOLS
from daemon.upload_gate import SEMANTIC_SILENCE_MS, SERVER_SILENCE_MS, GateSettings, hang_over_for


def talk_settings(talk: Talk, link: Link) -> TalkSettings:
    values = talk.model_dump() | {
        "connect_on_demand": link.warm == "on_demand",
        "idle_hang_up_s": link.idle_hang_up_s,
        "mode": TalkMode(talk.mode),
        "barge_in": BargeIn(talk.barge_in),
        "capture": Capture(talk.capture),
    }
    return TalkSettings(**{field.name: values[field.name] for field in fields(TalkSettings)})


def capture_settings(capture: AudioCapture) -> CaptureSettings:
    channel = None if capture.channel == "mix" else capture.channel
    return CaptureSettings(channel, capture.high_pass_hz, capture.gain_db)


def ear_settings(talk: Talk, vad: Vad) -> EarSettings:
    endpoint = EndpointSettings(end_silence_ms=vad.end_silence_ms, no_speech_ms=vad.nothing_said_ms)
    return EarSettings(round(talk.preroll_ms), endpoint)


def gate_settings(vad: Vad, session: Session) -> GateSettings | None:
    """What goes up hands-free; None for all of it. The server must have heard the end of a turn."""
    if not vad.gate_upload:
        return None
    semantic = session.turn_detection == "semantic_vad"
    silence_ms = SEMANTIC_SILENCE_MS["auto"] if semantic else SERVER_SILENCE_MS
    return GateSettings(hang_over_ms=hang_over_for(silence_ms), server_silence_ms=silence_ms)


def model_settings(session: Session, talk: Talk) -> RealtimeSessionModelSettings:
    """What holds for all agents; turn detection is off unless the server decides on turns."""
    detection: RealtimeTurnDetectionConfig = {
        "type": session.turn_detection,
        "create_response": True,
        "interrupt_response": False,  # we interrupt: only this side knows what was heard
    }
    transcription: RealtimeInputAudioTranscriptionConfig = {"model": session.transcription_model}
    if session.transcription_language:
        transcription["language"] = session.transcription_language
    output: RealtimeAudioOutputConfig = {"voice": session.voice}
    if session.speed != 1.0:
        output["speed"] = session.speed
    audio_input: RealtimeAudioInputConfig = {
        "turn_detection": detection if talk.mode == "hands_free" else None,
        "transcription": transcription if session.transcription_model else None,
        "noise_reduction": None if session.noise_reduction == "off" else {"type": session.noise_reduction},
    }
    return {
        "model_name": session.model,
        "audio": {"input": audio_input, "output": output},
        "truncation": _truncation(session),
    }


def _truncation(session: Session) -> str | dict[str, Any]:
    if session.truncation != "retain":
        return session.truncation
    kept: dict[str, Any] = {"type": "retention_ratio", "retention_ratio": session.truncation_ratio}
    if session.truncation_tokens:
        kept["token_limits"] = {"post_instructions": session.truncation_tokens}
    return kept


def account_settings(config: Config, prices: PriceTable) -> AccountSettings:
    """What is used is booked under the model that the address names, or else `session.model`."""
    named = parse_qs(urlsplit(config.session.url).query).get("model", [config.session.model])
    budget = config.budget
    limits = Limits(
        nano(budget.warn_per_day),
        nano(budget.limit_per_day),
        nano(budget.warn_per_month),
        nano(budget.limit_per_month),
    )
    return AccountSettings(prices, limits, named[0], config.session.transcription_model)


def metrics_settings(config: Config) -> MetricsSettings:
    metrics = config.metrics
    return MetricsSettings(Path(metrics.file) if metrics.file else None, metrics.every_s)


def plain_agent(session: Session) -> RealtimeAgent[DeviceControls]:
    """Who answers on a box without agent files: the character of `[session]`, with every built-in tool."""
    return RealtimeAgent(
        name="Assistant", instructions=session.instructions, tools=list(BUILT_IN_TOOLS.values())
    )


def starting_agent(
    agents: Mapping[str, RealtimeAgent[DeviceControls]], config: Config
) -> RealtimeAgent[DeviceControls]:
    """Who answers first. Raises `ValueError` if the agent files have nobody of that name."""
    if not agents:
        return plain_agent(config.session)
    start = config.agents.start
    if start not in agents:
        known = ", ".join(sorted(agents))
        raise ValueError(
            f"agents.start: there is no agents/{start}.toml; there are {known}{did_you_mean(start, agents)}"
        )
    return agents[start]


def model_url(session: Session) -> str:
    """The address with the model in its query, unless it names one already."""
    parts = urlsplit(session.url)
    if "model" in parse_qs(parts.query):
        return session.url
    query = urlencode([*parse_qsl(parts.query), ("model", session.model)], quote_via=quote)
    return urlunsplit(parts._replace(query=query))
