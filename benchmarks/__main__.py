"""One table of the speed of everything, compared with the limits of the machine.

    python -m benchmarks [--quick] [--only GROUP ...] [--json] [--compare OLD.json]

    python -m benchmarks --json >before.json         # then change something
    python -m benchmarks --compare before.json

Run it in the folder of the sources. It measures CPU time on one core, which other processes disturb
least, and takes the best of several rounds. Limits are measured in the same run: the speed of
matrix products, of reading memory and plain files, and the start of Python. For each part there is
another script in this folder that measures it more closely.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .measuring import FULL, QUICK, Effort, Measure, Result

_HEAD = ("", "each", "limit", "of limit", "limited by", "upstream")


def main() -> int:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # NumPy and PyTorch read it when they are imported
    from .groups import GROUPS
    from .limits import describe_machine

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--quick", action="store_true", help="small models, few rounds: a minute")
    parser.add_argument(
        "--only", nargs="+", choices=list(GROUPS), default=list(GROUPS), help="groups to measure"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument(
        "--compare", type=Path, metavar="OLD.json", help="show how many times as fast as then"
    )
    flags = parser.parse_args()
    before: Mapping[str, float] = {}
    if flags.compare:
        try:
            before = _read_times(flags.compare)
        except (OSError, ValueError, TypeError, KeyError) as error:
            parser.error(f"--compare {flags.compare}: not what --json printed ({error})")
    machine = describe_machine()
    if not flags.json:
        _print_machine(machine)
    results = []
    measures = {name: GROUPS[name] for name in flags.only}
    for result in _measure(measures, QUICK if flags.quick else FULL):
        results.append(result)
        if not flags.json:
            print(_line(result, before), flush=True)
    if flags.json:
        print(json.dumps({"machine": machine, "results": [asdict(r) for r in results]}, indent=1))
    missing = sorted(set(before) - {result.name for result in results})
    if missing and flags.only == list(GROUPS):
        print("not measured now: " + ", ".join(missing), file=sys.stderr)
    return 0


def _measure(groups: Mapping[str, Measure], effort: Effort) -> Iterator[Result]:
    for name, measure in groups.items():
        try:
            yield from measure(effort)
        except ModuleNotFoundError as error:
            print(f"{name}: left out, there is no {error.name}", file=sys.stderr)


def _read_times(path: Path) -> dict[str, float]:
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {result["name"]: float(result["seconds"]) for result in kept["results"]}


def _print_machine(machine: Mapping[str, float]) -> None:
    for name, value in machine.items():
        if name != "taken at":
            print(f"{name}: {value:.4g}")
    print()
    print(_columns(*_HEAD))


def _line(result: Result, before: Mapping[str, float]) -> str:
    limit, share = "", ""
    if result.limit_seconds is not None:
        limit = _time(result.limit_seconds)
        share = f"{result.limit_seconds / result.seconds:.0%}"
    upstream = _time(result.upstream_seconds) if result.upstream_seconds else ""
    speed = f"{1 / result.seconds:.0f} times real time" if result.unit == "audio s" else ""
    old = before.get(result.name)
    change = f"{old / result.seconds:.2f} times as fast as before" if old else ""
    each = f"{_time(result.seconds)} / {result.unit}"
    return _columns(result.name, each, limit, share, result.limited_by, upstream, speed, change)


def _columns(
    name: str, each: str, limit: str, share: str, by: str, upstream: str, *rest: str
) -> str:
    told = "  ".join(filter(None, rest))
    return f"{name:50} {each:>19} {limit:>9} {share:>8}  {by:20} {upstream:>9}  {told}".rstrip()


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


if __name__ == "__main__":
    sys.exit(main())
