"""What a person sets by hand: mute and volume. Shell around the keeper of the devices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from daemon.audio.earcons import Earcon
from daemon.audio.gain import Gain
from daemon.box_state import StateKeeper
from daemon.cues import VolumeFlash
from daemon.decisions.state import BoxState
from daemon.health import Port
from daemon.volume import Volume, VolumeSettings

log = logging.getLogger("harkd")

FLASH_S = 2.0
"""How long a new volume is shown."""


class Listener(Protocol):
    """Whoever must know that the microphone is closed for good, or may be opened again."""

    @property
    def appliance(self) -> BoxState: ...
    def mute(self) -> None: ...
    def unmute(self) -> None: ...


class DeviceSwitch(Protocol):
    async def switch(self, port: Port, on: bool) -> str | None: ...


class HandControls:
    """Mute is on while either software or a switch on the box has it on. On the loop's thread only."""

    def __init__(
        self,
        listener: Listener,
        devices: DeviceSwitch,
        forget_captured: Callable[[], None],
        switch_reason: Callable[[], str | None],
        volume: Volume,
        gain: Gain,
        state: StateKeeper,
        sound: Callable[[Earcon], None],
        clock: Callable[[], float],
    ) -> None:
        """`switch_reason` answers why the microphone must stay closed whatever software wants, or None."""
        self._listener = listener
        self._devices = devices
        self._forget_captured = forget_captured
        self._switch_reason = switch_reason
        self._volume = volume
        self._gain = gain
        self._state = state
        self._sound = sound
        self._clock = clock
        self.flash: VolumeFlash | None = None

    @property
    def muted(self) -> bool:
        return self._listener.appliance.muted

    def begin(self) -> None:
        """Before the microphone is first opened: as the switch stands, and as it was left."""
        if self._state.state.muted or self._switch_reason() is not None:
            self._close()

    def mute(self, on: bool) -> str | None:
        """Close the microphone, or open it again; answers why that could not be done, or None."""
        if not on and (reason := self._switch_reason()) is not None:
            return reason
        self._state.keep_muted(on)
        self.settle()
        return None

    async def mute_surely(self, on: bool) -> str | None:
        """The same, and wait until the device layer has done it."""
        refusal = self.mute(on)
        if refusal is None and on:
            refusal = await self._devices.switch(Port.MICROPHONE, False)
        return refusal

    def toggle_mute(self) -> str | None:
        """There is always a sound that says how it went."""
        refusal = self.mute(not self.muted)
        if refusal is not None:
            self._sound(Earcon.REFUSED)
        return refusal

    def switch_turned(self, name: str, on: bool) -> None:
        log.info("switch %s is %s", name, "on" if on else "off")
        self.settle()

    def set_volume(self, percent: object) -> str | None:
        """How loud the box is from the next period on; answers why that could not be done, or None."""
        try:
            self._volume.set(percent)
        except ValueError as error:
            return str(error)
        self._volume_changed()
        return None

    def change_volume(self, by_percent: int) -> None:
        """Louder, or softer below 0, as far as the limits allow."""
        self._volume_changed(Earcon.TICK if self._volume.change(by_percent) else Earcon.REFUSED)

    def louder(self) -> str | None:
        """One step; there is always a sound that says how it went."""
        self._volume_changed(Earcon.TICK if self._volume.louder() else Earcon.REFUSED)
        return None

    def softer(self) -> str | None:
        self._volume_changed(Earcon.TICK if self._volume.softer() else Earcon.REFUSED)
        return None

    def _volume_changed(self, earcon: Earcon = Earcon.TICK) -> None:
        self._gain.set_percent(self._volume.percent)
        self._state.keep_volume(self._volume.percent)
        self.flash = VolumeFlash(self._volume.percent, self._clock() + FLASH_S)
        self._sound(earcon)

    def use_limits(self, settings: VolumeSettings) -> None:
        """Other limits of the volume from now on: nothing is said, nothing kept."""
        self._volume.use(settings, self._state.state.volume_percent)
        self._gain.set_percent(self._volume.percent)

    def settle(self) -> None:
        """Muted or not, as software and switches say now."""
        muted = self._state.state.muted or self._switch_reason() is not None
        if muted == self.muted:
            return
        if muted:
            self._close()
        else:
            self._listener.unmute()
        self._sound(Earcon.MUTED if muted else Earcon.UNMUTED)
        log.info("microphone %s", "muted" if muted else "open")

    def _close(self) -> None:
        self._forget_captured()
        self._listener.mute()
