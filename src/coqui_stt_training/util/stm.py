"""STM files: transcripts with times, used by TED-LIUM and NIST evaluations.

A line is `file channel speaker start end <labels> transcript`; comments start with `;;`.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ..errors import CorpusError

_IGNORED = "ignore_time_segment_in_scoring"


@dataclass(frozen=True, init=False)
class STMSegment:
    """One line of an STM file.

    Attributes:
        filename: name of the recording, without a suffix.
        channel: channel of the recording.
        speaker_id: identifier of the speaker.
        start_time: start of the segment in seconds.
        stop_time: end of the segment in seconds.
        labels: labels of the recording conditions, unparsed.
        transcript: transcript in ASCII; like upstream, accents are dropped.

    Raises:
        CorpusError: the line has fewer than six fields, a time is not a number, or the segment
            ends before its start.
    """

    filename: str
    channel: str
    speaker_id: str
    start_time: float
    stop_time: float
    labels: str
    transcript: str

    def __init__(self, stm_line: str) -> None:
        fields = stm_line.split(maxsplit=6)
        if len(fields) < 6:
            raise CorpusError(
                f"{len(fields)} fields where an STM line has six and a transcript: {stm_line[:80]}"
            )
        start, stop = (_seconds(text) for text in fields[3:5])
        if stop < start:
            raise CorpusError(f"the segment ends at {stop:g} s, before its start at {start:g} s")
        words = " ".join(fields[6].split()) if len(fields) > 6 else ""
        ascii_only = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
        values = (*fields[:3], start, stop, fields[5], ascii_only)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)


def parse_stm_file(stm_file: str | Path) -> list[STMSegment]:
    """Read an STM file; segments marked to be ignored in scoring are left out.

    Raises:
        CorpusError: the file cannot be read or is not UTF-8, or lines are malformed; the message
            lists all of them.
    """
    try:
        lines = Path(stm_file).read_bytes().decode("utf-8-sig").splitlines()
    except OSError as error:
        raise CorpusError(f"{stm_file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise CorpusError(f"{stm_file}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    segments, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith(";;"):
            continue
        try:
            segments.append(STMSegment(line))
        except CorpusError as error:
            problems.append(f"{stm_file}:{number}: {error}")
    if problems:
        raise CorpusError("\n".join(problems))
    return [segment for segment in segments if segment.transcript != _IGNORED]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise CorpusError(f"{text!r} is no time in seconds")
    return value
