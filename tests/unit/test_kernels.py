"""The kernels of all instruction sets give the same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet, ctc_beam_search_decoder
from kernels import ACTIVATION, DECODER, FLOAT, INT8, Kernels
from rounding import product_bound
from stt._native import hyperbolic_tangent, logistic, multiply_float, multiply_int8

Floats = NDArray[np.float32]
LETTERS = Alphabet.from_labels([" ", *"abcdefghijklmnopqrstuvwxyz'"])


def with_every_kernel(kernels: Kernels, compute: Callable[[], Any]) -> list[Any]:
    results = []
    for name in kernels.names():
        with kernels.using(name):
            results.append(compute())
    return results


def posteriors(seed: int, frames: int, classes: int, peak: float) -> Floats:
    logits = peak * np.random.default_rng(seed).standard_normal((frames, classes))
    probs = np.exp(logits - logits.max(1, keepdims=True))
    return (probs / probs.sum(1, keepdims=True)).astype(np.float32)


def impossible_classes(seed: int) -> Floats:
    """Return posteriors with zeros, subnormal numbers and classes of probability 1."""
    random = np.random.default_rng(seed)
    values = np.array([0, 0, 0, 1e-45, 1e-38, 1e-30, 1.0])
    probs = random.choice(values, (20, LETTERS.size + 1)) + np.eye(29)[random.integers(0, 29, 20)]
    return (probs / probs.sum(1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("kernels", [DECODER, INT8, FLOAT])
def test_the_plain_kernel_is_always_there_and_unknown_ones_are_refused(kernels: Kernels) -> None:
    assert kernels.names()[-1] == "baseline"
    with pytest.raises(ValueError, match="kernel"):
        kernels.use("abacus")


@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 40),
    peak=st.sampled_from([0.0, 1.0, 4.0, 20.0]),
    beam=st.sampled_from([1, 3, 16, 17, 100]),
    cutoff=st.sampled_from([1.0, 0.99]),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("alphabet", [LETTERS, UTF8Alphabet()])
def test_kernels_decode_alike(
    alphabet: Alphabet, seed: int, frames: int, peak: float, beam: int, cutoff: float
) -> None:
    probs = posteriors(seed, frames, alphabet.size + 1, peak)
    check_that_kernels_agree(probs, alphabet, beam, cutoff)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cutoff", [1.0, 0.5])
def test_kernels_agree_on_certain_and_impossible_classes(seed: int, cutoff: float) -> None:
    check_that_kernels_agree(impossible_classes(seed), LETTERS, 30, cutoff)


def check_that_kernels_agree(probs: Floats, alphabet: Alphabet, beam: int, cutoff: float) -> None:
    """Assert equal scores up to rounding: a fused multiply-add rounds once instead of twice."""

    def decode() -> Any:
        return ctc_beam_search_decoder(probs, alphabet, beam, cutoff, num_results=5)

    results = with_every_kernel(DECODER, decode)
    for others in results[1:]:
        for ours, theirs in zip(results[0], others, strict=False):
            assert ours.confidence == pytest.approx(theirs.confidence, rel=1e-5, abs=1e-4)
        # Hypotheses with almost equal scores may come in either order.
        if len(results[0]) > 1 and results[0][0].confidence - results[0][1].confidence < 1e-3:
            continue
        assert results[0][0].tokens == others[0].tokens


@given(
    rows=st.integers(1, 140),
    columns=st.integers(1, 300),
    count=st.integers(0, 19),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-40, 1e-20, 1.0, 1e30]),
)
@settings(max_examples=100, deadline=None)
def test_int8_products_are_the_same_bit_for_bit(
    rows: int, columns: int, count: int, seed: int, scale: float
) -> None:
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (rows, columns), np.int8)
    x = (scale * random.standard_normal((count, columns))).astype(np.float32)
    bias = random.standard_normal(rows).astype(np.float32)
    results = with_every_kernel(INT8, lambda: multiply_int8(weights, 0.01, x, bias, None, None, 1))
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()


@pytest.mark.parametrize("columns", [1, 15, 64, 255, 256, 257, 1 << 16])
def test_int8_sums_of_extreme_products_are_exact(columns: int) -> None:
    weights = np.full((2, columns), -128, np.int8)
    weights[1] = 127
    x = np.full((9, columns), 127, np.float32)
    for result in with_every_kernel(
        INT8, lambda: multiply_int8(weights, 1.0, x, None, None, None, 1)
    ):
        exact = np.float32(127 * columns) * np.array([-128, 127], np.float32)
        assert (result == exact).all()


@given(
    rows=st.integers(1, 140),
    columns=st.integers(1, 300),
    count=st.integers(0, 19),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=100, deadline=None)
def test_float_products_are_exact_but_for_rounding(
    rows: int, columns: int, count: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    weights = random.standard_normal((rows, columns), np.float32)
    x = random.standard_normal((count, columns), np.float32)
    bias = random.standard_normal(rows, np.float32)
    exact = x.astype(np.float64) @ weights.T.astype(np.float64) + bias
    for result in with_every_kernel(FLOAT, lambda: multiply_float(weights, x, bias, 1)):
        assert (np.abs(result - exact) <= product_bound(weights, x, bias)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 90))
def test_activations_are_the_same_to_the_bit(seed: int, size: int) -> None:
    x = np.random.default_rng(seed).normal(0, 30, size).astype(np.float32)
    x[:: 1 + seed % 7] *= np.float32(1e-5)
    for function in (logistic, hyperbolic_tangent):
        first, *others = with_every_kernel(ACTIVATION, lambda function=function: function(x))
        assert all(np.array_equal(first, other) for other in others)
