"""`.onnx` models, for servers and GPUs: a streaming graph, a batch graph, and the features.

    streaming:  input_node [1, n_steps, 19, 26], previous_state_c, previous_state_h [1, H]
                -> logits [n_steps, C] (probabilities), new_state_c, new_state_h [1, H]
    batch:      samples [batch, samples], sample_counts [batch]
                -> probabilities [batch, frames, C], frame_counts [batch]
    features:   samples [samples] -> features [frames, 26]

The streaming graph has the interface of the `.tflite` models; its features are a graph of their
own. The batch graph computes the features itself, and frames audio like libstt: all complete
frames, and one more with the remaining samples, zero-padded. Features are computed in float64, as
in `mfcc.py`. `metadata_props` contains the settings that a runtime needs. docs/export.md explains
how to use these files.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from stt.frontends.mfcc import LOG_FLOOR, dct_matrix, hann_window, mel_filters
from stt.frontends.mfcc_config import MFCC_COEFFICIENTS, FeatureConfig

from ...models.deepspeech.geometry import Geometry
from ..deployment import Deployment
from ..onnx_graph import GraphBuilder, onnx_gates

FORMAT_VERSION = 1  # version of the interface and of metadata_props
OPSET = 17  # the first with LayerNormalization
LAYER_NORM_EPSILON = 1e-12


def streaming_model(deployment: Deployment) -> onnx.ModelProto:
    """Return the model that takes `n_steps` frames and a state, and returns the new state."""
    geometry, hidden, steps = deployment.geometry, deployment.geometry.n_hidden, deployment.n_steps
    builder = GraphBuilder()
    width = 2 * geometry.n_context + 1
    windows = builder.input("input_node", TensorProto.FLOAT, (1, steps, width, MFCC_COEFFICIENTS))
    states = [
        builder.input(f"previous_state_{part}", TensorProto.FLOAT, (1, hidden)) for part in "ch"
    ]
    rows = builder.reshape(windows, (steps, 1, geometry.n_input), "windows")
    c, h = (builder.reshape(state, (1, 1, hidden), f"{state}_3d") for state in states)
    posteriors, new_c, new_h = _acoustic_model(builder, deployment, rows, initial=(c, h))
    n_classes = geometry.n_classes
    builder.output(builder.reshape(posteriors, (steps, n_classes), "logits"), (steps, n_classes))
    for name, state in (("new_state_c", new_c), ("new_state_h", new_h)):
        builder.output(builder.reshape(state, (1, hidden), name), (1, hidden))
    return builder.model("streaming", _properties(deployment, "streaming"), OPSET)


def batch_model(deployment: Deployment) -> onnx.ModelProto:
    """Return the model that takes a batch of whole clips of audio."""
    geometry, features = deployment.geometry, deployment.features
    builder = GraphBuilder()
    samples = builder.input("samples", TensorProto.FLOAT, ("batch", "samples"))
    counts = builder.input("sample_counts", TensorProto.INT64, ("batch",))
    padded, frame_total = _pad_clips(builder, samples, counts, features)
    frame_counts = _runtime_frames(builder, counts, features, "frame_counts")
    mfcc = _features(builder, padded, frame_total, features)
    mfcc = builder.apply("Mul", [mfcc, _mask(builder, frame_counts, frame_total, "frame")], "mfccs")
    rows = _context_windows(builder, mfcc, frame_total, geometry)
    rows = builder.apply("Transpose", [rows], "time_major", perm=[1, 0, 2])
    lengths = builder.apply("Cast", [frame_counts], "lengths", to=TensorProto.INT32)
    time_major, _, _ = _acoustic_model(builder, deployment, rows, lengths=lengths)
    builder.apply("Transpose", [time_major], "probabilities", perm=[1, 0, 2])
    builder.output("probabilities", ("batch", "frames", geometry.n_classes))
    builder.output(frame_counts, ("batch",), TensorProto.INT64)
    return builder.model("batch", _properties(deployment, "batch"), OPSET)


def features_model(features: FeatureConfig) -> onnx.ModelProto:
    """Return the model that computes the features of the complete frames of a clip."""
    builder = GraphBuilder()
    samples = builder.input("samples", TensorProto.FLOAT, ("samples",))
    count = builder.apply("Shape", [samples], "sample_count")
    frame_total = _complete_frames(builder, count, features, "frame_total")
    builder.apply("Identity", [_features(builder, samples, frame_total, features)], "features")
    builder.output("features", ("frames", MFCC_COEFFICIENTS))
    return builder.model("features", {"kind": "features", **_feature_properties(features)}, OPSET)


def quantize(model: onnx.ModelProto, float_layers: Sequence[str] = ("layer_1",)) -> onnx.ModelProto:
    """Return the model with int8 matrices; activations are quantised at run time.

    Weights take only 7 bits, since 8 bits overflow on processors without VNNI.

    Args:
        model: streaming or batch model; its features remain in float64.
        float_layers: layers that remain in float32. Layer 1 has a fiftieth of the weights, and its
            input suffers most from quantisation to 255 steps: the first of the MFCCs is a hundred
            times as large as the others (benchmarks/export.py).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    prefixes = (_FEATURES, *(f"{layer}/" for layer in float_layers))
    kept = [node.name for node in model.graph.node if node.name.startswith(prefixes)]
    prepared = onnx.ModelProto()
    prepared.CopyFrom(model)
    # Marks the model as preprocessed; without the mark quantize_dynamic warns.
    helper.set_model_props(prepared, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        quantize_dynamic(
            prepared,
            path,
            op_types_to_quantize=["MatMul", "LSTM"],
            nodes_to_exclude=kept,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
        )
        quantized = onnx.load(path)
    del quantized.metadata_props[:]
    helper.set_model_props(quantized, {entry.key: entry.value for entry in model.metadata_props})
    return quantized


def _properties(deployment: Deployment, kind: str) -> dict[str, str]:
    return {
        "kind": kind,
        **_feature_properties(deployment.features),
        "beam_width": str(deployment.beam_width),
        "n_steps": str(deployment.n_steps),
        "n_context": str(deployment.geometry.n_context),
        "alphabet": base64.b64encode(deployment.alphabet.serialize()).decode(),
        "language": deployment.language,
    }


def _feature_properties(features: FeatureConfig) -> dict[str, str]:
    return {
        "format_version": str(FORMAT_VERSION),
        "sample_rate": str(features.sample_rate_hz),
        "feature_win_len": str(features.window_milliseconds),
        "feature_win_step": str(features.step_milliseconds),
    }


_FEATURES = "features/"


def _features(builder: GraphBuilder, samples: str, frame_total: str, config: FeatureConfig) -> str:
    """Return features `[..., frames, 26]` of samples `[..., samples]`: `mfcc.py` as operators.

    The Fourier transform is a matrix product, which every runtime supports and runs fast. The
    window is part of the matrix.
    """
    window, bins = config.window_samples, config.fft_length // 2 + 1
    turns = np.outer(np.arange(window), np.arange(bins)) % config.fft_length  # exact integers
    angle = -2 * np.pi / config.fft_length * turns
    tapered = hann_window(window)[:, None] * np.hstack([np.cos(angle), np.sin(angle)])

    def name(part: str) -> str:
        return _FEATURES + part

    index = _frame_index(builder, frame_total, config.step_samples, window, "frame")
    frames = builder.apply("Gather", [samples, index], name("frames"), axis=-1)
    frames = builder.apply("Cast", [frames], name("double"), to=TensorProto.DOUBLE)
    fourier = builder.constant(name("fourier_matrix"), tapered)
    spectrum = builder.apply("MatMul", [frames, fourier], name("spectrum"))
    squares = builder.apply("Mul", [spectrum, spectrum], name("squares"))
    builder.apply_many(
        "Split", [squares, builder.integers(bins, bins)], [name("real"), name("imag")], axis=-1
    )
    power = builder.apply("Add", [name("real"), name("imag")], name("power"))
    power = builder.apply("Cast", [power], name("power_rounded"), to=TensorProto.FLOAT)
    power = builder.apply("Cast", [power], name("power_double"), to=TensorProto.DOUBLE)
    magnitude = builder.apply("Sqrt", [power], name("magnitude"))
    filters = builder.constant(
        name("mel_filters"), mel_filters(config.sample_rate_hz, config.fft_length)
    )
    mel = builder.apply("MatMul", [magnitude, filters], name("mel"))
    floor = builder.constant(name("floor"), np.float64(LOG_FLOOR))
    mel = builder.apply("Max", [mel, floor], name("mel_above_floor"))
    mel = builder.apply("Log", [mel], name("log_mel"))
    cosines = builder.constant(name("dct_matrix"), dct_matrix())
    mfcc = builder.apply("MatMul", [mel, cosines], name("mfcc_double"))
    return builder.apply("Cast", [mfcc], name("mfcc"), to=TensorProto.FLOAT)


def _frame_index(builder: GraphBuilder, count: str, step: int, width: int, prefix: str) -> str:
    """Return indices `[count, width]`: row `n` is `n * step, ..., n * step + width - 1`."""
    starts = _range(builder, count, f"{prefix}_numbers")
    starts = builder.apply("Mul", [starts, builder.integers(step)], f"{prefix}_starts")
    column = builder.apply("Unsqueeze", [starts, builder.integers(1)], f"{prefix}_column")
    offsets = builder.constant(f"{prefix}_offsets", np.arange(width, dtype=np.int64))
    return builder.apply("Add", [column, offsets], f"{prefix}_index")


def _range(builder: GraphBuilder, count: str, output: str) -> str:
    """Return the numbers from 0 to `count - 1`; `count` is int64 `[1]`."""
    limit = builder.apply("Squeeze", [count, builder.integers(0)], f"{output}_limit")
    zero = builder.constant("zero", np.int64(0))
    one = builder.constant("one", np.int64(1))
    return builder.apply("Range", [zero, limit, one], output)


def _complete_frames(builder: GraphBuilder, counts: str, config: FeatureConfig, output: str) -> str:
    """Return the numbers of complete frames: `max(0, samples - window + step) // step`."""
    shift = builder.integers(config.step_samples - config.window_samples)
    shifted = builder.apply("Add", [counts, shift], f"{output}_shifted")
    positive = builder.apply("Max", [shifted, builder.integers(0)], f"{output}_positive")
    return builder.apply("Div", [positive, builder.integers(config.step_samples)], output)


def _runtime_frames(builder: GraphBuilder, counts: str, config: FeatureConfig, output: str) -> str:
    """Return the numbers of complete frames, plus one for the remaining samples."""
    complete = _complete_frames(builder, counts, config, f"{output}_complete")
    return builder.apply("Add", [complete, builder.integers(1)], output)


def _pad_clips(
    builder: GraphBuilder, samples: str, counts: str, config: FeatureConfig
) -> tuple[str, str]:
    """Set samples beyond each clip's end to zero, and pad all clips to the end of the last frame.

    Return the samples `[batch, padded]` and their number of frames, int64 `[1]`.
    """
    shape = builder.apply("Shape", [samples], "samples_shape")
    length = builder.apply(
        "Slice", [shape, builder.integers(1), builder.integers(2)], "padded_sample_count"
    )
    mask = _mask(builder, counts, length, "sample", axis=1)
    silenced = builder.apply("Mul", [samples, mask], "clips")
    frame_total = _runtime_frames(builder, length, config, "frame_total")
    steps = builder.apply("Mul", [frame_total, builder.integers(config.step_samples)], "steps")
    overlap = config.window_samples - config.step_samples
    wanted = builder.apply("Add", [steps, builder.integers(overlap)], "wanted_samples")
    missing = builder.apply("Sub", [wanted, length], "missing_samples")
    zeros = builder.constant("no_padding", np.zeros(3, np.int64))
    pads = builder.apply("Concat", [zeros, missing], "sample_pads", axis=0)
    return builder.apply("Pad", [silenced, pads], "padded_clips"), frame_total


def _mask(builder: GraphBuilder, counts: str, total: str, prefix: str, axis: int = 2) -> str:
    """Return 1 within clips and 0 beyond, float32 `[batch, total]`, or with a third axis of 1."""
    numbers = _range(builder, total, f"{prefix}_mask_numbers")
    column = builder.apply("Unsqueeze", [counts, builder.integers(1)], f"{prefix}_mask_column")
    inside = builder.apply("Less", [numbers, column], f"{prefix}_inside")
    mask = builder.apply("Cast", [inside], f"{prefix}_mask", to=TensorProto.FLOAT)
    if axis == 1:
        return mask
    return builder.apply("Unsqueeze", [mask, builder.integers(axis)], f"{prefix}_mask_3d")


def _context_windows(builder: GraphBuilder, mfcc: str, frame_total: str, geometry: Geometry) -> str:
    """Join frames `[batch, frames, 26]` with their neighbours: `[batch, frames, 494]`."""
    context = geometry.n_context
    pads = builder.constant("context_pads", np.array([0, context, 0, 0, context, 0], np.int64))
    padded = builder.apply("Pad", [mfcc, pads], "padded_frames")
    index = _frame_index(builder, frame_total, 1, 2 * context + 1, "window")
    windows = builder.apply("Gather", [padded, index], "window_frames", axis=1)
    return builder.reshape(windows, (0, 0, geometry.n_input), "windows")


def _acoustic_model(
    builder: GraphBuilder,
    deployment: Deployment,
    rows: str,
    *,
    initial: tuple[str, str] | None = None,
    lengths: str = "",
) -> tuple[str, str, str]:
    """Map windows `[frames, batch, 494]` to probabilities `[frames, batch, C]` and the last state.

    States are `[1, batch, H]`; c comes before h.
    """
    for layer in ("layer_1", "layer_2", "layer_3"):
        rows = _hidden_layer(builder, deployment, layer, rows)
    rows, c, h = _lstm(builder, deployment, rows, initial, lengths)
    rows = _hidden_layer(builder, deployment, "layer_5", rows)
    logits = _affine(builder, deployment, "layer_6", rows)
    return builder.apply("Softmax", [logits], "layer_6/softmax", axis=-1), c, h


def _affine(builder: GraphBuilder, deployment: Deployment, layer: str, rows: str) -> str:
    tensors = deployment.tensors
    weight = builder.constant(f"{layer}.weight", tensors[f"{layer}.weight"].T)
    bias = builder.constant(f"{layer}.bias", tensors[f"{layer}.bias"])
    product = builder.apply("MatMul", [rows, weight], f"{layer}/product")
    return builder.apply("Add", [product, bias], f"{layer}/sum")


def _hidden_layer(builder: GraphBuilder, deployment: Deployment, layer: str, rows: str) -> str:
    geometry, tensors = deployment.geometry, deployment.tensors
    low = builder.constant("clip_low", np.float32(0))
    high = builder.constant("clip_high", np.float32(geometry.relu_clip))
    sums = _affine(builder, deployment, layer, rows)
    clipped = builder.apply("Clip", [sums, low, high], f"{layer}/clip")
    if not geometry.layer_norm:
        return clipped
    parameters = [
        builder.constant(name, tensors[name])
        for name in (f"{layer}.norm.weight", f"{layer}.norm.bias")
    ]
    return builder.apply(
        "LayerNormalization",
        [clipped, *parameters],
        f"{layer}/norm",
        axis=-1,
        epsilon=LAYER_NORM_EPSILON,
    )


def _lstm(
    builder: GraphBuilder,
    deployment: Deployment,
    rows: str,
    initial: tuple[str, str] | None,
    lengths: str,
) -> tuple[str, str, str]:
    tensors, hidden = deployment.tensors, deployment.geometry.n_hidden
    names = ("lstm.weight_ih", "lstm.weight_hh")
    inputs = [rows, *(builder.constant(name, onnx_gates(tensors[name])[None]) for name in names)]
    # ONNX expects one bias for each of the two matrices.
    biases = np.concatenate([onnx_gates(tensors["lstm.bias"]), np.zeros(4 * hidden, np.float32)])
    inputs.append(builder.constant("lstm.bias", biases[None]))
    inputs.append(lengths)
    if initial:
        c, h = initial
        inputs += [h, c]
    builder.apply_many("LSTM", inputs, ["lstm/y", "lstm/h", "lstm/c"], hidden_size=hidden)
    output = builder.apply("Squeeze", ["lstm/y", builder.integers(1)], "lstm/output")
    return output, "lstm/c", "lstm/h"
