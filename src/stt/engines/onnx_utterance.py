"""Runs the encoders of whole clips of our `.onnx` exports with ONNX Runtime.

Inputs are samples, outputs are probabilities; the graph contains the front end. The metadata of the
file describes the model (docs/export.md). The file is checked before ONNX Runtime loads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..onnx.graph import OnnxError, OnnxGraph, read_onnx, read_onnx_metadata
from ..onnx.utterance import INPUT, OUTPUT, check_utterance
from . import FloatArray
from .onnx_file import OnnxSession, alphabet_of, errors_of
from .utterance import LONGEST_SECONDS, Pieces, UtteranceEngine, UtteranceInfo

_HIGHEST_SAMPLE_RATE_HZ, _WIDEST_BEAM = 192_000, 1 << 20
_MOST_FRAMES_ASTRAY = 4  # convolutions without padding lose frames at the end of a clip


class OnnxUtteranceEngine(UtteranceEngine):
    """Runs an `.onnx` model that takes whole clips.

    Args:
        content: contents of the file.
        source: path of the file, for messages.
        threads: number of threads that one call may use.

    Raises:
        ModelError: the file is broken, or not a speech-to-text model of this kind.
    """

    def __init__(self, content: memoryview, *, source: Path, threads: int) -> None:
        with errors_of(source):
            self.info, self._shortest_samples = read_utterance(content, source)
        self._session = OnnxSession(bytes(content), source, threads)

    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Compute the posteriors of clips; see `UtteranceEngine.run_clips`."""
        return [self._run(clip) for clip in clips]

    def _run(self, clip: FloatArray) -> FloatArray:
        if len(clip) < self._shortest_samples:  # too short for a frame
            return np.zeros((0, self.info.n_classes), np.float32)
        return self._session.run([OUTPUT], {INPUT: clip})[0]

    def close(self) -> None:
        """Free the model."""
        self._session.close()


def read_utterance(content: memoryview, source: Path) -> tuple[UtteranceInfo, int]:
    """Check a file; return the description of the model and its smallest number of samples.

    Raises:
        OnnxError: the file is broken, or its graph is not like that of an export.
        ModelError: the alphabet does not fit.
        KeyError, ValueError: an entry of the metadata is missing or wrong.
    """
    properties, graph = read_onnx_metadata(content), read_onnx(content)
    numbers = _numbers(properties)
    longest_samples = int(numbers["longest_seconds"] * numbers["sample_rate"])
    made = check_utterance(graph, int(numbers["shortest_samples"]), longest_samples)
    hop_samples = numbers["step_seconds"] * numbers["sample_rate"]
    for samples, (frames, _) in made.items():
        if abs(samples / hop_samples - frames) > _MOST_FRAMES_ASTRAY:
            raise OnnxError(
                f"it makes {frames} frames of {samples} samples, and says that each is of "
                f"{numbers['step_seconds']:g} s"
            )
    return _describe(graph, properties, numbers, source), int(numbers["shortest_samples"])


def _numbers(properties: Mapping[str, str]) -> dict[str, float]:
    """Return the numbers of the metadata.

    Raises:
        KeyError, ValueError: a number is missing, not a number, or out of bounds.
    """
    longest = float(properties["longest_seconds"])
    bounds = {
        "sample_rate": (1, _HIGHEST_SAMPLE_RATE_HZ),
        "longest_seconds": (1e-3, LONGEST_SECONDS),
        "step_seconds": (1e-4, longest),
        "shortest_samples": (1, longest * float(properties["sample_rate"])),
        "beam_width": (1, _WIDEST_BEAM),
        "live_piece_seconds": (1e-4, longest),
        "live_left_seconds": (0, longest),
        "live_ahead_seconds": (0, longest),
    }
    numbers = {}
    for name, (lowest, highest) in bounds.items():
        whole = name in ("sample_rate", "shortest_samples", "beam_width")
        numbers[name] = int(properties[name]) if whole else float(properties[name])
        if not lowest <= numbers[name] <= highest:
            raise ValueError(f"its {name} is {properties[name]:.40}; up to {highest:g} is possible")
    return numbers


def _describe(
    graph: OnnxGraph, properties: Mapping[str, str], numbers: Mapping[str, float], source: Path
) -> UtteranceInfo:
    live = Pieces(*(numbers[f"live_{part}_seconds"] for part in ("piece", "left", "ahead")))
    return UtteranceInfo(
        alphabet=alphabet_of(properties, graph.outputs[OUTPUT][1], source),
        sample_rate_hz=int(numbers["sample_rate"]),
        step_seconds=numbers["step_seconds"],
        beam_width=int(numbers["beam_width"]),
        language=properties["language"],
        live=live.within(numbers["longest_seconds"]),
        longest_seconds=numbers["longest_seconds"],
    )
