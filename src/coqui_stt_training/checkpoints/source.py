"""A pre-trained model as something to start from, whatever file it was read from."""

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
    tensor_steps: Mapping[str, int] = field(default_factory=dict)  # where layers were frozen


@dataclass(frozen=True)
class SourceModel:
    """What a checkpoint says of itself, and its weights.

    Attributes:
        format: `coqui-stt`, `tflite`, ...: a value of `recognise.Format`.
        path: the file, or the prefix, that was read.
        specification: of the model, read from the tensors.
        tensors: float32, named and shaped as `specification.tensor_shapes()` says. May be
            memory-mapped or transposed views (`Adam`'s moments too); copy before writing, and do
            not count on strides. An encoder's file may lack the layers of a head.
        alphabet: None where neither the checkpoint nor a file beside it says.
        features: sample rate, window and step; None where the format does not say.
        adam: optimizer state where the checkpoint has any; moments it lacks are zero, as upstream
            makes them, and a note says so.
        learning_rate: the stored one, where there is one.
        step: training steps taken, 0 where unknown.
        notes: what a person should know of this source, a sentence each (precision lost, slots
            missing, ...).
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
        """Whether it has an output layer; a pre-trained encoder alone has none."""
        return f"{self.specification.layers[-1]}.weight" in self.tensors

    def normalizes_transcripts(self, asked: str) -> bool:
        """Say whether transcripts are normalised for this model.

        Args:
            asked: `true`, `false`, or `auto`: as the model was trained.
        """
        flags = self.details.get("flags")
        trained = flags.get("normalize_transcripts") if isinstance(flags, Mapping) else None
        return (trained if asked == "auto" else asked) == "true"


def is_finite(values: NDArray[np.float32]) -> bool:
    """Say whether an array holds neither NaN nor infinity, without an array of answers."""
    # A sum is quick and shows any; only one that is too large by itself needs the closer look.
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(values.sum()) or bool(np.isfinite(values).all())
