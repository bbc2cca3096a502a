"""The native matrix products, the fused LSTM, and the engine that uses both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import stt
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt._native import hyperbolic_tangent, logistic, multiply_float, multiply_int8, sum_int8
from stt.engines.litert import LiteRtEngine, read_model
from stt.engines.native import NativeEngine
from stt.tflite.graph import Graph, Operator, Tensor, TensorType
from stt.tflite.lstm import LSTM, fuse_lstm
from stt.tflite.shapes import check_shapes
from stt.tflite.split import split_recurrence
from stt.tflite.writer import write_graph
from stt_models import ORACLE, SHARED, libstt, needs_oracle, random_deployment, speech

LIBSTT = Path(__file__).parents[1] / "data/libstt_1_4"

SIZES = {
    "rows": st.integers(1, 150),
    "columns": st.integers(1, 400),
    "count": st.integers(1, 19),
    "threads": st.integers(1, 3),
    "seed": st.integers(0, 2**16),
}


def multiply(weights, scale, x, bias, threads):
    return multiply_int8(weights, scale, x, bias, None, None, threads)


def reference(weights, scale, x, bias, peaks=0):
    """Return TensorFlow Lite's hybrid product, computed in integers."""
    largest = np.maximum(np.abs(x).max(axis=1, keepdims=True), peaks)
    inverse = np.divide(127, largest, where=largest > 0, out=np.zeros_like(largest))
    scaled = x * inverse.astype(np.float32)
    quantized = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int64)
    sums = quantized @ weights.astype(np.int64).T
    return bias + sums.astype(np.float32) * (largest / np.float32(127) * np.float32(scale))


@settings(max_examples=60, deadline=None)
@given(**SIZES)
def test_products_are_exact_whatever_their_size(rows, columns, count, threads, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (rows, columns), np.int8)
    x = random.normal(0, 10, (count, columns)).astype(np.float32)
    bias = random.normal(0, 1, rows).astype(np.float32)
    result = multiply(weights, 0.01, x, bias, threads)
    expected = reference(weights, 0.01, x, bias)
    assert np.allclose(result, expected, rtol=1e-5, atol=1e-4 * (1 + np.abs(expected).max()))


def test_peaks_widen_the_scale_of_their_rows():
    random = np.random.default_rng(0)
    weights = random.integers(-128, 128, (30, 100), np.int8)
    x = random.normal(0, 1, (3, 100)).astype(np.float32)
    bias, peaks = np.zeros(30, np.float32), np.array([0, 5, 100], np.float32)
    result = multiply_int8(weights, 0.5, x, bias, peaks, None, 1)
    assert np.allclose(result, reference(weights, 0.5, x, bias, peaks[:, None]), rtol=1e-5)
    with pytest.raises(ValueError, match="peaks do not go together"):
        multiply_int8(weights, 0.5, x, bias, peaks[:2], None, 1)


@settings(max_examples=60, deadline=None)
@given(**SIZES)
def test_a_product_in_two_parts_equals_the_whole(rows, columns, count, threads, seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-128, 128, (rows, 2 * columns), np.int8)
    x = random.normal(0, 1, (count, 2 * columns)).astype(np.float32)
    bias = random.normal(0, 1, rows).astype(np.float32)
    left, right = (np.ascontiguousarray(half) for half in np.split(x, 2, axis=1))
    peaks = np.abs(x).max(axis=1)
    sums = sum_int8(weights[:, :columns], left, peaks, threads)
    assert sums.dtype == np.int32
    parts = multiply_int8(weights[:, columns:], 0.01, right, bias, peaks, sums, threads)
    assert np.array_equal(parts, multiply(weights, 0.01, x, bias, threads))
    with pytest.raises(ValueError, match="addends do not go together"):
        multiply_int8(weights[:, columns:], 0.01, right, bias, peaks, sums[:, 1:], 1)


def test_sums_of_the_most_columns_do_not_overflow():
    columns = 1 << 16
    weights, x = np.full((1, columns), -128, np.int8), np.full((1, columns), 1, np.float32)
    sums = sum_int8(weights, x, None, 1)
    (product,) = multiply_int8(weights, 1.0, x, None, None, sums, 1).reshape(-1)
    assert product == pytest.approx(-2 * 128 * columns, rel=1e-6)


