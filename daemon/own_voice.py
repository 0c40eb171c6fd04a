"""What the box says of its own accord: that it cannot, that something is wrong, that a timer rings.

Shell around the sound bank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from daemon.audio.earcons import Earcon
from daemon.audio.gain import Gain
from daemon.decisions.state import FLOOR, BoxState
from daemon.events import AskConsent, PlayChime, Refuse, Trouble
from daemon.prompts import Prompt, PromptBook
from daemon.transitions import Answer, Speaker
from daemon.volume import Volume

PROMPTS = {
    Trouble.MUTED: Prompt.MUTED,
    Trouble.OFFLINE: Prompt.NO_CONNECTION,
    Trouble.KEY: Prompt.BAD_KEY,
    Trouble.QUOTA: Prompt.QUOTA_USED_UP,
    Trouble.MODEL: Prompt.MODEL_UNAVAILABLE,
    Trouble.SPENDING: Prompt.SPENDING_LIMIT,
    Trouble.NO_MICROPHONE: Prompt.NO_MICROPHONE,
}
"""What is said of a trouble; the others are worth a short sound only."""

LINK_PROMPTS = (Prompt.NO_CONNECTION, Prompt.BAD_KEY, Prompt.QUOTA_USED_UP, Prompt.MODEL_UNAVAILABLE)


class Bank(Protocol):
    """Where sounds come from: mono PCM at the loudspeaker's rate, nothing for what is switched off."""

    def chime(self) -> bytes: ...
    def earcon(self, earcon: Earcon) -> bytes: ...
    def prompt(self, prompt: Prompt) -> bytes: ...


class OwnVoice:
    """Plays through the same ring as answers, so that a press silences it, too. On the loop's thread.

    Nothing of it is said while a person has the floor: who speaks is not spoken to.
    """

    def __init__(
        self,
        box: BoxState,
        bank: Callable[[], Bank],
        play: Callable[[bytes], None],
        volume: Volume,
        gain: Gain,
        clock: Callable[[], float],
    ) -> None:
        """`bank` answers the one for the loudspeaker's present rate; `play` queues behind what plays."""
        self._box = box
        self._bank = bank
        self._play = play
        self._volume = volume
        self._gain = gain
        self._clock = clock
        self._book = PromptBook()
        self._was_online = False

    def on_command(self, command: AskConsent | PlayChime | Refuse) -> None:
        if isinstance(command, AskConsent):
            self.sound(Earcon.CONSENT_WANTED)
            return
        if isinstance(command, Refuse):
            if self._may_speak:
                self._say(self._book.asked(PROMPTS.get(command.trouble), self._clock()))
            return
        self._gain.set_percent(self._volume.alarm_percent)  # until `settle` finds it over
        self._play(self._bank().chime())

    def went_wrong(self, wrong: Prompt) -> None:
        """Something has just gone wrong that nobody has asked for."""
        if self._may_speak and (cue := self._book.went_wrong(wrong, self._clock())) is not None:
            self._say(cue)

    def link_changed(self, status: str) -> None:
        """The connection: lost after it was there, refused, or back."""
        if status == "ready":
            self._was_online = True
            for prompt in LINK_PROMPTS:
                self.mended(prompt)
        elif status == "disconnected":
            wrong = PROMPTS[self._box.link_trouble]
            if self._was_online or wrong is not Prompt.NO_CONNECTION:  # at the start nobody expects one yet
                self.went_wrong(wrong)

    def mended(self, wrong: Prompt) -> None:
        """It is over: heard only by those who were told that it began."""
        if self._may_speak and (cue := self._book.mended(wrong)) is not None:
            self._say(cue)

    def sound(self, earcon: Earcon) -> None:
        if self._may_speak:
            self._say(earcon)

    def settle(self) -> None:
        """After every step: a chime that is over, or that an answer follows, leaves the volume to that."""
        over = self._box.speaker is Speaker.SILENT or self._box.answer is not Answer.NONE
        if over and self._gain.percent != self._volume.percent:
            self._gain.set_percent(self._volume.percent)

    @property
    def _may_speak(self) -> bool:
        return self._box.turn not in FLOOR and not self._box.user_speaking

    def _say(self, cue: Prompt | Earcon) -> None:
        bank = self._bank()
        pcm = bank.prompt(cue) if isinstance(cue, Prompt) else bank.earcon(cue)
        if pcm:
            self._play(pcm)
