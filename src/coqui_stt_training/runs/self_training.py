"""Self-training: what is checked and prepared before anything is computed."""

from __future__ import annotations

import logging
from itertools import islice

from stt.counted import counted

from ..corpus import Corpus
from ..errors import FlagError
from ..scoring.decoding import Decoder
from ..training.average import WeightAverage
from ..training.self_training import SelfTraining, SpeechRate
from .session import Session

_log = logging.getLogger(__name__)
_CLIPS_LOOKED_AT = 10_000  # typical speaking rate


def check_self_training(session: Session) -> None:
    """Check that the flags are compatible.

    Raises:
        FlagError: they are not.
    """
    config = session.config
    flags, teacher = config.self_training, config.distillation.teacher
    if teacher and flags.of_the_model_itself:
        raise FlagError(
            f"{' and '.join(flags.of_the_model_itself)} has no effect with --teacher, which "
            "transcribes --unlabelled_files; leave one of the two out"
        )
    if not first_epoch(session):
        return
    if config.training.shard_weights:
        raise FlagError(
            "--shard_weights cannot be combined with --unlabelled_files without --teacher: all "
            "processes must run the model equally often; leave one of the two out, or add "
            "--teacher"
        )
    if not config.training.average_weights:
        raise FlagError(
            "--average_weights false: --unlabelled_files without --teacher needs this average to "
            "transcribe; leave the flag out"
        )
    if first_epoch(session) >= config.training.epochs:
        _log.warning(
            "--unlabelled_files are never used: of %s, the first %d use transcribed clips only "
            "(--self_training_after_epochs)",
            counted(config.training.epochs, "epoch"), first_epoch(session),
        )  # fmt: skip


def first_epoch(session: Session) -> int:
    """Return the first epoch in which the model is its own teacher; 0: it never is."""
    flags = session.config.self_training
    if session.config.distillation.teacher or not flags.unlabelled_files:
        return 0
    return flags.self_training_after_epochs or max(1, session.config.training.epochs // 2)


def self_training(
    session: Session, corpus: Corpus, average: WeightAverage | None, decoder: Decoder
) -> SelfTraining | None:
    """Return what transcribes the clips without transcripts; None if there are none.

    Args:
        session: the run.
        corpus: its clips.
        average: average of the weights.
        decoder: decoder of the model's posteriors.
    """
    first, flags = first_epoch(session), session.config.self_training
    if not first or average is None:
        return None
    _log.info(
        "From epoch %d on, the model also learns from its own transcripts of %s without "
        "transcripts",
        first, counted(sum(len(one.clips) for one in corpus.unlabelled), "clip"),
    )  # fmt: skip
    encode = session.alphabet.encode
    told = islice((clip for one in corpus.train for clip in one.clips), _CLIPS_LOOKED_AT)
    rate = SpeechRate.of((clip.duration_seconds, len(encode(clip.transcript))) for clip in told)
    return SelfTraining(
        average.model, decoder, session.alphabet, flags.self_training_weight, first,
        flags.self_training_confidence, rate,
    )  # fmt: skip
