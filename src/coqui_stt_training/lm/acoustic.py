"""Compute posteriors of corpus files with an acoustic model. Needs PyTorch."""

from __future__ import annotations

import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.frontends import FrontEnd

from ..batches.feature_store import FeatureStore
from ..batches.loader import BatchLoader
from ..batches.sampler import make_batches
from ..checkpoints.source import SourceModel
from ..cli.config import LogFlags, TestBatchFlags
from ..cli.data_flags import TestDataFlags
from ..cli.progress_bar import ProgressBar
from ..corpus import CorpusRules, check_corpus
from ..scoring.evaluation import build_model
from .posteriors import PosteriorSet


@torch.inference_mode()
def compute_posteriors(
    source: SourceModel,
    alphabet: Alphabet,
    front_end: FrontEnd,
    data: TestDataFlags,
    evaluation: TestBatchFlags,
    output: LogFlags,
    device: torch.device,
    *,
    any_sample_rate: bool = True,
) -> PosteriorSet:
    """Return posteriors and transcripts of all clips of `--test_files`.

    Audio at a sample rate other than the model's is resampled if `any_sample_rate`; otherwise its
    row is a bad row.

    Raises:
        CorpusError: rows cannot be used, and `--on_bad_row` is not `skip`.
    """
    corpus = check_corpus(
        CorpusRules(
            alphabet,
            front_end,
            output_length=source.specification.output_length,
            any_sample_rate=any_sample_rate,
            normalize_transcripts=source.normalizes_transcripts(data.normalize_transcripts),
        ),
        test=data.test_files,
        on_bad_row="skip" if data.on_bad_row == "skip" else "fail",
        skipped_rows_path=None,
        show_progressbar=output.show_progressbar,
    )
    model = build_model(source, device)
    loader = BatchLoader(FeatureStore(front_end), alphabet)
    posteriors = PosteriorSet([], [])
    for clips in corpus.test:
        groups = make_batches(
            clips.clips,
            evaluation.test_batch_size,
            reverse=data.reverse_test,
            limit=data.limit_test,
        )
        with ProgressBar("Acoustic model", len(groups), output.show_progressbar) as bar:
            for batch in loader(groups):
                emissions = model(batch.features.to(device), batch.lengths)
                posteriors.probs.extend(
                    rows[:length].copy()
                    for rows, length in zip(
                        emissions.posteriors(), emissions.lengths.tolist(), strict=True
                    )
                )
                posteriors.transcripts.extend(clip.transcript for clip in batch.clips)
                bar.advance(len(batch.clips))
    return posteriors
