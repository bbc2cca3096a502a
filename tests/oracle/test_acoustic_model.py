"""The PyTorch model and optimizer equal upstream's: logits, states, losses, gradients, Adam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.deepspeech.lstm import LstmState
from coqui_stt_training.models.deepspeech.model import DeepSpeech, context_windows
from coqui_stt_training.models.deepspeech.weights import from_upstream, to_upstream
from coqui_stt_training.models.tensors import load_weights, weights_of
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.optimizer import Adam
from rounding import UNIT, additions_of, logit_tolerance, rounding

from . import ORACLE, REFERENCES, needs_oracle

pytestmark = needs_oracle
CHECKPOINTS = ORACLE / "ckpt"
NAMES = ["cpu_n64", "cudnn_n64", "bytes_n64"]
CLIPS = ["LDC93S1", "LDC93S1_8k", "newhome"]


def load_model(name: str, which: str) -> DeepSpeech:
    source = load_source(CHECKPOINTS / name, which)  # type: ignore[arg-type]
    model = DeepSpeech(source.specification)
    load_weights(model, source.tensors)
    return model


def make_batch(features: list[NDArray[np.float32]], labels: list[NDArray[np.int64]]) -> Batch:
    return Batch(
        (),
        torch.nn.utils.rnn.pad_sequence([torch.from_numpy(f) for f in features], batch_first=True),
        torch.tensor([len(f) for f in features]),
        torch.from_numpy(np.concatenate(labels).astype(np.int64)),
        torch.tensor([len(one) for one in labels]),
    )


def time_major(model: DeepSpeech, features: Tensor, lengths: Tensor) -> tuple[Tensor, LstmState]:
    """Return logits `[frames, batch, classes]` and the final state, in upstream's layout."""
    windows = context_windows(features, model.geometry.n_context).transpose(0, 1)
    return model.forward_windows(windows, lengths)


