"""The flags of `compare`: its own, and those of `train`, which it passes on."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from ..errors import FlagError
from .config import TrainConfig
from .flags import at_most, flag, positive

AS_GIVEN = "as given"


@dataclass(frozen=True)
class ComparisonFlags:
    """Comparison."""

    out: str = flag(
        "", "output folder for results and their page; the same command continues what it holds"
    )
    ways: tuple[str, ...] = flag(
        [],
        "ways to train, each 'NAME: FLAGS', for example 'LoRA: --adapter lora:rank=16'; its "
        "flags win over the other flags of this command. The first is the baseline. Default: one "
        "way without flags of its own",
    )
    seeds: int = flag(
        3, "number of trainings of each way, with different seeds", check=at_most(100)
    )
    interval: float = flag(0.9, "coverage probability of the intervals", check=positive)
    keep_models: bool = flag(False, "keep the checkpoints of all trainings")

    def __post_init__(self) -> None:
        self.words()
        if self.interval >= 1:
            raise FlagError("--interval: must be less than 1")

    def words(self) -> dict[str, list[str]]:
        """Return the flags of each way, as words, by the name of the way.

        Raises:
            FlagError: ways are malformed or have the same name; one error lists all.
        """
        words: dict[str, list[str]] = {}
        problems = []
        for way in self.ways:
            name, colon, flags = way.partition(":")
            try:
                split = shlex.split(flags)
            except ValueError as error:
                problems.append(f"{way!r}: {str(error).lower()}")
                continue
            if not colon or not name.strip() or not all(w.startswith("--") for w in split[:1]):
                problems.append(f"{way!r}: must be a name, a colon, and flags of train")
            elif name.strip() in words:
                problems.append(f"two ways have the name {name.strip()!r}")
            words[name.strip()] = split
        if problems:
            raise FlagError(f"--ways: {'; '.join(problems)}")
        return words or {AS_GIVEN: []}


@dataclass(frozen=True)
class ComparisonConfig(TrainConfig):
    """All flags of `compare`."""

    comparison: ComparisonFlags = ComparisonFlags()
