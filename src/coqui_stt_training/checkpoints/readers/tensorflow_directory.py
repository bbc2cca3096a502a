"""Reads the files of upstream's checkpoint directories: state files, flags.txt, alphabet.txt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError
from stt.frontends.mfcc_config import FeatureConfig

from ...errors import CheckpointError
from ..run_record import read_record
from ..state_file import STATE_FILES, Kind, Which, read_small_file, read_state
from .tensorflow_bundle import with_suffix

NATIVE_SUFFIX = ".safetensors"
BYTES_MODE_CLASSES = 256


def prefixes_in(directory: Path) -> list[Path]:
    """Return the TensorFlow checkpoints of a directory, as paths without `.index`."""
    return sorted(
        path.with_name(path.name.removesuffix(".index")) for path in directory.glob("*.index")
    )


def choose_checkpoint(directory: Path, which: Which) -> tuple[Path, str]:
    """Choose a directory's best or last checkpoint.

    Args:
        directory: a directory with the record of a run, state files, or a single checkpoint.
        which: `best` (on the validation set), `last` (most recent), or `auto`: the best, or the
            last if there is no best.

    Returns:
        The prefix of a TensorFlow checkpoint or a file of our own format (state files can name
        both), and its kind: `best`, `last` or `only`.

    Raises:
        CheckpointError: there is no checkpoint, there are several and no state file to choose by,
            or the state file names one that is missing.
    """
    record = read_record(directory)
    recorded = record.choose(which) if record else None
    if recorded and (found := _present(directory / recorded[0])):
        return found, recorded[1]
    useless = record.left_over if record else ()
    wanted: tuple[Kind, ...] = ("best", "last") if which == "auto" else (which,)
    for name in wanted:
        state_file = directory / STATE_FILES[name]
        if state_file.is_file():
            return _find_named(state_file), name
    candidates = prefixes_in(directory) + sorted(
        file for file in directory.glob(f"*{NATIVE_SUFFIX}") if file.name not in useless
    )
    others = [file for file in STATE_FILES.values() if (directory / file).is_file()]
    if others and candidates:
        raise CheckpointError(
            f"{directory} has no {STATE_FILES[wanted[0]]} to tell its {which} checkpoint by; take "
            f"the one that {others[0]} names, or name one yourself, e.g. {candidates[0]}"
        )
    if not candidates:
        raise CheckpointError(f"{directory} has no checkpoint (no NAME.index file)")
    if len(candidates) > 1:
        raise CheckpointError(
            f"{directory} has {len(candidates)} checkpoints and no state file "
            "(best_dev_checkpoint, checkpoint) that says which to take; name one: "
            + " or ".join(map(str, candidates[:4]))
        )
    return candidates[0], "only"


def _find_named(state_file: Path) -> Path:
    """Return the checkpoint that a state file names.

    Raises:
        CheckpointError: it is missing.
    """
    name = read_state(state_file)[0]
    if checkpoint := _present(state_file.parent / name):
        return checkpoint
    folder, is_native = state_file.parent, name.endswith(NATIVE_SUFFIX)
    there = [*prefixes_in(folder), *sorted(folder.glob(f"*{NATIVE_SUFFIX}"))]
    present = ", ".join(checkpoint.name for checkpoint in there[:4]) or "none"
    raise CheckpointError(
        f"{state_file} names {name!r}, but there is no {name if is_native else f'{name}.index'} "
        f"beside it (checkpoints there: {present}); copy it there, or name another checkpoint"
    )


def _present(checkpoint: Path) -> Path | None:
    """Return the path of a checkpoint, ours or TensorFlow's, if it exists, else None."""
    is_native = checkpoint.suffix == NATIVE_SUFFIX and checkpoint.is_file()
    return checkpoint if is_native or with_suffix(checkpoint, ".index").is_file() else None


def read_flags(path: Path) -> dict[str, Any]:
    """Read flags.txt: JSON, or lines `--name=value` in releases before Coqui STT 1.0.

    Values of the second form stay strings. A missing or unreadable file has no flags.
    """
    try:
        text = read_small_file(path).decode("utf-8", "replace")
    except CheckpointError:
        return {}
    try:
        flags = json.loads(text)
    except (ValueError, RecursionError):
        return dict(_flag_lines(text))
    return flags if isinstance(flags, dict) else {}


def _flag_lines(text: str) -> list[tuple[str, str]]:
    flags = []
    for line in text.splitlines():
        if not line.startswith("--"):
            continue
        name, separator, value = line[2:].partition("=")
        if not separator and name.startswith("no"):
            flags.append((name[2:], "false"))
        flags.append((name.strip(), value.strip() if separator else "true"))
    return flags


def number_flag(flags: Mapping[str, Any], name: str) -> float | None:
    """Return a flag as a finite number, or None if it is missing or not a finite number."""
    value = flags.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def features_of(flags: Mapping[str, Any]) -> tuple[FeatureConfig | None, str | None]:
    """Return the features that the flags describe, and a note if the flags contradict each other.

    A missing flag has upstream's default. Without any of the three flags, the features are unknown.
    """
    values = {
        "sample_rate_hz": number_flag(flags, "audio_sample_rate"),
        "window_milliseconds": number_flag(flags, "feature_win_len"),
        "step_milliseconds": number_flag(flags, "feature_win_step"),
    }
    known = {name: int(value) for name, value in values.items() if value is not None}
    if not known:
        return None, None
    try:
        return FeatureConfig(**known), None
    except ValueError as error:
        return None, f"flags.txt is ignored for the features: {error}."


def alphabet_beside(directory: Path, class_count: int) -> tuple[Alphabet | None, str | None]:
    """Return the alphabet of a model from alphabet.txt, and a note if it does not fit.

    256 classes are bytes (`--bytes_output_mode true`), unless the file has exactly 255 labels. The
    alphabet.txt of a model of bytes cannot be read back: it lacks LF, CR and `#`.
    """
    path = directory / "alphabet.txt"
    bytes_mode = UTF8Alphabet() if class_count == BYTES_MODE_CLASSES else None
    if not path.is_file():
        return bytes_mode, None
    try:
        alphabet = Alphabet(path)
    except AlphabetError as error:
        return bytes_mode, None if bytes_mode else f"The alphabet is not usable: {error}."
    if alphabet.size + 1 == class_count:
        return alphabet, None
    if bytes_mode is not None:
        return bytes_mode, None
    return None, (
        f"{path} is ignored: it has {alphabet.size} labels, and the output layer's {class_count} "
        f"classes need {class_count - 1} (and the blank)."
    )
