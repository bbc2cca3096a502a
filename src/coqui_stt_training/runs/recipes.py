"""Recipes: named sets of flags for a kind of source and an amount of speech.

A recipe is a YAML file, in `coqui_stt_training/recipes` or the user's own:

    name: encoder-minutes
    version: 1
    architectures: [whisper, wav2vec2]    the sources it is for
    minutes: [0, 90]                      of training data: from, and below which
    why: one line for the log
    flags: {epochs: 16, ...}

Every flag that the command gives wins over it. A run that goes on keeps what it began with.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.plain_values import restore

from ..checkpoints.source import SourceModel
from ..cli.config import TrainConfig
from ..cli.flags import closest, overlay
from ..cli.training_flags import (
    BootstrapFlags,
    DropoutFlags,
    ObjectiveFlags,
    OptimizerFlags,
    ScheduleFlags,
    TrainingFlags,
)
from ..corpus import CorpusFiles
from ..corpus.duration import estimate_duration
from ..errors import FlagError
from ..models.encoder import EncoderSpecification

_FOLDER = Path(__file__).parents[1] / "recipes"
_LARGEST_FILE_BYTES = 1 << 20
_log = logging.getLogger(__name__)

# What the command line alone says: where from, what makes a run that run, what changes no result.
_NEVER = {
    "recipe", "random_seed", "skip_batch_test", "force_initialize_learning_rate",
    "automatic_mixed_precision", "dry_run", "drop_source_layers", "map_shared_characters",
    "extend_alphabet",
}  # fmt: skip
_GROUPS = (
    TrainingFlags, OptimizerFlags, ObjectiveFlags, DropoutFlags, ScheduleFlags, BootstrapFlags,
)  # fmt: skip
_OF_DATA = ("shuffle_batches", "shuffle_start", "augment")
SETTABLE = frozenset(
    {
        *_OF_DATA,
        *(item.name
          for group in _GROUPS
          for item in fields(group)),
    }
    - _NEVER
)  # fmt: skip
# A batch is as large as memory allows, which says nothing against a recipe.
_SAYS_NOTHING = frozenset({"train_batch_size", "dev_batch_size"})
# Flags that mean something only beside the value that another one has in the recipe.
_LEADERS = {
    "weight_decay": "optimizer",
    "tri_stage_hold": "learning_rate_schedule",
    "last_learning_rate_factor": "learning_rate_schedule",
    "unfreeze_after_epochs": "freeze_source_layers",
    "unfreeze_every_epochs": "freeze_source_layers",
    "head_layers": "head",
    "head_size": "head",
}
# What is said of an encoder's own weights, which are not trained where they have adapters.
_OF_TRAINED_ENCODERS = frozenset(
    {
        "freeze_source_layers", "unfreeze_after_epochs", "unfreeze_every_epochs",
        "source_learning_rate_factor", "layer_learning_rate_decay", "source_weight_decay",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """A recipe, read.

    Attributes:
        name: its name.
        version: counted up when its flags change; old versions stay.
        architectures: of the sources that it is for.
        minutes: of training data that it is for, from the first to below the second.
        why: the idea of it, for people.
        flags: values by name.
        path: its file.
    """

    name: str
    version: int
    architectures: tuple[str, ...]
    minutes: tuple[float, float]
    why: str
    flags: Mapping[str, Any]
    path: Path

    @property
    def title(self) -> str:
        """Its name and version, as `--recipe` takes them."""
        return f"{self.name}@{self.version}"

    def suits(self, architecture: str, minutes: float) -> bool:
        """Say whether it is for such a source and so much training data."""
        return architecture in self.architectures and self.minutes[0] <= minutes < self.minutes[1]


def use_recipe(
    config: TrainConfig,
    given: frozenset[str],
    source: SourceModel | None,
    files: CorpusFiles,
) -> TrainConfig:
    """Return the flags of a new run with those of its recipe, and log which that is and why.

    Args:
        config: the flags.
        given: names of those that the command gives, which win.
        source: what the run starts from.
        files: reads the corpus files.

    Raises:
        FlagError: there is no such recipe, or it is malformed.
        CorpusError: a corpus file cannot be read.
    """
    asked = config.training.recipe
    if asked in ("", "auto"):
        recipe, why = _choose(config, source, files, asked)
        if recipe is None:
            if asked:
                _log.info("No recipe: %s", why)
            return config
        against = sorted((given & {*recipe.flags, "adapter"}) - _SAYS_NOTHING)
        if against and not asked:
            _log.info(
                "No recipe, as the command says itself how to train: %s. To take %s for all that "
                "it does not say: --recipe auto",
                ", ".join(f"--{name}" for name in against), recipe.title,
            )  # fmt: skip
            return config
    elif asked == "none":
        return config
    else:
        recipe, why = find_recipe(asked), f"--recipe {asked} was given"
    flags = _flags_beside(recipe, config, given)
    shown = " ".join(f"--{name} {_spell(value)}" for name, value in flags.items())
    _log.info(
        "Recipe %s (%s), as %s: %s. To do without: --recipe none",
        recipe.title, recipe.why, why, shown,
    )  # fmt: skip
    return overlay(config, {**flags, "recipe": recipe.title}, f"recipe {recipe.path}")


def keep_recipe(
    config: TrainConfig, given: frozenset[str], kept: Mapping[str, Any], files: CorpusFiles
) -> TrainConfig:
    """Return the flags of a run that goes on, with those that its recipe gave it.

    Args:
        config: the flags.
        given: names of those that the command gives, which win.
        kept: all flags that the run had when it was saved.
        files: reads the corpus files.

    Raises:
        FlagError: see `use_recipe`; only where the command names another recipe.
    """
    asked = config.training.recipe
    if asked not in ("", "auto", kept.get("recipe")):
        return use_recipe(config, given, None, files)
    if not kept.get("recipe"):
        return config
    names = (SETTABLE - given) | {"recipe"}
    values = {name: value for name, value in kept.items() if name in names}
    return overlay(config, values, "the run's checkpoint")


def find_recipe(asked: str) -> Recipe:
    """Return the recipe of `NAME`, `NAME@VERSION` or a file.

    Raises:
        FlagError: there is none, or it is malformed.
    """
    if asked.endswith((".yaml", ".yml")):
        return _read(Path(asked))
    name, _, version = asked.partition("@")
    found = [r for r in all_recipes() if r.name == name and version in ("", str(r.version))]
    if not found:
        known = ", ".join(recipe.title for recipe in all_recipes())
        raise FlagError(
            f"--recipe {asked}: there are {known}, auto, none, and files that end in .yaml"
        )
    return max(found, key=lambda recipe: recipe.version)


@cache
def all_recipes() -> tuple[Recipe, ...]:
    """Return those that come with the program."""
    return tuple(_read(path) for path in sorted(_FOLDER.glob("*.yaml")))


def _choose(
    config: TrainConfig, source: SourceModel | None, files: CorpusFiles, asked: str
) -> tuple[Recipe | None, str]:
    """Return the newest recipe for a source and its data, if there is one, and why that."""
    if source is None:
        return None, "there are none for training from scratch"
    specification = source.specification
    if not asked and not isinstance(specification, EncoderSpecification):
        return None, "a model of that kind is trained as upstream does"
    minutes = estimate_duration(config.data.train_files, files, config.data.limit_train) / 60
    architecture = specification.architecture
    why = f"the source is a {architecture} model and there are {minutes:.1f} minutes to train on"
    suiting = [recipe for recipe in all_recipes() if recipe.suits(architecture, minutes)]
    if not suiting:
        return None, f"there is none for it; {why}"
    return max(suiting, key=lambda recipe: recipe.version), why


def _flags_beside(recipe: Recipe, config: TrainConfig, given: frozenset[str]) -> dict[str, Any]:
    """Return what is left of a recipe beside the flags that a command gives."""
    values = {name: value for part in vars(config).values() for name, value in vars(part).items()}

    def gives_way(name: str) -> bool:
        if config.bootstrap.adapter and name in _OF_TRAINED_ENCODERS:
            return True
        leader = _LEADERS.get(name)
        return name in given or (
            leader in given and leader in recipe.flags and values[leader] != recipe.flags[leader]
        )

    return {name: value for name, value in recipe.flags.items() if not gives_way(name)}


def _spell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class _File:
    """What a recipe's file holds."""

    name: str
    version: int
    flags: Mapping[str, Any]
    architectures: tuple[str, ...] = ()
    minutes: tuple[float, float] = (0.0, float("inf"))
    why: str = "your own"

    def __post_init__(self) -> None:
        if len(self.minutes) != 2:
            raise ValueError("minutes are two numbers: from, and below which")


def _read(path: Path) -> Recipe:
    import yaml  # only a command with a recipe pays for this import

    try:
        content = yaml.safe_load(read_regular(path, _LARGEST_FILE_BYTES).decode())
        file = restore(_File, content) if isinstance(content, dict) else None
    except OSError as error:
        raise FlagError(f"--recipe {path}: {(error.strerror or str(error)).lower()}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise FlagError(f"recipe {path} is malformed ({said})") from None
    if file is None:
        raise FlagError(f"recipe {path} must hold `name:`, `version:` and `flags:`")
    strangers = [f"--{name}{closest(name, SETTABLE)}" for name in _unknown(file.flags)]
    if strangers:
        raise FlagError(f"recipe {path} has flags that no recipe can set: {'; '.join(strangers)}")
    return Recipe(**vars(file), path=path)


def _unknown(names: Iterable[Any]) -> list[str]:
    return [str(name) for name in names if name not in SETTABLE]
