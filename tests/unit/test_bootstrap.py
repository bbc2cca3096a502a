"""The plan for the layers of a new model, given a source, and the resulting weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.bootstrapping.alphabet_difference import describe_difference
from coqui_stt_training.bootstrapping.output_rows import shared_rows
from coqui_stt_training.bootstrapping.plan import bootstrapped_tensors
from coqui_stt_training.bootstrapping.planner import plan_bootstrap
from coqui_stt_training.bootstrapping.request import ALL_LAYERS, Head, Request
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.errors import BootstrapError
from coqui_stt_training.models.deepspeech.geometry import LAYERS, Geometry

LATIN = Alphabet.from_labels("abc")
MIXED = Alphabet.from_labels("cжa")


def tensors(geometry: Geometry, value: float) -> dict[str, np.ndarray]:
    return {
        name: np.full(shape, value, np.float32) for name, shape in geometry.tensor_shapes().items()
    }


def make_source(alphabet: Alphabet | None = LATIN) -> SourceModel:
    geometry = Geometry(n_hidden=4, n_classes=4)
    weights = tensors(geometry, 1.0)
    weights["layer_6.bias"] = np.array([10, 11, 12, 13], np.float32)
    return SourceModel("coqui-stt", Path("source"), geometry, weights, alphabet)


def actions(alphabet: Alphabet, **flags: Any) -> dict[str, str]:
    source, asked = make_source(), Request(**flags)
    plan = plan_bootstrap(source, alphabet, asked, "the command")
    return {layer.layer: layer.action for layer in plan.layers}


def test_fine_tuning_keeps_every_layer() -> None:
    assert set(actions(LATIN).values()) == {"kept"}


@pytest.mark.parametrize("count", range(1, 6))
def test_layers_are_dropped_from_the_output_backwards(count: int) -> None:
    found = actions(MIXED, drop_source_layers=count)
    assert [found[layer] for layer in LAYERS] == ["kept"] * (6 - count) + ["new"] * count


@pytest.mark.parametrize("alphabet", [MIXED, Alphabet.from_labels("cba"), UTF8Alphabet()])
def test_another_alphabet_needs_a_new_output_layer(alphabet: Alphabet) -> None:
    with pytest.raises(BootstrapError, match=r"replaced \(transfer learning\): the command"):
        actions(alphabet)
    assert actions(alphabet, drop_source_layers=1)["layer_6"] == "new"


def test_a_source_must_say_its_alphabet() -> None:
    with pytest.raises(
        BootstrapError, match="4 classes but no alphabet; put its own alphabet file"
    ):
        plan_bootstrap(make_source(None), LATIN, Request(), "")


def test_shared_characters_are_copied_row_by_row() -> None:
    source = make_source()
    plan = plan_bootstrap(source, MIXED, Request(map_shared_characters=True), "")
    fresh = tensors(plan.specification, 0.0)
    made = bootstrapped_tensors(plan, source.tensors, fresh)
    assert made["layer_6.bias"].tolist() == [12, 0, 10, 13]  # c, ж, a, blank
    assert made["layer_6.weight"].sum(axis=1).tolist() == [4, 0, 4, 4]
    assert made["layer_1.weight"] is source.tensors["layer_1.weight"]
    assert not fresh["layer_6.bias"].any()


def test_mapping_the_same_alphabet_keeps_the_whole_dropped_layer() -> None:
    source, flags = make_source(), Request(drop_source_layers=1, map_shared_characters=True)
    plan = plan_bootstrap(source, LATIN, flags, "")
    assert "all 4 classes exist in the source" in plan.describe()
    made = bootstrapped_tensors(plan, source.tensors, tensors(plan.specification, 0.0))
    for name, tensor in source.tensors.items():
        assert np.array_equal(made[name], tensor), name


def test_shared_rows_of_byte_models() -> None:
    rows = shared_rows(LATIN, UTF8Alphabet())
    assert rows == {ord("a") - 1: 0, ord("b") - 1: 1, ord("c") - 1: 2, 255: 3}


def test_rows_of_labels_that_sound_alike_are_the_mean_of_theirs() -> None:
    source = make_source()
    request = Request(drop_source_layers=1, similar_labels={"ж": ["a", "c"]})
    plan = plan_bootstrap(source, MIXED, request, "the command")
    assert (
        "3 of 4 classes exist in the source, 1 start from similar-sounding ones" in plan.describe()
    )
    made = bootstrapped_tensors(plan, source.tensors, tensors(Geometry(4, 4), 9.0))
    assert made["layer_6.bias"].tolist() == [12, 11, 10, 13]  # c, ж, a, blank


def test_layers_are_frozen_from_the_input_if_they_are_kept() -> None:
    flags = Request(drop_source_layers=2, freeze_source_layers=2, unfreeze_after_epochs=3,
                           source_learning_rate_factor=0.5)  # fmt: skip
    layers = plan_bootstrap(make_source(), MIXED, flags, "").layers
    assert [layer.frozen_epochs for layer in layers] == [3, 3, 0, 0, 0, 0]
    assert [layer.learning_rate_factor for layer in layers] == [0.5] * 4 + [1.0] * 2
    assert "frozen for 3 epochs; learning rate x 0.5" in layers[0].describe()


@pytest.mark.parametrize(("dropped", "frozen"), [(0, 4), (1, 4), (2, 4), (3, 3)])
def test_all_layers_below_the_head_can_be_frozen_without_counting(
    dropped: int, frozen: int
) -> None:
    request = Request(drop_source_layers=dropped, freeze_source_layers=ALL_LAYERS)
    layers = plan_bootstrap(make_source(), LATIN, request, "").layers
    assert [layer.frozen_epochs for layer in layers] == [None] * frozen + [0] * (6 - frozen)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (MIXED, "1 new: 'ж' (U+0436 CYRILLIC SMALL LETTER ZHE); 1 removed: 'b' "),
        (Alphabet.from_labels("cba"), "the same characters in a different order"),
        (UTF8Alphabet(), "the source writes characters, the new model bytes"),
        (Alphabet.from_labels(map(chr, range(0x430, 0x450))), "and 20 more; 3 removed"),
    ],
)
def test_differences_are_named(target: Alphabet, said: str) -> None:
    assert said in describe_difference(LATIN, target)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"drop_source_layers": 6}, "the model has 6 layers and the first must stay, so 0 to 5"),
        ({"drop_source_layers": 2, "freeze_source_layers": 5}, "at most 4 layers can be frozen"),
        (
            {"unfreeze_after_epochs": 2},
            "--unfreeze_after_epochs has no effect without --freeze_source_layers",
        ),
        (
            {"unfreeze_every_epochs": 2},
            "--unfreeze_every_epochs has no effect without --freeze_source_layers",
        ),
        ({"head": Head("linear")}, "--head linear: source is a deepspeech model"),
    ],
)
def test_what_no_source_can_give_is_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(BootstrapError, match=message):
        actions(LATIN, **flags)


def test_frozen_layers_are_unfrozen_from_the_top() -> None:
    request = Request(
        freeze_source_layers=3,
        unfreeze_after_epochs=2,
        unfreeze_every_epochs=1,
        layer_learning_rate_decay=0.5,
    )
    layers = plan_bootstrap(make_source(), LATIN, request, "the command").layers
    assert [layer.frozen_epochs for layer in layers] == [4, 3, 2, 0, 0, 0]
    factors = [layer.learning_rate_factor for layer in layers]
    assert factors == [2.0**-exponent for exponent in (5, 4, 3, 2, 1, 0)]
