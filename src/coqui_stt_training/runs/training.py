"""What `train` does after its flags are read: check the data, train, evaluate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from stt.frontends import FrontEnd
from stt.frontends.mfcc import FeatureConfig

from ..batches.feature_store import FeatureStore
from ..batches.loader import BatchLoader, BatchOrder, make_batches
from ..bootstrapping.plan import bootstrapped_tensors
from ..checkpoints.file import Checkpoint
from ..checkpoints.folder import CheckpointFolder
from ..cli.config import TrainConfig
from ..cli.flags import Parsed, as_dict
from ..cli.progress_bar import ProgressBar
from ..corpus import Clip, ClipSet, Corpus, check_corpus
from ..models.acoustic_model import AcousticModel, build
from ..models.deepspeech.geometry import Geometry
from ..models.specification import Specification
from ..models.tensors import load_weights, weights_of
from ..report.summaries import Summaries
from ..scoring.decoding import BeamSearchDecoder, BestPathDecoder, Decoder
from ..training.average import WeightAverage
from ..training.memory_check import check_memory, check_model_memory
from ..training.optimizer import Adam
from ..training.precision import Precision
from ..training.progress import Progress
from ..training.state import RunFolder, TrainingState
from ..training.trainer import Interrupted, Plan, Sets, Surroundings, Trainer
from .evaluation import evaluate_sets, print_now
from .interruption import Interruption
from .machine import log_placement, prepare_machine
from .results import EvaluationResult, TrainingResult
from .session import Session, expand_data, prepare
from .starting_point import FIXED_FLAGS

_log = logging.getLogger(__name__)


def run_training(
    parsed: Parsed[TrainConfig],
    show: Callable[[str], object] = print_now,
    evaluating: bool = True,
) -> TrainingResult:
    """Train, and evaluate on `--test_files`.

    Args:
        parsed: the flags.
        show: is given the report of each test set.
        evaluating: whether to; else the test sets are only checked.

    Raises:
        UserError: whatever the user can mend, before the first step where it can be known then.
    """
    session = prepare(expand_data(parsed.config), parsed.given)
    if session.config.bootstrap.dry_run:
        _log.info("Dry run: nothing was trained or written")
        return TrainingResult(Path(session.config.checkpoints.save_dir))
    decoder = BeamSearchDecoder(session.alphabet, session.config.decoder, session.given)
    corpus = _read_corpus(session)
    device = prepare_machine(session.config.machine)
    cache = session.config.data.feature_cache
    store = FeatureStore(session.features, Path(cache) if cache else None)
    loader = BatchLoader(store, session.alphabet)
    state, folder = _initial_state(session, device)
    with Interruption() as interruption:
        trainer = _make_trainer(
            session, corpus, store, loader, state, folder, decoder, interruption
        )
        folder.begin()
        try:
            trainer.train()
        except Interrupted:
            _log.warning(
                "Stopped at step %d, epoch %d; everything is saved in %s. To go on, run the same "
                "command again",
                state.progress.step, state.progress.epoch, folder.folder.path,
            )  # fmt: skip
            return _result(state, folder, exit_status=interruption.exit_status)
    _log.info("FINISHED optimization: %s", state.progress.finished)
    _log.info(
        "The model is in %s (best: %s). To write it for deployment: python -m "
        "coqui_stt_training.export --checkpoint_dir %s --export_dir exported",
        folder.folder.path, state.progress.best_checkpoint or "none, no --dev_files",
        folder.folder.path,
    )  # fmt: skip
    if not (corpus.test and evaluating):
        return _result(state, folder)
    tests = _evaluate(session, corpus, loader, state, folder, decoder, show)
    return _result(state, folder, tests)


def _result(
    state: TrainingState,
    folder: RunFolder,
    tests: Sequence[EvaluationResult] = (),
    exit_status: int = 0,
) -> TrainingResult:
    progress, path = state.progress, folder.folder.path
    best = progress.best_checkpoint
    return TrainingResult(
        path,
        progress.finished,
        exit_status,
        path / best if best else None,
        progress.best_dev_loss,
        progress.step,
        progress.epoch,
        tuple(tests),
    )


def _read_corpus(session: Session) -> Corpus:
    config, folder = session.config, Path(session.config.checkpoints.save_dir)
    return check_corpus(
        train=config.data.train_files,
        dev=config.data.dev_files,
        test=config.data.test_files,
        metrics=config.data.metrics_files,
        alphabet=session.alphabet,
        features=session.features,
        output_length=session.specification.output_length,
        any_sample_rate=config.features.normalize_sample_rate,
        on_bad_row="skip" if config.data.on_bad_row == "skip" else "fail",
        skipped_rows_path=folder / "skipped_rows.csv",
        scan_cache_path=folder / "audio_scan.json",
        show_progressbar=config.output.show_progressbar,
        alphabet_advice=session.alphabet_advice(),
        normalize_transcripts=config.data.normalize_transcripts == "true",
    )


def _initial_state(session: Session, device: torch.device) -> tuple[TrainingState, RunFolder]:
    """Build the model and bring it, the optimizer and the progress to where the run starts."""
    config, training = session.config, session.config.training
    folder = CheckpointFolder(Path(config.checkpoints.save_dir))
    check_model_memory(session.specification)
    model = build(session.specification)
    kept = session.start.continued
    if kept:
        load_weights(model, kept.tensors)
        progress = Progress.from_json(kept.run or {})
        _update_progress(progress, kept.flags, config)
        lineage = kept.lineage
    else:
        tensors, lineage = _bootstrapped(session, model)
        load_weights(model, tensors)
        source_step = session.start.source.step if session.start.source else 0
        begun = max(source_step, folder.highest_step())
        progress = Progress(session.identity, begun, begun, _learning_rate(session))
    model.to(device)
    optimizer = Adam(
        model,
        progress.learning_rate,
        training.beta1,
        training.beta2,
        training.epsilon,
        {name: layer["learning_rate_factor"] for name, layer in _planned_layers(lineage).items()},
    )
    origin = session.start.source if session.start.keeps_optimizer else kept
    if origin and origin.adam:
        optimizer.load_state(origin.adam)
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
    )
    run_folder = RunFolder(folder, description, config.checkpoints.max_to_keep)
    return TrainingState(model, average, optimizer, precision, progress), run_folder


def _flags_in_force(session: Session) -> dict[str, Any]:
    """Return all flags, with the geometry and features that the source brought.

    A continued run keeps those that were fixed when it began, whatever the command says now.
    """
    kept = session.start.continued
    return {
        **as_dict(session.config),
        **{
            name: value
            for name, value in (kept.flags if kept else {}).items()
            if name in FIXED_FLAGS
        },
        **_geometry_flags(session.specification),
        **_feature_flags(session.features),
    }


def _geometry_flags(specification: Specification) -> dict[str, Any]:
    if not isinstance(specification, Geometry):
        return {}
    return {name: getattr(specification, name) for name in ("n_hidden", "layer_norm", "relu_clip")}


def _feature_flags(features: FrontEnd) -> dict[str, Any]:
    flags: dict[str, Any] = {"audio_sample_rate": features.sample_rate_hz}
    if isinstance(features, FeatureConfig):
        flags["feature_win_len"] = features.window_milliseconds
        flags["feature_win_step"] = features.step_milliseconds
    return flags


def _learning_rate(session: Session) -> float:
    """Return the learning rate of a new run: the flag's, whatever the source had.

    Only where a run of upstream's goes on is the stored one used, unless the flag was given.
    """
    flag = session.config.training.learning_rate
    source = session.start.source
    stored = source.learning_rate if source else None
    if stored is None or abs(stored - flag) < 1e-6 * flag:
        return flag
    if session.start.keeps_optimizer and "learning_rate" not in session.given:
        _log.info("Going on with the stored learning rate %g", stored)
        return stored
    _log.info(
        "Using --learning_rate %g; the %g stored in the source belongs to its own training",
        flag, stored,
    )  # fmt: skip
    return flag


def _bootstrapped(
    session: Session, model: AcousticModel
) -> tuple[dict[str, Any], tuple[dict[str, Any], ...]]:
    """Return the weights a new run starts from, and the lineage they have."""
    plan, source = session.plan, session.start.source
    if plan is None:
        raise ValueError("a new run has a plan")
    model.initialize(session.config.training.random_seed, plan.new_layers)
    fresh = weights_of(model)
    entry = {
        "begun": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "source": str(source.path) if source else None,
        "source_format": source.format if source else None,
        "source_step": source.step if source else 0,
        "plan": plan.as_json(),
        "train_files": list(session.config.data.train_files),
    }
    earlier = source.details.get("lineage", []) if source else []
    tensors = bootstrapped_tensors(plan, source.tensors, fresh) if source else fresh
    return tensors, (*earlier, entry)


def _planned_layers(lineage: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """Return the plan of the newest entry of a lineage, by layer."""
    return {layer["layer"]: layer for layer in lineage[-1]["plan"]} if lineage else {}


def _update_progress(progress: Progress, earlier: Any, config: TrainConfig) -> None:
    """Let changed flags act on a continued run."""
    training = config.training
    changed = earlier.get("learning_rate") != training.learning_rate
    if changed or training.force_initialize_learning_rate:
        progress.learning_rate = training.learning_rate
    elif progress.learning_rate != training.learning_rate:
        _log.info(
            "Using the run's reduced learning rate %g, not --learning_rate %g; to set it anew: "
            "--force_initialize_learning_rate true",
            progress.learning_rate, training.learning_rate,
        )  # fmt: skip
    reordering = ("train_batch_size", "random_seed", "shuffle_batches", "shuffle_start",
                  "shuffle_buffer", "reverse_train")  # fmt: skip
    flags = as_dict(config)
    if progress.batch and any(earlier.get(name) != flags[name] for name in reordering):
        _log.warning("The order of batches has changed: epoch %d begins anew", progress.epoch)
        progress.begin_epoch(progress.epoch)
    if progress.finished and progress.epoch < training.epochs:
        progress.finished = ""


def _make_trainer(
    session: Session,
    corpus: Corpus,
    store: FeatureStore,
    loader: BatchLoader,
    state: TrainingState,
    folder: RunFolder,
    decoder: Decoder,
    interruption: Interruption,
) -> Trainer:
    config, training = session.config, session.config.training
    if config.output.log_placement:
        log_placement(state.model)
    summary_dir = Path(config.output.summary_dir or folder.folder.path / "summaries")
    layers = _planned_layers(folder.description.lineage)
    trainer = Trainer(
        state,
        _make_sets(config, corpus),
        loader,
        Plan(
            epochs=training.epochs,
            order=BatchOrder(
                config.data.shuffle_batches,
                config.data.shuffle_start,
                config.data.shuffle_buffer,
                training.random_seed,
            ),
            dropout_rates=config.dropout.by_layer(),
            seed=training.random_seed,
            schedule=config.schedule,
            checkpoint_seconds=config.checkpoints.checkpoint_secs,
            frozen_epochs={name: layer["frozen_epochs"] for name, layer in layers.items()},
            advice_on_new_layers=(
                ", fewer --drop_source_layers, --map_shared_characters true"
                if config.bootstrap.drop_source_layers
                else ""
            ),
        ),
        Surroundings(
            folder=folder,
            summaries=Summaries(summary_dir, state.progress.begun_step, state.progress.step),
            bar=lambda title, count: ProgressBar(title, count, config.output.show_progressbar),
            # The beam search only where it has a scorer: without one the best path shows as much.
            decoder=decoder if config.decoder.scorer_path else BestPathDecoder(session.alphabet),
            interrupted=interruption,
            new_epoch=lambda epoch: _forget_features(store, config.data.cache_for_epochs, epoch),
        ),
    )
    if not training.skip_batch_test:
        check_memory(
            trainer.sets.train,
            session.specification,
            lambda clip: session.features.frame_count(
                int(clip.duration_seconds * session.features.sample_rate_hz)
            ),
            trainer.try_step,
        )
    return trainer


def _make_sets(config: TrainConfig, corpus: Corpus) -> Sets:
    data, training = config.data, config.training
    merged = [clip for clips in corpus.train for clip in clips.clips]

    def batches(sets: Sequence[ClipSet]) -> dict[str, list[tuple[Clip, ...]]]:
        return {
            clips.path: make_batches(
                clips.clips,
                training.dev_batch_size,
                reverse=data.reverse_dev,
                limit=data.limit_dev,
            )
            for clips in sets
        }

    return Sets(
        train=make_batches(
            merged,
            training.train_batch_size,
            reverse=data.reverse_train,
            limit=data.limit_train,
        ),
        dev=batches(corpus.dev),
        metrics=batches(corpus.metrics),
    )


def _forget_features(store: FeatureStore, cache_for_epochs: int, epoch: int) -> bool:
    due = bool(cache_for_epochs and epoch and epoch % cache_for_epochs == 0)
    if due:
        store.clear()
    return due


def _evaluate(
    session: Session,
    corpus: Corpus,
    loader: BatchLoader,
    state: TrainingState,
    folder: RunFolder,
    decoder: Decoder,
    show: Callable[[str], object],
) -> list[EvaluationResult]:
    """Evaluate this run's best weights; its last ones where nothing was validated."""
    name = state.progress.best_checkpoint
    if session.config.checkpoints.load_evaluate == "last":
        name = None
    if name:
        load_weights(state.validated_model, folder.reload(name).tensors)
    _log.info("Evaluating %s of this run", name or "the last weights")
    config = session.config
    return evaluate_sets(
        state.validated_model,
        corpus.test,
        loader,
        decoder,
        config.data,
        config.evaluation,
        config.output,
        show,
    )
