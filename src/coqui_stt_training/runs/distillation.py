"""The teacher of a run, which is opened and checked before anything is computed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.engines import Engine, open_engine

from ..batches.batch import Batch
from ..bootstrapping.alphabet_difference import describe_difference
from ..bootstrapping.output_rows import shared_rows
from ..cli.distillation_flags import DistillationFlags
from ..errors import BootstrapError, UserError
from ..models.acoustic_model import Emissions
from ..models.specification import parameter_count, step_seconds
from ..scoring.ctc import ctc_losses
from ..scoring.engine import checkpoint_engine, read_usable
from ..training.distillation import Distillation, Teacher
from .session import Session

_log = logging.getLogger(__name__)
_EXPORTED = (".tflite", ".onnx")


def supervision(session: Session) -> Callable[[Emissions, Batch], Tensor]:
    """Return the training loss: the CTC loss, or that and the divergence from a teacher.

    Raises:
        UserError: the teacher is missing, damaged, or has other output characters.
    """
    flags = session.config.distillation
    if not flags.teacher:
        return ctc_losses
    try:
        engine, parameters = _open(Path(flags.teacher))
    except UserError as error:
        raise BootstrapError(f"--teacher: {error.detail}") from None
    teacher = Teacher(engine, _columns(flags, engine.info.alphabet, session.alphabet))
    student = parameter_count(session.specification)
    if student > parameters:
        _log.warning(
            "The student has %s parameters, more than its teacher (at most %s); a smaller model "
            "learns the same",
            f"{student:,}", f"{parameters:,}",
        )  # fmt: skip
    frame_seconds = step_seconds(session.specification, session.features)
    _log.info(
        "Distilling from %s: output frames of %.0f ms from its frames of %.0f ms",
        flags.teacher, 1000 * frame_seconds, 1000 * teacher.step_seconds,
    )  # fmt: skip
    front_end = session.features

    def frames_of(seconds: float) -> int:
        frames = front_end.frame_count(int(seconds * front_end.sample_rate_hz))
        return session.specification.output_length(frames)

    return Distillation(teacher, flags.teacher_weight, frame_seconds, frames_of)


def _open(path: Path) -> tuple[Engine, int]:
    """Return the engine that runs a model, and an upper bound of its number of parameters."""
    if path.suffix in _EXPORTED:
        threads = torch.get_num_threads()
        engine = open_engine(path, threads=threads, parallel=1)
        return engine, path.stat().st_size  # quantised parameters have one byte each
    source, alphabet = read_usable(path)
    return checkpoint_engine(source, alphabet), parameter_count(source.specification)


def _columns(flags: DistillationFlags, theirs: Alphabet, ours: Alphabet) -> list[int]:
    """Return the index of the teacher's class for each of the student's classes.

    Raises:
        BootstrapError: the two models have different output characters.
    """
    same = theirs.is_bytes == ours.is_bytes and set(theirs.label_bytes()) == set(ours.label_bytes())
    if not same:
        raise BootstrapError(
            f"--teacher {flags.teacher} has a different alphabet than the model that learns from "
            f"it: {describe_difference(theirs, ours)}. Train with the teacher's alphabet: "
            "--alphabet_config_path"
        )
    rows = shared_rows(theirs, ours)
    return [rows[label] for label in range(ours.size + 1)]
