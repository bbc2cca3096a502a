"""A recipe: a named set of flags for a kind of source and an amount of speech.

It is a YAML file, in `coqui_stt_training/recipes` or the user's own:

    name: encoder-minutes
    version: 2
    architectures: [whisper, wav2vec2]     kinds of sources
    minutes: [0, 90]                       of speech in an epoch: minimum, and excluded maximum
    parameters: [0, 20_000_000]            of the source, likewise; without it: any number
    why: one line for the log
    batch: {seconds: 16, clips: [4, 16]}   as many clips as have about so many seconds
    head: {steps: 300, epochs: [6, 80]}    first the new head alone
    everything: {steps: 400, epochs: [8, 40]}   then all layers
    flags: {dropout_rate: 0.3, ...}

`batch`, `head` and `everything` say how long it trains, see `course.py`. A recipe has `batch` and
`everything`, with or without `head`, or none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.plain_values import restore

from ..cli.flags import closest
from ..cli.training_flags import (
    BootstrapFlags,
    DropoutFlags,
    ObjectiveFlags,
    OptimizerFlags,
    ScheduleFlags,
    TrainingFlags,
)
from ..errors import FlagError
from ..models.specification import Specification, parameter_count
from .course import COURSE_FLAGS, Batches, Course, Phase

_FOLDER = Path(__file__).parents[1] / "recipes"
_LARGEST_FILE_BYTES = 1 << 20

# Flags that only the command line sets: the source, the identity of a run, and what has no effect
# on the result.
_NEVER = {
    "recipe", "random_seed", "skip_batch_test", "force_initialize_learning_rate", "dry_run",
    "drop_source_layers", "map_shared_characters", "map_alphabet", "extend_alphabet",
}  # fmt: skip
_GROUPS = (
    TrainingFlags, OptimizerFlags, ObjectiveFlags, DropoutFlags, ScheduleFlags, BootstrapFlags,
)  # fmt: skip
_OF_DATA = ("shuffle_batches", "shuffle_start", "augment", "augment_variants")
SETTABLE = frozenset(
    {
        *_OF_DATA,
        *(item.name
          for group in _GROUPS
          for item in fields(group)),
    }
    - _NEVER
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
        name: its name.
        version: its version, which increases when its flags change; old versions stay.
        architectures: architectures of the sources that it is for.
        minutes: minutes of speech in an epoch that it is for: minimum, and excluded maximum.
        parameters: numbers of parameters of the sources that it is for, likewise.
        why: its idea, for people.
        flags: values of flags by name.
        course: how long it trains; None: its flags say that.
        path: its file.
    """

    name: str
    version: int
    architectures: tuple[str, ...]
    minutes: tuple[float, ...]
    parameters: tuple[float, ...]
    why: str
    flags: Mapping[str, Any]
    course: Course | None
    path: Path

    @property
    def title(self) -> str:
        """Name and version, as `--recipe` takes them."""
        return f"{self.name}@{self.version}"

    def suits(self, source: Specification, minutes: float) -> bool:
        """Return whether it is for such a source and so many minutes of speech in an epoch."""
        return (
            source.architecture in self.architectures
            and self.minutes[0] <= minutes < self.minutes[1]
            and self.parameters[0] <= parameter_count(source) < self.parameters[1]
        )


def find_recipe(asked: str) -> Recipe:
    """Return the recipe of `NAME`, `NAME@VERSION` or a file.

    Raises:
        FlagError: there is no such recipe, or it is malformed.
    """
    if asked.endswith((".yaml", ".yml")):
        return _read(Path(asked))
    name, _, version = asked.partition("@")
    found = [r for r in all_recipes() if r.name == name and version in ("", str(r.version))]
    if not found:
        known = ", ".join(recipe.title for recipe in all_recipes())
        raise FlagError(
            f"--recipe {asked}: must be one of {known}, auto, none, or a file that ends in .yaml"
        )
    return max(found, key=lambda recipe: recipe.version)


@cache
def all_recipes() -> tuple[Recipe, ...]:
    """Return the recipes that come with the package."""
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.yaml")))


@dataclass(frozen=True)
class _File:
    """The content of a recipe's file."""

    name: str
    version: int
    flags: Mapping[str, Any]
    architectures: tuple[str, ...] = ()
    minutes: tuple[float, ...] = (0.0, float("inf"))
    parameters: tuple[float, ...] = (0.0, float("inf"))
    why: str = "your own"
    batch: Mapping[str, Any] | None = None
    head: Mapping[str, Any] | None = None
    everything: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("minutes", "parameters"):
            if len(getattr(self, name)) != 2:
                raise ValueError(
                    f"{name} must be two numbers: a minimum, and a maximum that is excluded"
                )
        if (self.batch is None) != (self.everything is None) or (self.head and not self.batch):
            raise ValueError("batch and everything need each other, and head needs both")

    def recipe(self, path: Path) -> Recipe:
        """Return the recipe of the file."""
        course = None
        if self.batch is not None:
            head = restore(Phase, self.head) if self.head is not None else None
            course = Course(restore(Batches, self.batch), restore(Phase, self.everything), head)
        return Recipe(
            self.name, self.version, self.architectures, self.minutes, self.parameters, self.why,
            self.flags, course, path,
        )  # fmt: skip


def _read(path: Path) -> Recipe:
    content = _content(path)
    _check_parts(path, content)
    try:
        recipe = restore(_File, content).recipe(path)
    except (ValueError, TypeError, RecursionError) as error:
        raise _malformed(path, error) from None
    strangers = [
        f"--{name}{closest(name, SETTABLE)}"
        for name in map(str, recipe.flags)
        if name not in SETTABLE
    ]
    if strangers:
        raise FlagError(f"recipe {path} has flags that recipes cannot set: {'; '.join(strangers)}")
    twice = sorted(COURSE_FLAGS & recipe.flags.keys()) if recipe.course else []
    if twice:
        raise FlagError(
            f"recipe {path} sets the length of training both in steps and with the flags "
            f"{', '.join(twice)}; leave one of them out"
        )
    return recipe


def _content(path: Path) -> object:
    import yaml  # imported only by commands with a recipe

    try:
        return yaml.safe_load(read_regular(path, _LARGEST_FILE_BYTES).decode())
    except OSError as error:
        raise FlagError(f"--recipe {path}: {(error.strerror or str(error)).lower()}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _malformed(path, error) from None


def _malformed(path: Path, error: Exception) -> FlagError:
    return FlagError(f"recipe {path} is malformed ({' '.join(str(error).split())})")


def _check_parts(path: Path, content: object) -> None:
    """Check that a file has the parts of a recipe, and no others.

    Raises:
        FlagError: parts are missing or unknown; the message lists all.
    """
    parts = content if isinstance(content, dict) else {}
    known = [item.name for item in fields(_File)]
    strangers = [str(name) for name in parts if name not in known]
    missing = [f"`{name}:`" for name in ("name", "version", "flags") if name not in parts]
    problems = [f"missing {' and '.join(missing)}"] if missing else []
    if strangers:
        flags = "put flags under `flags:`; " if SETTABLE.intersection(strangers) else ""
        problems.append(
            f"{', '.join(strangers)}: not a part of recipes; {flags}the parts are "
            f"{', '.join(known)}"
        )
    if problems:
        raise FlagError(f"recipe {path}: {'; '.join(problems)}")
