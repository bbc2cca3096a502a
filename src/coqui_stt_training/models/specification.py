"""The specification of an acoustic model: its architecture and parameters, without weights.

From the parameters follow the layers in order, the tensors and their shapes, the number of output
frames, and the memory for training. The rest of the program uses only this interface. This module
does not import PyTorch.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol, TypeVar

from stt.frontends import FrontEnd
from stt.plain_values import restore

Spec = TypeVar("Spec", bound="Specification")

# The specification and the module of each architecture, which are imported when needed.
ARCHITECTURES: Mapping[str, tuple[str, str]] = {
    "deepspeech": ("deepspeech.geometry:Geometry", "deepspeech.model:DeepSpeech"),
    "whisper": ("whisper.specification:WhisperEncoder", "whisper.model:Whisper"),
    "conformer": ("conformer.specification:ConformerEncoder", "conformer.model:Conformer"),
    "streaming_conformer": (
        "streaming.specification:StreamingEncoder",
        "streaming.model:StreamingConformer",
    ),
    "wav2vec2": ("wav2vec2.specification:Wav2Vec2Encoder", "wav2vec2.model:Wav2Vec2"),
}

# Of layers, widths and classes; an alphabet cannot have more labels.
_LARGEST_PARAMETER = 1 << 16
_RATIO_SECONDS = 10


class Specification(Protocol):
    """Describes an acoustic model; a frozen dataclass of JSON values.

    A tensor's name begins with that of its layer: `layer_1.norm.bias` belongs to `layer_1`. If its
    last part begins with `running_`, it is a running statistic of the layer, without gradient.
    """

    architecture: ClassVar[str]

    @property
    def n_classes(self) -> int:
        """Number of classes: the labels of the alphabet, and the blank, which is the last class."""
        ...

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers from the input to the output layer."""
        ...

    @property
    def encoder_layers(self) -> tuple[str, ...]:
        """Names of the encoder's layers, from the input on; the other layers are the head."""
        ...

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by name, in the order of the layers.

        The output layer has a `weight` `[classes, ...]`, a `bias` `[classes]`, and nothing else.
        """
        ...

    def output_length(self, frames: int) -> int:
        """Return the number of output frames for a number of frames of the front end."""
        ...

    def activation_values(self, frames: int) -> int:
        """Return about how many float32 values a clip keeps for the backward pass."""
        ...

    def with_classes(self: Spec, n_classes: int) -> Spec:
        """Return the same model with another number of classes."""
        ...

    def describe(self) -> str:
        """Return the parameters in a few words, for people."""
        ...


def layer_of(tensor_name: str) -> str:
    """Return the layer that a tensor belongs to."""
    return tensor_name.split(".", 1)[0]


def is_statistic(tensor_name: str) -> bool:
    """Say whether a tensor is a running statistic: a buffer, which has no optimizer state."""
    return tensor_name.rsplit(".", 1)[-1].startswith("running_")


def step_seconds(specification: Specification, front_end: FrontEnd) -> float:
    """Return the time from the start of one output frame to that of the next.

    Args:
        specification: specification of the model.
        front_end: front end that computes its input.
    """
    # The difference of two lengths does not depend on frames that are lost at the ends.
    count = front_end.frame_count(_RATIO_SECONDS * front_end.sample_rate_hz)
    more = specification.output_length(2 * count) - specification.output_length(count)
    return front_end.step_seconds * round(count / more)


def describe_specification(specification: Specification) -> dict[str, Any]:
    """Return a specification as JSON values, for `restore_specification`."""
    parameters = dataclasses.asdict(specification)  # type: ignore[call-overload]
    return {"architecture": specification.architecture, **parameters}


def parameter_count(specification: Specification) -> int:
    """Return the number of values of all tensors of a model."""
    return sum(math.prod(shape) for shape in specification.tensor_shapes().values())


def restore_specification(description: Mapping[str, Any]) -> Specification:
    """Return the specification that JSON values describe.

    Args:
        description: result of `describe_specification`. Without an architecture it describes the
            DeepSpeech graph, the only one in early releases.

    Raises:
        ValueError: the architecture is unknown, or parameters are invalid.
        TypeError: there are parameters that the architecture does not have.
    """
    parameters = dict(description)
    architecture = parameters.pop("architecture", "deepspeech")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise ValueError(
            f"unknown architecture {str(architecture)[:80]!r}; known are {', '.join(ARCHITECTURES)}"
        )
    home = load(ARCHITECTURES[architecture][0])
    specification: Specification = restore(home, parameters, _LARGEST_PARAMETER)
    return specification


def load(home: str) -> Any:
    """Import a `module:name`, relative to this folder."""
    module, name = home.split(":")
    return getattr(import_module(f".{module}", __package__), name)
