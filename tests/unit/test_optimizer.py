"""The optimizer and the learning-rate schedules, compared with PyTorch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.training.optimizer import Adam
from coqui_stt_training.training.precision import Precision
from coqui_stt_training.training.schedules import LearningRateSchedule

STEPS = 6
RATE = 0.01


def make_model() -> AcousticModel:
    model = build(Geometry(n_hidden=6, n_classes=4))
    model.initialize(3)
    return model


def give_gradients(model: AcousticModel, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_weights_decay_as_pytorchs_do_and_biases_do_not() -> None:
    ours, theirs = make_model(), make_model()
    adam = Adam(ours, RATE, 0.9, 0.98, 1e-12, {"layer_2": 0.5}, weight_decay=0.3)
    reference = torch.optim.AdamW(
        [
            {
                "params": [parameter],
                "lr": RATE * (0.5 if name.startswith("layer_2") else 1.0),
                "weight_decay": 0.3 if parameter.dim() > 1 else 0.0,
            }
            for name, parameter in theirs.named_parameters()
        ],
        betas=(0.9, 0.98),
        eps=1e-12,  # too small to matter; ours is added in another place
    )
    for step in range(STEPS):
        for model in (ours, theirs):
            give_gradients(model, step)
        adam.step()
        reference.step()
    for (name, one), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)


def test_decay_alone_follows_its_closed_form() -> None:
    model = make_model()
    before = model.get_parameter("layer_1.weight").clone()
    adam = Adam(model, RATE, 0.9, 0.999, 1e-8, weight_decay=0.5)
    for _ in range(STEPS):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        adam.step()
    torch.testing.assert_close(
        model.get_parameter("layer_1.weight"), before * (1 - RATE * 0.5) ** STEPS
    )


def test_weights_are_drawn_back_to_their_anchors_in_closed_form() -> None:
    """With zero gradients, the distance to the anchor shrinks by the same factor in each step."""
    model, decay = make_model(), 0.5
    before = {name: tensor.detach().clone() for name, tensor in model.named_parameters()}
    anchors = {
        name: (tensor + 1).numpy() for name, tensor in before.items() if name.startswith("layer_1")
    }
    adam = Adam(
        model, RATE, 0.9, 0.999, 1e-8, {"layer_1": 0.5}, anchors=anchors, anchor_decay=decay
    )
    for _ in range(STEPS):
        for name, parameter in model.named_parameters():
            frozen = name == "layer_1.bias"
            parameter.grad = None if frozen else torch.zeros_like(parameter)
        adam.step()
    left = (1 - 0.5 * RATE * decay) ** STEPS
    for name, tensor in model.named_parameters():
        drawn = 1 - left if name == "layer_1.weight" else 0.0
        torch.testing.assert_close(tensor, before[name] + drawn, msg=name)


def test_a_layer_warms_up_from_when_it_is_first_trained() -> None:
    """With a constant gradient, Adam's step equals the learning rate, so steps show the rate."""
    model = make_model()
    adam = Adam(model, RATE, 0.9, 0.999, 1e-12, warmup_steps=4)
    steps: dict[str, list[float]] = {"layer_1": [], "layer_6": []}
    for step in range(STEPS):
        for layer, members in model.layer_parameters().items():
            for _, parameter in members:
                parameter.requires_grad_(step >= 2 or layer != "layer_1")
        adam.zero_grad()
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
        before = {layer: _bias(model, layer).clone() for layer in steps}
        adam.step()
        for layer, taken in steps.items():
            taken.append(float(before[layer][0] - _bias(model, layer)[0]) / RATE)
    assert steps["layer_6"] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1], rel=1e-3)
    assert steps["layer_1"] == pytest.approx([0, 0, 0.25, 0.5, 0.75, 1], rel=1e-3)


def test_a_warm_up_goes_on_where_it_was() -> None:
    model = make_model()
    adam = Adam(model, RATE, 0.9, 0.999, 1e-8, warmup_steps=10, weight_decay=0.1)
    give_gradients(model, 0)
    adam.step()
    other = make_model()
    other.load_state_dict(model.state_dict())
    restored = Adam(other, RATE, 0.9, 0.999, 1e-8, warmup_steps=10, weight_decay=0.1)
    restored.load_state(adam.state())
    for step in range(1, STEPS):
        for one, optimizer in ((model, adam), (other, restored)):
            give_gradients(one, step)
            optimizer.step()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def _bias(model: AcousticModel, layer: str) -> Tensor:
    return model.get_parameter(f"{layer}.bias").detach()


def test_schedules_are_those_of_pytorch() -> None:
    steps, last = 40, 0.05
    weight = torch.nn.Parameter(torch.zeros(1))

    def rates(make: object) -> list[float]:
        optimizer = torch.optim.SGD([weight], lr=RATE)
        scheduler = make(optimizer)  # type: ignore[operator]
        values = []
        for _ in range(steps + 1):
            values.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return values

    schedulers = torch.optim.lr_scheduler
    expected = {
        "constant": lambda optimizer: schedulers.ConstantLR(optimizer, 1.0),
        "linear": lambda optimizer: schedulers.LinearLR(optimizer, 1.0, last, steps),
        "cosine": lambda optimizer: schedulers.CosineAnnealingLR(optimizer, steps, RATE * last),
        "tri_stage": lambda optimizer: schedulers.SequentialLR(
            optimizer,
            [
                schedulers.ConstantLR(optimizer, 1.0),
                schedulers.ExponentialLR(optimizer, last ** (1 / (steps * 0.75))),
            ],
            milestones=[steps // 4],
        ),
    }
    for kind, make in expected.items():
        schedule = LearningRateSchedule(kind, last, hold=0.25)
        ours = [RATE * schedule.factor(step / steps) for step in range(steps + 1)]
        assert ours == pytest.approx(rates(make), rel=1e-6), kind
        assert schedule.factor(1.7) == schedule.factor(1.0)  # for runs longer than planned


@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_gradients_are_clipped_as_pytorch_does(max_norm: float) -> None:
    ours, theirs = make_model(), make_model()
    precision = Precision(mixed=False, device=torch.device("cpu"))

    def loss(model: AcousticModel) -> Tensor:
        return model(torch.ones(1, 5, 26), torch.tensor([5])).logits.square().sum()

    precision.backward(loss(ours))
    norm = precision.gradient_norm(ours)
    precision.clip(ours, norm, max_norm)
    torch.autograd.backward(loss(theirs))
    reference = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)
    assert norm == pytest.approx(float(reference), rel=1e-5)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-7)
    squares = [float(p.grad.square().sum()) for p in ours.parameters() if p.grad is not None]
    assert math.sqrt(sum(squares)) == pytest.approx(min(norm, max_norm), rel=1e-5)


def test_no_clipping_leaves_gradients_as_they_are() -> None:
    model = make_model()
    give_gradients(model, 1)
    before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    Precision(mixed=False, device=torch.device("cpu")).clip(model, 50.0, 0.0)
    for parameter, gradient in zip(model.parameters(), before, strict=True):
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, gradient)
