"""The small Whisper encoder of `encoder_folders` in the formats of other projects."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from encoder_folders import whisper_tensors

Tensors = dict[str, np.ndarray]
_CT2_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")


def ctranslate2_variables(heads: int = 2) -> Tensors:
    """Return the variables under CTranslate2's names: float32, but the number of heads int16."""
    theirs = {
        name.removeprefix("model.encoder."): tensor.astype(np.float32)
        for name, tensor in whisper_tensors().items()
    }
    variables: Tensors = {
        "encoder/num_heads": np.array(heads, np.int16),
        "encoder/position_encodings/encodings": theirs["embed_positions.weight"],
        "decoder/layer_norm/gamma": np.ones(16, np.float32),
    }
    for part, ours in (("conv1", "conv1"), ("conv2", "conv2")):
        for end in ("weight", "bias"):
            variables[f"encoder/{ours}/{end}"] = theirs[f"{part}.{end}"]
    norms = {"layer_norm": "layer_norm"}
    for number in range(2):
        layer, scope = f"layers.{number}", f"layer_{number}"
        norms[f"{layer}.self_attn_layer_norm"] = f"{scope}/self_attention/layer_norm"
        norms[f"{layer}.final_layer_norm"] = f"{scope}/ffn/layer_norm"
        projections = [f"{layer}.self_attn.{letter}_proj" for letter in "qkv"]
        fused = f"encoder/{scope}/self_attention/linear_0"
        variables[f"{fused}/weight"] = np.concatenate([theirs[f"{p}.weight"] for p in projections])
        variables[f"{fused}/bias"] = np.concatenate(
            [theirs.get(f"{p}.bias", np.zeros(16, np.float32)) for p in projections]
        )
        for part, ours in (
            ("self_attn.out_proj", "self_attention/linear_1"),
            ("fc1", "ffn/linear_0"),
            ("fc2", "ffn/linear_1"),
        ):
            for end in ("weight", "bias"):
                variables[f"encoder/{scope}/{ours}/{end}"] = theirs[f"{layer}.{part}.{end}"]
    for name, ours in norms.items():
        variables[f"encoder/{ours}/gamma"] = theirs[f"{name}.weight"]
        variables[f"encoder/{ours}/beta"] = theirs[f"{name}.bias"]
    return variables


def quantised(variables: Mapping[str, np.ndarray], kind: str) -> Tensors:
    """Return the variables with weights in a type of CTranslate2, as its converter stores them."""
    stored: Tensors = {}
    for name, value in variables.items():
        stored[name] = value
        if value.dtype != np.float32:
            continue
        if kind == "float16":
            stored[name] = value.astype(np.float16)
        elif kind == "bfloat16":
            stored[name] = (value.view(np.uint32) >> 16).astype(np.uint16)
        elif kind != "float32" and name.endswith("weight"):
            rows = value.reshape(len(value), -1)
            scale = 127 / np.abs(rows).max(axis=1)
            if kind == "int16":
                scale = np.array(1024 / np.abs(rows).max())
            factors = scale.reshape(-1, *(1,) * (value.ndim - 1))
            stored[name] = np.rint(value * factors).astype(kind)
            stored[name + "_scale"] = scale.astype(np.float32)
    return stored


