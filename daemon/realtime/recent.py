"""A set that remembers only its newest members, for ids that matter for a while. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


class RecentSet(dict[T, None]):
    """At most `limit` members; adding one more forgets the oldest.

    A dictionary without values, because it keeps its order, and to look for a member of one takes no call of
    Python: of each delta it is asked four times.
    """

    __slots__ = ("_limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def add(self, member: T) -> None:
        """Remember `member`; one already known keeps its age."""
        self.setdefault(member)
        if len(self) > self._limit:
            del self[next(iter(self))]

    def discard(self, member: T) -> None:
        self.pop(member, None)
