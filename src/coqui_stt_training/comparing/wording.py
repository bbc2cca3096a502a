"""The text output of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..experiments.trainings import nothing_learned
from .verdict import Summary


def describe(found: Sequence[Summary], level: float) -> Iterator[str]:
    """Yield the lines of the table and the conclusion for a terminal."""
    width = max(len("way"), *(len(one.name) for one in found))
    first = found[0].name
    against = f"CER difference to {first!r}, {level:.0%} interval" if len(found) > 1 else ""
    yield f"\n{'way':<{width}}  {'CER':<14} {'WER':<14} {'CPU min':>7}  {against}".rstrip()
    for one in found:
        cells = f"{rate(one.cer, one.cer_spread):<14} {rate(one.wer, one.wer_spread):<14}"
        took = minutes(one.cpu_minutes)
        yield f"{one.name:<{width}}  {cells} {took:>7}  {difference(one)}".rstrip()
    yield conclusion(found)


def rate(mean: float, spread: float | None) -> str:
    """Format an error rate and its standard deviation over seeds."""
    return f"{mean:.3f}" if spread is None else f"{mean:.3f} ± {spread:.3f}"


def minutes(took: float | None) -> str:
    """Format a CPU time; an empty string if it is unknown."""
    return "" if took is None else f"{took:.1f}"


def difference(one: Summary) -> str:
    """Format the difference from the first way; an empty string if it is unknown."""
    if one.low is None or one.high is None:
        return ""
    return f"{one.low:+.3f} to {one.high:+.3f}: {one.verdict}"


def conclusion(found: Sequence[Summary]) -> str:
    """Return the conclusion in one sentence."""
    first, best = found[0], min(found, key=lambda one: one.cer)
    if message := nothing_learned(best.cer, "which way is better"):
        return message
    if len(found) == 1:
        return "Only one way; add others to compare it with: --ways."
    if all(one.seeds == 1 for one in found):
        return "With one training each, differences may be chance; use more --seeds."
    told = [one for one in found if one.verdict == "better"]
    if told:
        best = min(told, key=lambda one: one.cer)
        return f"{best.name!r} is better than {first.name!r}, by {first.cer - best.cer:.3f}."
    if best is first:
        return f"None is better than {first.name!r}."
    return (
        f"{best.name!r} is ahead of {first.name!r}, but that may be chance; use more --seeds or "
        "more test clips."
    )
