"""An encoder, and the settings that its runtime needs."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Literal

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.engines.chunked import CHUNKS_AT_A_TIME
from stt.engines.utterance import LIVE, Pieces
from stt.frontends import FrontEnd, describe_front_end

from ...checkpoints.source import Tensors
from ...models.encoder import EncoderSpecification
from ...models.specification import describe_specification, step_seconds
from ...models.streaming.specification import StreamingEncoder
from ...scoring.engine import longest_seconds
from ..deployment import check_beam_width, check_tensors

Precision = Literal["float32", "float16", "int8"]

FORMAT_VERSION = 1  # version of the interface and of the metadata
KIND, CHUNKED = "utterance", "chunked"
_MOST_FRAMES_AT_A_TIME = 512  # output frames of one call of a streaming model


@dataclass(frozen=True)
class EncoderDeployment:
    """An encoder, and the settings that its runtime needs.

    Attributes:
        specification: specification of the model.
        tensors: float32 tensors with the names and shapes of `specification.tensor_shapes()`.
        alphabet: labels of the model's classes.
        beam_width: default beam width of the decoder (`--export_beam_width`).
        language: BCP 47 tag, or empty (`--export_language`).
        live: lengths of the pieces into which live streams are cut.

    Raises:
        CheckpointError: tensors are missing, misshapen, or hold NaN or infinite values, or the
            alphabet does not fit the last layer.
        FlagError: a number is out of range.
    """

    specification: EncoderSpecification
    tensors: Tensors
    alphabet: Alphabet
    beam_width: int = 500
    language: str = ""
    live: Pieces = field(default=LIVE)

    def __post_init__(self) -> None:
        check_beam_width(self.beam_width)
        check_tensors(self.specification, self.tensors, self.alphabet)

    @property
    def features(self) -> FrontEnd:
        """Front end of the model."""
        return self.specification.front_end

    @property
    def longest_seconds(self) -> float:
        """Duration of the longest clip that is processed as a whole."""
        return longest_seconds(self.specification)

    @property
    def most_frames(self) -> int:
        """Number of output frames of the longest clip."""
        samples = int(self.longest_seconds * self.features.sample_rate_hz)
        return self.specification.output_length(self.features.frame_count(samples))

    @property
    def shortest_samples(self) -> int:
        """Smallest number of samples that gives an output frame."""
        low, high = 1, int(self.longest_seconds * self.features.sample_rate_hz)
        while low < high:
            middle = (low + high) // 2
            frames = self.specification.output_length(self.features.frame_count(middle))
            low, high = (low, middle) if frames else (middle + 1, high)
        return low

    def properties(self, precision: Precision) -> dict[str, str]:
        """Return the metadata of a model file for whole clips."""
        live = self.live.within(self.longest_seconds)
        return {
            **self._common_properties(KIND, precision),
            "step_seconds": repr(step_seconds(self.specification, self.features)),
            "shortest_samples": str(self.shortest_samples),
            "longest_seconds": repr(self.longest_seconds),
            "live_piece_seconds": repr(live.piece_seconds),
            "live_left_seconds": repr(live.left_seconds),
            "live_ahead_seconds": repr(live.ahead_seconds),
        }

    def chunked_properties(
        self, specification: StreamingEncoder, precision: Precision
    ) -> dict[str, str]:
        """Return the metadata of a model file for chunks (a streaming encoder)."""
        return {
            **self._common_properties(CHUNKED, precision),
            "chunk_features": str(specification.chunk_frames * specification.reduction),
            "reduction": str(specification.reduction),
            "most_chunks": str(most_chunks(specification)),
        }

    def _common_properties(self, kind: str, precision: Precision) -> dict[str, str]:
        return {
            "kind": kind,
            "format_version": str(FORMAT_VERSION),
            "sample_rate": str(self.features.sample_rate_hz),
            "beam_width": str(self.beam_width),
            "alphabet": base64.b64encode(self.alphabet.serialize()).decode(),
            "language": self.language,
            "precision": precision,
            "model": json.dumps(describe_specification(self.specification)),
            "front_end": json.dumps(describe_front_end(self.features)),
        }


def most_chunks(specification: StreamingEncoder) -> int:
    """Return the largest number of chunks that a streaming encoder takes in one call."""
    return max(1, min(CHUNKS_AT_A_TIME, _MOST_FRAMES_AT_A_TIME // specification.chunk_frames))
