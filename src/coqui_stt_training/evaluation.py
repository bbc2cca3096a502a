"""Evaluation: loss, WER and CER of a model on corpus files, reported as upstream does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .batching import BatchLoader, make_batches
from .checkpoints.source import SourceModel
from .config import DataFlags, EvaluationFlags, LogFlags, TestDataFlags
from .corpus import ClipSet
from .counted import counted
from .ctc import ctc_losses
from .decoding import Decoder
from .evaluation_report import format_report, save_samples_json
from .metrics import SampleResult, score_sample
from .models.deepspeech import DeepSpeech
from .progress_bar import ProgressBar
from .training_state import load_weights

_log = logging.getLogger(__name__)


def build_model(source: SourceModel, device: torch.device) -> DeepSpeech:
    """Return a source's model, for inference."""
    model = DeepSpeech(source.geometry)
    load_weights(model, source.tensors)
    return model.to(device).eval()


@torch.inference_mode()
def evaluate_set(
    model: DeepSpeech,
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
            logits, _ = model(batch.features.to(device), batch.lengths)
            losses = ctc_losses(logits, batch).tolist()
            probabilities = logits.softmax(-1).transpose(0, 1).cpu().numpy()
            transcripts = decoder(probabilities, batch.lengths.tolist())
            for clip, loss, transcript in zip(batch.clips, losses, transcripts, strict=True):
                results.append(
                    score_sample(str(clip.audio_path), clip.transcript, transcript, loss)
                )
            shown.advance(len(batch.clips))
    return results


def evaluate_sets(
    model: DeepSpeech,
    sets: Sequence[ClipSet],
    loader: BatchLoader,
    decoder: Decoder,
    data: DataFlags | TestDataFlags,
    flags: EvaluationFlags,
    output: LogFlags,
) -> list[SampleResult]:
    """Evaluate sets one by one, print a report of each, and write `--test_output_file`."""
    everything = []
    for clips in sets:
        results = evaluate_set(
            model,
            clips,
            loader,
            decoder,
            flags,
            reverse=data.reverse_test,
            limit=data.limit_test,
            bar=lambda title, count: ProgressBar(title, count, output.show_progressbar),
        )
        by_characters = loader.alphabet.is_bytes
        print(
            format_report(
                results,
                clips.path,
                report_count=flags.report_count,
                sort_by="cer" if by_characters else "wer",
            ),
            flush=True,
        )
        everything += results
    if flags.test_output_file:
        save_samples_json(everything, Path(flags.test_output_file))
        _log.info("Wrote %s to %s", counted(len(everything), "sample"), flags.test_output_file)
    return everything
