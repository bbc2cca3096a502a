"""Reads the encoder of Whisper models in GGUF files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...models.whisper import names, openai_names
from ...models.whisper.specification import HEAD_WIDTH
from ..source import SourceModel
from .ggml import ggml_source
from .ggml_blocks import StoredTensor
from .gguf_file import read_gguf

_SOUND = re.compile(r"(?:model\.)?encoder\.conv1\.weight")
_POSITIONS = re.compile(r"(?:model\.)?encoder\.(?:embed_positions\.weight|positional_embedding)")
_BLOCK = re.compile(r"(?:model\.)?encoder\.(layers|blocks)\.(\d{1,4})\..+")
# Ends of the names that different writers give the number of the encoder's attention heads.
_HEADS = (
    "encoder.attention.head_count", "audio.attention.head_count", "audio.head_count",
    "n_audio_head", "encoder_attention_heads",
)  # fmt: skip


def load_gguf(path: Path) -> SourceModel:
    """Read the encoder of a Whisper model, quantised or not.

    Args:
        path: a `.gguf` whose tensors have the names of transformers or of OpenAI's code.

    Raises:
        CheckpointError: the file is cut off, damaged, or of another model, or tensors are missing
            or have wrong shapes; the message names them.
    """
    settings, stored = read_gguf(path)
    dimensions, is_openai = _dimensions(path, settings, stored)
    return ggml_source("gguf", path, dimensions, stored, openai_names if is_openai else names)


def _dimensions(
    path: Path, settings: Mapping[str, Any], stored: Mapping[str, StoredTensor]
) -> tuple[dict[str, Any], bool]:
    """Return the dimensions of the model, and whether its tensors have OpenAI's names."""
    sound = _shape_of(_SOUND, stored)
    positions = _shape_of(_POSITIONS, stored)
    if len(sound) != 3 or len(positions) != 2:
        kind = str(settings.get("general.architecture", "another model"))[:40]
        raise CheckpointError(
            f"{path}: is a GGUF of {kind}, without the encoder.conv1.weight and the "
            "positions that the encoder of Whisper has; of GGUF files, those of Whisper can be "
            "started from"
        )
    blocks = {match[2]: match[1] for name in stored if (match := _BLOCK.fullmatch(name))}
    said = [value for name, value in settings.items() if name.endswith(_HEADS)]
    width, mels, _ = sound
    return {
        "n_mels": mels,
        "n_audio_state": width,
        "n_audio_head": said[0] if said else max(1, width // HEAD_WIDTH),
        "n_audio_layer": len(blocks),
        "n_audio_ctx": positions[0],
    }, "blocks" in blocks.values()


def _shape_of(name: re.Pattern[str], stored: Mapping[str, StoredTensor]) -> tuple[int, ...]:
    return next((tensor.shape for one, tensor in stored.items() if name.fullmatch(one)), ())
