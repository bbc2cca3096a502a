"""Transcription logs (`.tlog`): upstream's JSON list of passages with their times.

Each entry is `{"start": milliseconds, "end": milliseconds, "transcript": text}`; with
`--word_times` it also has `words`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.regular_file import read_regular

from .errors import FlagError
from .metadata import TokenMetadata
from .transcriber import Passage, TranscribedRecording
from .words import Word, words_of


def format_log(passages: Iterable[Passage], word_times: bool) -> str:
    """Return the log of a recording."""
    entries = [
        {
            "start": passage.start_milliseconds,
            "end": passage.end_milliseconds,
            "transcript": passage.text,
        }
        | ({"words": _word_entries(passage.words)} if word_times else {})
        for passage in passages
    ]
    return json.dumps(entries, ensure_ascii=False)


def _word_entries(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text,
            "start": round(word.start_time, 3),
            "end": round(word.end_time, 3),
            "confidence": round(word.confidence, 4),
        }
        for word in words
    ]


def read_log(log: Path) -> list[Word]:
    """Return the words of a log, with times in seconds.

    If the log has no word times, each word gets a share of its passage in proportion to its length.

    Raises:
        FlagError: the file cannot be read, or is not a transcription log.
    """
    try:
        passages = [_passage(entry) for entry in json.loads(read_regular(log))]
    except OSError as error:
        raise FlagError(f"{log}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FlagError(
            f"{log}: not a transcription log, so it cannot be converted to subtitles "
            f"({type(error).__name__}: {error}); overwrite it with --force true"
        ) from None
    return TranscribedRecording(log, tuple(passages)).words


def _passage(entry: Mapping[str, Any]) -> Passage:
    text = str(entry["transcript"])
    begin, end = float(entry["start"]) / 1000, float(entry["end"]) / 1000
    share = (end - begin) / max(1, len(text))
    words = words_of(
        [
            TokenMetadata(character, 0, begin + share * index, 1.0, share)
            for index, character in enumerate(text)
        ]
    )
    if entry.get("words"):
        words = [
            replace(
                word,
                start_time=float(timed["start"]),
                end_time=float(timed["end"]),
                confidence=float(timed["confidence"]),
            )
            for word, timed in zip(words, entry["words"], strict=True)
        ]
    return Passage(int(entry["start"]), int(entry["end"]), text, tuple(words))
