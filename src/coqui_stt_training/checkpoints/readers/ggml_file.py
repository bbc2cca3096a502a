"""The `.bin` format of whisper.cpp, which ggml used before GGUF.

int32    0x67676d6c, "ggml"
int32    11 numbers that describe the model
int32    number of mel filters and their width, then their float32 values
int32    number of tokens; then for each its length as int32, and its bytes
then for each tensor, up to the end of the file
    int32    number of dimensions, length of the name, type of the values
    int32    each dimension, the innermost first
    text     name
    values
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

from ...errors import CheckpointError
from .byte_cursor import ByteCursor
from .ggml_blocks import BLOCK_TYPES, KNOWN_TYPES, StoredTensor

MAGIC = b"lmgg"
# Formats of llama.cpp and other programs from before GGUF.
OTHER_MAGICS = (b"fmgg", b"tjgg", b"algg")
# OpenAI's names of the model's dimensions, in the order of the file.
_DIMENSIONS = (
    "n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer",
    "n_text_ctx", "n_text_state", "n_text_head", "n_text_layer", "n_mels",
)  # fmt: skip
_FILTER_WIDTH = 201  # frequency bins of a window of 400 samples
_MOST_MELS = 1024
_MOST_DIMENSIONS = 4
_QUANTISATION, _VERSION_FACTOR = 2, 1000  # version of quantised types, in the type of a file


def read_ggml(path: Path) -> tuple[Mapping[str, int], dict[str, StoredTensor]]:
    """Return the dimensions of a Whisper model, and its stored tensors.

    Raises:
        CheckpointError: the file is cut off, damaged, or of another model.
    """
    cursor = ByteCursor(path)
    cursor.take(len(MAGIC), "its first word")
    *sizes, file_type = cursor.numbers("11i", "what describes the model")
    dimensions = dict(zip(_DIMENSIONS, sizes, strict=True))
    filters, filter_width = cursor.numbers("2i", "the mel filters")
    if not 0 < filters <= _MOST_MELS or filter_width != _FILTER_WIDTH:
        raise CheckpointError(
            f"{path}: is a ggml file, but not of Whisper: {filters} mel filters of {filter_width} "
            f"frequencies where it would have 80 or 128 of {_FILTER_WIDTH}; of ggml files, those "
            "of whisper.cpp can be started from"
        )
    cursor.take(4 * filters * filter_width, "the mel filters")
    for _ in range(cursor.number("i", "the number of tokens")):
        cursor.take(cursor.number("i", "a token"), "a token")
    tensors = {}
    while not cursor.at_end:
        name, tensor = _tensor(cursor)
        tensors[name] = tensor
    version = file_type // _VERSION_FACTOR
    if version != _QUANTISATION and any(t.type.is_quantised for t in tensors.values()):
        raise CheckpointError(
            f"{path}: has blocks of quantised values in version {version} of their layout; "
            f"{_QUANTISATION} can be read. Quantise the model again, with a newer whisper.cpp"
        )
    return dimensions, tensors


def _tensor(cursor: ByteCursor) -> tuple[str, StoredTensor]:
    rank, length, kind = cursor.numbers("3i", "the head of a tensor")
    if not 0 <= rank <= _MOST_DIMENSIONS:
        raise cursor.damaged(f"a tensor before byte {cursor.position:,} has {rank} dimensions")
    shape = cursor.numbers(f"{rank}i", "the dimensions of a tensor")[::-1]
    name = cursor.text(length, "the name of a tensor")
    return name, stored_tensor(cursor, name, shape, kind)


def stored_tensor(cursor: ByteCursor, name: str, shape: tuple[int, ...], kind: int) -> StoredTensor:
    """Return the tensor whose values begin at the cursor.

    Args:
        cursor: a cursor at the first byte of the values; it is moved behind the last one.
        name: name of the tensor, for messages.
        shape: its shape, the outermost dimension first.
        kind: number of its type.

    Raises:
        CheckpointError: the type is unknown, the shape is impossible, or the file ends before.
    """
    if kind not in BLOCK_TYPES:
        raise CheckpointError(
            f"{cursor.path}: {name} is of a type, number {kind}, that is not read; {KNOWN_TYPES} "
            "can be. Take the model in one of these"
        )
    block = BLOCK_TYPES[kind]
    if any(size <= 0 for size in shape) or (shape or (1,))[-1] % block.values:
        raise cursor.damaged(f"{name} is {list(shape)} of {block.name}, which cannot be")
    size = prod(shape) // block.values * block.size
    return StoredTensor(shape, block, cursor.take(size, name))
