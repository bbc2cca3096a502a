"""The syntax of `--augment`: `name[p=0.1,parameter=value,...]`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import FlagError
from .kinds import AUTO, KINDS, Kind, Number
from .value_range import ValueRange, parse_range

_SPECIFICATION = re.compile(r"([\w-]+)(?:\[(.*)\])?", re.DOTALL)


@dataclass(frozen=True)
class Augmentation:
    """One augmentation with its parameters.

    Attributes:
        name: one of `KINDS`.
        probability: probability that a clip is changed.
        domain: domain in which it acts.
        ranges: ranges of all numeric parameters.
        texts: values of all text parameters.
    """

    name: str
    probability: float
    domain: str
    ranges: Mapping[str, ValueRange] = field(hash=False)
    texts: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        """Return it in the flag's syntax, with all parameters."""
        texts = {name: text for name, text in self.texts.items() if text}
        values = {"p": f"{self.probability:g}", **texts, **self.ranges}
        if len(KINDS[self.name].domains) > 1:
            values["domain"] = self.domain
        return f"{self.name}[{','.join(f'{name}={value}' for name, value in values.items())}]"


def parse_augmentations(texts: Iterable[str]) -> tuple[Augmentation, ...]:
    """Parse the values of `--augment`.

    Raises:
        FlagError: something is wrong; the message lists all problems.
    """
    problems: list[str] = []
    found = [_parse(text, problems) for text in texts]
    if problems:
        raise FlagError("; ".join(problems))
    return tuple(one for one in found if one)


def _parse(text: str, problems: list[str]) -> Augmentation | None:
    match = _SPECIFICATION.fullmatch(text.strip())
    if match is None:
        problems.append(
            f"--augment {text}: write NAME or NAME[PARAMETER=VALUE,...], for example "
            "time_mask[p=0.5,n=2,size=50]"
        )
        return None
    name, kind = _find_kind(match[1])
    if kind is None:
        known = nearest(match[1], KINDS) or f"; available: {', '.join(KINDS)}"
        problems.append(f"--augment {text}: unknown augmentation {match[1]}{known}")
        return None
    given, wrong = _assignments(match[2] or "")
    wrong += [*_unknown(name, kind, given), *_missing(kind, given)]
    probability = 1.0
    ranges: dict[str, ValueRange] = {}
    texts: dict[str, str] = {}
    for parameter, declared in {"p": None, **kind.parameters}.items():
        value = given.get(parameter)
        try:
            if declared is None:
                probability = _probability(value or "1")
            elif isinstance(declared, Number):
                ranges[parameter] = _range(declared, parameter, value)
            else:
                texts[parameter] = value or declared.default or ""
        except ValueError as error:
            wrong.append(str(error))
    domain = given.get("domain", kind.domains[0])
    if domain not in kind.domains:
        known = ", ".join(kind.domains)
        wrong.append(f"domain={domain}: {name} acts on {known}{nearest(domain, kind.domains)}")
    problems += [f"--augment {text}: {problem}" for problem in wrong]
    if wrong:
        return None
    return Augmentation(name, probability, domain, ranges, texts)


def _find_kind(name: str) -> tuple[str, Kind | None]:
    """Find a kind by its name, written with underscores or hyphens."""
    plain = name.replace("-", "_")
    known = {one.replace("-", "_"): one for one in KINDS}
    return (known[plain], KINDS[known[plain]]) if plain in known else (name, None)


def _assignments(text: str) -> tuple[dict[str, str], list[str]]:
    given: dict[str, str] = {}
    wrong = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            wrong.append(f"{part}: write PARAMETER=VALUE")
        elif name in given:
            wrong.append(f"{name} is given twice")
        given[name] = value
    return {name: value for name, value in given.items() if value}, wrong


def _unknown(name: str, kind: Kind, given: Iterable[str]) -> Iterator[str]:
    known = ["p", *kind.parameters, *(["domain"] if len(kind.domains) > 1 else [])]
    for parameter in given:
        if parameter not in known:
            yield (
                f"{name} has no {parameter}{nearest(parameter, known)}; it has {', '.join(known)}"
            )


def _missing(kind: Kind, given: Mapping[str, str]) -> Iterator[str]:
    for name, parameter in kind.parameters.items():
        if parameter.default is None and name not in given:
            yield f"needs {name}=...: {parameter.meaning}"


def _probability(text: str) -> float:
    try:
        probability = float(text)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise ValueError(f"p={text}: must be a number from 0 to 1")
    return probability


def _range(parameter: Number, name: str, text: str | None) -> ValueRange:
    if text is None:
        return parameter.default
    noun = "whole numbers" if parameter.whole else "numbers"
    try:
        value = parse_range(text, whole=parameter.whole)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name}={text}: write VALUE or START:END, optionally followed by ~RADIUS, with {noun}"
        ) from None
    if value.r < 0:
        raise ValueError(f"{name}={text}: the radius behind ~ must be 0 or more")
    if not all(parameter.least <= bound <= parameter.most for bound in (value.start, value.end)):
        raise ValueError(
            f"{name}={text}: must be from {parameter.least:g} to {parameter.most:g} "
            f"({parameter.meaning})"
        )
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (nearest: ...)` with the known name most similar to a name; empty if none is."""
    matches = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f" (nearest: {matches[0]})" if matches else ""


def settle_domains(
    augmentations: Sequence[Augmentation], *, on_hidden: bool
) -> tuple[Augmentation, ...]:
    """Replace the domain `auto` by a definite one.

    Args:
        augmentations: augmentations as given.
        on_hidden: whether masks apply to the output of the first layers instead of to features: for
            models that take samples, and for models whose first layers are frozen.
    """
    settled = "hidden" if on_hidden else "features"
    return tuple(
        replace(one, domain=settled) if one.domain == AUTO else one for one in augmentations
    )
