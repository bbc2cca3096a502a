"""What `train` does after its flags are read: check the data, train, evaluate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from stt.counted import counted

from ..batches.feature_store import FeatureStore
from ..batches.loader import BatchLoader
from ..checkpoints.folder_lock import check_still_new, locked
from ..cli.config import TrainConfig
from ..cli.flags import Parsed
from ..cli.progress_bar import ProgressBar
from ..corpus import Corpus, check_corpus, expand_file_list
from ..models.tensors import load_weights
from ..report.run_log import RunLog
from ..report.summaries import Summaries
from ..scoring.decoding import BeamSearchDecoder, BestPathDecoder, Decoder
from ..training.freezing import Freezing
from ..training.memory_check import check_memory, check_model_memory
from ..training.objective import Objective
from ..training.progress import Progress
from ..training.schedules import LearningRateSchedule
from ..training.state import RunFolder, TrainingState
from ..training.trainer import Interrupted, Plan, Surroundings, Trainer
from .announcements import log_next_steps, log_sizes, open_summaries, record_outcome
from .distillation import supervision
from .evaluation import evaluate_sets, print_now
from .initial_state import initial_state, planned_layers
from .interruption import Interruption
from .machine import log_placement, prepare_machine
from .results import EvaluationResult, TrainingResult
from .session import Session, expand_data, prepare
from .training_data import check_augmentations, make_pipeline, make_sets

_log = logging.getLogger(__name__)


def run_training(
    parsed: Parsed[TrainConfig],
    show: Callable[[str], object] = print_now,
    evaluating: bool = True,
    afterwards: Sequence[Callable[[], int]] = (),
) -> TrainingResult:
    """Train, evaluate on `--test_files`, and do what comes after.

    Args:
        parsed: the flags.
        show: is given the report of each test set.
        evaluating: whether to; else the test sets are only checked.
        afterwards: what else belongs to the command, once the model is there. Each returns an exit
            status. The run is done once all have returned 0; until then the same command goes on.

    Raises:
        UserError: whatever the user can mend, before the first step where it can be known then.
    """
    folder = parsed.config.checkpoints.save_dir
    with ExitStack() as held:
        if folder and Path(folder).is_dir():
            held.enter_context(locked(Path(folder)))
        config, files = expand_data(parsed.config)
        session = prepare(config, parsed.given, files)
        check_augmentations(session)
        if session.config.bootstrap.dry_run:
            _check_only(session)
            return TrainingResult(Path(folder))
        if not Path(folder).is_dir():
            held.enter_context(locked(Path(folder)))
            check_still_new(Path(folder))
        return _carry_out(parsed, session, show, evaluating, afterwards)


def _carry_out(
    parsed: Parsed[TrainConfig],
    session: Session,
    show: Callable[[str], object],
    evaluating: bool,
    afterwards: Sequence[Callable[[], int]],
) -> TrainingResult:
    decoder = BeamSearchDecoder(session.alphabet, session.config.decoder, session.given)
    device = prepare_machine(session.config.machine)
    objective = Objective(**vars(session.config.objective), supervision=supervision(session))
    corpus = _read_corpus(session)
    cache = session.config.data.feature_cache
    store = FeatureStore(session.features, Path(cache) if cache else None)
    loader = BatchLoader(store, session.alphabet)
    state, folder = initial_state(
        session, device, [clip for clips in corpus.train for clip in clips.clips]
    )
    tests: list[EvaluationResult] = []
    summaries = open_summaries(session.config, state, folder)
    with closing(summaries), Interruption() as interruption:
        try:
            if state.progress.finished:
                folder.begin()
            else:
                trainer = _make_trainer(
                    session, corpus, store, loader, state, folder, decoder, summaries, interruption,
                    objective,
                )  # fmt: skip
                folder.begin()
                log_sizes(
                    trainer.pipeline.sampler.groups,
                    trainer.sets,
                    corpus.test,
                    session.config,
                    state.model,
                )
                trainer.train()
            interruption.raise_from_now_on()
            if corpus.test and evaluating:
                tests = _evaluate(session, corpus, loader, state, folder, decoder, show)
            record_outcome(summaries, state.progress, tests)
            log_next_steps(
                parsed.config,
                parsed.given,
                session.config.training.epochs,
                state.progress,
                folder.folder.path,
                tests,
            )
            for step in afterwards:
                status = step()
                if status:
                    return _result(state, folder, tests, status)
            folder.end()
        except Interrupted:
            _log_interruption(folder, state.progress)
            return _result(state, folder, tests, interruption.exit_status)
    return _result(state, folder, tests)


def _log_interruption(folder: RunFolder, progress: Progress) -> None:
    if progress.finished:
        _log.warning(
            "Stopped after training, which is finished and saved in %s. To do what is left, run "
            "the same command again; it does not train",
            folder.folder.path,
        )
        return
    _log.warning(
        "Stopped at step %d, epoch %d; everything is saved in %s. To go on, run the same command "
        "again",
        progress.step, progress.epoch, folder.folder.path,
    )  # fmt: skip


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


def _check_only(session: Session) -> None:
    """Check what a run checks before its first step, and say what it would train on."""
    BeamSearchDecoder(session.alphabet, session.config.decoder, session.given)
    supervision(session)
    corpus = _read_corpus(session)
    check_model_memory(session.specification)
    for name, sets in (("train", corpus.train), ("validate", corpus.dev), ("test", corpus.test)):
        for clips in sets:
            _log.info(
                "To %s on: %s, %.1f minutes, of %s", name, counted(len(clips.clips), "clip"),
                clips.duration_seconds / 60, clips.path,
            )  # fmt: skip
    if session.config.data.augment:
        _log.info("Training clips are augmented: %s", " ".join(session.config.data.augment))
    _log.info(
        "Dry run: all is well as far as can be known without a training step; nothing was trained "
        "or written. Without --dry_run the longest batch is tried for memory first"
    )


def _read_corpus(session: Session) -> Corpus:
    config, folder = session.config, Path(session.config.checkpoints.save_dir)
    writes = not config.bootstrap.dry_run
    return check_corpus(
        train=config.data.train_files,
        dev=config.data.dev_files,
        test=config.data.test_files,
        metrics=config.data.metrics_files,
        unlabelled=expand_file_list(config.distillation.unlabelled_files),
        alphabet=session.alphabet,
        features=session.features,
        output_length=session.specification.output_length,
        any_sample_rate=config.features.normalize_sample_rate,
        on_bad_row="skip" if config.data.on_bad_row == "skip" else "fail",
        skipped_rows_path=folder / "skipped_rows.csv" if writes else None,
        scan_cache_path=folder / "audio_scan.json" if writes else None,
        show_progressbar=config.output.show_progressbar,
        alphabet_advice=session.alphabet_advice(),
        files=session.files,
        normalize_transcripts=config.data.normalize_transcripts == "true",
    )


def _make_trainer(
    session: Session,
    corpus: Corpus,
    store: FeatureStore,
    loader: BatchLoader,
    state: TrainingState,
    folder: RunFolder,
    decoder: Decoder,
    summaries: Summaries,
    interruption: Interruption,
    objective: Objective,
) -> Trainer:
    config, training = session.config, session.config.training
    if config.output.log_placement:
        log_placement(state.model)
    layers = planned_layers(folder.description.lineage)
    trainer = Trainer(
        state,
        make_pipeline(session, corpus, loader, layers),
        make_sets(config, corpus),
        loader,
        Plan(
            epochs=training.epochs,
            dropout_rates=config.dropout.by_layer(),
            seed=training.random_seed,
            batches_per_step=training.gradient_accumulation_steps,
            schedule=config.schedule,
            checkpoint_seconds=config.checkpoints.checkpoint_secs,
            learning_rates=LearningRateSchedule(
                config.optimizer.learning_rate_schedule,
                config.optimizer.last_learning_rate_factor,
                config.optimizer.tri_stage_hold,
            ),
            max_gradient_norm=config.optimizer.gradient_clipping,
            freezing=Freezing(
                {name: layer["frozen_epochs"] for name, layer in layers.items()},
                config.bootstrap.unfreeze_wait_epochs if config.data.dev_files else 0,
            ),
            advice_on_new_layers=(
                ", fewer --drop_source_layers, --map_shared_characters true"
                if config.bootstrap.drop_source_layers
                else ""
            ),
            objective=objective,
        ),
        Surroundings(
            folder=folder,
            report=RunLog(summaries),
            bar=lambda title, count: ProgressBar(title, count, config.output.show_progressbar),
            # The beam search only where it has a scorer: without one the best path shows as much.
            decoder=decoder if config.decoder.scorer_path else BestPathDecoder(session.alphabet),
            interrupted=interruption,
            new_epoch=lambda epoch: _forget_features(store, config.data.cache_for_epochs, epoch),
        ),
    )
    if not training.skip_batch_test:
        check_memory(
            trainer.pipeline.sampler.groups,
            session.specification,
            lambda clip: session.features.frame_count(
                int(trainer.pipeline.longest_seconds(clip) * session.features.sample_rate_hz)
            ),
            trainer.try_step,
            by_seconds=training.train_batch_seconds > 0,
        )
    return trainer


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
    decoder: BeamSearchDecoder,
    show: Callable[[str], object],
) -> list[EvaluationResult]:
    """Evaluate this run's best weights; its last ones where nothing was validated."""
    name = state.progress.best_checkpoint
    if session.config.checkpoints.load_evaluate == "last":
        name = None
    if name:
        _log.info("Loading best validating checkpoint from %s", folder.folder.path / name)
        load_weights(state.validated_model, folder.reload(name).tensors)
    else:
        _log.info("Evaluating the last weights of this run")
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
        str(folder.folder.path / (name or folder.folder.path.name)),
    )
