"""The contents of an exported model, for all formats."""

from __future__ import annotations

from dataclasses import dataclass

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.frontends.mfcc_config import FeatureConfig

from ..checkpoints.source import Tensors, is_finite
from ..errors import CheckpointError, FlagError
from ..models.deepspeech.geometry import Geometry
from ..models.specification import Specification

MAX_STEPS = 512  # a .tflite graph is unrolled: about a dozen operators for each step
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Deployment:
    """A DeepSpeech model, and the settings that its runtime needs.

    Attributes:
        geometry: dimensions of the model.
        tensors: float32 tensors with the names and shapes of `geometry.tensor_shapes()`.
        alphabet: labels of the model's classes.
        features: settings of the input features.
        n_steps: number of frames that a streaming model takes in one call (`--n_steps`).
        beam_width: default beam width of the decoder (`--export_beam_width`).
        language: BCP 47 tag, or empty (`--export_language`).

    Raises:
        CheckpointError: tensors are missing, misshapen, or hold NaN or infinite values, or the
            alphabet does not fit the last layer.
        FlagError: a number is out of range.
    """

    geometry: Geometry
    tensors: Tensors
    alphabet: Alphabet
    features: FeatureConfig
    n_steps: int = 16
    beam_width: int = 500
    language: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.n_steps <= MAX_STEPS:
            raise FlagError(f"--n_steps {self.n_steps}: must be from 1 to {MAX_STEPS}")
        check_beam_width(self.beam_width)
        check_tensors(self.geometry, self.tensors, self.alphabet)


def check_beam_width(beam_width: int) -> None:
    """Check that a model file can store a beam width.

    Raises:
        FlagError: the beam width is out of range.
    """
    if not 1 <= beam_width <= INT32_MAX:
        raise FlagError(f"--export_beam_width {beam_width}: must be from 1 to {INT32_MAX}")


def check_tensors(specification: Specification, tensors: Tensors, alphabet: Alphabet) -> None:
    """Check that a model is complete, and that its output layer fits an alphabet.

    Raises:
        CheckpointError: tensors are missing, misshapen, or hold NaN or infinite values, or the
            alphabet does not fit the last layer.
    """
    if alphabet.size + 1 != specification.n_classes:
        raise CheckpointError(
            f"the model has {specification.n_classes} classes, but the alphabet has "
            f"{alphabet.size} labels, which with the blank make {alphabet.size + 1}; give the "
            "alphabet that the model was trained with (--alphabet_config_path, or "
            "--bytes_output_mode true)"
        )
    for name, shape in specification.tensor_shapes().items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != shape:
            found = "missing" if tensor is None else f"of shape {list(tensor.shape)}"
            raise CheckpointError(f"tensor {name} is {found}; it should be {list(shape)}")
        if not is_finite(tensor):
            raise CheckpointError(
                f"tensor {name} contains NaN or infinite values; export an earlier checkpoint"
            )