def write_ctranslate2(
    folder: Path,
    variables: Mapping[str, np.ndarray] | None = None,
    *,
    kind: str = "WhisperSpec",
    version: int = 6,
    aliases: Mapping[str, str] | None = None,
) -> Path:
    """Write a folder in the layout of faster-whisper and return its `model.bin`."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    variables = ctranslate2_variables() if variables is None else variables
    content = [struct.pack("<I", version), text(kind), struct.pack("<II", 3, len(variables))]
    for name, value in sorted(variables.items()):
        type_name = "bfloat16" if value.dtype == np.uint16 else value.dtype.name
        content += [
            text(name),
            struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape),
            struct.pack("<BI", _CT2_TYPES.index(type_name), value.nbytes),
            value.tobytes(),
        ]
    content.append(struct.pack("<I", len(aliases or {})))
    content += [text(alias) + text(name) for alias, name in (aliases or {}).items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"suppress_ids": [], "alignment_heads": [[0, 0]]}')
    (folder / "vocabulary.json").write_text('["<|endoftext|>"]')
    (folder / "model.bin").write_bytes(b"".join(content))
    return folder / "model.bin"


_OPENAI_PARTS = {
    "embed_positions.weight": "positional_embedding",
    "layer_norm": "ln_post",
    "layers.": "blocks.",
    "self_attn_layer_norm": "attn_ln",
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "final_layer_norm": "mlp_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
}
DIMENSIONS = {
    "n_vocab": 3, "n_audio_ctx": 40, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 2,
    "n_text_ctx": 8, "n_text_state": 16, "n_text_head": 2, "n_text_layer": 1, "n_mels": 80,
}  # fmt: skip
GGML_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8}


def openai_tensors() -> Tensors:
    """Return the model's float16 tensors under OpenAI's names."""
    renamed = {}
    for name, tensor in whisper_tensors().items():
        bare = name.removeprefix("model.encoder.")
        for theirs in sorted(_OPENAI_PARTS, key=len, reverse=True):
            if theirs != "layer_norm" or bare.startswith("layer_norm"):
                bare = bare.replace(theirs, _OPENAI_PARTS[theirs])
        renamed[f"encoder.{bare}" if bare != name else "decoder.ln.weight"] = tensor
    return renamed


def ggml_blocks(values: np.ndarray, kind: str) -> bytes:
    """Quantise a matrix as ggml does; its rows must be multiples of 32 values."""
    blocks = values.astype(np.float32).reshape(-1, 32)
    if kind == "q8_0":
        scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype("<f2")
        numbers = np.rint(blocks / scale).astype(np.int8)
        return b"".join(s.tobytes() + n.tobytes() for s, n in zip(scale, numbers, strict=True))
    steps = 15 if kind.startswith("q4") else 31
    low = blocks.min(1, keepdims=True)
    scale, offset = (blocks.max(1, keepdims=True) - low) / steps, low
    if kind.endswith("_0"):
        scale, offset = np.abs(blocks).max(1, keepdims=True) / (steps // 2), 0
    scale = scale.astype("<f2")
    numbers = np.rint((blocks - offset) / scale.astype(np.float32)).astype(np.int64)
    numbers = np.clip(numbers + (steps // 2 + 1 if kind.endswith("_0") else 0), 0, steps)
    packed = []
    for row, number in enumerate(numbers):
        packed.append(scale[row].tobytes())
        if kind.endswith("_1"):
            packed.append(low[row].astype("<f2").tobytes())
        if kind.startswith("q5"):
            packed.append(sum(int(n >> 4) << i for i, n in enumerate(number)).to_bytes(4, "little"))
        packed.append(((number[:16] & 15) | ((number[16:] & 15) << 4)).astype(np.uint8).tobytes())
    return b"".join(packed)


def write_ggml(
    path: Path,
    kind: str = "f16",
    tensors: Tensors | None = None,
    *,
    version: int = 2,
    filters: tuple[int, int] = (80, 201),
    type_number: int | None = None,
) -> Path:
    """Write a whisper.cpp `.bin`; matrices are quantised if rows are multiples of 32 values."""
    content = [b"lmgg", struct.pack("<10i", *DIMENSIONS.values())]
    content += [struct.pack("<i", version * 1000 + 7), struct.pack("<2i", *filters)]
    content += [bytes(4 * 80 * 201), struct.pack("<i", 3)]
    content += [struct.pack("<i", len(token)) + token for token in (b"a", b"\xff\xfe", b"")]
    for name, tensor in (openai_tensors() if tensors is None else tensors).items():
        value = tensor.reshape(-1, 1) if "conv" in name and name.endswith("bias") else tensor
        stored = kind if value.ndim > 1 and value.shape[-1] > 1 else "f32"
        if stored.startswith("q") and (value.ndim != 2 or value.shape[1] % 32):
            stored = "f16"
        number = GGML_TYPES[stored] if type_number is None else type_number
        content += [
            struct.pack("<3i", value.ndim, len(name), number),
            struct.pack(f"<{value.ndim}i", *reversed(value.shape)),
            name.encode(),
            ggml_blocks(value, stored)
            if stored.startswith("q")
            else value.astype({"f16": "<f2", "f32": "<f4"}[stored]).tobytes(),
        ]
    path.write_bytes(b"".join(content))
    return path


def write_openai(
    path: Path, tensors: Tensors | None = None, *, legacy: bool = False, **changes: Any
) -> Path:
    """Write a `.pt` file as OpenAI's code does; `legacy` uses PyTorch's format from before 1.6."""
    stored = {n: torch.from_numpy(t) for n, t in (tensors or openai_tensors()).items()}
    content = {"dims": dict(DIMENSIONS), "model_state_dict": stored, **changes}
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path
