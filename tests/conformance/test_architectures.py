"""Tests that every acoustic model must pass, whatever its architecture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from coqui_stt_training.models.acoustic_model import AcousticModel, Emissions, build
from coqui_stt_training.models.dropout import Dropout
from coqui_stt_training.models.encoder import MIX
from coqui_stt_training.models.specification import (
    ARCHITECTURES,
    describe_specification,
    is_statistic,
    layer_of,
    restore_specification,
)
from coqui_stt_training.models.streaming.model import StreamingConformer, state_of
from coqui_stt_training.models.streaming.specification import StreamingEncoder
from coqui_stt_training.models.tensors import load_weights, weights_of
from coqui_stt_training.training.average import WeightAverage
from coqui_stt_training.training.optimizer import Adam
from stt.frontends.mfcc_config import FeatureConfig

from .examples import CLASSES, EXAMPLES, Example

TOLERANCE = 1e-5
every_architecture = pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))


def test_no_architecture_is_left_out() -> None:
    assert {example.specification.architecture for example in EXAMPLES.values()} == set(
        ARCHITECTURES
    )


def valid(emissions: Emissions) -> list[Tensor]:
    """Return the logits of each clip within its length."""
    return [
        logits[:length]
        for logits, length in zip(emissions.logits, emissions.lengths.tolist(), strict=True)
    ]


def assert_close(ours: Emissions, theirs: Emissions) -> None:
    assert ours.lengths.tolist() == theirs.lengths.tolist()
    for one, other in zip(valid(ours), valid(theirs), strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=TOLERANCE)


@every_architecture
@torch.no_grad()
def test_emissions_have_the_length_that_the_specification_says(example: Example) -> None:
    features, lengths = example.batch()
    emissions = example.model()(features, lengths)
    expected = [example.specification.output_length(count) for count in example.frames]
    assert emissions.lengths.dtype == torch.int64
    assert emissions.lengths.device.type == "cpu"
    assert emissions.lengths.tolist() == expected
    assert emissions.logits.shape == (len(example.frames), max(expected), CLASSES)
    assert expected[-1] == 1
    assert all(logits.isfinite().all() and logits.std() > 0 for logits in valid(emissions))


@every_architecture
@torch.no_grad()
def test_neither_padding_nor_batch_mates_change_a_clip(example: Example) -> None:
    model = example.model()
    alone = [model(clip[None], torch.tensor([len(clip)])) for clip in example.clips()]
    for more in (0, 23):
        together = valid(model(*example.batch(more)))
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one, valid(other)[0], atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize(
    "example", [example for example in EXAMPLES.values() if example.frames[-1] > 1]
)
def test_a_clip_too_short_for_a_frame_spoils_nothing(example: Example) -> None:
    features, lengths = example.batch()
    shortest = example.frames[-1]
    lengths[-1] = shortest - 1
    features[-1, shortest - 1 :] = 0
    model = example.model()
    emissions = model(features, lengths)
    assert emissions.lengths[-1] == 0
    torch.cat(valid(emissions)).square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    alone = model(features[-1:, : shortest - 1], lengths[-1:])
    assert alone.lengths.tolist() == [0]


@pytest.mark.parametrize("example", [EXAMPLES["streaming"], EXAMPLES["streaming-without-chunks"]])
@torch.no_grad()
def test_a_stream_gives_what_the_whole_clip_gives(example: Example) -> None:
    model, specification = example.model(), example.specification
    assert isinstance(model, StreamingConformer)
    assert isinstance(specification, StreamingEncoder)
    chunk = specification.chunk_frames * specification.reduction
    for clip in example.clips():
        whole = model(clip[None], torch.tensor([len(clip)])).logits
        for frames in (chunk, 2 * chunk):
            state, parts = model.initial_state(1), []
            for start in range(0, len(clip), frames):
                part = clip[None, start : start + frames]
                if part.shape[1] >= specification.reduction:
                    before = [tensor.clone() for tensor in state.tensors()]
                    logits, after = model.stream(part, state)
                    assert all(map(torch.equal, state.tensors(), before))
                    state = state_of(specification, after.tensors())
                    parts.append(logits)
            torch.testing.assert_close(torch.cat(parts, 1), whole, atol=TOLERANCE, rtol=TOLERANCE)


@torch.no_grad()
def test_a_stream_is_late_by_its_chunk_and_no_more() -> None:
    example = EXAMPLES["streaming"]
    specification, (clip, *_) = example.specification, example.clips()
    assert isinstance(specification, StreamingEncoder)
    chunk = specification.chunk_frames
    length, model = torch.tensor([len(clip)]), example.model()
    whole = model(clip[None], length).logits[0]
    for end in range(chunk, len(whole), chunk):
        changed = clip.clone()
        changed[end * specification.reduction :] += 1.0
        logits = model(changed[None], length).logits[0]
        torch.testing.assert_close(logits[:end], whole[:end], atol=TOLERANCE, rtol=TOLERANCE)
        assert not torch.allclose(logits[end], whole[end], atol=TOLERANCE)


@every_architecture
@torch.no_grad()
def test_layers_run_in_parts_as_they_do_at_once(example: Example) -> None:
    model = example.model()
    features, lengths = example.batch()
    whole = model(features, lengths)
    for split in range(1, len(example.specification.layers)):
        x, x_lengths = model.run(features, lengths, last=split)
        assert_close(Emissions(*model.run(x, x_lengths, first=split)), whole)


@every_architecture
def test_tensors_are_those_of_the_specification(example: Example) -> None:
    specification = example.specification
    shapes = specification.tensor_shapes()
    model = example.model()
    state = model.state_dict()
    buffers = {name for name, _ in model.named_buffers()}
    assert buffers == {name for name in shapes if is_statistic(name)}
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes
    assert all(tensor.dtype == torch.float32 for tensor in state.values())
    owners = list(dict.fromkeys(layer_of(name) for name in shapes))
    assert owners == list(specification.layers)
    output = specification.layers[-1]
    assert {name for name in shapes if layer_of(name) == output} == {
        f"{output}.weight",
        f"{output}.bias",
    }


@every_architecture
def test_a_specification_survives_json(example: Example) -> None:
    description = json.loads(json.dumps(describe_specification(example.specification)))
    restored = restore_specification(description)
    assert restored == example.specification
    assert hash(restored) == hash(example.specification)
    assert f"{CLASSES} classes" in restored.describe()


@every_architecture
def test_other_classes_change_the_output_layer_alone(example: Example) -> None:
    specification = example.specification
    wider = specification.with_classes(CLASSES + 3)
    before, after = specification.tensor_shapes(), wider.tensor_shapes()
    changed = {name for name in before if before[name] != after[name]}
    assert wider.n_classes == CLASSES + 3
    assert before.keys() == after.keys()
    assert changed == {name for name in before if layer_of(name) == specification.layers[-1]}
    assert all(after[name][0] == CLASSES + 3 for name in changed)


@every_architecture
def test_memory_grows_with_a_clip(example: Example) -> None:
    values = [example.specification.activation_values(frames) for frames in (100, 200, 1600, 9999)]
    assert values[0] > 0
    assert values == sorted(set(values))


@every_architecture
def test_a_layers_weights_follow_from_the_seed_alone(example: Example) -> None:
    layers = example.specification.layers
    one, other = example.model().state_dict(), example.model().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    different = example.model(seed=2).state_dict()
    for layer in layers:
        drawn = build(example.specification)
        for tensor in drawn.state_dict().values():
            tensor.fill_(7.0)
        drawn.initialize(1, layers=[layer])
        members = {n: t for n, t in drawn.state_dict().items() if layer_of(n) == layer}
        assert all(torch.equal(tensor, one[name]) for name, tensor in members.items())
        changes = any(not torch.equal(one[name], different[name]) for name in members)
        assert changes == (layer != MIX)  # its initial weights do not depend on the seed
        others = [t for n, t in drawn.state_dict().items() if n not in members]
        assert all(bool((tensor == 7.0).all()) for tensor in others)


@every_architecture
@torch.no_grad()
def test_a_checkpoint_file_brings_the_same_model_back(example: Example, tmp_path: Path) -> None:
    model = example.model()
    for number, (name, buffer) in enumerate(model.named_buffers()):
        buffer.fill_(1.5 + number)
        assert name in example.specification.tensor_shapes()
    alphabet = Alphabet.from_labels([chr(ord("a") + index) for index in range(CLASSES - 1)])
    front_end = getattr(example.specification, "front_end", FeatureConfig())
    path = tmp_path / "model.safetensors"
    write_checkpoint(
        path, Checkpoint(example.specification, alphabet, front_end, weights_of(model))
    )
    read = read_checkpoint(path)
    assert read.specification == example.specification
    assert read.features == front_end
    restored = build(read.specification).eval()
    load_weights(restored, read.tensors)
    batch = example.batch()
    assert torch.equal(restored(*batch).logits, model(*batch).logits)


def losses(model: AcousticModel, example: Example, dropout: Dropout | None = None) -> Tensor:
    """Return the CTC loss of each clip, with one label as its transcript."""
    emissions = model(*example.batch(), *([dropout] if dropout else []))
    count = len(example.frames)
    return torch.nn.functional.ctc_loss(
        emissions.log_probabilities().transpose(0, 1),
        torch.arange(count)[:, None] % (CLASSES - 1),
        emissions.lengths,
        torch.ones(count, dtype=torch.int64),
        blank=CLASSES - 1,
        reduction="none",
    )


@every_architecture
def test_the_gradient_reaches_all_that_is_trained_and_nothing_frozen(example: Example) -> None:
    layers = example.specification.layers
    for frozen in (0, 1, len(layers) - 1):
        model = example.model().train()
        for layer, members in model.layer_parameters().items():
            for _, parameter in members:
                parameter.requires_grad_(layer not in layers[:frozen])
        losses(model, example).sum().backward()  # type: ignore[no-untyped-call]
        for layer, members in model.layer_parameters().items():
            for name, parameter in members:
                if layer in layers[:frozen]:
                    assert parameter.grad is None, name
                else:
                    assert parameter.grad is not None, name
                    assert parameter.grad.isfinite().all(), name
                    assert parameter.grad.abs().max() > 0, name


@every_architecture
def test_frozen_layers_do_not_change_in_training(example: Example) -> None:
    layers = example.specification.layers
    frozen = layers[: len(layers) - 1]
    model = example.model().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for layer, members in model.layer_parameters().items():
        for _, parameter in members:
            parameter.requires_grad_(layer not in frozen)
    adam = Adam(model, 0.01, 0.9, 0.999, 1e-8)
    losses(model, example).sum().backward()  # type: ignore[no-untyped-call]
    adam.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == (layer_of(name) in frozen), name


@every_architecture
def test_the_average_is_of_all_tensors(example: Example) -> None:
    model = example.model()
    average = WeightAverage(model)
    first = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    average.update(model)
    for tensor in model.state_dict().values():
        tensor.add_(1.0)
    average.update(model)
    for name, tensor in average.model.state_dict().items():
        torch.testing.assert_close(tensor, first[name] + 9 / 10)
    assert not any(parameter.requires_grad for parameter in average.model.parameters())


@every_architecture
def test_training_steps_with_the_same_seed_are_the_same_bits(example: Example) -> None:
    def trained() -> dict[str, Tensor]:
        model = example.model().train()
        generator = torch.Generator()
        adam = Adam(model, 0.01, 0.9, 0.999, 1e-8)
        rates = dict.fromkeys(example.specification.layers[:-1], 0.2)
        for step in range(2):
            adam.zero_grad()
            generator.manual_seed(step)
            dropout = Dropout(rates, generator)
            losses(model, example, dropout).mean().backward()  # type: ignore[no-untyped-call]
            adam.step()
        return model.state_dict()

    before, one, other = example.model().state_dict(), trained(), trained()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not any(torch.equal(one[name], before[name]) for name in one)


@every_architecture
def test_mixed_precision_gives_about_the_same(example: Example) -> None:
    """The recipes train encoders in bfloat16, which has three significant digits."""
    model, (features, lengths) = example.model(), example.batch()

    def direction(*, mixed: bool) -> tuple[list[Tensor], Tensor]:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            emissions = model(features, lengths)
        said = [logits.float() for logits in valid(emissions)]
        torch.autograd.backward(torch.cat(said).logsumexp(-1).sum())
        gradients = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        assert all(gradient.isfinite().all() for gradient in gradients.values())
        return said, gradients[f"{model.specification.layers[-1]}.weight"].flatten()

    (said, gradient), (about, nearly) = direction(mixed=False), direction(mixed=True)
    for exact, rounded in zip(said, about, strict=True):
        most = 0.15 * float(exact.detach().abs().max())
        torch.testing.assert_close(rounded, exact, atol=most, rtol=0)
    assert torch.cosine_similarity(gradient, nearly, dim=0) > 0.98
