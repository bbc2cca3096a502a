"""`--recipe`: chooses the recipe of a run, and combines it with the flags of the command.

Every flag of the command takes precedence. A resumed run keeps the flags that it began with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..checkpoints.source import SourceModel
from ..cli.config import TrainConfig
from ..cli.flags import as_dict, overlay
from ..cli.spelling import spell_flags
from ..corpus import CorpusFiles
from ..corpus.duration import Amount, estimate_amount
from ..models.encoder import EncoderSpecification
from .course import COURSE_FLAGS, describe_course
from .machine import has_fast_bfloat16
from .recipe import SETTABLE, Recipe, all_recipes, find_recipe

_log = logging.getLogger(__name__)

# Flags that make sense only with the value that another flag has in the recipe.
_LEADERS = {
    "weight_decay": "optimizer",
    "tri_stage_hold": "learning_rate_schedule",
    "last_learning_rate_factor": "learning_rate_schedule",
    "unfreeze_after_epochs": "freeze_source_layers",
    "unfreeze_every_epochs": "freeze_source_layers",
    "unfreeze_wait_epochs": "freeze_source_layers",
    "augment_variants": "augment",
    "head_layers": "head",
    "head_size": "head",
}
_OF_FREEZING = frozenset(
    {
        "freeze_source_layers", "unfreeze_after_epochs", "unfreeze_every_epochs",
        "unfreeze_wait_epochs",
    }
)  # fmt: skip
# Flags about an encoder's own weights, which are not trained if it has adapters.
_OF_TRAINED_ENCODERS = _OF_FREEZING | {
    "source_learning_rate_factor", "layer_learning_rate_decay", "source_weight_decay",
}  # fmt: skip


class _Choice(NamedTuple):
    """A recipe, the amount of training data, and the reason for the choice."""

    recipe: Recipe
    amount: Amount
    why: str


def use_recipe(
    config: TrainConfig,
    given: frozenset[str],
    source: SourceModel | None,
    files: CorpusFiles,
    *,
    keeps_head: bool = False,
) -> TrainConfig:
    """Return the flags of a new run with those of its recipe, and log which that is and why.

    Args:
        config: the flags.
        given: names of the flags of the command, which take precedence.
        source: model that the run starts from.
        files: reads the corpus files.
        keeps_head: whether the trained head of the source is kept, so that no epochs train the
            head alone.

    Raises:
        FlagError: there is no such recipe, or it is malformed.
        CorpusError: a corpus file cannot be read.
    """
    choice = _choose(config, source, files)
    if choice is None:
        return config
    recipe, amount, why = choice
    own = {name: value for name, value in as_dict(config).items() if name in given}
    at_once: dict[str, Any] = {}
    says_so = config.bootstrap.adapter or _OF_FREEZING & given
    if keeps_head and recipe.course and recipe.course.head and not says_so:
        at_once = {"freeze_source_layers": 0}
        why = f"{why}, and all layers are trained at once, because the head is already trained"
    course = recipe.course.flags(amount, {**own, **at_once}) if recipe.course else {}
    flags = _flags_beside({**course, **recipe.flags, **at_once}, config, given)
    told = f": {describe_course(amount, {**course, **own})}" if course else ""
    shown = " ".join(spell_flags(flags))
    _log.info("Recipe %s (%s), as %s%s", recipe.title, recipe.why, why, told)
    _log.info(
        "It sets %s. To train without it: --recipe none", shown or "nothing that you did not give"
    )
    return overlay(config, {**flags, "recipe": recipe.title}, f"recipe {recipe.path}")


def keep_recipe(
    config: TrainConfig, given: frozenset[str], kept: Mapping[str, Any], files: CorpusFiles
) -> TrainConfig:
    """Return the flags of a resumed run, with those of the recipe that it began with.

    Args:
        config: the flags.
        given: names of the flags of the command, which take precedence.
        kept: all flags that the run had when it was saved.
        files: reads the corpus files.

    Raises:
        FlagError: see `use_recipe`; only if the command names another recipe.
    """
    asked = config.training.recipe
    if asked not in ("", "auto", kept.get("recipe")):
        return use_recipe(config, given, None, files)
    if not kept.get("recipe"):
        return config
    names = (SETTABLE - given) | {"recipe"}
    values = {name: value for name, value in kept.items() if name in names}
    return overlay(config, values, "the run's checkpoint")


def _choose(config: TrainConfig, source: SourceModel | None, files: CorpusFiles) -> _Choice | None:
    """Return the recipe of a run; None if there is none, which is logged if one was requested."""
    asked = config.training.recipe
    if asked == "none":
        return None
    if asked not in ("", "auto"):
        recipe, why = find_recipe(asked), f"--recipe {asked} was given"
        return _Choice(recipe, _amount(config, files), why)
    if source is None:
        if asked:
            _log.info("No recipe: there are none for training from scratch")
        return None
    specification = source.specification
    if not asked and not isinstance(specification, EncoderSpecification):
        return None  # such a model is trained as in upstream
    amount = _amount(config, files)
    share = sum(files.shares.values())
    drawn = (
        f" in each epoch, {100 * share:.0f} % of them drawn from sets with a share" if share else ""
    )
    why = (
        f"the source is a {specification.architecture} model and there are {amount} to train on"
        f"{drawn}"
    )
    suiting = [
        recipe for recipe in all_recipes() if recipe.suits(specification, amount.seconds / 60)
    ]
    if not suiting:
        _log.info("No recipe: there is none for it; %s", why)
        return None
    return _Choice(max(suiting, key=lambda recipe: recipe.version), amount, why)


def _amount(config: TrainConfig, files: CorpusFiles) -> Amount:
    return estimate_amount(config.data.train_files, files, config.data.limit_train)


def _flags_beside(
    flags: Mapping[str, Any], config: TrainConfig, given: frozenset[str]
) -> dict[str, Any]:
    """Return the flags of a recipe that the flags of a command leave in force."""
    values = as_dict(config)

    def gives_way(name: str) -> bool:
        if config.bootstrap.adapter and name in _OF_TRAINED_ENCODERS:
            return True
        if name == "automatic_mixed_precision" and not has_fast_bfloat16():
            return True
        leader = _LEADERS.get(name)
        return name in given or (
            leader in given
            and leader in flags
            and name not in COURSE_FLAGS
            and values[leader] != flags[leader]
        )

    return {name: value for name, value in flags.items() if not gives_way(name)}
