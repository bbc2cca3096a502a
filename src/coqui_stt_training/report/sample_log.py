"""`samples.jsonl`: a model's transcripts of the same few clips after each epoch.

A line is appended for each validated set and epoch. A run that resumes from an earlier checkpoint
writes epochs again; the newest line counts. Lines that were cut off are skipped.
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
    """Choose a few clips, the same in every epoch: evenly spread over the set by file name."""
    ordered = sorted(samples, key=lambda sample: (sample.wav_filename, sample.src))
    count = min(_FOLLOWED, len(ordered))
    return [ordered[(2 * index + 1) * len(ordered) // (2 * count)] for index in range(count)]


def append_samples(
    folder: Path, source: str, epoch: int, samples: Sequence[SampleResult], *, is_new: bool
) -> None:
    """Append the transcripts after an epoch.

    Args:
        folder: folder of the summaries.
        source: corpus file of the set.
        epoch: number of the epoch.
        samples: samples of the whole set.
        is_new: whether a new run begins, which overwrites the file.

    Raises:
        OSError: the file cannot be written.
    """
    chosen = [[one.wav_filename, one.src, one.res] for one in followed(samples)]
    line = json.dumps({"source": source, "epoch": epoch, "samples": chosen}, ensure_ascii=False)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("w" if is_new else "a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")  # the line before may have been cut off


def read_samples(folder: Path) -> dict[tuple[str, str, str], dict[int, str]]:
    """Return the transcript after each epoch, by set, audio file and reference."""
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
