"""Adapters on every encoder: they change what they should, and leave the base model unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.base import Base, digest_tensors
from coqui_stt_training.checkpoints.file import (
    Checkpoint,
    as_source,
    read_checkpoint,
    write_checkpoint,
)
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment
from coqui_stt_training.exporting.encoder.onnx_writer import encoder_model
from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.adapter import is_adapter_tensor, parse_adapter
from coqui_stt_training.models.encoder import EncoderSpecification, base_tensors
from coqui_stt_training.models.encoder_model import EncoderModel
from coqui_stt_training.models.specification import (
    describe_specification,
    layer_of,
    restore_specification,
)
from coqui_stt_training.models.tensors import load_weights, weights_of
from coqui_stt_training.scoring.engine import EncoderCheckpoint
from stt.engines import open_engine

from .examples import CLASSES, EXAMPLES, Example
from .test_architectures import TOLERANCE, assert_close, losses

LORA, BOTTLENECK = "lora:rank=2,alpha=6,targets=all", "bottleneck:size=3"
ENCODERS = {
    f"{name}-{adapter.split(':')[0]}": replace(
        example, specification=example.specification.with_adapter(parse_adapter(adapter))
    )
    for name, example in EXAMPLES.items()
    if isinstance(example.specification, EncoderSpecification)
    for adapter in (LORA, BOTTLENECK)
    if example.specification.takes_bottlenecks or adapter == LORA
}
every_encoder = pytest.mark.parametrize("example", ENCODERS.values(), ids=list(ENCODERS))


def plain(example: Example) -> Example:
    assert isinstance(example.specification, EncoderSpecification)
    return replace(example, specification=example.specification.with_adapter(None))


def adapted(example: Example) -> AcousticModel:
    """Return a model whose adapters are no longer in their initial state."""
    model = example.model()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if is_adapter_tensor(name):
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return model


@every_encoder
@torch.no_grad()
def test_new_adapters_change_nothing_and_trained_ones_do(example: Example) -> None:
    without = plain(example).model()
    model = example.model()
    shapes = example.specification.tensor_shapes()
    state = model.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes
    load_weights(model, {**state, **without.state_dict()})
    assert_close(model(*example.batch()), without(*example.batch()))
    changed = adapted(example)(*example.batch()).logits
    assert not torch.allclose(changed, without(*example.batch()).logits, atol=1e-3)


@every_encoder
def test_a_specification_with_adapters_survives_json(example: Example) -> None:
    description = json.loads(json.dumps(describe_specification(example.specification)))
    assert restore_specification(description) == example.specification


@every_encoder
def test_the_gradient_reaches_adapters_and_head_alone(example: Example) -> None:
    model, base = adapted(example).train(), base_tensors(example.specification)
    assert isinstance(example.specification, EncoderSpecification)
    encoder = example.specification.encoder_layers
    for name, weight in model.named_parameters():
        assert (name in base) == (layer_of(name) in encoder and not is_adapter_tensor(name))
        weight.requires_grad_(name not in base)
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    losses(model, example).sum().backward()  # type: ignore[no-untyped-call]
    for name, weight in model.named_parameters():
        if name in base:
            assert weight.grad is None, name
        else:
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 0, name
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, statistics[name]), name


def write_pair(example: Example, folder: Path) -> tuple[AcousticModel, Path, Path]:
    """Write a base model and a checkpoint with adapters for it; return the model and both paths."""
    alphabet = Alphabet.from_labels([chr(ord("a") + index) for index in range(CLASSES - 1)])
    assert isinstance(example.specification, EncoderSpecification)
    front_end = example.specification.front_end
    model = adapted(example)
    tensors = weights_of(model)
    without = plain(example).specification
    of_base = {name: tensors[name] for name in without.tensor_shapes()}
    base, path = folder / "source.safetensors", folder / "adapter" / "adapter.safetensors"
    path.parent.mkdir()
    write_checkpoint(base, Checkpoint(without, alphabet, front_end, of_base))
    digest = digest_tensors(tensors, base_tensors(example.specification))
    write_checkpoint(
        path,
        Checkpoint(
            example.specification, alphabet, front_end, tensors, average=tensors,
            base=Base(str(base), digest),
        ),
    )  # fmt: skip
    return model, base, path


@every_encoder
@torch.no_grad()
def test_a_checkpoint_of_adapters_names_its_base_and_is_whole_again(
    example: Example, tmp_path: Path
) -> None:
    model, base, path = write_pair(example, tmp_path)
    read = read_checkpoint(path)
    restored = build(read.specification).eval()
    load_weights(restored, read.tensors)
    batch = example.batch()
    assert torch.equal(restored(*batch).logits, model(*batch).logits)
    source = as_source(path, read)
    heard = build(source.specification).eval()
    load_weights(heard, source.tensors)
    for one, other in zip(heard(*batch).logits, model(*batch).logits, strict=True):
        torch.testing.assert_close(one, other, atol=10 * TOLERANCE, rtol=10 * TOLERANCE)
    has_bottlenecks = any(is_adapter_tensor(name) for name in source.tensors)
    assert has_bottlenecks == ("bottleneck" in str(source.details["adapter"]))
    moved = base.rename(tmp_path / "moved.safetensors")
    with pytest.raises(CheckpointError, match="is missing; put that model, or a link"):
        read_checkpoint(path)
    (path.parent / "base").symlink_to(moved)
    assert read_checkpoint(path).tensors.keys() == read.tensors.keys()
    base.write_bytes(b"damaged")
    assert read_checkpoint(path).tensors.keys() == read.tensors.keys()


def test_adapters_are_refused_on_another_base(tmp_path: Path) -> None:
    example = ENCODERS["whisper-lora"]
    _, base, path = write_pair(example, tmp_path)
    assert path.stat().st_size < base.stat().st_size
    read = read_checkpoint(base)
    changed = {name: np.array(tensor) for name, tensor in read.tensors.items()}
    changed["block_1.mlp_in.weight"][0, 0] += 1e-3
    write_checkpoint(base, replace(read, tensors=changed))
    with pytest.raises(CheckpointError, match=r"source\.safetensors is another model"):
        read_checkpoint(path)


def test_adapters_do_not_stand_on_adapters(tmp_path: Path) -> None:
    _, base, path = write_pair(ENCODERS["whisper-lora"], tmp_path)
    base.unlink()
    base.symlink_to(path)
    with pytest.raises(CheckpointError, match="cannot be the base model of other adapters"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lore:rank=4", "is not an adapter"),
        ("lora:rank=0", "rank=0: must be from 1 to"),
        ("lora:rank=٣", "1 to"),
        ("lora:rank=00000000199999", "1 to"),
        ("lora:size=4", "lora takes rank="),
        ("lora:rank=4,rank=5", "twice"),
        ("lora:targets=all+query", "or only all"),
        ("bottleneck:size=", "bottleneck takes size="),
    ],
)
def test_what_is_no_adapter_is_said(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_adapter(text)


def test_an_adapter_that_finds_nothing_says_what_there_is() -> None:
    specification = EXAMPLES["whisper"].specification
    assert isinstance(specification, EncoderSpecification)
    with pytest.raises(
        ValueError, match="have no product q_proj; available: query, key, value, out, mlp_in"
    ):
        specification.with_adapter(parse_adapter("lora:targets=q_proj"))
    with pytest.raises(ValueError, match="above the 4 lowest layers, but the encoder has 4"):
        specification.with_adapter(parse_adapter("lora:above=4"))


def test_the_text_of_an_adapter_says_all_of_it() -> None:
    for text in (LORA, BOTTLENECK, "lora:rank=4", "lora:targets=query,above=3"):
        adapter = parse_adapter(text)
        assert parse_adapter(str(adapter)) == adapter
    assert parse_adapter("lora:rank=4").scale == 2.0


@pytest.mark.parametrize(
    "name", ["whisper", "fastconformer", "wav2vec2-base", "mms", "wavlm-large"]
)
def test_bottlenecks_are_exported_where_they_are(name: str, tmp_path: Path) -> None:
    model = adapted(ENCODERS[f"{name}-bottleneck"])
    assert isinstance(model, EncoderModel)
    described = EncoderDeployment(
        model.specification, weights_of(model), Alphabet.from_labels("abcd")
    )
    path = tmp_path / "model.onnx"
    path.write_bytes(encoder_model(described, "float32").SerializeToString())
    audio = (3000 * np.random.default_rng(0).standard_normal(2560)).astype(np.int16)
    wanted = EncoderCheckpoint(model, described.features, described.alphabet).posteriors(audio)
    found = open_engine(path, threads=1, parallel=1).posteriors(audio)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
