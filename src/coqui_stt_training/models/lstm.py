"""One LSTM layer over a padded batch.

    i, f, g, o = split(W_ih x_t + W_hh h_{t-1} + b)
    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
    h_t = sigmoid(o) tanh(c_t)

No peepholes, no clipping, one bias: PyTorch's `nn.LSTM` has two, which Adam would move twice as
fast as upstream's one.

On a GPU this is cuDNN's. For training on a CPU it is written out here with its backward pass: the
gradient of the weights is one product over all frames instead of a sum built frame by frame, which
makes a training step several times faster (benchmarks/training_step.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class LstmState(NamedTuple):
    """Cell and hidden state, each `[batch, n_hidden]`."""

    c: Tensor
    h: Tensor


def lstm(
    x: Tensor,
    lengths: Tensor,
    state: LstmState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
) -> tuple[Tensor, LstmState]:
    """Run the layer.

    Args:
        x: `[frames, batch, inputs]`.
        lengths: int64 `[batch]`, frames of each sequence.
        state: where to start.
        weight_ih: `[4 * n_hidden, inputs]`, gates i, f, g, o.
        weight_hh: `[4 * n_hidden, n_hidden]`.
        bias: `[4 * n_hidden]`.

    Returns:
        `[frames, batch, n_hidden]`, zero beyond each sequence's length, and the state there.
    """
    if x.is_cuda or not torch.is_grad_enabled():
        h, final = _library_lstm(x, lengths, state, weight_ih, weight_hh, bias)
    else:
        h, c = _LstmFunction.apply(x, state.c, state.h, weight_ih, weight_hh, bias)
        final = LstmState(_at_length(c, state.c, lengths), _at_length(h, state.h, lengths))
    valid = torch.arange(x.shape[0], device=x.device)[:, None] < lengths.to(x.device)
    return h * valid[:, :, None], final


def _at_length(steps: Tensor, initial: Tensor, lengths: Tensor) -> Tensor:
    """Return each sequence's last value: `[frames, batch, n]` to `[batch, n]`."""
    with_initial = torch.cat([initial[None], steps])
    return with_initial[lengths, torch.arange(len(lengths))]


def _library_lstm(
    x: Tensor,
    lengths: Tensor,
    state: LstmState,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
) -> tuple[Tensor, LstmState]:
    weights = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    training = torch.is_grad_enabled()
    initial = (state.h[None].to(x.dtype), state.c[None].to(x.dtype))
    if bool((lengths == x.shape[0]).all()):
        h, h_n, c_n = torch.lstm(x, initial, weights, True, 1, 0.0, training, False, False)
        return h, LstmState(c_n[0], h_n[0])
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, lengths.clamp(min=1).cpu(), enforce_sorted=False
    )
    order = packed.sorted_indices
    initial = (initial[0][:, order], initial[1][:, order])
    data, h_n, c_n = torch.lstm(
        packed.data, packed.batch_sizes, initial, weights, True, 1, 0.0, training, False
    )
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(
        packed._replace(data=data), total_length=x.shape[0]
    )
    restore = packed.unsorted_indices
    c, hidden = c_n[0][restore], h_n[0][restore]
    empty = (lengths == 0).to(x.device)[:, None]
    return h, LstmState(torch.where(empty, state.c, c), torch.where(empty, state.h, hidden))


class _LstmFunction(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(
        ctx: Any,
        x: Tensor,
        c_0: Tensor,
        h_0: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        frames, batch, _ = x.shape
        hidden = h_0.shape[1]
        gates = torch.addmm(bias, x.flatten(0, 1), weight_ih.t()).view(frames, batch, 4 * hidden)
        h = x.new_empty(frames + 1, batch, hidden)
        c = x.new_empty(frames + 1, batch, hidden)
        tanh_c = x.new_empty(frames, batch, hidden)
        h[0], c[0] = h_0, c_0
        recurrent = weight_hh.t()
        for t in range(frames):
            step = gates[t].addmm_(h[t], recurrent)
            i, f, g, o = step.split(hidden, dim=1)
            step[:, : 2 * hidden].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c[t], out=c[t + 1]).addcmul_(i, g)
            torch.tanh(c[t + 1], out=tanh_c[t])
            torch.mul(o, tanh_c[t], out=h[t + 1])
        ctx.save_for_backward(x, weight_ih, weight_hh, gates, h, c, tanh_c)
        return h[1:], c[1:]

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Back-propagate through time; what does not depend on later frames is done at once."""
        grad_h, grad_c = grads
        x, weight_ih, weight_hh, gates, h, c, tanh_c = ctx.saved_tensors
        frames, batch, _ = x.shape
        i, f, g, o = gates.view(frames, batch, 4, -1).unbind(2)
        # d(gate before its nonlinearity) / d(c_t), and / d(h_t) for the output gate
        local = torch.stack(
            (g * i * (1 - i), c[:-1] * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)), dim=2
        )
        dc_dh = o * (1 - tanh_c * tanh_c)
        dh = torch.zeros_like(h[0])
        dc = torch.zeros_like(c[0])
        for t in range(frames - 1, -1, -1):
            dh += grad_h[t]
            dc += grad_c[t]
            dc.addcmul_(dh, dc_dh[t])
            local[t, :, :3] *= dc[:, None]
            local[t, :, 3] *= dh
            dc *= f[t]
            torch.mm(local[t].flatten(1), weight_hh, out=dh)
        d_gates = local.flatten(2).flatten(0, 1)
        return (
            (d_gates @ weight_ih).view_as(x) if ctx.needs_input_grad[0] else None,
            dc,
            dh,
            d_gates.t() @ x.flatten(0, 1),
            d_gates.t() @ h[:-1].flatten(0, 1),
            d_gates.sum(0),
        )
