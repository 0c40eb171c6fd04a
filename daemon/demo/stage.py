"""Shows the demo on a terminal and lets its story wait for a phase. Shell around the loop."""

from __future__ import annotations

import asyncio
import re
from typing import IO

from daemon import notices
from daemon.demo.report import Story
from daemon.events import Phase

STEP_LIMIT_S = 20.0
SENTENCE_END = r"[^0-9][.?!…]\s*$"  # not the point in 1.5

MARKS = {
    Phase.OFFLINE: ("x", "31"),
    Phase.CONNECTING: ("~", "90"),
    Phase.IDLE: ("-", "90"),
    Phase.LISTENING: ("<", "36"),
    Phase.THINKING: ("?", "33"),
    Phase.SPEAKING: (">", "32"),
    Phase.RINGING: ("!", "35"),
}
"""Sign and terminal colour of a phase; the sign alone tells them apart."""


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


class Stage:
    """One line for everything that happens, with the seconds since the start."""

    def __init__(self, out: IO[str], colour: bool, rate_hz: int) -> None:
        """`rate_hz` is the loudspeaker's."""
        self.story = Story()
        self._out = out
        self._colour = colour
        self._rate_hz = rate_hz
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._phase = Phase.OFFLINE
        self._changed = asyncio.Event()
        self._words = ""  # of the answer, not yet shown
        self._trouble = ""
        self._unread: BrokenPipeError | None = None

    def on_notice(self, notice: notices.Notice) -> None:
        match notice:
            case notices.PhaseChanged(phase):
                self._phase = phase
                self._changed.set()
                self.line(phase.value, "", phase)
            case notices.UserSaid(text):
                self.line("you said", text)
            case notices.AnswerText(_, delta):
                self._words += delta
                if re.search(SENTENCE_END, self._words):
                    self._print_words()
            case notices.Interrupted():
                self.story.cuts.append(notice)
                self._print_words()
                self.line("cut", self._heard(notice))
            case notices.ExchangeEnded(exchange):
                self._print_words()
                self.story.exchanges.append(exchange)
            case notices.Refused(reason):
                self.line("refused", reason)
            case notices.LinkChanged("disconnected", detail):
                self._trouble = f": {detail}"
                self.line("link lost", detail)
            case _:
                pass

    def _heard(self, cut: notices.Interrupted) -> str:
        if not cut.parts:
            return "before anything was heard"
        return f"after {cut.parts[0].heard_frames / self._rate_hz:.2f} s of the answer were heard"

    def _print_words(self) -> None:
        """The answer's words so far, generated ahead of the sound, a sentence a line."""
        if self._words.strip():
            self.line("answer", self._words.strip())
        self._words = ""

    def line(self, what: str, text: str = "", phase: Phase | None = None) -> None:
        """One line: seconds, what it is about, and the words."""
        mark, colour = MARKS[phase] if phase else (" ", "")
        label = f"{mark} {what:<10}"
        if self._colour and colour:
            label = f"\x1b[{colour}m{label}\x1b[0m"
        try:
            self._out.write(f"{self._loop.time() - self._started_at:6.2f}  {label} {text}".rstrip() + "\n")
            self._out.flush()
        except BrokenPipeError as error:  # whoever reads has enough; the story ends at its next step
            self._unread = error
            self._changed.set()

    async def until(self, *phases: Phase) -> None:
        """Raises `DemoError` if none of the phases comes within `STEP_LIMIT_S`, `BrokenPipeError` if
        nobody reads any more.
        """
        try:
            async with asyncio.timeout(STEP_LIMIT_S):
                while self._phase not in phases:
                    if self._unread is not None:
                        raise self._unread
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            wanted = " or ".join(phase.value for phase in phases)
            raise DemoError(
                f"still {self._phase.value} after {STEP_LIMIT_S:.0f} s, not {wanted}{self._trouble}"
            ) from None
