"""TensorFlow checkpoint folders in all their variants, made by a small writer of the format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_graph
from coqui_stt_ctcdecoder import UTF8Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.readers.tensorflow_bundle import TensorBundle
from coqui_stt_training.checkpoints.recognise import Format, recognise
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.models.deepspeech.weights import from_upstream, to_upstream
from rounding import logit_tolerance
from stt.frontends.mfcc_config import FeatureConfig
from tensorflow_bundle_writer import (
    LSTM,
    Tensors,
    entry,
    header,
    random_tensors,
    write_bundle,
    write_checkpoint,
    write_table,
)

FIXTURE = Path(__file__).parents[1] / "data/tensorflow_1_15"


def assert_holds(source: SourceModel, tensors: Tensors) -> None:
    """Assert that a source has these weights, under upstream's names."""
    for name, tensor in to_upstream(source.tensors).items():
        np.testing.assert_array_equal(tensor, tensors[name], err_msg=name)


def test_checkpoint_of_tensorflow_itself_with_layer_normalisation() -> None:
    truth = np.load(FIXTURE / "truth.npz")
    source = load_source(FIXTURE, with_adam=True)
    assert source.specification.layer_norm
    assert (source.specification.n_hidden, source.specification.n_classes) == (8, 6)
    assert (source.step, source.adam and source.adam.step) == (7, 7)
    assert source.learning_rate == pytest.approx(0.0003)
    assert_holds(source, truth)
    logits = numpy_graph.logits(source.tensors, source.specification, truth["x"])
    tolerance = logit_tolerance(source.specification, truth["logits"])
    np.testing.assert_allclose(logits, truth["logits"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("shards", [1, 2, 5])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_shards_sizes_and_layer_norm(tmp_path: Path, shards: int, layer_norm: bool) -> None:
    tensors = random_tensors(24, 40, layer_norm=layer_norm)
    write_checkpoint(tmp_path, tensors, shards=shards)
    source = load_source(tmp_path, with_adam=True)
    assert source.specification.n_hidden == 24
    assert source.specification.n_classes == 40
    assert source.specification.layer_norm == layer_norm
    assert_holds(source, tensors)
    assert source.adam is not None
    for slot, moments in (
        ("Adam", source.adam.first_moments),
        ("Adam_1", source.adam.second_moments),
    ):
        for name, tensor in to_upstream(moments).items():
            np.testing.assert_array_equal(tensor, tensors[f"{name}/{slot}"], err_msg=name)


def test_number_of_windows_is_read_from_the_first_layer(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, random_tensors(8, 5, inputs=11 * 26))
    assert load_source(tmp_path, with_adam=True).specification.n_context == 5


@pytest.mark.parametrize(("block_items", "restart_items"), [(1, 1), (3, 2), (1000, 1), (7, 1000)])
def test_index_of_several_blocks(tmp_path: Path, block_items: int, restart_items: int) -> None:
    tensors = random_tensors(4, 5)
    prefix = write_checkpoint(tmp_path, tensors)
    bundle = TensorBundle(prefix)
    items, offset = {b"": header(1)}, 0
    for name, tensor in sorted(tensors.items()):
        dtype = 9 if tensor.dtype == np.int64 else 1
        items[name.encode()] = entry(dtype, tensor.shape, 0, offset, tensor.tobytes())
        offset += tensor.nbytes
    write_table(
        Path(f"{prefix}.index"), items, block_items=block_items, restart_items=restart_items
    )
    assert TensorBundle(prefix).entries == bundle.entries
    assert_holds(load_source(prefix, with_adam=True), tensors)


def test_checkpoint_without_optimizer_state_or_anything_beside_it(tmp_path: Path) -> None:
    tensors = random_tensors(8, 5, adam=False)
    del tensors["global_step"], tensors["learning_rate"]
    write_bundle(tmp_path / "model", tensors)
    source = load_source(tmp_path, with_adam=True)
    assert source.details["checkpoint"] == "only"
    assert (source.adam, source.learning_rate, source.step) == (None, None, 0)
    assert (source.alphabet, source.features) == (None, None)
    assert source.notes == ("The optimizer's state is not stored.",)


def test_mixed_precision_leaves_the_same_weights(tmp_path: Path) -> None:
    tensors = random_tensors(8, 5)
    tensors["current_loss_scale"] = np.float32(32768).reshape(())
    tensors["good_steps"] = np.int64(3).reshape(())
    write_checkpoint(tmp_path, tensors)
    source = load_source(tmp_path, with_adam=True)
    assert_holds(source, tensors)
    assert source.details["trained_with_mixed_precision"]


def test_names_of_deepspeech_0_5_and_its_forget_bias(tmp_path: Path) -> None:
    tensors = random_tensors(8, 5, adam=False)
    old = {
        (f"lstm_fused_cell/{name.rsplit('/', 1)[1]}" if name.startswith(LSTM) else name): tensor
        for name, tensor in tensors.items()
    }
    for layer in "12356":
        old[f"h{layer}"] = old.pop(f"layer_{layer}/weights")
        old[f"b{layer}"] = old.pop(f"layer_{layer}/bias")
    write_checkpoint(tmp_path, old)
    source = load_source(tmp_path, with_adam=True)
    bias = tensors[f"{LSTM}/bias"].copy()
    bias[2 * 8 : 3 * 8] += 1  # the forget gate is the third of upstream's four gates
    assert_holds(source, {**tensors, f"{LSTM}/bias": bias})
    assert any("forget bias" in note for note in source.notes)


@pytest.mark.parametrize(
    ("step", "power_step", "expected"),
    [
        (41, 41, 41),
        (1000, 12, 12),  # after a transfer, the step count of training or of Adam may restart
        (12, 1000, 1000),
        (300_000, 300_000, 300_000),  # 0.999^300001 is 0 in float32
    ],
)
def test_adam_step(tmp_path: Path, step: int, power_step: int, expected: int) -> None:
    tensors = random_tensors(4, 5, step=step)
    tensors["beta2_power"] = np.float32(0.999 ** (power_step + 1)).reshape(())
    write_checkpoint(tmp_path, tensors)
    source = load_source(tmp_path, with_adam=True)
    assert source.adam is not None
    assert (source.step, source.adam.step) == (step, expected)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(
            {
                "audio_sample_rate": 8000,
                "feature_win_len": 40,
                "feature_win_step": 10,
                "relu_clip": 12.5,
                "beta2": 0.99,
            }
        ),
        "--alphabet_config_path=data/alphabet.txt\n--audio_sample_rate=8000\n--noshow_progressbar\n"
        "--feature_win_len=40\n--feature_win_step=10\n--relu_clip=12.5\n--beta2=0.99\n",
    ],
)
def test_flags_in_both_forms(tmp_path: Path, text: str) -> None:
    tensors = random_tensors(4, 5, step=41)
    tensors["beta2_power"] = np.float32(0.99 ** (17 + 1)).reshape(())
    write_checkpoint(tmp_path, tensors)
    (tmp_path / "flags.txt").write_text(text)
    source = load_source(tmp_path, with_adam=True)
    assert source.features == FeatureConfig(8000, 40, 10)
    assert source.specification.relu_clip == 12.5
    assert source.adam is not None
    assert source.adam.step == 17


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "[" * 5000, '{"audio_sample_rate": "x", "relu_clip": [1]}', "\xff\0"],
)
def test_flags_that_say_nothing_are_as_none(tmp_path: Path, text: str) -> None:
    write_checkpoint(tmp_path, random_tensors(4, 5))
    (tmp_path / "flags.txt").write_text(text, encoding="latin-1")
    source = load_source(tmp_path, with_adam=True)
    assert source.features is None
    assert source.specification.relu_clip == 20