def test_int8_products_are_litert_s_bit_for_bit():
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    random = np.random.default_rng(0)
    weights = random.integers(-127, 128, (64, 496), np.int8)
    bias = random.normal(0, 1, 64).astype(np.float32)
    graph = Graph(
        (
            Tensor("x", TensorType.FLOAT32, (16, 496)),
            Tensor("w", TensorType.INT8, weights.shape, weights.tobytes(), scales=(0.0123,)),
            Tensor("b", TensorType.FLOAT32, bias.shape, bias.tobytes()),
            Tensor("y", TensorType.FLOAT32, (16, 64)),
        ),
        (Operator("FULLY_CONNECTED", (0, 1, 2), (3,), version=3),),
        (0,),
        (3,),
    )
    interpreter = Interpreter(
        model_content=write_graph(graph),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    for _ in range(20):
        x = random.normal(0, 3, (16, 496)).astype(np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert np.array_equal(multiply(weights, 0.0123, x, bias, 1), expected)


@pytest.mark.parametrize(
    ("name", "function"), [("tanh", hyperbolic_tangent), ("logistic", logistic)]
)
def test_activations_are_libstts_bit_for_bit(name, function):
    recorded = np.load(LIBSTT / "activations.npz")
    assert np.array_equal(function(recorded["x"]), recorded[name])


@pytest.mark.parametrize("function", [hyperbolic_tangent, logistic])
def test_activations_of_all_numbers(function):
    spread = np.geomspace(1e-45, 3e38, 3001, dtype=np.float32)
    x = np.concatenate([spread, -spread, [0, -0.0, np.inf, -np.inf, np.nan]]).astype(np.float32)
    with np.errstate(over="ignore"):
        wide = x.astype(np.float64)
        exact = np.tanh(wide) if function is hyperbolic_tangent else 1 / (1 + np.exp(-wide))
    # Ten roundings of the result; the smallest results are rounded more coarsely.
    np.testing.assert_allclose(function(x), exact, rtol=10 * 2**-24, atol=2**-149)
    assert np.array_equal(function(x[:60].reshape(3, 4, 5)), function(x[:60]).reshape(3, 4, 5))
    assert function(x[:0]).shape == (0,)


@settings(max_examples=60, deadline=None)
@given(**SIZES)
def test_float_products_whatever_their_size(rows, columns, count, threads, seed):
    random = np.random.default_rng(seed)
    weights = random.normal(0, 1, (rows, columns)).astype(np.float32)
    x = random.normal(0, 10, (count, columns)).astype(np.float32)
    bias = random.normal(0, 1, rows).astype(np.float32)
    expected = x.astype(np.float64) @ weights.T.astype(np.float64)
    assert np.allclose(multiply_float(weights, x, None, threads), expected, rtol=1e-4, atol=1e-3)
    with_bias = multiply_float(weights, x, bias, threads)
    assert np.allclose(with_bias, expected + bias, rtol=1e-4, atol=1e-3)


def test_a_part_of_a_matrix_is_multiplied_where_it_lies():
    random = np.random.default_rng(0)
    whole = random.integers(-128, 128, (517, 3000), np.int8)
    part, x = whole[:, 1000:2500], random.normal(0, 1, (5, 1500)).astype(np.float32)
    apart = np.ascontiguousarray(part)
    assert np.array_equal(multiply(part, 1.0, x, None, 2), multiply(apart, 1.0, x, None, 1))
    whole, part, apart = (array.astype(np.float32) for array in (whole, part, apart))
    here = multiply_float(whole[:, 1000:2500], x, None, 2)
    assert np.array_equal(here, multiply_float(apart, x, None, 1))


def test_weights_of_a_row_must_lie_side_by_side():
    weights, x = np.zeros((6, 8), np.int8)[:, ::2], np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError, match="side by side"):
        multiply(weights, 1.0, x, None, 1)
    with pytest.raises(ValueError, match="side by side"):
        multiply_float(np.zeros((4, 6), np.float32).T, x, None, 1)


def test_large_products_are_shared_among_threads_and_equal():
    random = np.random.default_rng(0)
    weights = random.integers(-127, 128, (2051, 1030), np.int8)
    x = random.normal(0, 1, (9, 1030)).astype(np.float32)
    results = [multiply(weights, 0.5, x, None, threads) for threads in (1, 2, 5)]
    assert all(np.array_equal(results[0], result) for result in results)


def test_rows_of_zeros_and_rows_too_small_to_be_scaled():
    weights = np.full((3, 70), 127, np.int8)
    bias = np.array([1, 2, 3], np.float32)
    x = np.zeros((2, 70), np.float32)
    x[1, 5] = 1e-45
    assert multiply(weights, 1.0, x, bias, 1).tolist() == [[1, 2, 3]] * 2


def test_shapes_that_do_not_fit_are_refused():
    weights = np.zeros((3, 5), np.int8)
    for x, bias in (((1, 4), 3), ((1, 5), 2)):
        with pytest.raises(ValueError, match="do not go together"):
            multiply(weights, 1.0, np.zeros(x, np.float32), np.zeros(bias, np.float32), 1)


def probabilities(engine, samples):
    stream = stt.Model.from_engine(engine).create_acoustic_stream()
    return np.concatenate([stream.feed(samples), stream.finish()])


@needs_oracle
@pytest.mark.parametrize("name", ["cpu_n64_quant", "bytes_n64_quant", "cpu_n64_float"])
def test_the_engine_gives_libstts_probabilities(name):
    geometry, precision = name.rsplit("_", 1)
    path = ORACLE / f"tflite/{name}.tflite"
    engine = NativeEngine(*read_model(path.read_bytes(), path), threads=2)
    # With int8, all but the softmax is bit-identical; float sums may be added in any order.
    tolerance = 2e-6 if precision == "quant" else 1e-5
    for key, expected in libstt(f"probs_{geometry}.npz").items():
        if key.startswith(precision):
            heard = probabilities(engine, speech(key.split("__")[1]))
            assert np.abs(heard - expected).max() < tolerance


ARMSPEECH = SHARED / "models/armspeech/model.tflite"


@pytest.mark.skipif(not ARMSPEECH.is_file(), reason=f"no released model in {ARMSPEECH}")
def test_a_released_int8_model_gives_libstts_probabilities():
    recorded = np.load(LIBSTT / "armspeech.npz")
    engine = NativeEngine(*read_model(ARMSPEECH.read_bytes(), ARMSPEECH), threads=2)
    for name in (name for name in recorded.files if ":" not in name):
        samples, _ = soundfile.read(SHARED / "data" / name, dtype="int16")
        heard = probabilities(engine, samples)
        assert np.array_equal(heard.argmax(axis=1), recorded[f"{name}:classes"])
        assert np.abs(heard.max(axis=1) - recorded[name]).max() < 2e-6


def varied_model(quantize, layer_norm=False, spread=0.3, n_hidden=48, n_steps=16):
    """Return graph and information of a model whose layer 3 has outputs of about `spread`."""
    plain = random_deployment(n_hidden=n_hidden)
    geometry = Geometry(n_hidden, plain.geometry.n_classes, layer_norm=layer_norm)
    random = np.random.default_rng(1)
    tensors = {
        name: random.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in geometry.tensor_shapes().items()
    }
    for part in ("weight", "bias"):
        tensors[f"layer_3.{part}"] *= np.float32(spread / 0.3)
    deployment = replace(plain, geometry=geometry, tensors=tensors, n_steps=n_steps)
    return read_model(tflite_model(deployment, quantize), Path("model.tflite"))


@pytest.mark.parametrize("quantize", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_both_engines_and_the_rewritten_graph_agree(tmp_path, quantize, layer_norm):
    graph, info = varied_model(quantize, layer_norm)
    assert [operator.name for operator in fuse_lstm(graph).operators].count(LSTM) == 1
    rewritten = split_recurrence(graph)
    assert (rewritten is graph) == quantize
    check_shapes(rewritten)
    windows = np.random.default_rng(2).normal(0, 3, (16, 19, 26)).astype(np.float32)
    results = []
    for engine in (
        LiteRtEngine(graph, info, source=tmp_path, threads=1, parallel=1),
        NativeEngine(graph, info, threads=1),
    ):
        first, state = engine.run(windows, engine.initial_state())
        second, state = engine.run(windows, state)
        results.append([first, second, *state])
    for litert, ours in zip(*results, strict=True):
        # LiteRT's activations are newer than libstt's and differ in the last bit, so a value
        # between two int8 steps may be rounded to either.
        assert np.abs(litert - ours).max() < (0.05 if quantize else 1e-4)


@pytest.mark.parametrize("spread", [0.003, 0.3], ids=["h is larger", "x is larger"])
def test_an_int8_lstm_rounds_x_and_h_together(spread):
    """A graph of one step is not fused, so it uses the product of the file."""
    whole = NativeEngine(*varied_model(True, spread=spread), threads=1)
    graph, info = varied_model(True, spread=spread, n_steps=1)
    assert fuse_lstm(graph) is graph
    by_step = NativeEngine(graph, info, threads=1)
    windows = np.random.default_rng(2).normal(0, 3, (16, 19, 26)).astype(np.float32)
    heard, state = whole.run(windows, whole.initial_state())
    steps, step_state = [], by_step.initial_state()
    for window in windows:
        row, step_state = by_step.run(window[None], step_state)
        steps.append(row)
    assert np.array_equal(heard, np.concatenate(steps))
    assert all(np.array_equal(a, b) for a, b in zip(state, step_state, strict=True))


def test_large_models_take_it_and_others_do_not(tmp_path):
    for n_hidden, quantize, expected in (
        (192, True, NativeEngine),
        (192, False, NativeEngine),
        (32, True, LiteRtEngine),
        (32, False, LiteRtEngine),
    ):
        path = tmp_path / "model.tflite"
        path.write_bytes(tflite_model(random_deployment(n_hidden=n_hidden), quantize))
        model = stt.Model(path)
        assert type(model._open_engine()) is expected
        assert isinstance(model.stt(np.zeros(16000, np.int16)), str)
