"""Models, audio and expected results that tests of the runtime share."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import stt
from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from coqui_stt_training.exporting.deployment import Deployment
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt.frontends.mfcc_config import FeatureConfig

SHARED = Path(__file__).resolve().parents[1] / "../shared"
ORACLE = SHARED / "oracle/tf"
SCORERS = SHARED / "oracle/decoder/scorers"
needs_oracle = pytest.mark.skipif(not ORACLE.is_dir(), reason=f"no reference data in {ORACLE}")

SENTENCE = "she had your dark suit in greasy wash water all year"


@cache
def speech(name: str = "LDC93S1") -> NDArray[np.int16]:
    samples, _ = soundfile.read(ORACLE / f"wav/{name}.wav", dtype="int16")
    return samples


@cache
def libstt(file: str) -> Any:
    """Return the results of the real libstt for the clips."""
    path = ORACLE / "libstt" / file
    return json.loads(path.read_text()) if path.suffix == ".json" else dict(np.load(path))


def random_deployment(n_hidden: int = 32, labels: str = " abcdefgh", **options: Any) -> Deployment:
    """Return a model with random weights."""
    geometry = Geometry(n_hidden, len(labels) + 1)
    random = np.random.default_rng(0)
    tensors = {
        name: random.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in geometry.tensor_shapes().items()
    }
    alphabet = Alphabet.from_labels(labels)
    return Deployment(geometry, tensors, alphabet, FeatureConfig(), **options)


def write_random_model(folder: Path, **options: Any) -> Path:
    path = folder / "random.tflite"
    path.write_bytes(tflite_model(random_deployment(**options), quantize=False))
    return path


def noise(seconds: float, seed: int = 0) -> NDArray[np.int16]:
    random = np.random.default_rng(seed)
    return (random.normal(0, 3000, int(seconds * 16000))).clip(-32768, 32767).astype(np.int16)


@cache
def trained(name: str = "cpu_n64_quant") -> stt.Model:
    """Return a model trained on one sentence; tests share it, so they must not change it."""
    return stt.Model(ORACLE / f"tflite/{name}.tflite")
