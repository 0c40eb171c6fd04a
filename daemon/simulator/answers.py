"""What the simulated model says: the script's answers, and the built-in ones where it has none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daemon.simulator.conversation import Item
from daemon.simulator.pcm import BYTES_PER_MS, babble, chime, from_wire
from daemon.simulator.script import Answer, FunctionCall, Saying, Script

MAX_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Speech:
    """One audio item: its words and its 24 kHz PCM."""

    text: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """One response as it will be delivered: `parts` in order, the manner of it in `answer`."""

    parts: tuple[Speech | FunctionCall, ...]
    answer: Answer


class AnswerBook:
    """The script's answers and transcripts in order, over all connections of one server."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._answers = 0
        self._transcripts = 0
        self._lost_creates = 0

    def next_answer(self) -> Answer:
        """The next scripted answer; beyond the last one the first again or the built-in one."""
        index, self._answers = self._answers, self._answers + 1
        answers = self._script.answers
        if self._script.repeat and answers:
            return answers[index % len(answers)]
        return answers[index] if index < len(answers) else Answer()

    def next_transcript(self, audio_ms: float) -> str:
        """What the user is heard to say; without a script an honest note of how long."""
        index, self._transcripts = self._transcripts, self._transcripts + 1
        scripted = self._script.transcripts
        return scripted[index] if index < len(scripted) else f"[{audio_ms / 1000:.1f} s of speech]"

    @property
    def transcript_delay_s(self) -> float:
        return self._script.transcript_delay_ms / 1000

    def create_is_lost(self) -> bool:
        """Whether this response.create loses the race against a response of the server's own."""
        self._lost_creates += 1
        return self._lost_creates <= self._script.lost_creates


def plan_response(answer: Answer, context: Sequence[Item], spec: Mapping[str, Any]) -> Plan:
    """Decide what is said; `context` is what the model sees, `spec` has instructions, tools, tool_choice."""
    if not answer.items and answer.function_call is None and answer.status != "failed":
        answer = replace(answer, function_call=_forced_call(context, spec))
        if answer.function_call is None:
            return Plan((_built_in(context, spec),), answer)
    parts: list[Speech | FunctionCall] = [_speech(saying) for saying in answer.items]
    return Plan((*parts, answer.function_call) if answer.function_call else tuple(parts), answer)


def _speech(saying: Saying) -> Speech:
    if saying.pcm is not None:
        seconds = len(saying.pcm) / BYTES_PER_MS / 1000
        return Speech(saying.text or f"[{seconds:.1f} s of recorded speech]", saying.pcm)
    text = saying.text or f"These are {saying.seconds:g} seconds of babble."
    return Speech(text, babble(text, None if saying.seconds is None else int(saying.seconds * 1000)))


def _forced_call(context: Sequence[Item], spec: Mapping[str, Any]) -> FunctionCall | None:
    """A call where tool_choice leaves no other way; never twice in a row, so that a turn comes to its end."""
    choice = spec["tool_choice"]
    if context and context[-1].kind == "function_call_output":
        return None
    names = [tool["name"] for tool in spec["tools"] if tool["type"] == "function"]
    if isinstance(choice, dict) and choice["type"] == "function":
        return FunctionCall(choice["name"])
    return FunctionCall(names[0]) if choice == "required" and names else None


def _built_in(context: Sequence[Item], spec: Mapping[str, Any]) -> Speech:
    last = next((item for item in reversed(context) if item.kind in ("user", "function_call_output")), None)
    if last is None:
        text = f"I was asked: {_quote(spec['instructions'])}" if spec["instructions"] else "Hello."
    elif last.kind == "function_call_output":
        text = f"The tool said: {_quote(last.text)}"
    elif last.audio_index is not None and not any(part.get("text") for part in last.body["content"]):
        pcm = chime() + from_wire(bytes(last.audio), last.audio_format)
        return Speech(f"You spoke for {last.audio_ms / 1000:.1f} s.", pcm)
    else:
        text = f'You said: "{_quote(last.text)}"' if last.text else "You sent me nothing I can read."
    return Speech(text, babble(text))


def _quote(text: str) -> str:
    """Long texts are cut: every character costs 70 ms of audio to babble."""
    return text if len(text) <= MAX_QUOTE else f"{text[:MAX_QUOTE]}..."
