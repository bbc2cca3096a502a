"""Models to export, ways to run them as runtimes do, and upstream's own checkpoints and exports."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import numpy_graph
from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.exporting.deployment import Deployment
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt.audio.file import read_audio
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig

ORACLE = Path(__file__).resolve().parents[1] / "../shared/oracle/tf"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason=f"no reference data in {ORACLE}")

# Largest difference allowed between LiteRT's probabilities and libstt's. Float: versions of
# TensorFlow themselves differ by 4e-6. int8: LiteRT's tanh is newer than libstt's; a difference in
# its last bit can round an activation to the neighbouring 8-bit value. (Our own engine rounds as
# libstt does: `test_stt_native.py`.)
LITERT_TOLERANCE = {"float": 1e-5, "quant": 2e-2}
UPSTREAM_FEATURES = FeatureConfig()
Array = NDArray[np.float32]
# (features [1, n_steps, 19, 26], c [1, H], h [1, H]) -> (probabilities [n_steps, C], c, h)
Step = Callable[[Array, Array, Array], tuple[Array, Array, Array]]


def runtime_features(wav: str, config: FeatureConfig = UPSTREAM_FEATURES) -> Array:
    """Return features `[T + 1, 26]` as libstt computes them: with one more, zero-padded window."""
    samples = read_audio(ORACLE / "wav" / wav, config.sample_rate_hz)
    complete = config.frame_count(len(samples))
    wanted = complete * config.step_samples + config.window_samples
    return Mfcc(config)(np.pad(samples, (0, wanted - len(samples))))


def stream(
    step: Step, features: Array, n_hidden: int, n_steps: int = 16, n_context: int = 9
) -> Array:
    """Return probabilities `[frames, classes]` of a streaming model, `n_steps` frames at a time."""
    width = 2 * n_context + 1
    padded = np.pad(features, ((n_context, n_context), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0).transpose(0, 2, 1)
    c = h = np.zeros((1, n_hidden), np.float32)
    results = []
    for start in range(0, len(windows), n_steps):
        block = np.zeros((1, n_steps, width, 26), np.float32)
        part = windows[start : start + n_steps]
        block[0, : len(part)] = part
        posteriors, c, h = step(block, c, h)
        results.append(posteriors)
    return np.concatenate(results)[: len(features)]


def litert_step(model: bytes) -> Step:
    """Return a step of an acoustic-only `.tflite` file, run by the int8 kernels of libstt."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=model,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def step(block: Array, c: Array, h: Array) -> tuple[Array, Array, Array]:
        for index, value in zip(inputs, (block, c, h), strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        posteriors, new_c, new_h = (interpreter.get_tensor(index) for index in outputs)
        return posteriors, new_c, new_h

    return step


def random_deployment(
    geometry: Geometry,
    *,
    features: FeatureConfig = UPSTREAM_FEATURES,
    n_steps: int = 16,
    language: str = "",
    seed: int = 0,
) -> Deployment:
    """Return a model with random weights, large enough that every layer affects the result."""
    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in geometry.tensor_shapes().items():
        spread = 1.5 / np.sqrt(shape[-1]) if len(shape) == 2 else 0.1
        centre = 1.0 if name.endswith("norm.weight") else 0.0
        tensors[name] = random.normal(centre, spread, shape).astype(np.float32)
    alphabet = UTF8Alphabet()
    if geometry.n_classes != 256:
        letters = [chr(0x61 + index) for index in range(geometry.n_classes - 2)]
        alphabet = Alphabet.from_labels([" ", *letters])
    return Deployment(
        geometry, tensors, alphabet, features, n_steps=n_steps, beam_width=77, language=language
    )


def reference_probabilities(deployment: Deployment, features: Array) -> Array:
    """Return probabilities `[T, C]` for features `[T, 26]`, computed in float64."""
    geometry = deployment.geometry
    tensors = {name: value.astype(np.float64) for name, value in deployment.tensors.items()}
    windows = numpy_graph.windows(features.astype(np.float64), geometry.n_context)
    logits = numpy_graph.logits(tensors, geometry, windows)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def genuine(model: str) -> bytes:
    """Return one of the `.tflite` files that upstream exported."""
    return (ORACLE / "tflite" / f"{model}.tflite").read_bytes()


def upstream_deployment(name: str) -> Deployment:
    """Return one of upstream's checkpoints, ready to export."""
    source = load_source(ORACLE / "ckpt" / name)
    assert source.alphabet is not None
    return Deployment(
        source.specification,
        source.tensors,
        source.alphabet,
        UPSTREAM_FEATURES,
        language="en-Latn-US",
    )
