"""Frozen layers are run once for each batch, and their output is cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coqui_stt_training.batches.batch import Batch, View
from coqui_stt_training.batches.cache_folder import CacheFolder
from coqui_stt_training.corpus import Clip
from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.deepspeech.geometry import LAYERS, Geometry
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from coqui_stt_training.training.average import WeightAverage
from coqui_stt_training.training.freezing import Freezing
from coqui_stt_training.training.frozen_stack import FrozenStack, Hidden
from coqui_stt_training.training.hidden_cache import HiddenCache, stack_digest
from stt.audio.reference import AudioReference


def make_batch() -> Batch:
    lengths = torch.tensor([7, 4])
    features = torch.randn(2, 7, 26, generator=torch.Generator().manual_seed(1))
    features[1, 4:] = 0
    return Batch((), features, lengths, torch.tensor([1, 2]), torch.tensor([1, 1]))


def make_model() -> AcousticModel:
    model = build(Geometry(n_hidden=8, n_classes=5))
    model.initialize(3)
    return model


def test_layers_above_go_on_from_what_is_kept() -> None:
    model, batch, stack = make_model(), make_batch(), FrozenStack(torch.device("cpu"))
    whole = model(batch.features, batch.lengths).logits
    for depth in range(len(LAYERS)):
        stack.set_depth(depth)
        x, lengths, first = stack(model, batch)
        assert first == depth
        torch.testing.assert_close(model.run(x, lengths, first=first)[0], whole)


def test_a_layer_is_run_once_until_it_is_trained() -> None:
    model, batch, stack = make_model(), make_batch(), FrozenStack(torch.device("cpu"))
    stack.set_depth(2)
    kept = stack(model, batch).x
    assert not kept.requires_grad
    with torch.no_grad():
        model.get_submodule("layer_1").weight.add_(1.0)  # type: ignore[operator, union-attr]
    assert stack(model, batch).x is kept
    stack.set_depth(1)
    assert stack(model, batch).x is not kept
    changed = stack(model, batch).x
    stack.forget()
    assert stack(model, batch).x is not changed


def test_versions_that_come_again_are_kept_apart() -> None:
    model, batch, stack = make_model(), make_batch(), FrozenStack(torch.device("cpu"))
    stack.set_depth(2)
    plain = stack(model, batch).x
    other = replace(batch, features=2 * batch.features, views=(View(version=1),))
    assert not torch.equal(stack(model, other).x, plain)
    assert stack(model, other).x is stack(model, other).x
    assert stack(model, batch).x is plain
    never = replace(other, views=(View(version=None),))
    assert stack(model, never).x is not stack(model, never).x


def make_clips(*lengths: int) -> Batch:
    """Return a batch of clips, each of which has features of its own, the same in any batch."""
    rows = [
        torch.randn(length, 26, generator=torch.Generator().manual_seed(length))
        for length in lengths
    ]
    return Batch(
        clips=tuple(
            Clip(AudioReference(Path(f"{length}.wav")), "a", "train.csv:2", None, 1.0)
            for length in lengths
        ),
        features=torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
        lengths=torch.tensor(lengths),
        labels=torch.ones(len(lengths)).long(),
        label_lengths=torch.ones(len(lengths)).long(),
    )


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_a_clip_is_run_once_where_each_epoch_has_other_batches(mixed_precision: bool) -> None:
    def run(stack: FrozenStack, *lengths: int) -> Hidden:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed_precision):
            return stack(model, make_clips(*lengths))

    model = make_model()
    stack, resumed = (Counting(torch.device("cpu"), batches_recur=False) for _ in range(2))
    for one in (stack, resumed):
        one.set_depth(3)
    first = run(stack, 7, 4)
    assert stack.runs == 2
    second = run(stack, 9, 7)
    assert stack.runs == 3  # only the clip of 9 frames is new
    assert (second.x.dtype, second.lengths.tolist()) == (torch.float32, [9, 7])
    assert torch.equal(second.x[1, :7], first.x[0])
    assert torch.equal(run(resumed, 9, 7).x, second.x)  # to the bit
    whole = FrozenStack(torch.device("cpu"))
    whole.set_depth(3)
    expected = run(whole, 9, 7).x
    for row, length in enumerate((9, 7)):
        close = {"rtol": 0.02, "atol": 0.02} if mixed_precision else {}
        torch.testing.assert_close(second.x[row, :length], expected[row, :length], **close)


def test_what_does_not_fit_is_computed_each_time() -> None:
    model, batch = make_model(), make_batch()
    stack = FrozenStack(torch.device("cpu"), memory_limit_bytes=8)
    stack.set_depth(1)
    assert stack(model, batch).x is not stack(model, batch).x


def test_the_depth_ends_at_the_first_layer_that_is_trained() -> None:
    frozen: dict[str, int | None] = {"layer_1": None, "layer_2": 2, "layer_3": 1}
    assert [Freezing(frozen).depth(LAYERS, epoch) for epoch in range(3)] == [3, 2, 1]
    assert Freezing({}).depth(LAYERS, 0) == 0
    assert Freezing(dict.fromkeys(LAYERS)).depth(LAYERS, 0) == len(LAYERS) - 1


def test_the_average_does_not_touch_what_is_not_trained() -> None:
    model = make_model()
    average = WeightAverage(model)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.startswith("layer_6."))
    before = {name: tensor._version for name, tensor in average.model.state_dict().items()}
    with torch.no_grad():
        for weight in model.get_submodule("layer_6").parameters():
            weight.add_(1.0)
    average.update(model)
    for name, tensor in average.model.state_dict().items():
        assert (tensor._version != before[name]) == name.startswith("layer_6."), name
        assert torch.equal(tensor, model.state_dict()[name]), name  # the first average is the model


class Counting(FrozenStack):
    """A stack that counts how often its layers are run."""

    runs = 0

    def _run(self, model: AcousticModel, features: torch.Tensor, lengths: torch.Tensor) -> Hidden:
        self.runs += 1
        return super()._run(model, features, lengths)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Counting]:
    def make(depth: int = 4) -> Counting:
        cache = HiddenCache(CacheFolder(tmp_path))
        stack = Counting(torch.device("cpu"), memory_limit_bytes=0, cache=cache)
        stack.set_depth(depth)
        return stack

    return make


def test_later_runs_read_what_was_computed(new_run: Callable[..., Counting]) -> None:
    first, second = new_run(), new_run()
    expected = first(make_model(), make_batch())
    found = second(make_model(), make_batch())
    assert (first.runs, second.runs) == (1, 0)
    assert torch.equal(found.lengths, expected.lengths)
    assert found.first == expected.first
    assert found.x.is_contiguous() == expected.x.is_contiguous()
    for row, length in enumerate(expected.lengths):
        assert torch.equal(found.x[row, :length], expected.x[row, :length])


def test_what_is_kept_of_a_clip_counts_in_any_other_batch(
    new_run: Callable[..., Counting],
) -> None:
    """Otherwise the last bits of a resumed run would differ."""
    batch = make_batch()
    kept = new_run()(make_model(), batch)
    features = torch.cat([batch.features[1:], batch.features[:1] + 1])[:, :6]
    other = replace(batch, features=features, lengths=torch.tensor([4, 6]))

    class Inexact(Counting):
        def _run(
            self, model: AcousticModel, features: torch.Tensor, lengths: torch.Tensor
        ) -> Hidden:
            hidden = super()._run(model, features, lengths)
            return hidden._replace(x=hidden.x + 1e-6)

    stack = Inexact(torch.device("cpu"), 0, new_run()._cache)
    stack.set_depth(4)
    mixed = stack(make_model(), other)
    assert stack.runs == 1
    assert torch.equal(mixed.x[0, :4], kept.x[1, :4])
    again = new_run()
    assert torch.equal(again(make_model(), other).x, mixed.x)
    assert again.runs == 0


def test_a_clip_is_known_in_any_batch(new_run: Callable[..., Counting]) -> None:
    batch = make_batch()
    new_run()(make_model(), batch)
    short = replace(batch, features=batch.features[1:, :4], lengths=batch.lengths[1:])
    stack = new_run()
    found = stack(make_model(), short)
    assert stack.runs == 0
    torch.testing.assert_close(found.x, stack._run(make_model(), short.features, short.lengths).x)


@pytest.mark.parametrize("other", ["weights", "depth", "features", "precision", "an unknown clip"])
def test_what_comes_of_something_else_is_no_match(
    new_run: Callable[..., Counting], other: str
) -> None:
    model, batch = make_model(), make_batch()
    new_run()(model, batch)
    stack = new_run(3 if other == "depth" else 4)
    if other == "weights":
        with torch.no_grad():
            model.get_parameter("layer_2.bias")[0] += 1
    if other == "features":
        batch = replace(batch, features=batch.features * 2)
    if other == "an unknown clip":
        batch = replace(batch, lengths=torch.tensor([7, 3]))
    with torch.autocast("cpu", enabled=other == "precision"):
        stack(model, batch)
    assert stack.runs == 1


def test_the_head_is_of_no_matter() -> None:
    small = WhisperEncoder(n_classes=5, mel_channels=8, width=8, attention_heads=2, blocks=2)
    with_lstm = replace(small, head="lstm", head_size=4, n_classes=7)
    one, other = build(small), build(with_lstm)
    one.initialize(1)
    other.load_state_dict(one.state_dict() | _head_of(other))
    assert stack_digest(one, 3) == stack_digest(other, 3)
    assert stack_digest(one, 2) != stack_digest(other, 3)
    more = build(replace(small, head_blocks=2))
    more.load_state_dict(one.state_dict() | {"mix.weight": torch.zeros(2)})
    assert stack_digest(one, 3) != stack_digest(more, 3)  # its head gets the output of both blocks


def _head_of(model: AcousticModel) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for name, tensor in model.state_dict().items()
        if name.startswith(("head_", "output"))
    }


def test_the_alphabet_is_of_no_matter(new_run: Callable[..., Counting]) -> None:
    new_run()(make_model(), make_batch())
    other = build(Geometry(n_hidden=8, n_classes=9))
    other.initialize(3)
    stack = new_run()
    stack(other, make_batch())
    assert stack.runs == 0


@pytest.mark.parametrize("damage", ["cut", "flipped", "no tensor"])
def test_damaged_entries_are_computed_anew(
    new_run: Callable[..., Counting], tmp_path: Path, damage: str
) -> None:
    expected = new_run()(make_model(), make_batch())
    entry, _ = sorted(tmp_path.rglob("*.hidden"))
    content = bytearray(entry.read_bytes())
    if damage == "flipped":
        content[-1] ^= 1
    entry.write_bytes(content[:-1] if damage == "cut" else content)
    if damage == "no tensor":
        CacheFolder(tmp_path).write(entry.name, b"nothing of ours")
    stack, later = new_run(), new_run()
    assert torch.equal(stack(make_model(), make_batch()).x, expected.x)
    later(make_model(), make_batch())
    assert (stack.runs, later.runs) == (1, 0)
