"""Shares of an epoch's clips that training files have: `--train_files new.csv old.sdb:0.3`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from stt.counted import some_of

from ..errors import CorpusError
from .stores import is_url


def split_shares(files: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """Return training files, and the shares that `a.csv:0.3` says of some.

    Raises:
        CorpusError: a share is not between 0 and 1, or they leave nothing to files without one.
    """
    paths: list[str] = []
    shares: dict[str, float] = {}
    for name in files:
        found = re.fullmatch(r"(.+):(-?\d*\.?\d+)", name)
        if not found or Path(name).exists() or not _may_be_files(found[1]):
            paths.append(name)
            continue
        share = float(found[2])
        if not 0 < share <= 1:
            raise CorpusError(
                f"{name}: {found[2]} is not a share of an epoch's clips; give a number between 0 "
                "and 1"
            )
        paths.append(found[1])
        shares[found[1]] = share
    rest = [path for path in paths if path not in shares]
    if rest and sum(shares.values()) >= 1:
        raise CorpusError(
            f"the shares of {', '.join(shares)} add up to {sum(shares.values()):g}, which leaves "
            f"no clips of an epoch for {some_of(rest)}; give smaller shares, or one for each file"
        )
    return paths, shares


def epoch_counts(sizes: Sequence[tuple[str, int]], shares: Mapping[str, float]) -> list[int]:
    """Return how many clips of each set an epoch has.

    Sets without a share are there with all their clips, and of the others as many as make their
    share of the epoch. Where every set has a share, an epoch has as many as all sets together.

    Args:
        sizes: the path of each set, and how many clips it has.
        shares: of an epoch's clips, by path, more than 0; those of other paths do not count.
    """
    drawn = sum(shares.get(path, 0.0) for path, _ in sizes)
    if not drawn:
        return [size for _, size in sizes]
    whole = sum(size for path, size in sizes if path not in shares)
    total = whole / (1 - drawn) if whole else sum(size for _, size in sizes) / drawn
    return [
        max(1, round(shares[path] * total)) if path in shares and size else size
        for path, size in sizes
    ]


def _may_be_files(name: str) -> bool:
    return is_url(name) or Path(name).exists() or any(character in name for character in "*?[{")
