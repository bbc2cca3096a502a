"""The CTC loss (https://www.cs.toronto.edu/~graves/icml_2006.pdf), and best-path decoding."""

from __future__ import annotations

import torch
from torch import Tensor

from ..batches.batch import Batch
from ..models.acoustic_model import Emissions


def ctc_losses(emissions: Emissions, batch: Batch) -> Tensor:
    """Return the negative log-likelihood of each clip's labels, not divided by any length.

    Args:
        emissions: of the batch.
        batch: its labels.

    Returns:
        float32 `[batch]`; infinite where a clip has too few frames for its labels.
    """
    log_probs = emissions.log_probabilities()
    return torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1),
        batch.labels.to(log_probs.device),
        emissions.lengths,
        batch.label_lengths,
        blank=log_probs.shape[-1] - 1,
        reduction="none",
    )


def best_path(classes: list[int], blank: int) -> list[int]:
    """Collapse a path of frames to labels: repeats become one, blanks vanish."""
    return [
        label
        for previous, label in zip([blank, *classes], classes, strict=False)
        if label not in (previous, blank)
    ]
