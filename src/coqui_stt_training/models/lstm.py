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

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

_LARGEST_UNSHARED_WEIGHT = 4 * 384 * 384


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
        hs, cs = _LstmFunction.apply(x, state.c, state.h, weight_ih, weight_hh, bias)
        h, at_end = hs[1:], (lengths, torch.arange(len(lengths)))
        final = LstmState(cs[at_end], hs[at_end])
    valid = torch.arange(x.shape[0], device=x.device)[:, None] < lengths.to(x.device)
    return h * valid[:, :, None], final


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


@contextmanager
def _threads_for(weight: Tensor) -> Iterator[None]:
    """Run the steps on one thread where their products are too small to be worth sharing.

    Sharing 4 MFLOP costs more in waiting than it saves: at n_hidden 256 two threads take 1.5 times
    the CPU time for a tenth less wall time.
    """
    threads = torch.get_num_threads()
    if weight.numel() > _LARGEST_UNSHARED_WEIGHT or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _LstmFunction(torch.autograd.Function):
    """Returns `h` and `c`, each `[1 + frames, batch, n_hidden]` from the initial state on."""

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
        recurrent = weight_hh.t().contiguous()  # more than twice as fast for few rows
        # Views of every step, made at once: made in the loop they cost as much as its arithmetic.
        steps, cells, outputs = gates.unbind(0), c.unbind(0), h.unbind(0)
        inner = gates[:, :, : 2 * hidden].unbind(0)
        i, f, g, o = (gate.unbind(0) for gate in gates.split(hidden, dim=2))
        with _threads_for(weight_hh):
            for t, tanh_c_t in enumerate(tanh_c.unbind(0)):
                steps[t].addmm_(outputs[t], recurrent)
                inner[t].sigmoid_()
                g[t].tanh_()
                o[t].sigmoid_()
                torch.mul(f[t], cells[t], out=cells[t + 1]).addcmul_(i[t], g[t])
                torch.tanh(cells[t + 1], out=tanh_c_t)
                torch.mul(o[t], tanh_c_t, out=outputs[t + 1])
        ctx.save_for_backward(x, weight_ih, weight_hh, gates, h, c, tanh_c)
        ctx.set_materialize_grads(False)
        return h, c

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Back-propagate through time; what does not depend on later frames is done at once."""
        grad_h, grad_c = grads
        x, weight_ih, weight_hh, gates, h, c, tanh_c = ctx.saved_tensors
        frames, batch, _ = x.shape
        i, f, g, o = gates.view(frames, batch, 4, -1).unbind(2)
        # d(gate before its nonlinearity) / d(c_t), and / d(h_t) for the output gate
        local = torch.empty_like(gates).view(frames, batch, 4, -1)
        torch.addcmul(i, i, i, value=-1, out=local[:, :, 0]).mul_(g)
        torch.addcmul(f, f, f, value=-1, out=local[:, :, 1]).mul_(c[:-1])
        torch.addcmul(i, i * g, g, value=-1, out=local[:, :, 2])
        torch.addcmul(o, o, o, value=-1, out=local[:, :, 3]).mul_(tanh_c)
        dc_dh = torch.addcmul(o, o * tanh_c, tanh_c, value=-1)
        dh = torch.zeros_like(h[0])
        dc = torch.zeros_like(c[0])
        if grad_h is None:
            grad_h = torch.zeros_like(h)
        steps = local.flatten(2).unbind(0)
        inner, output = local[:, :, :3].unbind(0), local[:, :, 3].unbind(0)
        grads_h, forget, dcs_dh = grad_h.unbind(0), f.unbind(0), dc_dh.unbind(0)
        dc_broadcast = dc[:, None]
        with _threads_for(weight_hh):
            for t in range(frames - 1, -1, -1):
                dh += grads_h[t + 1]
                if grad_c is not None:
                    dc += grad_c[t + 1]
                dc.addcmul_(dh, dcs_dh[t])
                inner[t].mul_(dc_broadcast)
                output[t].mul_(dh)
                dc *= forget[t]
                torch.mm(steps[t], weight_hh, out=dh)
        dh += grads_h[0]
        if grad_c is not None:
            dc += grad_c[0]
        d_gates = local.flatten(2).flatten(0, 1)
        return (
            (d_gates @ weight_ih).view_as(x) if ctx.needs_input_grad[0] else None,
            dc,
            dh,
            d_gates.t() @ x.flatten(0, 1),
            d_gates.t() @ h[:-1].flatten(0, 1),
            d_gates.sum(0),
        )
