"""What upstream made of its models, and models run as its runtime runs them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from coqui_stt_training.audio import read_audio
from coqui_stt_training.features import FeatureConfig, Mfcc

ORACLE = Path(__file__).resolve().parents[2] / "../shared/oracle/tf"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason=f"no reference data in {ORACLE}")

UPSTREAM_FEATURES = FeatureConfig()
Array = NDArray[np.float32]
# (features [1, n_steps, 19, 26], c [1, H], h [1, H]) -> (probabilities [n_steps, C], c, h)
Step = Callable[[Array, Array, Array], tuple[Array, Array, Array]]


def runtime_features(wav: str, config: FeatureConfig = UPSTREAM_FEATURES) -> Array:
    """Features `[T + 1, 26]` as libstt computes them: one zero-padded window more."""
    samples = read_audio(ORACLE / "wav" / wav, config.sample_rate_hz)
    complete = config.frame_count(len(samples))
    wanted = complete * config.step_samples + config.window_samples
    return Mfcc(config)(np.pad(samples, (0, wanted - len(samples))))


def stream(step: Step, features: Array, n_hidden: int, n_steps: int = 16) -> Array:
    """Probabilities `[frames, classes]` of a streaming model, `n_steps` frames at a time."""
    padded = np.pad(features, ((9, 9), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 19, axis=0).transpose(0, 2, 1)
    c = h = np.zeros((1, n_hidden), np.float32)
    results = []
    for start in range(0, len(windows), n_steps):
        block = np.zeros((1, n_steps, 19, 26), np.float32)
        part = windows[start : start + n_steps]
        block[0, : len(part)] = part
        probabilities, c, h = step(block, c, h)
        results.append(probabilities)
    return np.concatenate(results)[: len(features)]


def litert_step(model: bytes) -> Step:
    """Run an acoustic-only `.tflite` file with the kernels that libstt uses for int8."""
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
        probabilities, new_c, new_h = (interpreter.get_tensor(index) for index in outputs)
        return probabilities, new_c, new_h

    return step
