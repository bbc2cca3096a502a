"""Dataclasses made of file contents: values of the wrong type are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from stt.plain_values import restore


@dataclass(frozen=True)
class Shape:
    width: int
    scale: float = 1.0
    name: str = ""
    causal: bool = False
    kernels: tuple[int, ...] = ()
    best: float | None = None
    more: Mapping[str, Any] | None = None


def test_values_of_every_type() -> None:
    values = {"width": 3, "scale": 2, "name": "x", "causal": True, "kernels": [1, 2], "best": 0.5}
    assert restore(Shape, values) == Shape(3, 2, "x", True, (1, 2), 0.5)
    assert restore(Shape, {"width": 3, "best": None, "more": {"a": [1]}}).more == {"a": [1]}


@pytest.mark.parametrize(
    "values",
    [
        None, [], 3, {}, {"width": "3"}, {"width": 3.0}, {"width": True}, {"width": 2**60},
        {"width": 3, "scale": float("nan")}, {"width": 3, "scale": 10**400},
        {"width": 3, "name": 1},
        {"width": 3, "causal": 1}, {"width": 3, "kernels": [1, "2"]}, {"width": 3, "kernels": 1},
        {"width": 3, "best": "x"}, {"width": 3, "more": []}, {"width": 3, "unknown": 1},
    ],
)  # fmt: skip
def test_values_that_are_refused(values: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        restore(Shape, values)
