"""One LSTM layer over a padded batch.

    i, f, g, o = split(W_ih x_t + W_hh h_{t-1} + b)
    c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
    h_t = sigmoid(o) tanh(c_t)

There are no peepholes, no clipping, and one bias. PyTorch's `nn.LSTM` has two biases, which Adam
would change twice as fast as upstream's one. So this code calls the kernels of `nn.LSTM` (oneDNN on
a CPU, cuDNN on a GPU) with a second bias of zero.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LstmState(NamedTuple):
    """Cell and hidden state, each `[batch, n_hidden]`."""

    c: Tensor
    h: Tensor


def lstm(
    x: Tensor, lengths: Tensor, state: LstmState, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor
) -> tuple[Tensor, LstmState]:
    """Run the layer.

    Args:
        x: `[frames, batch, inputs]`.
        lengths: int64 `[batch]`, number of frames of each sequence.
        state: initial state.
        weight_ih: `[4 * n_hidden, inputs]`, gates i, f, g, o.
        weight_hh: `[4 * n_hidden, n_hidden]`.
        bias: `[4 * n_hidden]`.

    Returns:
        The output `[frames, batch, n_hidden]`, zero beyond the length of each sequence, and the
        state at the end of each sequence. With gradients, the state is that after all frames,
        including padding, as training does not use it.
    """
    weights = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    if not x.is_cuda:
        x = x.float()  # autocast covers cuDNN's kernels only
    initial = LstmState(state.c.to(x.dtype), state.h.to(x.dtype))
    with torch.autocast("cpu", enabled=False):
        # On a CPU, packed sequences take many times as long in training, as their gradients are
        # summed frame by frame. Padding comes last, so it does not change earlier frames.
        if torch.is_grad_enabled() or bool((lengths == x.shape[0]).all()):
            h, h_n, c_n = torch.lstm(
                x, (initial.h[None], initial.c[None]), weights,
                True, 1, 0.0, torch.is_grad_enabled(), False, False,
            )  # fmt: skip
            final = LstmState(c_n[0], h_n[0])
        else:
            h, final = _packed_lstm(x, lengths, initial, weights)
    valid = torch.arange(x.shape[0], device=x.device)[:, None] < lengths.to(x.device)
    return h * valid[:, :, None], final


def _packed_lstm(
    x: Tensor, lengths: Tensor, state: LstmState, weights: list[Tensor]
) -> tuple[Tensor, LstmState]:
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x, lengths.clamp(min=1).cpu(), enforce_sorted=False
    )
    order = packed.sorted_indices
    data, h_n, c_n = torch.lstm(
        packed.data, packed.batch_sizes, (state.h[None, order], state.c[None, order]), weights,
        True, 1, 0.0, False, False,
    )  # fmt: skip
    h, _ = torch.nn.utils.rnn.pad_packed_sequence(
        packed._replace(data=data), total_length=x.shape[0]
    )
    restore = packed.unsorted_indices
    c, hidden = c_n[0][restore], h_n[0][restore]
    empty = (lengths == 0).to(x.device)[:, None]
    return h, LstmState(torch.where(empty, state.c, c), torch.where(empty, state.h, hidden))
