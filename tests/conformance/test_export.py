"""Exports of every encoder: the file gives the model's results and is safe to run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.errors import ExportError
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.encoder_model import EncoderModel
from coqui_stt_training.models.streaming.model import StreamingConformer
from coqui_stt_training.models.streaming.specification import StreamingEncoder
from coqui_stt_training.models.tensors import weights_of
from stt.engines import open_engine

from .examples import EXAMPLES, Example

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment, Precision
from coqui_stt_training.exporting.encoder.onnx_writer import encoder_model
from coqui_stt_training.scoring.engine import EncoderCheckpoint, StreamingCheckpoint

ALPHABET = Alphabet.from_labels("abcd")
# Tolerance of a probability. float32 differs by the order of additions, float16 by rounded weights.
# int8 is less exact in these models, with a dozen values per frame, than in real ones.
BOUNDS: dict[Precision, float] = {"float32": 1e-4, "float16": 5e-3, "int8": 0.15}
ENCODERS = {
    name: example
    for name, example in EXAMPLES.items()
    if isinstance(example.specification, EncoderSpecification)
}
EXPORTED = {
    name: example
    for name, example in ENCODERS.items()
    if example.specification.architecture in ("whisper", "wav2vec2", "conformer")
}
STREAMED = {
    name: example
    for name, example in ENCODERS.items()
    if isinstance(example.specification, StreamingEncoder)
    and example.specification.head == "linear"
}
OTHERS = {name: example for name, example in ENCODERS.items() if name not in EXPORTED | STREAMED}


def deployment(example: Example) -> tuple[EncoderModel, EncoderDeployment]:
    model = example.model()
    assert isinstance(model, EncoderModel)
    return model, EncoderDeployment(model.specification, weights_of(model), ALPHABET)


def write(folder: Path, described: EncoderDeployment, precision: Precision) -> Path:
    path = folder / f"{precision}.onnx"
    path.write_bytes(encoder_model(described, precision).SerializeToString())
    return path


def lengths(described: EncoderDeployment) -> list[int]:
    shortest = described.shortest_samples
    longest = int(described.longest_seconds * described.features.sample_rate_hz)
    wanted = [0, shortest - 1, shortest, shortest + 1, 300, 1999, 2560, longest, longest + 4567]
    return [count for count in wanted if count >= 0]


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("example", EXPORTED.values(), ids=EXPORTED)
def test_the_runtime_hears_what_the_checkpoint_does(
    example: Example, precision: Precision, tmp_path: Path
) -> None:
    model, described = deployment(example)
    checkpoint = EncoderCheckpoint(model, described.features, ALPHABET)
    engine = open_engine(write(tmp_path, described, precision), threads=1, parallel=1)
    assert engine.info.step_seconds == pytest.approx(checkpoint.info.step_seconds)
    random = np.random.default_rng(0)
    for count in lengths(described):
        if count > 20_000:  # 30 s of audio would only take longer
            continue
        audio = (3000 * random.standard_normal(count)).astype(np.int16)
        wanted, found = checkpoint.posteriors(audio), engine.posteriors(audio)
        assert found.shape == wanted.shape, count
        np.testing.assert_allclose(found, wanted, atol=BOUNDS[precision], err_msg=str(count))


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("example", STREAMED.values(), ids=STREAMED)
def test_a_stream_is_heard_as_the_checkpoint_does_whatever_its_pieces(
    example: Example, precision: Precision, tmp_path: Path
) -> None:
    model, described = deployment(example)
    assert isinstance(model, StreamingConformer)
    checkpoint = StreamingCheckpoint(model, ALPHABET)
    engine = open_engine(write(tmp_path, described, precision), threads=1, parallel=1)
    assert engine.info.step_seconds == pytest.approx(checkpoint.info.step_seconds)
    random = np.random.default_rng(0)
    for count in (0, 1, 159, 1999, 16_000, 40_001):
        audio = (3000 * random.standard_normal(count)).astype(np.int16)
        wanted, found = checkpoint.posteriors(audio), engine.posteriors(audio)
        assert found.shape == wanted.shape, count
        np.testing.assert_allclose(found, wanted, atol=BOUNDS[precision], err_msg=str(count))
        stream, parts = engine.open_stream(), []
        for start in range(0, count, 777):
            parts.append(stream.feed(audio[start : start + 777]))
            if start == 7770:  # feeding a copy must not change this stream
                stream.copy().feed(audio)
        live = np.concatenate([*parts, stream.finish()])
        np.testing.assert_allclose(live, found, atol=1e-5 if precision != "int8" else 0.05)


@pytest.mark.parametrize("example", OTHERS.values(), ids=OTHERS)
def test_a_model_without_operators_is_refused(example: Example) -> None:
    _, described = deployment(example)
    with pytest.raises(ExportError, match=r"use the checkpoint with the stt command"):
        encoder_model(described, "float32")
