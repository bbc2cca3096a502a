"""The small Whisper encoder of `encoder_folders`, written in the formats that others use."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from encoder_folders import whisper_tensors

Tensors = dict[str, np.ndarray]
_CT2_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")


def ctranslate2_variables(heads: int = 2) -> Tensors:
    """Return the model's variables under CTranslate2's names, float32 but for the heads."""
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
    """Store weights in a type of CTranslate2, as its converter does."""
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
    """Write a folder as faster-whisper has it; its `model.bin` is returned."""

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
