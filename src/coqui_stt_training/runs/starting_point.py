"""Where a training command starts: it continues the run it finds, or begins a new one.

    the same command, the run unfinished     it continues, from its last checkpoint
    the same command, the run finished       a new run begins from its result; no layer is dropped
                                             a second time
    another command                          a new run begins from what --load_checkpoint_dir says

"The same command" means the same data, alphabet, source, dropped layers and --load_train. Other
flags, the number of epochs among them, may change within a run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..checkpoints.file import Checkpoint
from ..checkpoints.folder import CheckpointFolder
from ..checkpoints.loading import load_source
from ..checkpoints.recognise import is_vacant
from ..checkpoints.source import SourceModel
from ..checkpoints.state_file import Which
from ..cli.config import AlphabetFlags, CheckpointFlags, DataFlags, GeometryFlags
from ..cli.training_flags import BootstrapFlags
from ..errors import CheckpointError, CorpusError, FlagError

# Names of what an identity is made of, for the log.
_NAMES = {
    "train": "the training data",
    "dev": "the validation data",
    "alphabet": "the alphabet",
    "source": "the model to start from (--load_checkpoint_dir)",
    "load_train": "--load_train",
    "bootstrap": "the bootstrapping flags (--drop_source_layers and the like)",
}

_SCRATCH = vars(BootstrapFlags())
_ABOUT_THE_COMMAND = frozenset({"run", "dry_run"})
# What is decided when a run begins.
FIXED_FLAGS = frozenset(
    {
        *vars(GeometryFlags()), "audio_sample_rate", "feature_win_len", "feature_win_step",
        "freeze_source_layers", "unfreeze_after_epochs", "unfreeze_every_epochs",
        "source_learning_rate_factor", "layer_learning_rate_decay",
        "head", "head_layers", "head_size", "normalize_transcripts",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Start:
    """Where to start.

    Attributes:
        reason: what is done and why, and how to ask for something else; for the log.
        continued: the checkpoint of a run to go on with, or None.
        source: the model that a new run starts from, or None: from scratch.
        drops_layers: whether `--drop_source_layers` applies: not where it has already been done.
        keeps_optimizer: whether a run of upstream's goes on, with the source's optimizer state and
            learning rate.
    """

    reason: str
    continued: Checkpoint | None = None
    source: SourceModel | None = None
    drops_layers: bool = True
    keeps_optimizer: bool = False


def run_identity(
    data: DataFlags,
    alphabet: AlphabetFlags,
    checkpoints: CheckpointFlags,
    bootstrap: BootstrapFlags,
) -> dict[str, Any]:
    """Return what makes two commands the same run, as JSON values.

    Raises:
        CorpusError: a data or alphabet file cannot be read.
    """
    apart = checkpoints.load_dir and checkpoints.load_dir != checkpoints.save_dir
    return {
        "train": [*_digests(data.train_files), data.limit_train],
        "dev": [*_digests(data.dev_files), data.limit_dev],
        "alphabet": [
            *_digests(filter(None, [alphabet.alphabet_config_path])),
            alphabet.bytes_output_mode,
        ],
        "source": Path(checkpoints.load_dir).resolve().name if apart else None,
        "load_train": checkpoints.load_train,
        "bootstrap": [
            bootstrap.drop_source_layers,
            bootstrap.map_shared_characters,
            bootstrap.extend_alphabet,
        ],
    }


def _digests(paths: Iterable[str]) -> list[str]:
    digests, problems = [], []
    for path in paths:
        try:
            digests.append(hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16])
        except OSError as error:
            hint = "; name a file in it" if isinstance(error, IsADirectoryError) else ""
            problems.append(f"{path}: {(error.strerror or str(error)).lower()}{hint}")
    if problems:
        raise CorpusError("\n".join(problems))
    return digests


def find_start(
    flags: CheckpointFlags, bootstrap: BootstrapFlags, identity: Mapping[str, Any]
) -> Start:
    """Decide where to start.

    Raises:
        CheckpointError: what the flags name is missing or damaged.
        FlagError: `--run continue` without a run to continue.
    """
    folder = CheckpointFolder(Path(flags.save_dir))
    last = folder.read("last")
    run = last.run if last else None
    if last is None or run is None:
        if flags.run == "continue":
            return _continue_foreign(flags)
        return _begin(flags, bootstrap, f"{flags.save_dir} holds no run of this program")
    changes = [_NAMES[key] for key in _NAMES if run["identity"].get(key) != identity[key]]
    if flags.run == "continue" or (flags.run == "auto" and not changes and not run["finished"]):
        return _continue(flags, last, changes)
    if flags.run == "auto" and not changes:
        return _begin_from_result(flags, folder, run)
    why = "--run new was given" if flags.run == "new" else f"{' and '.join(changes)} changed"
    return _begin(flags, bootstrap, why + ("" if flags.run == "new" else "; to go on with the run "
                  f"in {flags.save_dir} all the same: --run continue"))  # fmt: skip


def _continue(flags: CheckpointFlags, last: Checkpoint, changes: Sequence[str]) -> Start:
    run = last.run or {}
    note = f" although {' and '.join(changes)} changed" if changes else ""
    why = "--run continue was given" if flags.run == "continue" else "it is not finished"
    return Start(
        f"Continuing the run in {flags.save_dir} from step {last.step}, epoch {run['epoch']}"
        f"{note}: {why}. No layers are dropped again. To begin a new one instead: --run new",
        continued=last,
    )


def _continue_foreign(flags: CheckpointFlags) -> Start:
    """Go on with a run of upstream's, whose checkpoint has its optimizer state."""
    if not flags.load_dir or is_vacant(Path(flags.load_dir)):
        raise FlagError(f"--run continue: {flags.save_dir} holds no run; leave the flag out")
    which = "last" if flags.load_train in ("auto", "init") else flags.load_train
    source = load_source(flags.load_dir, cast(Which, which), with_adam=True)
    if source.adam is None:
        raise FlagError(
            f"--run continue: {source.path} has no optimizer state to go on with; leave the flag "
            "out to begin a new run from its weights"
        )
    return Start(
        f"Continuing the training of {source.path} from step {source.step} with its optimizer "
        "state and learning rate: --run continue was given. No layers are dropped",
        source=source,
        drops_layers=False,
        keeps_optimizer=True,
    )


