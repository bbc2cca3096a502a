"""Error rates, read from a `--test_output_file`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CorpusError


@dataclass(frozen=True)
class Rates:
    """Error rates of a model on a set of clips.

    Attributes:
        wer: word error rate over all words.
        cer: character error rate over all characters.
        loss: mean loss of the clips; infinite if one of them is not finite.
    """

    wer: float
    cer: float
    loss: float

    def __str__(self) -> str:
        return f"CER {self.cer:.3f}, WER {self.wer:.3f}"


@dataclass(frozen=True)
class Results:
    """Contents of a `--test_output_file`.

    Attributes:
        rates: error rates of the set.
        char_errors: number of character errors in each clip; clips are sorted by name.
        char_lengths: number of characters in each clip's reference.
    """

    rates: Rates
    char_errors: tuple[int, ...]
    char_lengths: tuple[int, ...]


def read_rates(path: Path) -> Rates:
    """Return the error rates in a `--test_output_file`.

    Raises:
        CorpusError: the file is missing or damaged.
    """
    return read_results(path).rates


def read_results(path: Path) -> Results:
    """Read a `--test_output_file`.

    Raises:
        CorpusError: the file is missing or damaged.
    """
    try:
        samples = json.loads(path.read_bytes())
        losses = [float("inf") if one["loss"] is None else float(one["loss"]) for one in samples]
        rates = Rates(_rate(samples, "word"), _rate(samples, "char"), sum(losses) / len(losses))
        named = sorted(samples, key=lambda sample: (sample["wav_filename"], sample["src"]))
        errors = tuple(int(sample["char_distance"]) for sample in named)
        return Results(rates, errors, tuple(int(sample["char_length"]) for sample in named))
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        raise CorpusError(
            f"{path} contains no evaluation results ({error}); remove it, and run the same "
            "command again"
        ) from None


def _rate(samples: list[dict[str, Any]], unit: str) -> float:
    errors = sum(int(sample[f"{unit}_distance"]) for sample in samples)
    return errors / max(1, sum(int(sample[f"{unit}_length"]) for sample in samples))
