"""Growing parts of a data set, each within the next; of several speakers, speaker by speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..corpus import Row
from ..corpus.groups import place_by_seed

# With fewer, a part would be one speaker's, and its error rate that speaker's.
LEAST_SPEAKERS = 8


@dataclass(frozen=True)
class GrowingOrder:
    """The rows of a data set, of which each part is the first ones.

    Attributes:
        rows: in order.
        by_speaker: whether a part has all clips of a speaker before it has any of the next.
    """

    rows: tuple[Row, ...]
    by_speaker: bool

    def part(self, share: float) -> tuple[Row, ...]:
        """Return a part, and one row at least."""
        return self.rows[: max(1, round(share * len(self.rows)))]


def growing_order(rows: Sequence[Row], seed: int) -> GrowingOrder:
    """Return rows in an order that depends on the seed, and not on their order.

    More data means more speakers, where it says who speaks: so speakers come one after the other.
    Rows without one are each a speaker of their own.

    Args:
        rows: of the data.
        seed: of the order.
    """
    speakers = {row.speaker for row in rows if row.speaker}
    by_speaker = len(speakers) >= LEAST_SPEAKERS

    def place(row: Row) -> tuple[bytes, bytes]:
        own = place_by_seed(seed, f"{row.audio_name}\0{row.audio or ''}")
        return (place_by_seed(seed, row.speaker), own) if by_speaker and row.speaker else (own, own)

    return GrowingOrder(tuple(sorted(rows, key=place)), by_speaker)