def _begin_from_result(
    flags: CheckpointFlags, folder: CheckpointFolder, run: Mapping[str, Any]
) -> Start:
    which = "auto" if flags.load_train == "init" else flags.load_train
    source = load_source(folder.path, cast(Which, which))
    return Start(
        f"Beginning a new run (fine-tuning) from {source.path}, because the run of this command is "
        f"finished: {run['finished']}. Layers are not dropped again. To go on with the old run, "
        "for more epochs say: --run continue; to repeat it from its beginning: --run new",
        source=source,
        drops_layers=False,
    )


def _begin(flags: CheckpointFlags, bootstrap: BootstrapFlags, why: str) -> Start:
    source = None if flags.load_train == "init" else _find_source(flags, bootstrap)
    if source:
        return Start(f"Beginning a new run from {source.path}, because {why}", source=source)
    origin = (
        "--load_train init was given"
        if flags.load_train == "init"
        else f"{flags.load_dir or flags.save_dir} holds no checkpoint"
    )
    asked = [
        name
        for name, unset in _SCRATCH.items()
        if name not in _ABOUT_THE_COMMAND and getattr(bootstrap, name) != unset
    ]
    if asked:
        remedy = "name its folder with --load_checkpoint_dir"
        if flags.load_train == "init":
            remedy = "leave that out to start from one, or these flags out to train from scratch"
        raise CheckpointError(
            f"{', '.join(f'--{name}' for name in asked)} {'need' if len(asked) > 1 else 'needs'} a "
            f"model to start from, but {origin}; {remedy}"
        )
    return Start(f"Training from scratch, because {origin}")


def _find_source(flags: CheckpointFlags, bootstrap: BootstrapFlags) -> SourceModel | None:
    """Read the source; none is no error only where a run may start from scratch."""
    if not flags.load_dir:
        return None
    if is_vacant(Path(flags.load_dir)) and flags.load_dir == flags.save_dir:
        if flags.load_train == "auto":
            return None
        raise CheckpointError(
            f"--load_train {flags.load_train}: {flags.load_dir} holds no checkpoint; leave the "
            "flag out to train from scratch, or name a model's folder with --load_checkpoint_dir"
        )
    return load_source(flags.load_dir, cast(Which, flags.load_train))


def describe_changes(
    flags: Mapping[str, Any], earlier: Mapping[str, Any], given: frozenset[str]
) -> list[str]:
    """Return sentences about the flags of a continued run that are not what they were."""
    changes = {
        name: f"--{name} {earlier[name]} -> {value}"
        for name, value in flags.items()
        if name in earlier and earlier[name] != value and name not in _ABOUT_THE_COMMAND
    }
    idle = [name for name in changes if name in FIXED_FLAGS and name in given]
    return [
        *(f"Flag changed since this run was last saved: {changes[name]}"
          for name in changes if name not in FIXED_FLAGS),
        *(f"{changes[name]} has no effect: a run keeps what it began with. To begin a new one: "
          "--run new" for name in idle),
    ]  # fmt: skip
