"""Invalid input of int8 products: it becomes NaN in the result, or is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kernels import INT8
from stt._native import multiply_int8


@pytest.mark.parametrize("kernel", INT8.names())
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 37, 69])
def test_one_value_that_is_not_finite_shows_in_its_row_only(
    kernel: str, value: float, place: int
) -> None:
    x = np.ones((9, 70), np.float32)
    x[4, place] = value
    with INT8.using(kernel):
        result = multiply_int8(np.ones((3, 70), np.int8), 1.0, x, None, None, None, 1)
    assert np.isnan(result[4]).all()
    assert np.allclose(np.delete(result, 4, axis=0), 70)


def test_sums_that_could_overflow_are_refused() -> None:
    columns = (1 << 16) + 1
    with pytest.raises(ValueError, match=f"{columns} columns"):
        multiply_int8(
            np.zeros((1, columns), np.int8),
            1.0,
            np.zeros((1, columns), np.float32),
            None,
            None,
            None,
            1,
        )


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_nothing_times_something(shape: tuple[int, int], count: int) -> None:
    x = np.ones((count, shape[1]), np.float32)
    result = multiply_int8(np.zeros(shape, np.int8), 1.0, x, None, None, None, 2)
    assert result.shape == (count, shape[0])
    assert not result.any()
