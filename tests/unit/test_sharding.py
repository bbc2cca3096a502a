"""Sharded weights: processes compute the same as with all weights."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch._dynamo  # `fully_shard` imports it; here once, rather than in every forked process
import torch.distributed.fsdp

from conformance.examples import EXAMPLES, Example
from coqui_stt_training.cli.launch import Launch
from coqui_stt_training.errors import TrainingError
from coqui_stt_training.models.acoustic_model import AcousticModel
from coqui_stt_training.models.adapter import parse_adapter
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.tensors import all_of, is_part, load_weights, weights_of
from coqui_stt_training.training.average import WeightAverage
from coqui_stt_training.training.distributed import World, joined
from coqui_stt_training.training.divergence import are_weights_sound
from coqui_stt_training.training.optimizer import Adam
from coqui_stt_training.training.precision import Precision
from processes import run_together

CPU = torch.device("cpu")


def adapted(name: str, adapter: str) -> Example:
    specification = EXAMPLES[name].specification
    assert isinstance(specification, EncoderSpecification)
    with_adapter = specification.with_adapter(parse_adapter(adapter))
    return replace(EXAMPLES[name], specification=with_adapter)


MODELS = {
    "deepspeech-norm": EXAMPLES["deepspeech-norm"],
    "whisper-mix": EXAMPLES["whisper-mix"],
    "fastconformer-lstm": EXAMPLES["fastconformer-lstm"],
    "wavlm-base": EXAMPLES["wavlm-base"],  # its blocks use a weight of another layer
    "lora": adapted("streaming", "lora:rank=2,targets=all"),
    "bottleneck": adapted("wav2vec2-base", "bottleneck:size=2"),
}


def sharing(size: int, work: Callable[[World], object], *, may_die: bool = False) -> list[object]:
    """Run `work` in `size` processes with sharded weights; any warning is an error."""

    def joining(_: int) -> object:
        warnings.simplefilter("error")
        with joined(Launch.read(), shares_weights=True) as world:
            return work(world)

    return run_together(size, joining, may_die=may_die)


def shared_out(world: World, example: Example) -> AcousticModel:
    model = example.model()
    world.place(model, CPU)
    return model


def compute(model: AcousticModel, example: Example, clip: int, precision: Precision) -> None:
    """Run a model on a clip without gradients, then again in two parts, and backwards."""
    x, lengths = (of_all[clip : clip + 1] for of_all in example.batch())
    with precision.forward():
        with torch.no_grad():
            model.run(x, lengths, last=1)
        inside = model.run(x, lengths, last=2)
        emissions, _ = model.run(*inside, first=2)
    precision.backward(emissions.float().square().mean())


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "bfloat16"])
def test_gradients_are_those_of_one_process(mixed: bool) -> None:
    """The gradients of all architectures are equal, with frozen layers and after unfreezing."""
    precision = Precision(mixed, CPU)

    def compare(world: World, example: Example) -> None:
        alone, shared = example.model(), shared_out(world, example)
        for frozen in ((1, 2), ()):
            for model in (alone, shared):
                model.zero_grad()
                for number, members in enumerate(model.layer_parameters().values()):
                    for _, parameter in members:
                        parameter.requires_grad_(number not in frozen)
            for clip in range(world.size):
                compute(alone, example, clip, precision)
            compute(shared, example, world.rank, precision)
            for ours, theirs in zip(shared.parameters(), alone.parameters(), strict=True):
                assert is_part(ours)
                assert (ours.grad is None) == (theirs.grad is None)
                if ours.grad is not None:
                    torch.testing.assert_close(all_of(ours.grad), theirs.grad)

    names = ["whisper-mix", "fastconformer-lstm"] if mixed else [*MODELS]
    assert sharing(2, lambda world: [compare(world, MODELS[name]) for name in names])


def test_steps_and_all_that_is_kept_of_them_are_those_of_one_process() -> None:
    """Of three processes, some have no part of small tensors."""
    example = MODELS["whisper-mix"]
    source = weights_of(example.model(2))
    precision = Precision(False, CPU)

    def trained(
        world: World, model: AcousticModel, clips: range
    ) -> tuple[Adam, WeightAverage, list[float]]:
        adam = Adam(model, 0.01, 0.9, 0.999, 1e-8, weight_decay=0.1, anchors=source,
                    anchor_decay=0.5)  # fmt: skip
        average, norms = WeightAverage(model), []
        for _ in range(3):
            adam.zero_grad()
            for clip in clips:
                compute(model, example, clip, precision)
            norms.append(precision.gradient_norm(model))
            precision.clip(model, norms[-1], 0.1)
            precision.step(adam)
            average.update(model)
        return adam, average, norms

    def compare(world: World) -> object:
        alone, shared = example.model(), shared_out(world, example)
        adam, average, norms = trained(world, alone, range(world.size))
        ours, our_average, our_norms = trained(world, shared, range(world.rank, world.rank + 1))
        assert our_norms == pytest.approx(norms, rel=1e-4)
        kept, theirs = ours.state(world.arrays), adam.state()
        arrays = world.arrays(shared.state_dict())
        assert len(arrays) == len(kept.first_moments) == (len(source) if world.is_first else 0)
        for name, values in arrays.items():
            np.testing.assert_allclose(values, weights_of(alone)[name], atol=1e-5)
            moments = theirs.first_moments[name]
            np.testing.assert_allclose(kept.first_moments[name], moments, atol=1e-6)
        again = Adam(shared, 0.01, 0.9, 0.999, 1e-8)
        again.load_state(theirs)
        for name, values in again.state(world.arrays).second_moments.items():
            np.testing.assert_array_equal(values, theirs.second_moments[name])
        whole = world.whole(our_average.model)
        x, lengths = example.batch()
        if world.is_first:  # it runs the whole model while the others do something else
            torch.testing.assert_close(
                whole.run(x, lengths)[0], average.model.run(x, lengths)[0], atol=1e-4, rtol=1e-3
            )
        load_weights(shared, source)
        for name, values in weights_of(world.whole(shared)).items():
            np.testing.assert_array_equal(values, source[name])
        return "compared"

    assert sharing(3, compare) == ["compared"] * 3


def test_weights_that_are_not_sound_in_one_process_are_not_in_any() -> None:
    def work(world: World) -> object:
        model = shared_out(world, MODELS["whisper-mix"])
        found = [are_weights_sound(model)]
        for value in (float("nan"), 1e7):
            if world.rank == 1:
                next(model.parameters()).detach().to_local()[0] = value  # type: ignore[operator]
            found.append(are_weights_sound(model))
        return found

    assert sharing(2, work) == [[True, False, False]] * 2


def test_a_process_that_has_gone_is_missed() -> None:
    def work(world: World) -> object:
        model = shared_out(world, MODELS["whisper-mix"])

        def step() -> None:
            with world.stepping():
                compute(model, MODELS["whisper-mix"], 0, Precision(False, CPU))

        step()
        if not world.is_first:
            os._exit(9)
        with pytest.raises(TrainingError, match="another process of the run has exited"):
            step()
        return "missed"

    assert sharing(2, work, may_die=True) == ["missed"]
