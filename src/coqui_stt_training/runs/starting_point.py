"""Where a training command starts: it resumes the run in the folder, or begins a new one.

    the same command, unfinished run    it is resumed from its last checkpoint; if it has none yet,
                                        it begins again from the same source
    the same command, trained run       the remaining work is done: evaluation, ...
    the same command, all done          a new run begins from its result; no layers are dropped
                                        again
    another command                     a new run begins from the model of --load_checkpoint_dir

"The same command" means the same data, alphabet, source, dropped layers and --load_train. Other
flags, such as the number of epochs, may change within a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..checkpoints.file import Checkpoint, read_checkpoint
from ..checkpoints.folder import CheckpointFolder, adopt
from ..checkpoints.loading import load_source
from ..checkpoints.readers.tensorflow_bundle import with_suffix
from ..checkpoints.recognise import is_vacant
from ..checkpoints.run_record import RunRecord, read_record
from ..checkpoints.source import SourceModel
from ..checkpoints.state_file import Which
from ..cli.config import CheckpointFlags
from ..cli.geometry_flags import GeometryFlags
from ..cli.training_flags import BootstrapFlags
from ..errors import CheckpointError, FlagError
from .identity import describe_differences, is_apart

_SCRATCH = vars(BootstrapFlags())
_ABOUT_THE_COMMAND = frozenset({"run", "dry_run"})
# Flags that are fixed when a run begins.
FIXED_FLAGS = frozenset(
    {
        *vars(GeometryFlags()), "audio_sample_rate", "feature_win_len", "feature_win_step",
        "freeze_source_layers", "unfreeze_after_epochs", "unfreeze_every_epochs",
        "source_learning_rate_factor", "layer_learning_rate_decay", "source_weight_decay",
        "output_bias", "head", "head_layers", "head_size", "head_blocks", "adapter",
        "normalize_transcripts",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """Where to start.

    Attributes:
        reason: what is done and why, and how to do something else; for the log.
        continued: checkpoint of the run to resume, or None.
        source: model that a new run starts from; None: from scratch.
        drops_layers: whether `--drop_source_layers` applies; false if it was already applied.
        keeps_optimizer: whether a run of upstream is continued, with the source's optimizer state
            and learning rate.
        record: record of the run to resume.
    """

    reason: str
    continued: Checkpoint | None = None
    source: SourceModel | None = None
    drops_layers: bool = True
    keeps_optimizer: bool = False
    record: RunRecord | None = None


def find_start(
    flags: CheckpointFlags, bootstrap: BootstrapFlags, identity: Mapping[str, Any]
) -> Start:
    """Decide where to start.

    Raises:
        CheckpointError: a model that the flags name is missing or damaged.
        FlagError: `--run continue` was given, but there is no run to resume.
    """
    found = _find_run(Path(flags.save_dir))
    if found is None:
        if flags.run == "continue":
            return _continue_foreign(flags)
        return _begin(flags, bootstrap, f"{flags.save_dir} contains no run of this toolkit")
    record, last = found
    changes = describe_differences(record.identity, identity, flags)
    if flags.run == "new" or (flags.run == "auto" and changes):
        why = "--run new was given"
        if flags.run != "new":
            why = (
                f"{' and '.join(changes)} changed; to continue the run in {flags.save_dir} anyway: "
                "--run continue"
            )
        return _begin(flags, bootstrap, why)
    if last is None and record.phase == "training":
        return _begin_once_more(flags, record)
    if flags.run == "auto" and (last is None or record.phase == "done"):
        return _begin_after(flags, bootstrap, record)
    if last is None:
        return _continue_foreign(flags)
    return _continue(flags, record, last, changes)


def _find_run(folder: Path) -> tuple[RunRecord, Checkpoint | None] | None:
    """Return the newest run of a folder and its last checkpoint, if there are any.

    Raises:
        CheckpointError: the record, a state file or the checkpoint is damaged.
    """
    record = read_record(folder)
    if record is None:
        last = CheckpointFolder(folder).read("last")
        return (adopt(folder, last), last) if last and last.run else None
    there = [name for name in record.last if (folder / name).is_file()]
    return record, read_checkpoint(folder / there[-1], mapped=True) if there else None


def _continue(
    flags: CheckpointFlags, record: RunRecord, last: Checkpoint, changes: Sequence[str]
) -> Start:
    run = last.run or {}
    note = f" although {' and '.join(changes)} changed" if changes else ""
    if record.phase == "evaluating" and flags.run == "auto":
        return Start(
            f"Continuing with the run in {flags.save_dir}: its training is finished "
            f"({record.finished}), but what follows it is not. To begin a new run instead: --run "
            "new",
            continued=last,
            record=record,
        )
    why = "--run continue was given" if flags.run == "continue" else "it is not finished"
    return Start(
        f"Continuing the run in {flags.save_dir} from step {last.step}, epoch "
        f"{run['epoch']}{note}: {why}. No layers are dropped again. To begin a new run instead: "
        "--run new",
        continued=last,
        record=record,
    )


def _continue_foreign(flags: CheckpointFlags) -> Start:
    """Continue a run of upstream, whose checkpoint has its optimizer state."""
    if not flags.load_dir or is_vacant(Path(flags.load_dir)):
        raise FlagError(f"--run continue: there is no run in {flags.save_dir}; leave the flag out")
    which = "last" if flags.load_train in ("auto", "init") else flags.load_train
    source = load_source(flags.load_dir, cast(Which, which), with_adam=True)
    if source.adam is None:
        raise FlagError(
            f"--run continue: {source.path} has no optimizer state to continue with; leave the "
            "flag out to begin a new run from its weights"
        )
    return Start(
        f"Continuing the training of {source.path} from step {source.step} with its optimizer "
        "state and learning rate: --run continue was given. No layers are dropped",
        source=source,
        drops_layers=False,
        keeps_optimizer=True,
    )


def _begin_once_more(flags: CheckpointFlags, record: RunRecord) -> Start:
    """Begin a run again that was interrupted before it had a checkpoint."""
    why = f"the run in {flags.save_dir} was interrupted before its first checkpoint"
    if not record.source:
        return Start(f"Training from scratch again, because {why}")
    place = Path(flags.save_dir) / record.source  # an absolute path if it is outside of the folder
    if place.exists() or with_suffix(place, ".index").exists():
        source: SourceModel | None = load_source(place, with_adam=record.keeps_optimizer)
    else:
        source = _find_source(flags)
    if source is None:
        raise CheckpointError(
            f"{record.source}, from which the run in {flags.save_dir} started, no longer exists; "
            "give a model with --load_checkpoint_dir"
        )
    return Start(
        f"Starting again from {source.path}, because {why}",
        source=source,
        drops_layers=record.drops_layers,
        keeps_optimizer=record.keeps_optimizer,
    )


def _begin_after(flags: CheckpointFlags, bootstrap: BootstrapFlags, record: RunRecord) -> Start:
    """Begin a new run after the finished run of the same command."""
    why = f"the run of this command is finished: {record.finished}"
    if flags.load_train == "init":
        return _begin(
            flags, bootstrap, (
                f"--load_train init was given; {why}. To continue it for more epochs: --run "
                "continue"
            ),
        )  # fmt: skip
    source = load_source(flags.save_dir, cast(Which, flags.load_train))
    return Start(
        f"Beginning a new run (fine-tuning) from {source.path}, because {why}. Layers are not "
        "dropped again. To continue the old run for more epochs: --run continue; to begin from "
        "the model that the flags give: --run new",
        source=source,
        drops_layers=False,
    )


def _begin(flags: CheckpointFlags, bootstrap: BootstrapFlags, why: str) -> Start:
    source = None if flags.load_train == "init" else _find_source(flags)
    if source:
        return Start(f"Beginning a new run from {source.path}, because {why}", source=source)
    ignored = flags.load_checkpoint_dir
    if flags.load_train != "init" and ignored not in ("", flags.load_dir):
        # Upstream lets --checkpoint_dir win, and would train from scratch here.
        raise CheckpointError(
            f"--checkpoint_dir {flags.checkpoint_dir} is used to load, too, but contains no "
            f"checkpoint, and --load_checkpoint_dir {ignored} would be ignored; to start from that "
            f"model and save here: --load_checkpoint_dir {ignored} --save_checkpoint_dir "
            f"{flags.checkpoint_dir}"
        )
    origin = (
        "--load_train init was given"
        if flags.load_train == "init"
        else f"{flags.load_dir or flags.save_dir} contains no checkpoint"
    )
    asked = [
        name
        for name, unset in _SCRATCH.items()
        if name not in _ABOUT_THE_COMMAND and getattr(bootstrap, name) != unset
    ]
    if asked:
        remedy = "give its folder with --load_checkpoint_dir"
        if flags.load_train == "init":
            remedy = (
                "leave out --load_train init to start from one, or these flags to train from "
                "scratch"
            )
        raise CheckpointError(
            f"{', '.join(f'--{name}' for name in asked)} {'need' if len(asked) > 1 else 'needs'} a "
            f"model to start from, but {origin}; {remedy}"
        )
    return Start(f"Training from scratch, because {why if origin in why else origin}")


def _find_source(flags: CheckpointFlags) -> SourceModel | None:
    """Read the source; return None if there is none and the run may start from scratch."""
    if not flags.load_dir:
        return None
    if is_vacant(Path(flags.load_dir)) and not is_apart(flags):
        if flags.load_train == "auto":
            return None
        raise CheckpointError(
            f"--load_train {flags.load_train}: {flags.load_dir} contains no checkpoint; leave the "
            "flag out to train from scratch, or give a model's folder with --load_checkpoint_dir"
        )
    return load_source(flags.load_dir, cast(Which, flags.load_train))


def describe_changes(
    flags: Mapping[str, Any], earlier: Mapping[str, Any], given: frozenset[str]
) -> list[str]:
    """Return sentences about flags that have changed since a resumed run began."""
    changes = {
        name: f"--{name} {earlier[name]} -> {value}"
        for name, value in flags.items()
        if name in earlier and earlier[name] != value and name not in _ABOUT_THE_COMMAND
    }
    idle = [name for name in changes if name in FIXED_FLAGS and name in given]
    return [
        *(f"Flag changed since this run was last saved: {changes[name]}"
          for name in changes if name not in FIXED_FLAGS),
        *(
            f"{changes[name]} has no effect, because a run keeps its initial value. To begin a "
            "new run: --run new" for name in idle),
    ]  # fmt: skip
