"""What an acoustic model is, without its weights: everything that is needed to build it.

A specification names its architecture and owns what follows from its parameters: the layers in
order, the tensors and their shapes, how many frames come out, how much memory they take. The rest
of the program knows models by this alone. Nothing here needs PyTorch.
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

# The specification and the module of each architecture; imported when one is needed.
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

# Layers, widths, classes: an alphabet has at most as many labels.
_LARGEST_PARAMETER = 1 << 16
_RATIO_SECONDS = 10


class Specification(Protocol):
    """Describes an acoustic model; a frozen dataclass of JSON values.

    A tensor's name begins with that of its layer: `layer_1.norm.bias` is of `layer_1`. One whose
    last part begins with `running_` is a statistic that a layer keeps, which no gradient changes.
    """

    architecture: ClassVar[str]

    @property
    def n_classes(self) -> int:
        """Labels of the alphabet and the blank, which is the last class."""
        ...

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers from the input to the output; the last one has a row for a class."""
        ...

    @property
    def encoder_layers(self) -> tuple[str, ...]:
        """Names of those that hear, from the input on; the others are the head, which writes."""
        ...

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor by name, in the order of the layers.

        The output layer has a `weight` `[classes, ...]` and a `bias` `[classes]` and nothing else.
        """
        ...

    def output_length(self, frames: int) -> int:
        """Return how many frames come out for so many frames of the front end."""
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
        specification: of the model.
        front_end: what it takes.
    """
    # What a longer clip has more is told by the ratio alone, not by what its ends lack.
    count = front_end.frame_count(_RATIO_SECONDS * front_end.sample_rate_hz)
    more = specification.output_length(2 * count) - specification.output_length(count)
    return front_end.step_seconds * round(count / more)


def describe_specification(specification: Specification) -> dict[str, Any]:
    """Return a specification as JSON values, for `restore_specification`."""
    parameters = dataclasses.asdict(specification)  # type: ignore[call-overload]
    return {"architecture": specification.architecture, **parameters}


def parameter_count(specification: Specification) -> int:
    """Return how many values the tensors of a model have together."""
    return sum(math.prod(shape) for shape in specification.tensor_shapes().values())


def restore_specification(description: Mapping[str, Any]) -> Specification:
    """Return the specification that JSON values describe.

    Args:
        description: what `describe_specification` gave; without an architecture it is of the
            DeepSpeech graph, as all were once.

    Raises:
        ValueError: it describes none: an unknown architecture, or impossible parameters.
        TypeError: parameters that are none of it.
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
    """Import what `module:name` says, relative to this folder."""
    module, name = home.split(":")
    return getattr(import_module(f".{module}", __package__), name)
