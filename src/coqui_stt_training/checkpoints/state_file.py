"""The files `checkpoint` and `best_dev_checkpoint`, which name the checkpoints of a folder.

Protobuf's text format, as TensorFlow writes it:

    model_checkpoint_path: "train-303"
    all_model_checkpoint_paths: "train-250"
    all_model_checkpoint_paths: "train-303"

The paths may be those of another machine or folder. Only their last part counts: checkpoints are
expected in the folder of the state file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.atomic_file import write_atomically

from ..errors import CheckpointError

Kind = Literal["last", "best"]
Which: TypeAlias = Literal["auto", "best", "last"]
STATE_FILES: dict[Kind, str] = {"best": "best_dev_checkpoint", "last": "checkpoint"}
_LARGEST_TEXT_BYTES = 1 << 20
# A match stays on its line, so that a hostile file takes linear time.
_LINE = re.compile(
    rb"^[ \t]*(model_checkpoint_path|all_model_checkpoint_paths)[ \t]*:"
    rb'[ \t]*"((?:[^"\\\r\n]|\\.)*)"',
    re.MULTILINE,
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL)
_SINGLE_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}


def read_state(state_file: Path) -> list[str]:
    """Return the names in a state file, the chosen one first; none if the file is missing.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not state_file.is_file():
        return []
    lines = _LINE.findall(read_small_file(state_file))
    names: dict[bytes, list[str]] = {
        key: [] for key in (b"model_checkpoint_path", b"all_model_checkpoint_paths")
    }
    for key, value in lines:
        names[key].append(re.split(r"[/\\]", _unescape(value).decode("utf-8", "replace"))[-1])
    chosen = names[b"model_checkpoint_path"]
    if not chosen or not chosen[0] or "\0" in chosen[0]:
        raise CheckpointError(
            f'{state_file} has no line model_checkpoint_path: "..."; it is damaged. Name the '
            "checkpoint itself instead"
        )
    others = [name for name in names[b"all_model_checkpoint_paths"] if name != chosen[0]]
    return [chosen[0], *others]


def write_state(state_file: Path, chosen: str, others: Sequence[str]) -> None:
    """Write a state file with the chosen checkpoint and the others of the folder."""
    lines = [f'model_checkpoint_path: "{chosen}"']
    lines += [f'all_model_checkpoint_paths: "{name}"' for name in [*others, chosen]]
    write_atomically(state_file, "\n".join(lines) + "\n")


def read_small_file(path: Path, most_bytes: int = _LARGEST_TEXT_BYTES) -> bytes:
    """Return the content of a small file.

    Args:
        path: the file.
        most_bytes: largest size of a valid file.

    Raises:
        CheckpointError: the file cannot be read, or is larger.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise CheckpointError(
                f"{path} is larger than {most_bytes >> 20} MB; it is another kind of file"
            )
        return read_regular(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None


def _unescape(text: bytes) -> bytes:
    """Undo the escapes of protobuf's text format: `\\"`, `\\\\`, and bytes in octal or hex."""

    def replace(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if code[:1].isdigit():
            return bytes([int(code, 8) & 0xFF])
        if len(code) > 1:
            return bytes([int(code[1:], 16)])
        return _SINGLE_ESCAPES.get(code, code)

    return _ESCAPE.sub(replace, text)
