"""Transcribing and scoring the batches of a test set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from stt.decoding import tokens_of

from ..batches.loader import BatchLoader
from ..batches.sampler import Group
from ..checkpoints.source import SourceModel
from ..cli.progress_bar import ProgressBar
from ..corpus import Clip
from ..models.acoustic_model import AcousticModel, build
from ..models.tensors import load_weights
from .confidence import word_confidences
from .ctc import ctc_losses
from .decoding import BeamSearchDecoder
from .metrics import SampleResult, score_sample


def build_model(source: SourceModel, device: torch.device) -> AcousticModel:
    """Build the model of a source, in evaluation mode."""
    model = build(source.specification)
    load_weights(model, source.tensors)
    return model.to(device).eval()


@dataclass(frozen=True)
class ScoredClip:
    """A transcribed clip with its error rates.

    Attributes:
        clip: the clip.
        sample: reference, hypothesis and their edit distances.
        confidences: confidence of each word of the hypothesis, 0 to 1; empty if not requested.
    """

    clip: Clip
    sample: SampleResult
    confidences: tuple[float, ...] = ()


@torch.inference_mode()
def transcribe_batches(
    model: AcousticModel,
    groups: Sequence[Group],
    loader: BatchLoader,
    decoder: BeamSearchDecoder,
    *,
    bar: Callable[[str, int], ProgressBar],
    with_confidences: bool = False,
) -> list[list[ScoredClip]]:
    """Transcribe and score all clips of the batches; return the results of each batch."""
    device = next(model.parameters()).device
    results = []
    with bar("Test epoch", len(groups)) as shown:
        for batch in loader(groups):
            emissions = model(batch.features.to(device), batch.lengths)
            losses = ctc_losses(emissions, batch).tolist()
            posteriors, lengths = emissions.posteriors(), emissions.lengths.tolist()
            readings = decoder.readings(posteriors, lengths)
            scored = []
            for index, (clip, loss, reading) in enumerate(
                zip(batch.clips, losses, readings, strict=True)
            ):
                sample = score_sample(str(clip.audio), clip.transcript, reading.transcript, loss)
                sure: tuple[float, ...] = ()
                if with_confidences:
                    rows = posteriors[index, : lengths[index]]
                    step_seconds = clip.duration_seconds / max(1, lengths[index])
                    sure = word_confidences(tokens_of(reading, rows, loader.alphabet, step_seconds))
                scored.append(ScoredClip(clip, sample, sure))
            results.append(scored)
            shown.advance(len(batch.clips))
    return results
