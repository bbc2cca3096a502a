"""Makes the batches of a run from a checked corpus."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from stt.frontends.waveform import Waveform

from ..augmentation.needs import find_problems
from ..augmentation.specification import Augmentation, parse_augmentations, settle_domains
from ..batches.audio_source import open_sources
from ..batches.augmented_loader import AugmentedLoader
from ..batches.loader import BatchLoader
from ..batches.mixture import Mixture
from ..batches.sampler import BatchOrder, ClipGroups, Group, Sampler, by_length, make_batches
from ..batches.training_pipeline import TrainingPipeline
from ..cli.config import TrainConfig
from ..corpus import Clip, ClipSet, Corpus
from ..corpus.clip_table import ChosenClips, joined, seconds_of
from ..errors import FlagError
from ..training.distributed import ALONE, World
from ..training.plan import ValidationSets
from .announcements import log_augmentations
from .self_training import first_epoch
from .session import Session

_log = logging.getLogger(__name__)


def make_pipeline(
    session: Session, corpus: Corpus, loader: BatchLoader, views: int, world: World = ALONE
) -> TrainingPipeline:
    """Return the pipeline of training batches.

    Args:
        session: the run.
        corpus: its clips.
        loader: loads clips without augmentation.
        views: number of augmented views of a batch, which the objective compares.
        world: processes of the run, which share the batches.
    """
    data, training = session.config.data, session.config.training
    shares, unlabelled_from = session.files.shares, first_epoch(session)
    labelled_only = Mixture(corpus.train, shares, training.random_seed)
    together = Mixture((*corpus.train, *corpus.unlabelled), shares, training.random_seed)
    clips = joined([one.clips for one in corpus.train])

    @lru_cache(maxsize=2)
    def groups(epoch: int) -> ClipGroups:
        parts = (together if epoch >= unlabelled_from else labelled_only).parts(epoch)
        labelled = joined(parts[: len(corpus.train)])
        unlabelled = joined(parts[len(corpus.train) :])
        if data.limit_train:
            chosen = by_length(
                seconds_of(labelled), reverse=data.reverse_train, limit=data.limit_train
            )
            labelled = ChosenClips(labelled, chosen)
        return make_batches(
            joined([labelled, unlabelled]) if unlabelled else labelled,
            _most_clips(training.train_batch_size, training.train_batch_seconds),
            seconds=training.train_batch_seconds,
            reverse=data.reverse_train,
        )

    order = BatchOrder(
        data.shuffle_batches, data.shuffle_start, data.shuffle_buffer, training.random_seed
    )
    changing = bool(shares or unlabelled_from)
    return TrainingPipeline(
        Sampler(
            groups(unlabelled_from), order, world.rank, world.size, groups if changing else None
        ),
        loader,
        _make_augmented_loader(session, loader, clips, views),
        training.epochs,
        evens_out=world.shares_weights,
    )


def largest_batches(session: Session, corpus: Corpus, pipeline: TrainingPipeline) -> list[Group]:
    """Return the batches that need most memory in any epoch.

    If sets have a share, each epoch has other clips. Then these are the longest clips of all sets,
    as many as a batch may have.
    """
    largest = pipeline.sampler.groups.largest()
    if session.files.shares:
        training = session.config.training
        longest = make_batches(
            joined([one.clips for one in (*corpus.train, *corpus.unlabelled)]),
            _most_clips(training.train_batch_size, training.train_batch_seconds),
            seconds=training.train_batch_seconds,
            reverse=True,
        )
        largest.append(longest[0])
    return largest


def _make_augmented_loader(
    session: Session, loader: BatchLoader, clips: Sequence[Clip], views: int
) -> AugmentedLoader | None:
    if not session.config.data.augment:
        return None
    first_layer = session.specification.layers[0]
    frozen = session.frozen_epochs.get(first_layer, 0) != 0
    augmentations = _settled(session, frozen=frozen)
    variants = session.config.data.augment_variants
    log_augmentations(augmentations, frozen=frozen, variants=variants)
    return AugmentedLoader(
        loader,
        augmentations,
        session.config.training.random_seed,
        session.specification.output_length,
        open_sources(augmentations, session.features.sample_rate_hz),
        clips,
        variants,
        views,
    )


def _settled(session: Session, *, frozen: bool) -> tuple[Augmentation, ...]:
    return settle_domains(
        parse_augmentations(session.config.data.augment),
        on_hidden=frozen or isinstance(session.features, Waveform),
    )


def check_augmentations(session: Session) -> None:
    """Check, before anything is computed, that clips can be augmented as the flags say.

    Raises:
        FlagError: a library is missing, or an augmentation does not fit the model; lists all.
        CorpusError: sources of noise or rooms cannot be read; lists all.
    """
    augmentations = _settled(session, frozen=False)
    if problems := list(find_problems(augmentations, session.features)):
        raise FlagError("; ".join(problems))
    open_sources(augmentations, session.features.sample_rate_hz, check=True)


def note_measured_sets(session: Session) -> None:
    """Log which files to validate or test on are also trained on."""
    data = session.config.data
    trained = {Path(path).resolve() for path in data.train_files}
    for name in ("dev_files", "test_files", "metrics_files"):
        shared = [path for path in getattr(data, name) if Path(path).resolve() in trained]
        if shared:
            _log.warning(
                "--%s %s is also training data, so its error rates show what the model memorized, "
                "not how well it transcribes other speech",
                name, " ".join(shared),
            )  # fmt: skip


def _most_clips(size: int, seconds: float) -> int:
    """Return the maximum number of clips of a batch; the default does not apply with seconds."""
    return 0 if seconds and size == 1 else size


def make_sets(config: TrainConfig, corpus: Corpus) -> ValidationSets:
    """Return the batches for validation."""
    data, training = config.data, config.training

    def batches(sets: Sequence[ClipSet]) -> dict[str, ClipGroups]:
        return {
            clips.path: make_batches(
                clips.clips,
                _most_clips(training.dev_batch_size, training.dev_batch_seconds),
                seconds=training.dev_batch_seconds,
                reverse=data.reverse_dev,
                limit=data.limit_dev,
            )
            for clips in sets
        }

    return ValidationSets(dev=batches(corpus.dev), metrics=batches(corpus.metrics))
