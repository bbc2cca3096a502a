"""Who works on which clip: for some minutes at a time, so that whoever leaves blocks nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LEASE_SECONDS = 120.0


@dataclass(frozen=True)
class Person:
    """Somebody at the desk.

    Attributes:
        key: of the page that is open, which nobody else knows.
        name: as they call themselves; may be empty.
    """

    key: str
    name: str = ""

    @property
    def shown(self) -> str:
        """What to call them."""
        return self.name or "somebody else"


@dataclass(frozen=True)
class _Lease:
    person: Person
    until: float


class Leases:
    """Leases of clips. Each person has one at a time. Not for several threads at once.

    Args:
        clock: tells the time in seconds, from any beginning.
        seconds: how long a lease holds that is not renewed.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._by_clip: dict[str, _Lease] = {}

    def take(self, clip: str, person: Person) -> Person | None:
        """Let a person have a clip, or go on having it; return who has it instead.

        What they had before is free then, in either case: they look at something else.
        """
        self.release(person)
        holder = self.holder(clip, person)
        if holder is None:
            self._by_clip[clip] = _Lease(person, self._clock() + self._seconds)
        return holder

    def release(self, person: Person) -> None:
        """Let what a person has be free."""
        for clip in [name for name, one in self._by_clip.items() if one.person.key == person.key]:
            del self._by_clip[clip]

    def holder(self, clip: str, besides: Person) -> Person | None:
        """Return who has a clip, unless it is this person, or nobody."""
        lease = self._by_clip.get(clip)
        if lease is None or lease.person.key == besides.key:
            return None
        if lease.until <= self._clock():
            del self._by_clip[clip]
            return None
        return lease.person
