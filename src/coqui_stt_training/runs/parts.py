"""The parts of a run, made once its flags are settled: data, model, loaders, and checkpoints."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ..batches.cache_folder import CacheFolder
from ..batches.feature_cache import FeatureCache
from ..batches.feature_store import FeatureStore
from ..batches.loader import BatchLoader
from ..corpus import Corpus, CorpusRules, check_corpus
from ..corpus.clip_table import joined
from ..scoring.decoding import BeamSearchDecoder
from ..training.distributed import World
from ..training.objective import Objective
from ..training.state import RunFolder, TrainingState
from .distillation import supervision
from .identity import digest_of_clips
from .initial_state import initial_state
from .machine import prepare_machine, warn_of_slow_precision
from .session import Session


@dataclass(frozen=True)
class Parts:
    """The parts of a run.

    Attributes:
        decoder: decoder of the test sets.
        objective: training objective.
        corpus: all clips.
        cache: cache folder for features and outputs of frozen layers, for later runs; None: none.
        store: store of features.
        loader: loader of batches.
        state: everything that training changes.
        folder: checkpoint folder.
        world: processes of the run.
    """

    decoder: BeamSearchDecoder
    objective: Objective
    corpus: Corpus
    cache: CacheFolder | None
    store: FeatureStore
    loader: BatchLoader
    state: TrainingState
    folder: RunFolder
    world: World


def _objective(session: Session) -> Objective:
    flags = session.config.objective
    return Objective(
        flags.entropy_weight,
        flags.consistency_weight,
        flags.intermediate_ctc_weight,
        supervision(session),
    )


def assemble(session: Session, world: World) -> Parts:
    """Return the parts of a run.

    Raises:
        UserError: bad rows, a scorer or a teacher that does not fit, too little memory, ...
    """
    with world.in_turn():
        decoder = BeamSearchDecoder(session.alphabet, session.config.decoder, session.given)
        device = prepare_machine(session.config.machine, world.device)
        if session.config.training.automatic_mixed_precision:
            warn_of_slow_precision(device)
        objective = _objective(session)
        corpus = read_corpus(session, writes=world.is_first)
        cache = _cache_folder(session)
        features = FeatureCache(cache, session.features) if cache else None
        store = FeatureStore(session.features, features)
        skips = session.config.data.on_bad_row == "skip"
        loader = BatchLoader(store, session.alphabet, skips_unreadable=skips)
    with world.together():
        clips = joined([one.clips for one in corpus.train])
        state, folder = initial_state(session, device, clips, world)
    parts = Parts(decoder, objective, corpus, cache, store, loader, state, folder, world)
    world.check_alike(lambda: _digests(parts))
    # Random numbers of different processors differ in the last bit.
    world.copy_first_([*state.model.state_dict().values()])
    world.copy_first_([*state.validated_model.state_dict().values()])
    return parts


def _cache_folder(session: Session) -> CacheFolder | None:
    data = session.config.data
    if not data.feature_cache:
        return None
    limit_bytes = int(data.feature_cache_gigabytes * 1e9)
    return CacheFolder(Path(data.feature_cache), limit_bytes)


def read_corpus(session: Session, *, writes: bool) -> Corpus:
    """Return all clips of a run.

    Args:
        session: the run.
        writes: whether to write the list of skipped rows.

    Raises:
        CorpusError: rows cannot be used; the message lists all.
    """
    config, folder = session.config, Path(session.config.checkpoints.save_dir)
    remembers = not config.bootstrap.dry_run
    return check_corpus(
        CorpusRules(
            session.alphabet,
            session.features,
            output_length=session.specification.output_length,
            any_sample_rate=config.features.normalize_sample_rate,
            normalize_transcripts=config.data.normalize_transcripts == "true",
        ),
        train=config.data.train_files,
        dev=config.data.dev_files,
        test=config.data.test_files,
        metrics=config.data.metrics_files,
        unlabelled=config.self_training.unlabelled_files,
        on_bad_row="skip" if config.data.on_bad_row == "skip" else "fail",
        skipped_rows_path=folder / "skipped_rows.csv" if writes and remembers else None,
        scan_cache_path=folder / "audio_scan.json" if remembers else None,
        show_progressbar=config.output.show_progressbar and writes,
        alphabet_advice=session.alphabet_advice(),
        files=session.files,
    )


def _digests(parts: Parts) -> dict[str, str]:
    """Return digests of everything that must be the same in all processes, by name."""
    corpus, progress = parts.corpus, json.dumps(parts.state.progress.as_json(), sort_keys=True)
    return {
        "clips to train on": digest_of_clips([*corpus.train, *corpus.unlabelled]),
        "clips to validate or test on": digest_of_clips(
            [*corpus.dev, *corpus.metrics, *corpus.test]
        ),
        "checkpoints to continue from": hashlib.sha256(progress.encode()).hexdigest(),
    }
