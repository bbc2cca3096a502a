"""Makes the reports of an evaluation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import torch

from ..batches.loader import BatchLoader
from ..cli.report_flags import ReportFlags
from ..corpus import read_rows
from ..models.acoustic_model import AcousticModel
from ..report.clip_media import ClipMedia
from ..report.clips import ClipResult, ModelResults
from ..report.evaluation_files import write_reports
from ..report.further_columns import further_columns
from ..scoring.evaluation import ScoredClip

_log = logging.getLogger(__name__)


def report_evaluation(
    flags: ReportFlags,
    model_name: str,
    model: AcousticModel,
    loader: BatchLoader,
    scored: Mapping[str, Sequence[ScoredClip]],
) -> None:
    """Write the reports that the flags ask for.

    Args:
        flags: flags that say which reports to write.
        model_name: name of the model in reports.
        model: the evaluated model.
        loader: loads its features.
        scored: evaluated clips, by the file that lists them.

    Raises:
        UserError: a report cannot be written.
    """
    everything, clips = [], []
    for dataset, some in scored.items():
        columns = further_columns(read_rows(dataset))
        for one in some:
            everything.append(one)
            clips.append(
                ClipResult(
                    one.sample, dataset, one.clip.duration_seconds,
                    columns.get(one.clip.source, {}),
                    one.confidences if len(one.confidences) == len(one.sample.res.split()) else (),
                )
            )  # fmt: skip

    @torch.inference_mode()
    def media_of(number: int) -> ClipMedia:
        clip = everything[number].clip
        batch = loader.load([clip])
        device = next(model.parameters()).device
        emissions = model(batch.features.to(device), batch.lengths)
        rows = emissions.posteriors()[0, : int(emissions.lengths[0])]
        rate_hz = loader.store.front_end.sample_rate_hz
        return ClipMedia(loader.store.samples(clip), rate_hz, rows, loader.alphabet)

    write_reports(flags, ModelResults(model_name, tuple(clips)), media_of)
    for path in flags.report:
        _log.info("Wrote the report %s", path)
