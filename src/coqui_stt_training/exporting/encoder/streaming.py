"""`.onnx` models of streaming encoders, which take chunks of features and carry a state.

    features float32 [frames, mel], state_* -> probabilities float32 [frames / reduction, classes],
                                               new_state_*

A call takes one or more whole chunks; the last chunk of an utterance may be shorter. The states are
opaque to a runtime: they start as zeros, and the new states are the inputs of the next call.
Features come from `stt.frontends.causal_log_mel`. See `models.streaming.model` for the computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto

from ...errors import ExportError
from ...models.encoder import OUTPUT
from ...models.streaming.specification import StreamingEncoder
from ..onnx_graph import GraphBuilder
from .attention import Heads, attend, projected
from .conformer import half_mlp, planes
from .deployment import CHUNKED, EncoderDeployment, Precision, most_chunks
from .layers import Layers

_MOST_PAIRS = 1 << 24  # largest size of the attention mask, frames x keys, which the file contains
_MASKED_SCORE = -1e9  # added to the attention score of a key that a frame does not attend to
_TO_END = np.iinfo(np.int64).max


def streaming_model(
    deployment: EncoderDeployment, specification: StreamingEncoder, precision: Precision, opset: int
) -> onnx.ModelProto:
    """Return the ONNX model of a streaming encoder.

    Args:
        deployment: encoder to write.
        specification: specification of the encoder.
        precision: type in which matrices of products are stored.
        opset: version of the operator set.

    Raises:
        ExportError: the head needs whole utterances, or the chunks or the left context are too
            long.
    """
    _check(specification)
    builder = GraphBuilder()
    layers, states = Layers(builder, deployment.tensors, precision), _States(builder)
    features = builder.input(
        "features", TensorProto.FLOAT, ("features", specification.mel_channels)
    )
    x = _stem(layers, states, features, specification)
    mask = _attention_mask(builder, states, x, specification)
    for block in specification.block_names:
        x = _block(layers, states, x, block, specification, mask)
    builder.apply("Softmax", [layers.linear(x, OUTPUT)], "probabilities", axis=-1)
    builder.output("probabilities", ("frames", specification.n_classes))
    states.leave()
    return builder.model(CHUNKED, deployment.chunked_properties(specification, precision), opset)


def _check(specification: StreamingEncoder) -> None:
    if specification.head != "linear":
        raise ExportError(
            "this model's head needs whole utterances, so streaming cannot be exported; train it "
            "with --head linear, or use the checkpoint with the stt command"
        )
    most = most_chunks(specification) * specification.chunk_frames
    if most * (most + specification.left_frames) > _MOST_PAIRS:
        raise ExportError(
            f"attention over {specification.left_frames} frames and chunks of "
            f"{specification.chunk_frames} are too large for an .onnx file; train with shorter "
            "--chunk_milliseconds or --left_milliseconds"
        )


@dataclass(frozen=True)
class _States:
    """The state inputs and outputs of a graph."""

    builder: GraphBuilder
    shapes: dict[str, Sequence[int]] = field(default_factory=dict)

    def enter(self, name: str, *shape: int) -> str:
        """Add the input `state_NAME`, and return its name."""
        self.shapes[name] = shape
        return self.builder.input(f"state_{name}", TensorProto.FLOAT, shape)

    def keep(self, name: str, value: str, start: str, axis: int) -> None:
        """Compute `new_state_NAME`: the values from index `start` on along an axis."""
        integers = self.builder.integers
        self.builder.apply(
            "Slice", [value, start, integers(_TO_END), integers(axis)], f"new_state_{name}"
        )

    def leave(self) -> None:
        """Make all new states outputs of the graph."""
        for name, shape in self.shapes.items():
            self.builder.output(f"new_state_{name}", shape)


@dataclass(frozen=True)
class _AttentionMask:
    """The keys that each frame attends to.

    Attributes:
        frames: int64 `[1]`, number of frames.
        distances: int64 `[frames, keys]`, index of the bias for the distance of frame and key.
        unseen: float32 `[frames, keys]`, 0 for keys that a frame attends to, hugely negative for
            others.
    """

    frames: str
    distances: str
    unseen: str


def _attention_mask(
    builder: GraphBuilder, states: _States, rows: str, specification: StreamingEncoder
) -> _AttentionMask:
    """Return the attention mask of rows, cut from tables for the largest number of chunks."""
    emit, integers = builder.emit, builder.integers
    left, chunk = specification.left_frames, specification.chunk_frames
    most = most_chunks(specification) * chunk
    places, keys = np.arange(most)[:, None], np.arange(-left, most)
    starts = places // chunk * chunk
    seen = (keys >= starts - left) & (keys < starts + chunk)
    numbers = (places - keys - (1 - chunk)).clip(0, specification.distances - 1)
    frames = emit("Shape", rows, start=0, end=1)
    ends = emit("Concat", frames, emit("Add", frames, integers(left)), axis=0)

    def cut(name: str, table: np.ndarray) -> str:
        return emit("Slice", builder.constant(name, table), integers(0, 0), ends, integers(0, 1))

    unseen = cut("unseen", np.where(seen, 0.0, _MASKED_SCORE).astype(np.float32))
    ones = builder.constant("ones", np.ones(most, np.float32))
    new = emit("Slice", ones, integers(0), frames, integers(0))
    left_valid = emit("Concat", states.enter("heard", left), new, axis=0)
    states.keep("heard", left_valid, frames, axis=0)
    one = builder.constant("one", np.float32(1.0))
    absent = emit(
        "Mul", emit("Sub", one, left_valid), builder.constant("below", np.float32(_MASKED_SCORE))
    )
    return _AttentionMask(frames, cut("distances", numbers), emit("Add", unseen, absent))


def _stem(layers: Layers, states: _States, x: str, specification: StreamingEncoder) -> str:
    emit, integers = layers.builder.emit, layers.builder.integers
    x, channels, mel = emit("Unsqueeze", x, integers(0, 1)), 1, specification.mel_channels
    for index in range(specification.halvings):
        name = f"stem.halvings.{index}"
        before = states.enter(f"stem_{index + 1}", 1, channels, 1, mel)
        x = emit("Concat", before, x, axis=2)
        states.keep(f"stem_{index + 1}", x, integers(-1), axis=2)
        x = planes(layers, x, f"{name}.depthwise", halving=True, groups=channels, around=0)
        if index:
            x = planes(layers, x, f"{name}.pointwise", halving=False, groups=1)
        x, channels, mel = emit("Relu", x), specification.stem_channels, mel // 2
    rows = emit("Transpose", emit("Squeeze", x, integers(0)), perm=[1, 0, 2])
    return layers.linear(emit("Reshape", rows, integers(0, channels * mel)), "stem.projection")


def _block(
    layers: Layers,
    states: _States,
    x: str,
    block: str,
    specification: StreamingEncoder,
    mask: _AttentionMask,
) -> str:
    x = half_mlp(layers, x, f"{block}.mlp_1")
    normed = layers.norm(x, f"{block}.attention_norm")
    x = layers.add(x, _attention(layers, states, normed, block, specification, mask))
    normed = layers.norm(x, f"{block}.convolution_norm")
    x = layers.add(x, _convolution(layers, states, normed, block, specification))
    x = half_mlp(layers, x, f"{block}.mlp_2")
    return layers.norm(x, f"{block}.norm")


def _attention(
    layers: Layers,
    states: _States,
    x: str,
    block: str,
    specification: StreamingEncoder,
    mask: _AttentionMask,
) -> str:
    emit, attention = layers.builder.emit, f"{block}.attention"
    heads, left = specification.attention_heads, specification.left_frames
    per_head = specification.width // heads
    new = projected(layers, x, attention, heads)
    keys = emit("Concat", states.enter(f"{block}_keys", heads, per_head, left), new.key, axis=2)
    states.keep(f"{block}_keys", keys, mask.frames, axis=2)
    before = states.enter(f"{block}_values", heads, left, per_head)
    values = emit("Concat", before, new.value, axis=1)
    states.keep(f"{block}_values", values, mask.frames, axis=1)
    name = f"{block}.distances.bias"
    bias = emit("Gather", layers.constant(name, layers.tensors[name]), mask.distances, axis=1)
    return attend(layers, Heads(new.query, keys, values), attention, emit("Add", bias, mask.unseen))


def _convolution(
    layers: Layers, states: _States, x: str, block: str, specification: StreamingEncoder
) -> str:
    emit, integers, name = layers.builder.emit, layers.builder.integers, f"{block}.convolution"
    width, kernel = specification.width, specification.kernel
    rows = layers.gated(x, f"{name}.inputs")
    columns = emit("Unsqueeze", emit("Transpose", rows, perm=[1, 0]), integers(0))
    before = states.enter(f"{block}_convolved", 1, width, kernel - 1)
    columns = emit("Concat", before, columns, axis=2)
    states.keep(f"{block}_convolved", columns, integers(1 - kernel), axis=2)
    weight, bias = (f"{name}.depthwise.{part}" for part in ("weight", "bias"))
    out = emit(
        "Conv", columns, layers.stored(weight, layers.tensors[weight]),
        layers.constant(bias, layers.tensors[bias]), kernel_shape=[kernel], group=width,
    )  # fmt: skip
    rows = emit("Transpose", emit("Squeeze", out, integers(0)), perm=[1, 0])
    return layers.linear(layers.silu(layers.norm(rows, f"{name}.norm")), f"{name}.outputs")
