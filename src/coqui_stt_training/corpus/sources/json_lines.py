"""Manifests of JSON objects, one per line or in a list: of NeMo, of Lhotse, or metadata.jsonl."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import AUDIO_COLUMN, Entry, find_audio, piece, seconds_of, speaker_of
from .parquet import TEXT_COLUMNS
from .sheet import LIKELY
from .text_file import lines_of, read_text

_SHOWN_KEYS = 8
_SAME_SECONDS = 1e-3

Object = Mapping[str, Any]
Read = Callable[[Object, Path], tuple[AudioReference, str | None, str]]


def entries(path: Path, *, labelled: bool = True) -> Iterator[Entry]:
    """Yield the clips of a manifest; entries of bad lines have a `problem`.

    Args:
        path: the manifest.
        labelled: whether transcripts are required.

    Raises:
        CorpusError: it cannot be read, is not UTF-8, or its first line is of no known kind.
    """
    read: Read | None = None
    for number, values in _objects(path):
        source = f"{path}:{number}"
        try:
            if isinstance(values, str):
                values = json.loads(values)
            if not isinstance(values, dict):
                raise ValueError("it is no object")
            read = read or _reader_of(values, path, number)
            audio, transcript, speaker = read(values, path.parent)
            if transcript is None and labelled:
                raise _BadLineError(f"none of {', '.join(TEXT_COLUMNS)} is a text")
            seconds = seconds_of(values.get("duration"))
            yield Entry(source, number, transcript or "", audio, None, speaker, seconds)
        except _BadLineError as error:
            yield Entry(source, number, "", None, str(error))
        except CorpusError:
            raise
        except (ValueError, RecursionError) as error:
            yield Entry(source, number, "", None, f"no line of JSON ({error})")
    if read is None:
        raise CorpusError(
            f"{path}: no line in it is a JSON object of a manifest; write one a line, or a list of "
            "them"
        )


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the numbered lines, each of which should be JSON, or the objects of a list."""
    text = read_text(path)
    if not text.lstrip().startswith("["):
        yield from lines_of(text)
        return
    try:
        yield from enumerate(json.loads(text), 1)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path}: no list in JSON ({error})") from None


class _BadLineError(Exception):
    """A problem of one line, which other lines may not have."""


def _reader_of(values: Object, path: Path, number: int) -> Read:
    if "recording" in values or "supervisions" in values or "tracks" in values:
        return _read_cut
    if "audio_filepath" in values:
        return _read_nemo
    for key in ("file_name", *LIKELY[AUDIO_COLUMN]):
        if isinstance(values.get(key), str):
            return partial(_read_metadata, key=key)
    keys = ", ".join(list(values)[:_SHOWN_KEYS])
    raise CorpusError(
        f"{path}:{number}: no manifest that is known: the keys are {keys}; NeMo's have "
        "audio_filepath and text, Lhotse's cuts recording and supervisions, a folder's metadata "
        "file_name and text"
    )


def _read_nemo(values: Object, folder: Path) -> tuple[AudioReference, str | None, str]:
    audio = find_audio(folder, _string(values, "audio_filepath"))
    start = values.get("offset")
    end = None
    if start is not None and values.get("duration") is not None:
        end = _number(values, "offset") + _number(values, "duration")
    is_whole = not start
    # Without an offset, `duration` is the rounded length of the file, which would cut off its end.
    cut = AudioReference(audio) if is_whole and not _is_cut(values) else piece(audio, start, end)
    return _checked(cut), _text(values), speaker_of(values)


def _is_cut(values: Object) -> bool:
    return values.get("offset") is not None and values.get("duration") is not None


def _read_metadata(
    values: Object, folder: Path, *, key: str
) -> tuple[AudioReference, str | None, str]:
    name = _string(values, key)
    return AudioReference(find_audio(folder, name)), _text(values), speaker_of(values)


def _read_cut(values: Object, folder: Path) -> tuple[AudioReference, str, str]:
    if "tracks" in values or values.get("type", "MonoCut") != "MonoCut":
        kind = values.get("type", "MixedCut")
        raise _BadLineError(
            f"a {kind}, which is put together while it is read; save the audio of such cuts first "
            "(save_audios), or leave them out"
        )
    recording = values.get("recording")
    if not isinstance(recording, dict):
        raise _BadLineError("the cut names no recording; store cuts with their recordings")
    path = _recording_path(recording, folder, values.get("channel"))
    start, duration = _number(values, "start"), _number(values, "duration")
    whole = recording.get("duration")
    is_whole = not start and (
        isinstance(whole, (int, float)) and abs(whole - duration) < _SAME_SECONDS
    )
    cut = AudioReference(path) if is_whole else piece(path, start, start + duration)
    said = values.get("supervisions")
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise _BadLineError("the cut has no list of supervisions")
    texts = [str(one["text"]).strip() for one in said if isinstance(one.get("text"), str)]
    speakers = {str(one["speaker"]) for one in said if one.get("speaker")}
    speaker = speakers.pop() if len(speakers) == 1 else ""
    return _checked(cut), " ".join(filter(None, texts)), speaker


def _recording_path(recording: Object, folder: Path, channel: object) -> Path:
    sources = recording.get("sources")
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise _BadLineError("the recording does not have one source; store each as one file")
    source = sources[0]
    kind, channels = source.get("type"), source.get("channels")
    if kind == "command":
        command = str(source.get("source"))[:60]
        raise _BadLineError(
            f"its audio is what a command prints, which is not run: {command}; write it to a file"
        )
    if kind not in ("file", "url"):
        raise _BadLineError(f"its audio is of type {kind!r}; store it as a file")
    if isinstance(channels, list) and len(channels) > 1 and channel is not None:
        raise _BadLineError(
            f"channel {channel} of {len(channels)}; write that channel to a file of its own"
        )
    return find_audio(folder, _string(source, "source"))


def _checked(cut: AudioReference | str) -> AudioReference:
    if isinstance(cut, str):
        raise _BadLineError(cut)
    return cut


def _string(values: Object, key: str) -> str:
    found = values.get(key)
    if not isinstance(found, str) or not found or "\0" in found:
        raise _BadLineError(f"{key} is missing or no text")
    return found


def _number(values: Object, key: str) -> float:
    found = values.get(key)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not is_number or not math.isfinite(float(found or 0)) or abs(float(found or 0)) > 1e9:
        raise _BadLineError(f"{key} is missing or no number of seconds")
    return float(found or 0)


def _text(values: Object) -> str | None:
    return next((values[key] for key in TEXT_COLUMNS if isinstance(values.get(key), str)), None)
