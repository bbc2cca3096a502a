"""A source model: a pre-trained model to start from, read from any format."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.frontends import FrontEnd

from ..models.specification import Specification

Tensors = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class AdamState:
    """Adam's moments, under the names of the tensors they belong to, and its step count."""

    first_moments: Tensors
    second_moments: Tensors
    step: int  # updates done so far; bias correction of the next one uses step + 1
    tensor_steps: Mapping[str, int] = field(default_factory=dict)  # if layers were frozen


@dataclass(frozen=True)
class SourceModel:
    """A source model.

    Attributes:
        format: name of its format: a value of `recognise.Format`, or `fairseq`.
        path: the file, folder, or prefix that was read.
        specification: specification of the model.
        tensors: float32, with names and shapes of `specification.tensor_shapes()`. They may be
            memory-mapped or transposed views, as may Adam's moments: copy them before writing, and
            make no assumption on strides. A pre-trained encoder lacks the layers of the head.
        alphabet: alphabet of the output layer, or None if it is unknown.
        features: front end, or None if it is unknown.
        adam: optimizer state, or None; missing moments are zero, as in upstream, with a note.
        learning_rate: learning rate of the training, or None if it is unknown.
        step: number of training steps, 0 if unknown.
        notes: notes for the user, each a sentence (lost precision, missing moments, ...).
        details: further facts for `inspect`, JSON values.
    """

    format: str
    path: Path
    specification: Specification
    tensors: Tensors
    alphabet: Alphabet | None = None
    features: FrontEnd | None = None
    adam: AdamState | None = None
    learning_rate: float | None = None
    step: int = 0
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_output(self) -> bool:
        """Whether the model has an output layer; a pre-trained encoder has none."""
        return f"{self.specification.layers[-1]}.weight" in self.tensors

    def normalizes_transcripts(self, asked: str) -> bool:
        """Say whether to normalise transcripts for this model.

        Args:
            asked: `true`, `false`, or `auto`: as the model was trained.
        """
        flags = self.details.get("flags")
        trained = flags.get("normalize_transcripts") if isinstance(flags, Mapping) else None
        return (trained if asked == "auto" else asked) == "true"


def is_finite(values: NDArray[np.float32]) -> bool:
    """Say whether an array has neither NaN nor infinity, without a temporary array if possible."""
    # A finite sum proves it. Other sums prove nothing, as a sum of finite values can overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(values.sum()) or bool(np.isfinite(values).all())
