"""What `train` logs about a run before its first step and after its last, and its summaries."""

from __future__ import annotations

import logging
import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_ctcdecoder.alphabet import describe_codepoints
from stt.counted import counted
from stt.durations import say_audio_length

from ..augmentation.kinds import HIDDEN
from ..augmentation.specification import Augmentation
from ..batches.sampler import ClipGroups, make_batches
from ..cli.config import TrainConfig
from ..corpus import ClipSet
from ..models.acoustic_model import AcousticModel
from ..report.epochs import Epoch, best_epoch, is_still_improving
from ..report.summaries import Summaries
from ..scoring.metrics import DEAF_CER, score_set
from ..training.distributed import World
from ..training.plan import ValidationSets
from ..training.progress import Progress
from ..training.state import RunFolder, TrainingState
from .own_command import longer_command
from .results import EvaluationResult

_log = logging.getLogger(__name__)
_UNSPOKEN = frozenset({"Nd", "Nl", "No", "So", "Sm", "Sc"})  # digits, other numbers, symbols
_ABOUT_THE_COMMAND = ("dry_run", "skip_batch_test")


def log_sizes(
    train: ClipGroups,
    sets: ValidationSets,
    test: Sequence[ClipSet],
    config: TrainConfig,
    model: AcousticModel,
    world: World,
) -> None:
    """Log the amount of data, the size of the model, and the device."""
    tested = [
        make_batches(one.clips, config.evaluation.test_batch_size, limit=config.data.limit_test)
        for one in test
    ]
    for purpose, parts in (
        ("Training", [train]),
        ("Validating", list(sets.dev.values())),
        ("Testing", tested),
    ):
        clips = sum(part.clip_count for part in parts)
        if clips:
            _log.info(
                "%s on %s, %s, in %s", purpose, counted(clips, "clip"),
                say_audio_length(sum(part.total_seconds for part in parts)),
                counted(sum(map(len, parts)), "batch", "batches"),
            )  # fmt: skip
    count = sum(weight.numel() for weight in model.parameters())
    _log.info("The model has %s parameters", f"{count:,}")
    if world.size > 1:
        _log.info(
            "%d processes train together%s; each step processes %d batches", world.size,
            ", with sharded weights" if world.shares_weights else "",
            world.size * config.training.gradient_accumulation_steps,
        )  # fmt: skip


def log_costly_characters(alphabet: Alphabet) -> None:
    """Log which characters of a new alphabet need more speech to be learned."""
    labels = alphabet.labels
    small = {label for label in labels if label != label.upper()}
    capitals = [label for label in labels if label != label.lower() and label.lower() in small]
    marks = [one for one in labels if unicodedata.category(one[0])[0] == "P" and one not in "'’-"]
    if capitals or marks:
        _log.info(
            "The transcripts contain upper case letters or punctuation, which the model needs "
            "more speech to learn; --normalize_transcripts true removes them: %s",
            " ".join([*capitals, *marks]),
        )


def log_unspoken_characters(alphabet: Alphabet) -> None:
    """Warn about characters of a new alphabet that have no sound."""
    odd = [
        label
        for label in alphabet.labels
        if unicodedata.category(label[0]) in _UNSPOKEN or label in "[]{}<>%@#&_\\/*"
    ]
    if odd:
        _log.warning(
            "The alphabet has %s that %s not spoken as written: %s. Write numbers and signs such "
            "as %% as words, and remove what nobody speaks ([noise], <unk>, emoji); `stt check` "
            "lists the clips",
            counted(len(odd), "character"), "is" if len(odd) == 1 else "are", " ".join(odd),
        )  # fmt: skip
    unseen = [label for label in alphabet.labels if not label.isprintable()]
    if unseen:
        _log.warning(
            "The alphabet has %s that cannot be seen: %s. If they do not belong in the "
            "transcripts, --normalize_transcripts true removes those that are not spoken",
            counted(len(unseen), "character"), ", ".join(map(describe_codepoints, unseen)),
        )  # fmt: skip


def log_augmentations(
    augmentations: Sequence[Augmentation], *, frozen: bool, variants: int
) -> None:
    """Log how training clips are augmented, and what that means for frozen layers."""
    _log.info("Augmenting training clips: %s", " ".join(map(str, augmentations)))
    anew = [one.name for one in augmentations if one.domain != HIDDEN]
    if variants and not frozen:
        _log.info("--augment_variants has no effect, because no layers are frozen")
    if not frozen or not anew:
        return
    names = " or ".join(dict.fromkeys(anew))
    if variants:
        _log.info(
            "%s creates %s of each clip, which pass through the frozen layers once "
            "(--augment_variants)",
            names, counted(variants, "version"),
        )  # fmt: skip
    else:
        _log.info(
            "Clips changed by %s pass through the frozen layers in every epoch; cached outputs "
            "can only be used with augmentations of hidden features (domain=hidden). With "
            "--augment_variants 3, clips pass through three times in all",
            names,
        )