def test_features_that_cannot_be_are_a_note(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, random_tensors(4, 5))
    (tmp_path / "flags.txt").write_text('{"audio_sample_rate": 11025, "feature_win_len": 32}')
    source = load_source(tmp_path, with_adam=True)
    assert source.features is None
    assert any("11025" in note for note in source.notes)


@pytest.mark.parametrize(
    ("labels", "classes", "known"),
    [("abcd", 5, True), ("abc", 5, False), ("", 5, False), (None, 5, False)],
)
def test_alphabet_beside(tmp_path: Path, labels: str | None, classes: int, known: bool) -> None:
    write_checkpoint(tmp_path, random_tensors(4, classes))
    if labels is not None:
        (tmp_path / "alphabet.txt").write_text("".join(f"{label}\n" for label in labels))
    source = load_source(tmp_path, with_adam=True)
    assert (source.alphabet is not None) == known
    assert any("alphabet" in note for note in source.notes) == (labels is not None and not known)


def test_256_classes_are_bytes_unless_the_alphabet_has_255_labels(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, random_tensors(4, 256))
    assert load_source(tmp_path, with_adam=True).alphabet == UTF8Alphabet()
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_bytes(b"".join(bytes([i]) + b"\n" for i in range(1, 256)))
    assert load_source(tmp_path, with_adam=True).alphabet == UTF8Alphabet()
    alphabet.write_text("".join(f"{chr(0x4E00 + i)}\n" for i in range(255)), encoding="utf-8")
    characters = load_source(tmp_path, with_adam=True).alphabet
    assert characters is not None
    assert not characters.is_bytes


