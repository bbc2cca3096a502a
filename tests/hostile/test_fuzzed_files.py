"""Some hundred mutants of every format; `fuzz_files.py` makes any number by hand."""

from __future__ import annotations

import pytest

from hostile.fuzz_files import FORMATS, fuzz_apart, mutate


@pytest.mark.parametrize("name", FORMATS)
def test_mutants_are_read_or_refused(name: str) -> None:
    try:
        FORMATS[name].make()
    except (ImportError, OSError) as error:
        pytest.skip(str(error))
    assert list(fuzz_apart(name, first=10**6, count=200)) == []


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("tflite", 35927),  # an operator without inputs, where metadata is looked for
        ("tflite", 61553),  # LiteRT sees only at work that an operator cannot be
    ],
)
def test_mutants_that_once_got_through(name: str, seed: int) -> None:
    try:
        FORMATS[name].make()
    except (ImportError, OSError) as error:
        pytest.skip(str(error))
    assert list(fuzz_apart(name, first=seed, count=1)) == []


def test_a_seed_makes_the_same_mutant() -> None:
    content = bytes(range(256))
    assert mutate(content, 7) == mutate(content, 7)
    assert len({mutate(content, seed) for seed in range(200)}) > 190
