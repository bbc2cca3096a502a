"""Checkpoints written by upstream, read without TensorFlow and run in plain NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_graph
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.readers.tensorflow_bundle import TensorBundle
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.models.deepspeech.weights import LSTM_SCOPE, to_upstream, upstream_shapes
from rounding import logit_tolerance, rounding

ORACLE = Path(__file__).parents[2] / "../shared/oracle/tf"
CHECKPOINTS = ORACLE / "ckpt"
NAMES = ("cpu_n64", "bytes_n64", "cudnn_n64")

pytestmark = pytest.mark.skipif(
    not CHECKPOINTS.is_dir(), reason="upstream's checkpoints (shared/oracle/tf/ckpt) are not here"
)


def manifest() -> dict[str, dict[str, Any]]:
    return json.loads((CHECKPOINTS / "manifest.json").read_text()) if CHECKPOINTS.is_dir() else {}


@pytest.mark.parametrize("checkpoint", manifest())
def test_every_tensor_is_what_tensorflow_says(checkpoint: str) -> None:
    bundle = TensorBundle(CHECKPOINTS / checkpoint)
    expected = manifest()[checkpoint]
    assert set(bundle.entries) == set(expected)
    for name, facts in expected.items():
        tensor = bundle.read(name, facts["dtype"])
        assert list(tensor.shape) == facts["shape"], name
        values = tensor.astype(np.float64)
        assert values.sum() == pytest.approx(facts["sum"], rel=1e-9, abs=1e-9), name
        assert (values**2).sum() == pytest.approx(facts["sumsq"], rel=1e-9, abs=0), name
        assert values.reshape(-1)[0] == facts["first"], name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("which", ["best", "last"])
def test_source_holds_exactly_the_stored_values(name: str, which: Any) -> None:
    source = load_source(CHECKPOINTS / name, which, with_adam=True)
    shapes = {key: tensor.shape for key, tensor in source.tensors.items()}
    assert shapes == source.specification.tensor_shapes()
    assert list(shapes) == list(source.specification.tensor_shapes())
    stored = TensorBundle(source.path)
    assert source.adam is not None
    for slot, ours in (
        ("", source.tensors),
        ("/Adam", source.adam.first_moments),
        ("/Adam_1", source.adam.second_moments),
    ):
        for theirs, tensor in to_upstream(ours).items():
            if theirs + slot in stored.entries:
                np.testing.assert_array_equal(tensor, stored.read(theirs + slot), err_msg=theirs)
            else:
                assert name == "cudnn_n64"
                assert slot
                assert LSTM_SCOPE in theirs
                assert not tensor.any()


@pytest.mark.parametrize(
    ("name", "best", "last", "classes"),
    [
        ("cpu_n64", "best_dev-300", "train-303", 29),
        ("bytes_n64", "best_dev-800", "train-803", 256),
        ("cudnn_n64", "best_dev-300", "train-303", 29),
    ],
)
def test_state_files_choose_and_the_checkpoint_describes_itself(
    name: str, best: str, last: str, classes: int
) -> None:
    directory = CHECKPOINTS / name
    assert load_source(directory, with_adam=True).path.name == best
    assert load_source(directory, "best").path.name == best
    source = load_source(directory, "last")
    assert source.path.name == last
    assert load_source(directory / last).tensors.keys() == source.tensors.keys()
    assert source.format == "tensorflow-1"
    assert source.step == int(last.split("-")[1])
    assert source.specification.n_hidden == 64
    assert source.specification.n_classes == classes
    assert not source.specification.layer_norm
    assert source.specification.relu_clip == 20
    assert source.specification.n_context == 9
    assert source.alphabet is not None
    assert source.alphabet.size == classes - 1
    assert source.alphabet.is_bytes == name.startswith("bytes")
    assert source.features is not None
    assert source.features.sample_rate_hz == 16000
    assert source.features.window_samples == 512
    assert source.features.step_samples == 320
    assert source.learning_rate == pytest.approx(0.001)
    assert source.details["trained_with_cudnn"] == name.startswith("cudnn")


@pytest.mark.parametrize("name", NAMES)
def test_adam_counts_its_steps_from_the_beta_powers(name: str) -> None:
    for checkpoint in ("best", "last"):
        source = load_source(CHECKPOINTS / name, checkpoint, with_adam=True)  # type: ignore[arg-type]
        assert source.adam is not None
        assert source.adam.step == source.step
        stored = TensorBundle(source.path)
        power = float(stored.read("beta2_power"))
        assert 0.999 ** (source.adam.step + 1) == pytest.approx(power, rel=1e-4)


def test_cudnn_checkpoint_is_the_cpu_one_but_for_the_moments_of_the_lstm() -> None:
    cpu, cudnn = (
        load_source(CHECKPOINTS / name, "last", with_adam=True) for name in ("cpu_n64", "cudnn_n64")
    )
    for name, tensor in cpu.tensors.items():
        np.testing.assert_array_equal(tensor, cudnn.tensors[name])
    assert cpu.notes == ()
    assert cudnn.notes == (
        "The optimizer's state is not stored for lstm; there it starts from zero.",
    )
    assert cudnn.adam is not None
    assert cudnn.adam.first_moments["layer_1.weight"].any()


def test_optimizer_state_is_left_alone_where_it_is_not_wanted() -> None:
    source = load_source(CHECKPOINTS / "cpu_n64")
    assert source.adam is None
    assert source.notes == ()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("clip", ["LDC93S1", "LDC93S1_8k", "newhome"])
def test_logits(name: str, clip: str) -> None:
    reference = np.load(ORACLE / f"refs/{name}__{clip}.npz")
    source = load_source(CHECKPOINTS / name, "best")
    logits = _run(source, reference["mfcc"])
    tolerance = logit_tolerance(source.specification, reference["logits"])
    np.testing.assert_allclose(logits, reference["logits"][:, 0], rtol=0, atol=tolerance)


def test_activations() -> None:
    reference = np.load(ORACLE / "refs/cpu_n64__LDC93S1.npz")
    source = load_source(CHECKPOINTS / "cpu_n64", "best")
    tensors, inputs = source.tensors, numpy_graph.windows(reference["mfcc"], 9)
    layer_1 = np.clip(inputs @ tensors["layer_1.weight"].T + tensors["layer_1.bias"], 0, 20)
    tolerance = rounding(inputs.shape[1], float(np.abs(layer_1).max()))
    np.testing.assert_allclose(layer_1, reference["act_layer_1"], rtol=0, atol=tolerance)
    rnn_output = numpy_graph.lstm(tensors, reference["act_layer_3"])
    gates = reference["act_layer_3"] @ np.abs(tensors["lstm.weight_ih"]).T
    tolerance = rounding(2 * source.specification.n_hidden, float(gates.max()))
    np.testing.assert_allclose(rnn_output, reference["act_rnn_output"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_upstream_names_and_shapes_round_trip(name: str) -> None:
    source = load_source(CHECKPOINTS / name, with_adam=True)
    theirs = to_upstream(source.tensors)
    shapes = upstream_shapes(source.specification)
    assert {key: tensor.shape for key, tensor in theirs.items()} == shapes
    reference = np.load(ORACLE / f"refs/{name}__train5.npz")
    for key in reference.files:
        kind, _, variable = key.partition(":")
        if kind == "grad0":
            assert reference[key].shape == shapes[variable]


def _run(source: SourceModel, mfcc: np.ndarray) -> np.ndarray:
    inputs = numpy_graph.windows(mfcc, source.specification.n_context)
    return numpy_graph.logits(source.tensors, source.specification, inputs)
