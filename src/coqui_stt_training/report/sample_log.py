"""`samples.jsonl`: what a model heard in the same few clips after each epoch.

A line for each validated set and epoch is appended. A run that goes on from an earlier checkpoint
writes epochs again, and the newest line counts; a line that was cut off is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.regular_file import read_regular

from ..scoring.metrics import SampleResult

NAME = "samples.jsonl"
_FOLLOWED = 6
_LARGEST_BYTES = 1 << 26


def followed(samples: Sequence[SampleResult]) -> list[SampleResult]:
    """Return the same few clips in every epoch: spread evenly over the set by its files' names."""
    ordered = sorted(samples, key=lambda sample: (sample.wav_filename, sample.src))
    count = min(_FOLLOWED, len(ordered))
    return [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]


def append_samples(
    folder: Path, source: str, epoch: int, samples: Sequence[SampleResult], *, is_new: bool
) -> None:
    """Add what was heard after an epoch.

    Args:
        folder: of the summaries.
        source: the file of the set.
        epoch: its number.
        samples: the whole set.
        is_new: whether a run begins here, which forgets what another wrote before.

    Raises:
        OSError: the folder cannot be written to.
    """
    chosen = [[one.wav_filename, one.src, one.res] for one in followed(samples)]
    line = json.dumps({"source": source, "epoch": epoch, "samples": chosen}, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("w" if is_new else "a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")  # the line before may have been cut off


def read_samples(folder: Path) -> dict[tuple[str, str, str], dict[int, str]]:
    """Return by set, file and reference what was heard after which epoch."""
    try:
        content = read_regular(folder / NAME, _LARGEST_BYTES)
    except (OSError, ValueError):
        return {}
    found: dict[tuple[str, str, str], dict[int, str]] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        for source, epoch, (wav, said, heard) in _parsed(line):
            found.setdefault((source, wav, said), {})[epoch] = heard
    return found


def _parsed(line: str) -> list[tuple[str, int, tuple[str, str, str]]]:
    try:
        kept: Any = json.loads(line)
        return [
            (str(kept["source"]), int(kept["epoch"]), (str(wav), str(said), str(heard)))
            for wav, said, heard in kept["samples"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
