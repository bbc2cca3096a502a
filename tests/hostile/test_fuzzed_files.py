"""200 mutants of every format; `fuzz_files.py`, run by hand, makes any number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache

import pytest

from hostile.fuzz_files import FORMATS, fuzz_apart, mutate

Problems = Mapping[str, list[tuple[int, str]]]


@cache
def why_not_made(name: str) -> str:
    """Return why a file of a format cannot be made here, or an empty string if it can."""
    try:
        FORMATS[name].make()
    except (ImportError, OSError) as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def problems(request: pytest.FixtureRequest) -> Problems:
    """Return the findings by format. One process reads all mutants, because it is slow to start."""
    asked = [
        item.callspec.params["name"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_mutants_are_read_or_refused"
    ]
    names = [name for name in FORMATS if name in asked and not why_not_made(name)]
    found = defaultdict(list)
    for name, seed, problem in fuzz_apart(names, first=10**6, count=200):
        found[name].append((seed, problem))
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_mutants_are_read_or_refused(name: str, problems: Problems) -> None:
    if reason := why_not_made(name):
        pytest.skip(reason)
    assert problems.get(name, []) == []


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("tflite", 35927),  # an operator has no inputs where the reader looks for metadata
        ("tflite", 61553),  # LiteRT detects the invalid operator only when it runs
        ("fairseq", 3004038),  # a member of the archive has no name
        ("common_voice", 4002071),  # the header ends within the column names that identify it
        ("arrow", 3006220),  # the name of a field within a column is not UTF-8
        ("arrow", 3007538),  # a buffer of offsets ends in the middle of an offset
    ],
)
def test_mutants_that_once_got_through(name: str, seed: int) -> None:
    if reason := why_not_made(name):
        pytest.skip(reason)
    assert list(fuzz_apart([name], first=seed, count=1)) == []


def test_a_seed_makes_the_same_mutant() -> None:
    content = bytes(range(256))
    assert mutate(content, 7) == mutate(content, 7)
    assert len({mutate(content, seed) for seed in range(200)}) > 190
