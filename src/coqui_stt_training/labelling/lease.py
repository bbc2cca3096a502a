"""Who works on which clip. Leases expire after minutes, so that people who leave block nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LEASE_SECONDS = 120.0


@dataclass(frozen=True)
class Person:
    """A person at the desk.

    Attributes:
        key: secret key of the person's open page.
        name: name that the person entered; may be empty.
    """

    key: str
    name: str = ""

    @property
    def shown(self) -> str:
        """The name to show to others."""
        return self.name or "somebody else"


@dataclass(frozen=True)
class _Lease:
    person: Person
    until: float


class Leases:
    """Leases of clips. Each person has one at a time. Not thread-safe.

    Args:
        clock: returns the time in seconds, from any origin.
        seconds: duration of a lease that is not renewed.
    """

    def __init__(self, clock: Callable[[], float], seconds: float = LEASE_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._by_clip: dict[str, _Lease] = {}

    def take(self, clip: str, person: Person) -> Person | None:
        """Lease a clip to a person, or renew the lease; return who else holds it, or None.

        The person's earlier lease ends in either case, because they look at another clip now.
        """
        self.release(person)
        holder = self.holder(clip, person)
        if holder is None:
            self._by_clip[clip] = _Lease(person, self._clock() + self._seconds)
        return holder

    def release(self, person: Person) -> None:
        """End the lease of a person."""
        for clip in [name for name, one in self._by_clip.items() if one.person.key == person.key]:
            del self._by_clip[clip]

    def holder(self, clip: str, besides: Person) -> Person | None:
        """Return who holds a clip; None: nobody, or the given person."""
        lease = self._by_clip.get(clip)
        if lease is None or lease.person.key == besides.key:
            return None
        if lease.until <= self._clock():
            del self._by_clip[clip]
            return None
        return lease.person
