"""The initial state of a run: the model, the optimizer, the progress, and the run's record."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stt.counted import counted
from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig

from ..bootstrapping.plan import bootstrapped_tensors
from ..bootstrapping.prior import log_prior
from ..checkpoints.base import Base, digest_tensors
from ..checkpoints.file import Checkpoint
from ..checkpoints.folder import CheckpointFolder
from ..checkpoints.lineage import Lineage, newest_plan
from ..checkpoints.run_record import RunRecord
from ..checkpoints.source import Tensors
from ..cli.config import TrainConfig
from ..cli.flags import as_dict
from ..corpus import Clip
from ..models.acoustic_model import AcousticModel, build
from ..models.encoder import base_tensors
from ..models.tensors import load_weights, weights_of
from ..training.average import WeightAverage
from ..training.distributed import ALONE, World
from ..training.memory_check import check_model_memory
from ..training.optimizer import Adam
from ..training.precision import Precision
from ..training.progress import Progress
from ..training.state import RunFolder, TrainingState
from .anchors import anchors_in_force, describe_anchors
from .geometry import describing_flags
from .session import Session
from .starting_point import FIXED_FLAGS

_MOST_PRIOR_CLIPS = 200_000  # evenly spaced, to represent all
_log = logging.getLogger(__name__)


def initial_state(
    session: Session, device: torch.device, clips: Sequence[Clip] = (), world: World = ALONE
) -> tuple[TrainingState, RunFolder]:
    """Build the model, the optimizer and the progress in the state in which the run starts.

    Args:
        session: the run.
        device: device of the model.
        clips: training clips, for `--output_bias prior`.
        world: processes of the run.
    """
    config, training = session.config, session.config.training
    folder = CheckpointFolder(Path(config.checkpoints.save_dir))
    sharers = world.size if world.shares_weights else 1
    check_model_memory(session.specification, world.local_size, sharers)
    model = build(session.specification)
    kept = session.start.continued
    begun_with = None
    if kept:
        load_weights(model, kept.tensors)
        progress = Progress.from_json(kept.run or {})
        _update_progress(progress, kept.flags, config)
        _note_processes(progress, world, training.gradient_accumulation_steps)
        lineage = kept.lineage
    else:
        begun_with, lineage = _bootstrapped(session, model, clips)
        load_weights(model, begun_with)
        source_step = session.start.source.step if session.start.source else 0
        begun = max(source_step, folder.highest_step())
        progress = Progress(
            session.identity, begun, begun, _learning_rate(session), processes=world.size
        )
    world.place(model, device)
    optimizer = _optimizer(session, model, progress, lineage, begun_with)
    average = None
    if training.average_weights:
        average = WeightAverage(model)
        if kept and kept.average:
            load_weights(average.model, kept.average)
            average.updates = progress.averaged_steps
    precision = Precision(training.automatic_mixed_precision, device)
    if kept:
        precision.load_state(progress.loss_scale)
    description = Checkpoint(
        session.specification,
        session.alphabet,
        session.features,
        tensors={},
        flags=_flags_in_force(session),
        lineage=lineage,
        base=kept.base if kept else _base(session, folder),
    )
    record = session.start.record or _new_record(session, folder, progress)
    run_folder = RunFolder(folder, description, config.checkpoints.max_to_keep, record, world)
    return TrainingState(model, average, optimizer, precision, progress), run_folder


def _optimizer(
    session: Session,
    model: AcousticModel,
    progress: Progress,
    lineage: Lineage,
    begun_with: Tensors | None,
) -> Adam:
    """Return the optimizer, with its saved state if the run is resumed, or with `begun_with`."""
    training, further = session.config.training, session.config.optimizer
    anchors, anchor_decay = anchors_in_force(session, lineage, begun_with)
    optimizer = Adam(
        model=model,
        learning_rate=progress.learning_rate,
        beta1=training.beta1,
        beta2=training.beta2,
        epsilon=training.epsilon,
        layer_factors={
            name: layer.get("learning_rate_factor", 1.0)
            for name, layer in newest_plan(lineage).items()
        },
        warmup_steps=further.warmup_steps,
        weight_decay=further.decay_in_force,
        anchors=anchors,
        anchor_decay=anchor_decay,
    )
    start = session.start
    origin = start.source if start.keeps_optimizer else start.continued
    if origin and origin.adam:
        optimizer.load_state(origin.adam)
    return optimizer


def _base(session: Session, folder: CheckpointFolder) -> Base | None:
    """Return the base model that checkpoints of adapters refer to; None: they have all weights.

    A file in the run's own folder is removed when the run has a better one, and a model with
    adapters may itself refer to another.
    """
    source, names = session.start.source, base_tensors(session.specification)
    if source is None or not names or "adapter" in source.details:
        return None
    path = source.path.resolve()
    if path.is_relative_to(folder.path.resolve()):
        return None
    return Base(str(path), digest_tensors(source.tensors, names))


def _new_record(session: Session, folder: CheckpointFolder, progress: Progress) -> RunRecord:
    source = session.start.source
    path = source.path.resolve() if source else None
    inside = path is not None and path.parent == folder.path.resolve()
    return RunRecord(
        identity=session.identity,
        begun_step=progress.begun_step,
        source="" if path is None else path.name if inside else str(path),
        drops_layers=session.start.drops_layers,
        keeps_optimizer=session.start.keeps_optimizer,
        before=folder.models_before(),
    )


def _flags_in_force(session: Session) -> dict[str, Any]:
    """Return all flags, with the geometry and features of the source.

    A resumed run keeps those that were fixed when it began, whatever the command says now.
    """
    kept = session.start.continued
    return {
        **as_dict(session.config),
        **{
            name: value
            for name, value in (kept.flags if kept else {}).items()
            if name in FIXED_FLAGS
        },
        **describing_flags(session.specification),
        **_feature_flags(session.features),
    }


def _feature_flags(front_end: FrontEnd) -> dict[str, Any]:
    flags: dict[str, Any] = {"audio_sample_rate": front_end.sample_rate_hz}
    if isinstance(front_end, FeatureConfig):
        flags["feature_win_len"] = front_end.window_milliseconds
        flags["feature_win_step"] = front_end.step_milliseconds
    return flags


def _learning_rate(session: Session) -> float:
    """Return the learning rate of a new run: that of the flag, whatever the source had.

    If a run of upstream is continued, its stored rate is used, unless the flag was given.
    """
    flag = session.config.training.learning_rate
    source = session.start.source
    stored = source.learning_rate if source else None
    if stored is None or abs(stored - flag) < 1e-6 * flag:
        return flag
    if session.start.keeps_optimizer and "learning_rate" not in session.given:
        _log.info("Continuing with the stored learning rate %g", stored)
        return stored
    _log.info(
        "Using --learning_rate %g, not the %g stored in the source, which belongs to its own "
        "training",
        flag, stored,
    )  # fmt: skip
    return flag


def _bootstrapped(
    session: Session, model: AcousticModel, clips: Sequence[Clip]
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return the weights that a new run starts from, and their lineage."""
    plan, source = session.plan, session.start.source
    if plan is None:
        raise ValueError("a new run has a plan")
    model.initialize(session.config.training.random_seed, plan.drawn_layers)
    fresh = weights_of(model)
    entry = {
        "begun": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "source": str(source.path) if source else None,
        "source_format": source.format if source else None,
        "source_step": source.step if source else 0,
        "plan": plan.as_json(),
        "adapter": getattr(plan.specification, "adapter", ""),
        "train_files": list(session.config.data.train_files),
    }
    earlier = source.details.get("lineage", []) if source else []
    tensors = bootstrapped_tensors(plan, source.tensors, fresh) if source else fresh
    output = plan.specification.layers[-1]
    bias = session.config.training.output_bias
    if bias == "auto":
        bias = "zero" if plan.specification.architecture == "deepspeech" else "prior"
    if bias == "prior" and output in plan.new_layers:
        if not plan.mapped_rows:
            tensors[f"{output}.bias"] = _prior(session, clips)
        elif session.config.training.output_bias == "prior":
            _log.info(
                "--output_bias prior has no effect, because output rows are mapped from the source"
            )
    entry |= describe_anchors(session, tensors)
    for name in tensors:
        kept = not name.startswith(tuple(f"{layer}." for layer in plan.new_layers))
        verb = "Loading variable from checkpoint" if kept else "Initializing variable"
        _log.debug("%s: %s", verb, name)
    return tensors, (*earlier, entry)


