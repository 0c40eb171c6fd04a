"""A set that remembers only its newest members, for ids that matter for a while. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class RecentSet(Generic[T]):
    """At most `limit` members; adding one more forgets the oldest."""

    __slots__ = ("_limit", "_members")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: dict[T, None] = {}

    def add(self, member: T) -> None:
        """Remember `member`; one already known keeps its age."""
        self._members.setdefault(member)
        if len(self._members) > self._limit:
            del self._members[next(iter(self._members))]

    def discard(self, member: T) -> None:
        self._members.pop(member, None)

    def clear(self) -> None:
        self._members.clear()

    def __contains__(self, member: object) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._members))

    def __len__(self) -> int:
        return len(self._members)
