"""`.onnx` models of encoders: from samples to probabilities, including the front end.

    samples float32 [n], full scale at -1 and 1  ->  probabilities float32 [frames, classes]

The graph takes one clip at a time, at its own length, without padding or masks. It has no control
flow, and all shapes depend only on the number of samples. `metadata_props` contains the settings
that a runtime needs; docs/export.md lists them. `streaming.py` writes streaming encoders.
"""

from __future__ import annotations

import onnx
from onnx import TensorProto

from ...errors import ExportError
from ...models.conformer.specification import ConformerEncoder
from ...models.encoder import OUTPUT
from ...models.streaming.specification import StreamingEncoder
from ...models.wav2vec2.specification import Wav2Vec2Encoder
from ...models.whisper.specification import WhisperEncoder
from ..onnx_graph import GraphBuilder
from .conformer import conformer
from .deployment import KIND, EncoderDeployment, Precision
from .front_ends import features
from .layers import Layers
from .streaming import streaming_model
from .wav2vec2 import wav2vec2
from .whisper import whisper

OPSET = 20  # the first with Gelu
_WRITTEN = (WhisperEncoder, Wav2Vec2Encoder, ConformerEncoder, StreamingEncoder)
_BYTES = {"float32": 4, "float16": 2, "int8": 1}
_LARGEST_BYTES = (1 << 31) - (1 << 24)  # protobuf's limit for a message, less some reserve


def encoder_model(deployment: EncoderDeployment, precision: Precision) -> onnx.ModelProto:
    """Return the ONNX model of an encoder.

    Args:
        deployment: encoder to write.
        precision: type in which matrices of products are stored.

    Raises:
        ExportError: the architecture or its head cannot be exported, or the model is too large for
            a single file.
    """
    _check(deployment, precision)
    specification = deployment.specification
    if isinstance(specification, StreamingEncoder):
        return streaming_model(deployment, specification, precision, OPSET)
    builder = GraphBuilder()
    layers = Layers(builder, deployment.tensors, precision)
    samples = builder.input("samples", TensorProto.FLOAT, ("samples",))
    x = _encoded(layers, features(builder, samples, deployment.features), deployment)
    if specification.mixed_layers:
        x = layers.mixed(specification.mixed_layers, specification.width)
    for name in specification.head_names:
        x = layers.lstm(x, name)
    logits = layers.linear(x, OUTPUT)
    builder.apply("Softmax", [logits], "probabilities", axis=-1)
    builder.output("probabilities", ("frames", specification.n_classes))
    return builder.model(KIND, deployment.properties(precision), OPSET)


def _encoded(layers: Layers, x: str, deployment: EncoderDeployment) -> str:
    specification, most = deployment.specification, deployment.most_frames
    if isinstance(specification, WhisperEncoder):
        return whisper(layers, x, specification)
    if isinstance(specification, Wav2Vec2Encoder):
        return wav2vec2(layers, x, specification, most)
    if isinstance(specification, ConformerEncoder):
        return conformer(layers, x, specification, most)
    raise TypeError(f"no operators are known for {specification.architecture}")


def _check(deployment: EncoderDeployment, precision: Precision) -> None:
    if not isinstance(deployment.specification, _WRITTEN):
        raise ExportError(
            f"{deployment.specification.architecture} models cannot be exported; use the "
            "checkpoint with coqui_stt_training.evaluate or the stt command"
        )
    size = sum(tensor.size for tensor in deployment.tensors.values()) * _BYTES[precision]
    if size > _LARGEST_BYTES:
        raise ExportError(
            f"the model has {size / 1e9:.1f} GB in {precision}, but an .onnx file is limited to 2 "
            "GB; export it in int8 (--export_quantize true) or float16 (--export_float16 true)"
        )