def _prior(session: Session, clips: Sequence[Clip]) -> NDArray[np.float32]:
    """Return the logarithm of the frequency of each label in the training clips."""
    rate = session.features.sample_rate_hz
    clips = clips[:: -(-len(clips) // _MOST_PRIOR_CLIPS)] if clips else clips
    frames = [
        session.specification.output_length(
            session.features.frame_count(int(clip.duration_seconds * rate))
        )
        for clip in clips
    ]
    labels = (session.alphabet.encode(clip.transcript) for clip in clips)
    return log_prior(labels, sum(frames), session.specification.n_classes)


def _note_processes(progress: Progress, world: World, batches_per_step: int) -> None:
    """Log that a run is resumed with another number of processes, and so with other steps."""
    if progress.processes != world.size:
        _log.warning(
            "The run had %s before and now continues with %d: a step now processes %s. To keep "
            "the steps as they were, change --train_batch_size or --gradient_accumulation_steps "
            "by the inverse factor",
            counted(progress.processes, "process", "processes"), world.size,
            counted(batches_per_step * world.size, "batch", "batches"),
        )  # fmt: skip
    progress.processes = world.size


def _update_progress(progress: Progress, earlier: Any, config: TrainConfig) -> None:
    """Apply changed flags to a resumed run."""
    training = config.training
    changed = earlier.get("learning_rate") != training.learning_rate
    if changed or training.force_initialize_learning_rate:
        progress.learning_rate = training.learning_rate
    elif progress.learning_rate != training.learning_rate:
        _log.info(
            "Using the run's reduced learning rate %g, not --learning_rate %g; to override it: "
            "--force_initialize_learning_rate true",
            progress.learning_rate, training.learning_rate,
        )  # fmt: skip
    reordering = ("train_batch_size", "train_batch_seconds", "random_seed", "shuffle_batches",
                  "shuffle_start", "shuffle_buffer", "reverse_train")  # fmt: skip
    flags, defaults = as_dict(config), as_dict(TrainConfig())
    if progress.batch and any(
        earlier.get(name, defaults[name]) != flags[name] for name in reordering
    ):
        _log.warning("The order of batches has changed: epoch %d starts again", progress.epoch)
        progress.begin_epoch(progress.epoch)
    # An unchanged command only does what comes after training.
    wants_more = config.checkpoints.run == "continue" or training.epochs > earlier.get("epochs", 0)
    if progress.finished and wants_more and progress.planned_epoch < training.epochs:
        progress.finished = ""
