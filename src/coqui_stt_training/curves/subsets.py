"""Growing parts of a data set, each contained in the next: speaker by speaker, or clip by clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..corpus import Row
from ..corpus.groups import place_by_seed

# With fewer, a part could be one speaker, and the curve would show how speakers differ.
LEAST_SPEAKERS = 8


@dataclass(frozen=True)
class GrowingOrder:
    """The rows of a data set in an order such that each part is a prefix.

    Attributes:
        rows: rows in this order.
        by_speaker: whether the clips of each speaker are together.
    """

    rows: tuple[Row, ...]
    by_speaker: bool

    def part(self, share: float) -> tuple[Row, ...]:
        """Return a part with this share of the rows, at least one row."""
        return self.rows[: max(1, round(share * len(self.rows)))]


def growing_order(rows: Sequence[Row], seed: int) -> GrowingOrder:
    """Order rows at random, independent of their order in the files.

    If speakers are known, more data usually means more speakers. So speakers come one after the
    other; a row without a speaker counts as a speaker of its own.

    Args:
        rows: rows of the data set.
        seed: seed of the order.
    """
    speakers = {row.speaker for row in rows if row.speaker}
    by_speaker = len(speakers) >= LEAST_SPEAKERS

    def place(row: Row) -> tuple[bytes, bytes]:
        own = place_by_seed(seed, f"{row.audio_name}\0{row.audio or ''}")
        return (place_by_seed(seed, row.speaker), own) if by_speaker and row.speaker else (own, own)

    return GrowingOrder(tuple(sorted(rows, key=place)), by_speaker)
