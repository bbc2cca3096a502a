"""What `train` does after its flags are parsed: check the data, train, evaluate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from stt.counted import counted
from stt.durations import say_audio_length

from ..batches.feature_store import FeatureStore
from ..checkpoints.folder_lock import check_still_new, locked
from ..cli.command import print_now
from ..cli.config import TrainConfig
from ..cli.flags import Parsed
from ..cli.launch import Launch
from ..cli.progress_bar import ProgressBar
from ..corpus.clip_table import seconds_of
from ..models.tensors import load_weights
from ..report.run_log import RunLog
from ..report.summaries import Summaries
from ..scoring.decoding import BeamSearchDecoder, BestPathDecoder, Decoder
from ..training.disk_check import check_disk_space, checkpoint_sizes
from ..training.distributed import World, joined
from ..training.freezing import Freezing
from ..training.hidden_cache import HiddenCache
from ..training.memory_check import check_memory, check_model_memory
from ..training.plan import Plan, Surroundings
from ..training.progress import Progress
from ..training.schedules import LearningRateSchedule
from ..training.state import RunFolder, TrainingState
from ..training.trainer import Interrupted, Trainer
from .anchors import check_anchors
from .announcements import log_next_steps, log_sizes, open_summaries, record_outcome
from .distillation import supervision
from .evaluation import EvaluationOptions, evaluate_sets
from .inner_blocks import inner_layer
from .interruption import Interruption
from .machine import log_placement
from .parts import Parts, assemble, read_corpus
from .results import EvaluationResult, TrainingResult
from .self_training import check_self_training, self_training
from .session import Session, expand_data, prepare
from .training_data import (
    check_augmentations,
    largest_batches,
    make_pipeline,
    make_sets,
    note_measured_sets,
)

_log = logging.getLogger(__name__)


def run_training(
    parsed: Parsed[TrainConfig],
    show: Callable[[str], object] = print_now,
    evaluating: bool = True,
    afterwards: Sequence[Callable[[], int]] = (),
) -> TrainingResult:
    """Train, evaluate on `--test_files`, and do the rest of the command.

    Args:
        parsed: the flags.
        show: called with the report of each test set.
        evaluating: whether to evaluate; otherwise the test sets are only checked.
        afterwards: the rest of the command, called with the trained model. Each returns an exit
            status. The run is finished once all have returned 0; until then the same command
            resumes it.

    Raises:
        UserError: a problem that the user can solve; raised before the first step if possible.
    """
    folder = Path(parsed.config.checkpoints.save_dir)
    with ExitStack() as held:
        shares_weights = parsed.config.training.shard_weights
        world = held.enter_context(joined(Launch.read(), shares_weights=shares_weights))
        is_there = bool(parsed.config.checkpoints.save_dir) and world.first(folder.is_dir)
        if is_there:
            world.first(lambda: held.enter_context(locked(folder)))
        with world.in_turn():
            config, files = expand_data(parsed.config)
            session = prepare(config, parsed.given, files)
            for check in (check_augmentations, check_self_training, check_anchors, inner_layer):
                check(session)
            note_measured_sets(session)
        if session.config.bootstrap.dry_run:
            world.first(lambda: _check_only(session))
            return TrainingResult(folder)
        if not is_there:
            world.first(lambda: held.enter_context(_locked_anew(folder)))
        return _carry_out(parsed, session, world, show, evaluating, afterwards)


@contextmanager
def _locked_anew(folder: Path) -> Iterator[None]:
    with locked(folder):
        check_still_new(folder)
        yield


def _carry_out(
    parsed: Parsed[TrainConfig],
    session: Session,
    world: World,
    show: Callable[[str], object],
    evaluating: bool,
    afterwards: Sequence[Callable[[], int]],
) -> TrainingResult:
    parts = assemble(session, world)
    state, folder = parts.state, parts.folder
    tests: list[EvaluationResult] = []
    summaries = open_summaries(session.config, state, folder, writes=world.is_first)
    with closing(summaries), Interruption() as interruption:
        try:
            if state.progress.finished:
                folder.begin()
            else:
                with world.together():
                    world.first(lambda: _check_room_for_checkpoints(session))
                    trainer = _make_trainer(session, parts, summaries, interruption)
                folder.begin()
                log_sizes(
                    trainer.pipeline.sampler.groups,
                    trainer.sets,
                    parts.corpus.test,
                    session.config,
                    state.model,
                    world,
                )
                trainer.train()
            interruption.raise_from_now_on()
            if parts.corpus.test and evaluating:
                tests = _evaluate(session, parts, show)
            record_outcome(summaries, state.progress, tests)
            log_next_steps(
                parsed.config,
                parsed.given,
                session.config.training.epochs,
                state.progress,
                folder.folder.path,
                tests,
            )
            for step in afterwards if world.is_first else ():
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
            "Stopped after training, which is finished and saved in %s. Run the same command "
            "again for the remaining work; it does not train again",
            folder.folder.path,
        )
        return
    _log.warning(
        "Stopped at step %d, epoch %d; everything is saved in %s. To continue, run the same "
        "command again",
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
    """Make all checks of a run before its first step, and log what it would train on."""
    BeamSearchDecoder(session.alphabet, session.config.decoder, session.given)
    supervision(session)
    corpus = read_corpus(session, writes=True)
    check_model_memory(session.specification)
    _check_room_for_checkpoints(session)
    for purpose, sets in (
        ("train on", corpus.train),
        ("validate on", corpus.dev),
        ("test on", corpus.test),
        ("learn from without transcripts", corpus.unlabelled),
    ):
        for clips in sets:
            _log.info(
                "To %s: %s, %s, of %s", purpose, counted(len(clips.clips), "clip"),
                say_audio_length(seconds_of(clips.clips).sum()), clips.path,
            )  # fmt: skip
    if session.config.data.augment:
        _log.info("Augmenting training clips: %s", " ".join(session.config.data.augment))
    _log.info(
        "Dry run: all checks passed; nothing was trained or written. Without --dry_run, the "
        "memory for the longest batch is tested, too"
    )


def _check_room_for_checkpoints(session: Session) -> None:
    """Check that the checkpoints of a run fit on the disk.

    Raises:
        TrainingError: they do not.
    """
    config = session.config
    frozen = [layer for layer, epochs in session.frozen_epochs.items() if epochs is None]
    sizes = checkpoint_sizes(
        session.specification, frozen, averages=config.training.average_weights
    )
    check_disk_space(Path(config.checkpoints.save_dir), sizes, config.checkpoints.max_to_keep)


def _make_trainer(
    session: Session, parts: Parts, summaries: Summaries, interruption: Interruption
) -> Trainer:
    config, world = session.config, parts.world
    if config.output.log_placement:
        log_placement(parts.state.model)
    # Beam search is used only with a scorer; without one the best path is as informative.
    decoder: Decoder = (
        parts.decoder if config.decoder.scorer_path else BestPathDecoder(session.alphabet)
    )
    trainer = Trainer(
        parts.state,
        make_pipeline(session, parts.corpus, parts.loader, parts.objective.views, world),
        make_sets(config, parts.corpus),
        parts.loader,
        _plan(session, parts, decoder),
        Surroundings(
            folder=parts.folder,
            report=RunLog(summaries),
            bar=lambda title, count: ProgressBar(
                title, count, config.output.show_progressbar and world.is_first
            ),
            decoder=decoder,
            interrupted=interruption,
            new_epoch=lambda epoch: _forget_features(
                parts.store, config.data.cache_for_epochs, epoch
            ),
            world=world,
            hidden_cache=HiddenCache(parts.cache) if parts.cache else None,
        ),
    )
    if not config.training.skip_batch_test:
        check_memory(
            largest_batches(session, parts.corpus, trainer.pipeline),
            session.specification,
            lambda clip: session.features.frame_count(
                int(trainer.pipeline.longest_seconds(clip) * session.features.sample_rate_hz)
            ),
            trainer.try_step,
            by_seconds=config.training.train_batch_seconds > 0,
            processes=world.local_size,
            agree=(lambda fits: not world.any(not fits)[0]) if world.shares_weights else None,
        )
    return trainer


def _plan(session: Session, parts: Parts, decoder: Decoder) -> Plan:
    config, training = session.config, session.config.training
    return Plan(
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
            session.frozen_epochs,
            config.bootstrap.unfreeze_wait_epochs if config.data.dev_files else 0,
        ),
        advice_on_new_layers=(
            ", fewer --drop_source_layers, --map_shared_characters true"
            if config.bootstrap.drop_source_layers
            else ""
        ),
        objective=parts.objective,
        inner_layer=inner_layer(session),
        self_training=self_training(session, parts.corpus, parts.state.average, decoder),
    )


def _forget_features(store: FeatureStore, cache_for_epochs: int, epoch: int) -> bool:
    due = bool(cache_for_epochs and epoch and epoch % cache_for_epochs == 0)
    if due:
        store.clear()
    return due


def _evaluate(
    session: Session, parts: Parts, show: Callable[[str], object]
) -> list[EvaluationResult]:
    """Evaluate the best weights of this run, or its last ones if there was no validation."""
    state, folder = parts.state, parts.folder
    name = state.progress.best_checkpoint
    if session.config.checkpoints.load_evaluate == "last":
        name = None
    if name:
        _log.info("Loading best validating checkpoint from %s", folder.folder.path / name)
        load_weights(state.validated_model, folder.reload(name).tensors)
    else:
        _log.info("Evaluating the last weights of this run")
    config = session.config
    path = folder.folder.path
    options = EvaluationOptions(
        config.data,
        config.evaluation,
        config.output,
        str(path / (name or path.name)),
        show,
        parts.world,
    )
    model = parts.world.whole(state.validated_model)
    return evaluate_sets(model, parts.corpus.test, parts.loader, parts.decoder, options)
