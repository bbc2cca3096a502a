"""Training with every acoustic model: bootstrapping, resuming, and live use of the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.bootstrapping.plan import bootstrapped_tensors
from coqui_stt_training.bootstrapping.planner import plan_bootstrap
from coqui_stt_training.bootstrapping.request import Request
from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.specification import layer_of
from coqui_stt_training.models.tensors import load_weights, weights_of
from coqui_stt_training.scoring.engine import checkpoint_engine
from coqui_stt_training.training.optimizer import Adam
from stt.engines.utterance import UtteranceEngine
from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig

from .examples import EXAMPLES, Example
from .test_architectures import every_architecture, losses

ALPHABET = Alphabet.from_labels("abcd")
RATE_HZ = 16_000


def front_end(example: Example) -> FrontEnd:
    found: FrontEnd = getattr(example.specification, "front_end", FeatureConfig())
    return found


def source_of(example: Example) -> SourceModel:
    tensors = weights_of(example.model())
    return SourceModel(
        "coqui-stt", Path("source"), example.specification, tensors, ALPHABET, front_end(example)
    )


@every_architecture
def test_any_number_of_layers_can_be_dropped_and_rows_mapped(example: Example) -> None:
    source, layers = source_of(example), example.specification.layers
    target = Alphabet.from_labels("xca")
    for dropped in range(1, len(layers)):
        request = Request(drop_source_layers=dropped, map_shared_characters=dropped == 1)
        plan = plan_bootstrap(source, target, request, "the command")
        fresh_model = build(plan.specification)
        fresh_model.initialize(7)
        fresh = weights_of(fresh_model)
        tensors = bootstrapped_tensors(plan, source.tensors, fresh)
        load_weights(fresh_model, tensors)
        new = layers[len(layers) - dropped :]
        for name, tensor in tensors.items():
            if layer_of(name) not in new:
                np.testing.assert_array_equal(tensor, source.tensors[name], name)
            elif dropped > 1:
                np.testing.assert_array_equal(tensor, fresh[name], name)
            else:
                # The classes are x, c, a and the blank; the source has all but x.
                np.testing.assert_array_equal(tensor[1:], source.tensors[name][[2, 0, 4]], name)
                np.testing.assert_array_equal(tensor[0], fresh[name][0], name)
        assert fresh_model(*example.batch()).logits.shape[-1] == target.size + 1


def optimizer(model: AcousticModel) -> Adam:
    return Adam(model, 0.01, 0.9, 0.999, 1e-8)


@every_architecture
def test_training_that_goes_on_from_a_checkpoint_is_the_same_bits(
    example: Example, tmp_path: Path
) -> None:
    def step(model: AcousticModel, adam: Adam) -> None:
        adam.zero_grad()
        losses(model, example).mean().backward()  # type: ignore[no-untyped-call]
        adam.step()

    model = example.model().train()
    adam = optimizer(model)
    step(model, adam)
    step(model, adam)
    path = tmp_path / "checkpoint.safetensors"
    checkpoint = Checkpoint(
        example.specification, ALPHABET, front_end(example), weights_of(model), adam=adam.state()
    )
    write_checkpoint(path, checkpoint)
    step(model, adam)

    read = read_checkpoint(path)
    other = build(read.specification).train()
    load_weights(other, read.tensors)
    again = optimizer(other)
    assert read.adam is not None
    again.load_state(read.adam)
    step(other, again)
    expected = model.state_dict()
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


@every_architecture
def test_a_live_stream_is_the_clip_where_nothing_later_counts(example: Example) -> None:
    engine = checkpoint_engine(source_of(example), ALPHABET)
    random = np.random.default_rng(0)
    samples = RATE_HZ
    if isinstance(engine, UtteranceEngine):  # audio shorter than one piece is computed at once
        live = engine.info.live.within(engine.info.longest_seconds)
        samples = int(0.9 * (live.piece_seconds + live.ahead_seconds) * RATE_HZ)
    audio = (3000 * random.standard_normal(samples)).astype(np.int16)
    stream = engine.open_stream()
    parts = [stream.feed(audio[start : start + 577]) for start in range(0, samples, 577)]
    heard = np.concatenate([*parts, stream.finish()])
    np.testing.assert_allclose(heard, engine.posteriors(audio), atol=1e-5)
    assert len(heard) > 0
    longer = np.concatenate([audio, audio, audio])
    stream = engine.open_stream()
    pieces = np.concatenate([stream.feed(longer), stream.finish()])
    whole = engine.posteriors(longer)
    assert pieces.shape == whole.shape
    np.testing.assert_allclose(pieces.sum(axis=1), 1.0, atol=1e-4)


def test_a_source_of_another_shape_is_not_kept() -> None:
    example = EXAMPLES["whisper-lstm"]
    source = source_of(example)
    cut = {name: t for name, t in source.tensors.items() if layer_of(name) != "head_1"}
    plan = plan_bootstrap(replace(source, tensors=cut), ALPHABET, Request(), "the command")
    assert [layer.layer for layer in plan.layers if layer.action == "new"] == ["head_1"]


@every_architecture
def test_the_head_hears_the_inner_blocks_of_an_encoder(example: Example) -> None:
    specification, model = example.specification, example.model()
    if not isinstance(specification, EncoderSpecification) or specification.mixed_layers:
        return
    x, lengths = example.batch()
    blocks = specification.encoder_layers
    inner, inner_lengths = model.run(x, lengths, last=len(blocks) - 1)
    emissions = model.inner_emissions(inner, inner_lengths)
    whole = model(x, lengths)
    assert emissions.logits.shape == whole.logits.shape
    assert torch.equal(emissions.lengths, whole.lengths)
    emissions.logits.sum().backward()
    trained = {layer_of(name) for name, one in model.named_parameters() if one.grad is not None}
    assert blocks[-2] in trained
    assert blocks[-1] not in trained
