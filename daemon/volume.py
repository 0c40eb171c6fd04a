"""How loud the box may be, and how loud it is. Pure."""

from __future__ import annotations

from daemon.records import dataclass

MAX_PERCENT = 100

ALARM_FLOOR_PERCENT = 60
"""A timer rings at least this loud, 16 dB below the most: who turns the box down for the evening still wants
to be called. Telephones keep the alarm out of the media volume's reach for the same reason."""


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """`start_percent` is for a box whose volume nobody has set; `step_percent` is one press of a button.

    Raises `ValueError` unless 0 <= min <= start <= max <= 100, 1 <= max and 1 <= step <= 100.
    """

    start_percent: int = 70
    min_percent: int = 0
    max_percent: int = MAX_PERCENT
    step_percent: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.min_percent <= self.max_percent <= MAX_PERCENT or self.max_percent < 1:
            raise ValueError(
                f"the volume's limits are {self.min_percent} to {self.max_percent}, "
                f"allowed: 0 to {MAX_PERCENT}, the lower one first"
            )
        if not self.min_percent <= self.start_percent <= self.max_percent:
            raise ValueError(
                f"the volume starts at {self.start_percent}, "
                f"allowed by its limits: {self.min_percent} to {self.max_percent}"
            )
        if not 1 <= self.step_percent <= MAX_PERCENT:
            raise ValueError(f"the volume's step is {self.step_percent}, allowed: 1 to {MAX_PERCENT}")


class Volume:
    """The volume in force, always within its limits. 0 is silence, and possible only where min is 0."""

    def __init__(self, settings: VolumeSettings, restored_percent: int | None = None) -> None:
        """`restored_percent`: what a person had set in an earlier run, taken to the nearest limit."""
        self.use(settings, restored_percent)

    def use(self, settings: VolumeSettings, set_percent: int | None) -> None:
        """These limits from now on; `set_percent` is what a person has set, None for nothing yet."""
        self._settings = settings
        self._percent = settings.start_percent
        if set_percent is not None:
            self._percent = self._within_limits(set_percent)

    @property
    def percent(self) -> int:
        return self._percent

    @property
    def alarm_percent(self) -> int:
        """How loud a timer rings: `ALARM_FLOOR_PERCENT` at least, but never above the limit."""
        return max(self._percent, min(ALARM_FLOOR_PERCENT, self._settings.max_percent))

    def set(self, percent: object) -> None:
        """Raises `ValueError` unless `percent` is a whole number within the limits."""
        low, high = self._settings.min_percent, self._settings.max_percent
        if isinstance(percent, bool) or not isinstance(percent, int) or not low <= percent <= high:
            raise ValueError(f"the volume is {percent!r}, allowed: a whole number from {low} to {high}")
        self._percent = percent

    def louder(self) -> bool:
        """One step up; False if it was as loud as it may be."""
        return self.change(self._settings.step_percent)

    def softer(self) -> bool:
        """One step down; False if it was as soft as it may be."""
        return self.change(-self._settings.step_percent)

    def change(self, by_percent: int) -> bool:
        """So much up or down, as far as the limits allow; False if they allow nothing."""
        before, self._percent = self._percent, self._within_limits(self._percent + by_percent)
        return self._percent != before

    def _within_limits(self, percent: int) -> int:
        return max(self._settings.min_percent, min(percent, self._settings.max_percent))
