"""The CTC loss (https://www.cs.toronto.edu/~graves/icml_2006.pdf), and best-path decoding."""

from __future__ import annotations

import torch
from torch import Tensor

from ..batches.loader import Batch


def ctc_losses(logits: Tensor, batch: Batch) -> Tensor:
    """Return the negative log-likelihood of each clip's labels, not divided by any length.

    Args:
        logits: `[frames, batch, classes]`, the last class is the blank.
        batch: its labels and lengths.

    Returns:
        float32 `[batch]`; infinite where a clip has too few frames for its labels.
    """
    log_probs = logits.float().log_softmax(dim=-1)
    return torch.nn.functional.ctc_loss(
        log_probs,
        batch.labels.to(logits.device),
        batch.lengths,
        batch.label_lengths,
        blank=logits.shape[-1] - 1,
        reduction="none",
    )


def best_path(classes: list[int], blank: int) -> list[int]:
    """Collapse a path of frames to labels: repeats become one, blanks vanish."""
    return [
        label
        for previous, label in zip([blank, *classes], classes, strict=False)
        if label not in (previous, blank)
    ]
