"""Decides by the dev set whether a scorer improves the model, and which one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.state_file import read_small_file
from ..errors import CorpusError
from ..lm.tuning import TuningRates

WORDS, CHARACTERS = "words", "characters"


@dataclass(frozen=True)
class Tuned:
    """The error rates on the dev set from tuning a scorer.

    Attributes:
        without: error rates without a scorer.
        expected: cross-validated error rates with it: each tenth of the clips is decoded with the
            weights that are best for the others.
    """

    without: TuningRates
    expected: TuningRates


@dataclass(frozen=True)
class ScorerChoice:
    """The scorer to deliver.

    Attributes:
        kind: `words` or `characters`; empty: no scorer.
        why: reason, for people.
    """

    kind: str
    why: str


def read_tuned(path: Path) -> Tuned:
    """Return the results that `lm_optimize --results` wrote.

    Raises:
        CorpusError: the file is missing or damaged.
    """
    try:
        content = json.loads(read_small_file(path))
        without, expected = (
            TuningRates(float(content[name]["wer"]), float(content[name]["cer"]))
            for name in ("without", "expected")
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorpusError(
            f"{path} contains no tuning results ({error}); remove it, and run the same command "
            "again"
        ) from None
    return Tuned(without, expected)


def choose_scorer(tuned: Mapping[str, Tuned]) -> ScorerChoice:
    """Return the scorer to deliver: the one with the lowest WER among those that do no harm.

    A scorer does no harm if neither the WER nor the CER on the dev set is higher than without a
    scorer, and one of them is lower. Both count, because a scorer with a small vocabulary lowers
    the WER but raises the CER: it replaces spoken words with others that it knows, and a reader
    cannot notice that.

    Args:
        tuned: tuning results, by the kind of the scorer; empty if no scorer could be made.
    """
    good = {kind: one for kind, one in tuned.items() if _loses_nothing(one)}
    if good:
        kind = min(good, key=lambda name: (good[name].expected.wer, good[name].expected.cer))
        one = good[kind]
        return ScorerChoice(
            kind,
            f"with the scorer of {kind}: {one.expected} on the dev set; without: {one.without}",
        )
    if not tuned:
        return ScorerChoice("", "without a scorer, because none was made")
    parts = [f"that of {kind} gives {one.expected}" for kind, one in tuned.items()]
    without = next(iter(tuned.values())).without
    return ScorerChoice(
        "",
        f"without a scorer: {without} on the dev set, and no scorer improves one rate without "
        f"harming the other: {'; '.join(parts)}",
    )


def _loses_nothing(one: Tuned) -> bool:
    before, after = one.without, one.expected
    return after.wer <= before.wer and after.cer <= before.cer and after != before
