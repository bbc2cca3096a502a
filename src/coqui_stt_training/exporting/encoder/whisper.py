"""Whisper's encoder as ONNX operators; see `models.whisper.model`."""

from __future__ import annotations

from ...models.whisper.specification import WhisperEncoder
from .attention import attend, projected
from .layers import Layers


def whisper(layers: Layers, x: str, specification: WhisperEncoder) -> str:
    """Map log-mel frames `[2 * frames, mel]` to `[frames, width]`.

    `frames` must not exceed the number of position embeddings.
    """
    emit, integers = layers.builder.emit, layers.builder.integers
    x = layers.gelu(layers.convolution(x, "convolutions.first", padding=1, fine=True))
    x = layers.gelu(layers.convolution(x, "convolutions.second", stride=2, padding=1))
    positions = layers.stored("convolutions.positions", layers.tensors["convolutions.positions"])
    frames = emit("Shape", x, start=0, end=1)
    x = layers.add(x, emit("Slice", positions, integers(0), frames))
    for block in specification.block_names:
        attention = f"{block}.attention"
        normed = layers.norm(x, f"{block}.attention_norm")
        heads = projected(layers, normed, attention, specification.attention_heads)
        x = layers.add(x, attend(layers, heads, attention))
        normed = layers.norm(x, f"{block}.mlp_norm")
        x = layers.add(x, layers.mlp(normed, f"{block}.mlp_in", f"{block}.mlp_out"))
        if block == specification.block_names[-1]:
            x = layers.norm(x, f"{block}.final_norm")
        x = layers.end_block(x, block)
    return x