@pytest.mark.parametrize(
    "named",
    [
        "best_dev-41",
        "/elsewhere/of another machine/best_dev-41",
        "C:\\\\\\\\runs\\\\\\\\best_dev-41",
        "../gone/best_dev-41",
        "/home/\\320\\266/best_dev-41",
    ],
)
def test_state_files_of_other_machines(tmp_path: Path, named: str) -> None:
    prefix = write_checkpoint(tmp_path, random_tensors(4, 5))
    (tmp_path / "best_dev_checkpoint").write_text(
        f'model_checkpoint_path: "{named}"\nall_model_checkpoint_paths: "other"\n'
    )
    assert load_source(tmp_path, with_adam=True).path == prefix


def test_name_that_is_escaped(tmp_path: Path) -> None:
    prefix = write_checkpoint(tmp_path, random_tensors(4, 5), name="best_dev-жук")
    escaped = "".join(f"\\{byte:03o}" for byte in "жук".encode())
    (tmp_path / "best_dev_checkpoint").write_text(f'model_checkpoint_path: "best_dev-{escaped}"')
    assert load_source(tmp_path, with_adam=True).path == prefix


def test_choice_of_best_and_last(tmp_path: Path) -> None:
    tensors = {name: random_tensors(4, 5, seed=seed) for seed, name in enumerate(("best", "last"))}
    write_checkpoint(tmp_path, tensors["best"], name="best_dev-2")
    write_checkpoint(tmp_path, tensors["last"], name="train-3")
    which: Any
    for which, expected in (("auto", "best"), ("best", "best"), ("last", "last")):
        source = load_source(tmp_path, which, with_adam=True)
        assert_holds(source, tensors[expected])
        assert source.details["checkpoint"] == expected
    (tmp_path / "best_dev_checkpoint").unlink()
    assert_holds(load_source(tmp_path, with_adam=True), tensors["last"])


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00002", ".data-00001-of-00002"])
def test_any_file_of_a_checkpoint_stands_for_it(tmp_path: Path, suffix: str) -> None:
    tensors = random_tensors(4, 5)
    prefix = write_checkpoint(tmp_path, tensors, name="v0.9.3", shards=2)
    assert_holds(load_source(f"{prefix}{suffix}", with_adam=True), tensors)


def test_state_file_may_name_a_checkpoint_of_ours(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, random_tensors(4, 5), name="best_dev-41")
    ours = tmp_path / "train-50.safetensors"
    ours.write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "train-50.safetensors"\n')
    found = recognise(tmp_path, "last")
    assert (found.format, found.path, found.chosen) == (Format.NATIVE, ours, "last")
    assert recognise(tmp_path, "best").format is Format.TENSORFLOW
    assert recognise(ours).format is Format.NATIVE


def test_layout_conversion_goes_back_and_forth_without_a_copy_of_the_kernel() -> None:
    tensors = {k: v for k, v in random_tensors(6, 5, adam=False).items() if "/" in k}
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    ours = from_upstream(tensors)
    for name, tensor in to_upstream(ours).items():
        np.testing.assert_array_equal(tensor, before[name])
    assert np.shares_memory(ours["lstm.weight_ih"], tensors[f"{LSTM}/kernel"])


def test_gates_are_reordered_by_what_they_do() -> None:
    """Steps of the LSTM in upstream's order of columns (i, g, f, o) equal ours."""
    tensors = {k: v for k, v in random_tensors(6, 5, adam=False).items() if "/" in k}
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 6), np.float32)
    h = c = np.zeros(6, np.float32)
    expected = []
    for frame in x:
        joined = np.concatenate([frame, h]) @ tensors[f"{LSTM}/kernel"] + tensors[f"{LSTM}/bias"]
        i, g, f, o = np.split(joined, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        expected.append(h)
    np.testing.assert_allclose(numpy_graph.lstm(from_upstream(tensors), x), expected, rtol=2e-4)