@pytest.mark.parametrize("grad", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("name", NAMES)
def test_logits_states_and_loss(name: str, clip: str, grad: bool) -> None:
    reference = np.load(REFERENCES / f"{name}__{clip}.npz")
    model = load_model(name, "best")
    features = torch.from_numpy(reference["mfcc"])[None]
    with torch.set_grad_enabled(grad):
        logits, state = time_major(model, features, torch.tensor([features.shape[1]]))
    assert_logits_and_states_agree(model, logits.detach(), state, reference)
    half = logit_tolerance(model.geometry, reference["logits"]) / 2
    np.testing.assert_allclose(logits.detach().softmax(-1), reference["probs"], rtol=0, atol=half)
    for key, loss in (("mfcc", "ctc_loss"), ("mfcc_train", "ctc_loss_train_features")):
        if loss in reference:
            batch = make_batch([reference[key]], [reference["labels"]])
            with torch.no_grad():
                ours = ctc_losses(model(batch.features, batch.lengths), batch)
            assert_losses_agree(model, ours, reference, loss)


def assert_logits_and_states_agree(
    model: DeepSpeech, logits: Tensor, state: LstmState, reference: Mapping[str, Any]
) -> None:
    """Assert equality within rounding errors.

    The cell state is a sum over frames, so its tolerance grows with their number and its size. The
    gates are about as large as logits, and the slope of h in them is below 1, so h gets the
    tolerance of logits.
    """
    of_logits = logit_tolerance(model.geometry, reference["logits"])
    np.testing.assert_allclose(logits, reference["logits"], rtol=0, atol=of_logits)
    np.testing.assert_allclose(state.h.detach(), reference["final_h"], rtol=0, atol=of_logits)
    cell = reference["final_c"]
    additions = additions_of(model.geometry) + len(reference["logits"])
    of_cell = rounding(additions, float(np.abs(cell).max()))
    np.testing.assert_allclose(state.c.detach(), cell, rtol=0, atol=of_cell)


def assert_losses_agree(
    model: DeepSpeech, losses: Tensor, reference: Mapping[str, Any], name: str
) -> None:
    """Assert equal losses; each is a sum of one logarithm per frame, with the error of logits."""
    logits, expected = reference["logits"], reference[name].reshape(-1)
    share = rounding(additions_of(model.geometry) + len(logits), 1)
    of_logits = logit_tolerance(model.geometry, logits)
    np.testing.assert_allclose(losses, expected, rtol=share, atol=of_logits)


def test_a_padded_batch_and_its_gradients() -> None:
    reference = np.load(REFERENCES / "cpu_n64__batch2.npz")
    model = load_model("cpu_n64", "best")
    lengths = reference["seq_len"]
    batch = make_batch(
        [reference["features"][i, :length] for i, length in enumerate(lengths)],
        [reference["labels0"].reshape(-1), reference["labels1"].reshape(-1)],
    )
    np.testing.assert_array_equal(batch.features, reference["features"])
    with torch.no_grad():
        logits, state = time_major(model, batch.features, batch.lengths)
    assert_logits_and_states_agree(model, logits, state, reference)
    emissions = model(batch.features, batch.lengths)
    logits = emissions.logits.detach().transpose(0, 1)
    assert_logits_and_states_agree(model, logits, state, reference)
    losses = ctc_losses(emissions, batch)
    assert_losses_agree(model, losses.detach(), reference, "ctc_loss")
    torch.autograd.backward(losses.mean())
    gradients = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    assert_close_to_largest(to_upstream(gradients), reference, "grad:", 2e-3)


def assert_close_to_largest(
    ours: Mapping[str, NDArray[np.float32]],
    reference: Mapping[str, NDArray[np.float32]],
    prefix: str,
    tolerance: float,
) -> None:
    """Assert equal tensors; `tolerance` is relative to the largest value of each tensor."""
    compared = 0
    for name, tensor in ours.items():
        expected = reference[prefix + name]
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(tensor, expected, atol=tolerance * scale, err_msg=name)
        compared += 1
    assert compared == 12


@pytest.mark.parametrize("name", NAMES)
def test_five_adam_steps_from_the_last_checkpoint(name: str) -> None:
    reference = np.load(REFERENCES / f"{name}__train5.npz")
    clip = np.load(REFERENCES / f"{name}__LDC93S1.npz")
    source = load_source(CHECKPOINTS / name, "last", with_adam=True)
    model = load_model(name, "last")
    optimizer = Adam(model, 0.001, 0.9, 0.999, 1e-8)
    if source.adam:
        optimizer.load_state(source.adam)
    batch = make_batch([clip["mfcc_train"]], [clip["labels"]])
    losses = []
    for step in range(5):
        optimizer.zero_grad()
        loss = ctc_losses(model(batch.features, batch.lengths), batch).mean()
        losses.append(loss.item())
        torch.autograd.backward(loss)
        if step == 0:
            gradients = {
                key: p.grad.numpy() for key, p in model.named_parameters() if p.grad is not None
            }
            # The model knows the clip, so its gradients are small differences of probabilities
            # near 1, with few exact digits.
            assert_close_to_largest(to_upstream(gradients), reference, "grad0:", 5e-3)
        optimizer.step()
        if step == 0:
            assert_weights_agree(to_upstream(weights_of(model)), reference, "after1:", 1e-6)
    # This checkpoint has no Adam moments for the LSTM, so its first steps depend on rounding, hence
    # on the processor: even TensorFlow 1.15 and 2.21 differ by 2.4e-3.
    tolerance = 1e-2 if name == "cudnn_n64" else 1e-4
    np.testing.assert_allclose(losses, reference["losses"].reshape(-1), rtol=tolerance)
    assert_weights_agree(to_upstream(weights_of(model)), reference, "after5:", 1e-4)


def assert_weights_agree(
    ours: Mapping[str, NDArray[np.float32]],
    reference: Mapping[str, NDArray[np.float32]],
    prefix: str,
    typical: float,
) -> None:
    """Assert equal weights after Adam steps of 0.001.

    Adam divides a gradient by its own size, so rounding decides the step where a gradient is almost
    zero. The median difference must be below `typical`, 99 % below 100 times that, and all below 20
    steps.
    """
    for name, tensor in ours.items():
        difference = np.abs(tensor - reference[prefix + name])
        assert np.median(difference) < typical, name
        assert np.quantile(difference, 0.99) < 100 * typical, name
        assert difference.max() < 0.02, name


@pytest.mark.parametrize("name", NAMES)
def test_one_adam_step_of_upstreams_own_gradients(name: str) -> None:
    reference = np.load(REFERENCES / f"{name}__train5.npz")
    source = load_source(CHECKPOINTS / name, "last", with_adam=True)
    if source.adam is None:
        pytest.skip("a cuDNN checkpoint has no moments for the LSTM")
    model = load_model(name, "last")
    optimizer = Adam(model, 0.001, 0.9, 0.999, 1e-8)
    optimizer.load_state(source.adam)
    gradients = from_upstream(
        {key: reference[f"grad0:{key}"] for key in to_upstream(source.tensors)}
    )
    for key, parameter in model.named_parameters():
        parameter.grad = torch.tensor(np.ascontiguousarray(gradients[key]))
    optimizer.step()
    for key, tensor in to_upstream(weights_of(model)).items():
        # A weight may be rounded to the neighbouring number: twice the error of one rounding.
        np.testing.assert_allclose(
            tensor, reference[f"after1:{key}"], rtol=2 * UNIT, atol=3e-8, err_msg=key
        )