def log_next_steps(
    config: TrainConfig,
    given: frozenset[str],
    asked_epochs: int,
    progress: Progress,
    folder: Path,
    tests: Sequence[EvaluationResult] = (),
) -> None:
    """Log where the model is, what can be done with it, and whether more epochs would help.

    Args:
        config: the flags as they were given.
        given: names of the flags that were given.
        asked_epochs: number of epochs by the flags or the recipe.
        progress: progress of the finished run.
        folder: folder of its checkpoints.
        tests: results on the test files.
    """
    epochs = [Epoch.from_json(epoch) for epoch in progress.history]
    best = best_epoch(epochs)
    if best and best.cer is not None and best.cer > DEAF_CER:
        _log.warning(
            "The model transcribes almost nothing of the dev files%s (best CER %.2f). Check that "
            "transcripts match their audio (python -m coqui_stt_training.check); then try more "
            "speech, more --epochs, or a source trained on more speech",
            ", and writes much that is not in them" if best.cer > 1 else "",
            best.cer,
        )
    if is_still_improving(epochs) and progress.planned_epoch >= asked_epochs:
        _log.info(
            "The model was still improving at the end. To continue: %s",
            longer_command(config, given, asked_epochs),
        )
    _log.info(
        "%s",
        summary_text(
            epochs, tests, progress.step - progress.begun_step,
            folder, progress.best_checkpoint, config.data.test_files or config.data.dev_files,
        ),
    )  # fmt: skip


def summary_text(
    epochs: Sequence[Epoch],
    tests: Sequence[EvaluationResult],
    steps: int,
    folder: Path,
    best_checkpoint: str | None,
    files: Sequence[str],
) -> str:
    """Return a run at a glance: error rates before and after, where the model is, what is next.

    Args:
        epochs: epochs of the run.
        tests: results on the test files.
        steps: number of steps of this run.
        folder: folder of its checkpoints.
        best_checkpoint: name of the best checkpoint; None: there was no validation.
        files: files that the model can be evaluated on.
    """
    lines = [f"The run at a glance: {counted(len(epochs), 'epoch')}, {counted(steps, 'step')}"]
    first, best = (epochs[0] if epochs else None), best_epoch(epochs)
    if first and best and first.wer is not None and first.cer is not None:
        lines.append(
            f"  dev files:  WER {100 * first.wer:.1f} % and CER {100 * first.cer:.1f} % after the "
            f"first epoch; {_rates(best.wer, best.cer)} after the best, epoch {best.number}"
        )
    lines += [f"  {test.dataset}:  {_rates(test.wer, test.cer)}" for test in tests]
    lines.append(f"  The model is in {folder} (best: {best_checkpoint or 'none, no --dev_files'})")
    report, evaluate, export = (
        ["python", "-m", f"coqui_stt_training.{name}"] for name in ("report", "evaluate", "export")
    )
    where = ["--checkpoint_dir", str(folder)]
    tested = ["--test_files", *(files or ["test.csv"]), "--report", "errors.html"]
    lines += [
        "Next:",
        f"  how it learned:     {shlex.join([*report, str(folder)])}",
        f"  what it gets wrong: {shlex.join([*evaluate, *where, *tested])}",
        f"  to deploy it:       {shlex.join([*export, *where, '--export_dir', 'exported'])}",
    ]
    return "\n".join(lines)


def _rates(wer: float | None, cer: float | None) -> str:
    return f"WER {100 * (wer or 0):.1f} % and CER {100 * (cer or 0):.1f} %"


def open_summaries(
    config: TrainConfig, state: TrainingState, folder: RunFolder, *, writes: bool
) -> Summaries:
    """Return the writer of summaries, which contain the flags; or one that writes nothing."""
    path = Path(config.output.summary_dir or folder.folder.path / "summaries")
    summaries = Summaries(path if writes else None, state.progress.begun_step, state.progress.step)
    groups = (
        config.geometry, config.training, config.optimizer, config.objective, config.dropout,
        config.schedule, config.bootstrap,
    )  # fmt: skip
    names = [name for group in groups for name in vars(group) if name not in _ABOUT_THE_COMMAND]
    in_force = folder.description.flags
    summaries.hyper_parameters({name: in_force[name] for name in names if name in in_force})
    return summaries


def record_outcome(
    summaries: Summaries, progress: Progress, tests: Sequence[EvaluationResult]
) -> None:
    """Record the error rates of the best epoch and of the test files."""
    best = best_epoch([Epoch.from_json(epoch) for epoch in progress.history])
    if best:
        summaries.outcome(progress.step, dev_loss=best.loss, dev_wer=best.wer, dev_cer=best.cer)
    for test in tests:
        summaries.epoch(
            "test", progress.step, test.dataset if len(tests) > 1 else "",
            loss=test.loss, wer=test.wer, cer=test.cer,
        )  # fmt: skip
    if tests:
        total = score_set([sample for test in tests for sample in test.samples])
        summaries.outcome(
            progress.step, test_loss=total.loss, test_wer=total.wer, test_cer=total.cer
        )
