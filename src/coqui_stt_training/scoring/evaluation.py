"""Evaluation: loss, WER and CER of a model on corpus files, reported as upstream does."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from ..batches.loader import BatchLoader
from ..batches.sampler import make_batches
from ..checkpoints.source import SourceModel
from ..cli.config import EvaluationFlags
from ..cli.progress_bar import ProgressBar
from ..corpus import ClipSet
from ..models.acoustic_model import AcousticModel, build
from ..models.tensors import load_weights
from .ctc import ctc_losses
from .decoding import Decoder
from .metrics import SampleResult, score_sample

_log = logging.getLogger(__name__)


def build_model(source: SourceModel, device: torch.device) -> AcousticModel:
    """Return a source's model, for inference."""
    model = build(source.specification)
    load_weights(model, source.tensors)
    return model.to(device).eval()


@torch.inference_mode()
def evaluate_set(
    model: AcousticModel,
    clips: ClipSet,
    loader: BatchLoader,
    decoder: Decoder,
    flags: EvaluationFlags,
    *,
    reverse: bool,
    limit: int,
    bar: Callable[[str, int], ProgressBar],
) -> list[SampleResult]:
    """Transcribe and score every clip of a set."""
    device = next(model.parameters()).device
    groups = make_batches(clips.clips, flags.test_batch_size, reverse=reverse, limit=limit)
    results = []
    with bar("Test epoch", len(groups)) as shown:
        for batch in loader(groups):
            emissions = model(batch.features.to(device), batch.lengths)
            losses = ctc_losses(emissions, batch).tolist()
            transcripts = decoder(emissions.posteriors(), emissions.lengths.tolist())
            for clip, loss, transcript in zip(batch.clips, losses, transcripts, strict=True):
                results.append(score_sample(str(clip.audio), clip.transcript, transcript, loss))
            shown.advance(len(batch.clips))
    return results
