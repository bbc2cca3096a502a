"""When layers are frozen: those frozen at first wait until the layers above produce text."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..models.acoustic_model import AcousticModel
from ..models.encoder import base_tensors
from ..scoring.metrics import DEAF_CER
from .progress import Progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Freezing:
    """The epochs from which frozen layers are trained.

    Attributes:
        epochs: for each layer that is frozen at first, the number of frozen epochs; None: all.
        most_waited: maximum number of further frozen epochs while the model outputs almost nothing.
    """

    epochs: Mapping[str, int | None]
    most_waited: int = 0

    def apply(self, model: AcousticModel, epoch: int) -> None:
        """Freeze and unfreeze the layers of a model for an epoch of the plan."""
        base = base_tensors(model.specification)
        for layer, members in model.layer_parameters().items():
            frozen = self._is_frozen(layer, epoch)
            for name, parameter in members:
                parameter.requires_grad_(not frozen and name not in base)
            model.get_submodule(layer).train(not frozen)

    def depth(self, layers: Sequence[str], epoch: int) -> int:
        """Return how many layers, from the input on, are frozen in an epoch.

        Args:
            layers: names of the layers, from the input to the output.
            epoch: number of the epoch in the plan.
        """
        trained = (n for n, layer in enumerate(layers) if not self._is_frozen(layer, epoch))
        return next(trained, len(layers) - 1)

    def alike_after(self, epoch: int) -> int | None:
        """Return the number of epochs after this one until more layers are trained; None: never."""
        later = [begin - epoch - 1 for begin in self.epochs.values() if begin and begin > epoch]
        return min(later, default=None)

    def wait(self, progress: Progress, cer: float) -> None:
        """After an epoch, extend freezing by one epoch if the model outputs almost nothing yet.

        If they were unfrozen now, the layers below would get useless gradients from the head.

        Args:
            progress: progress of the run, already at the next epoch.
            cer: character error rate on the dev files.
        """
        first = min((begin for begin in self.epochs.values() if begin), default=None)
        if progress.planned_epoch != first or cer <= DEAF_CER:
            return
        if progress.waited_epochs < self.most_waited:
            progress.waited_epochs += 1
            _log.warning(
                "The model still transcribes almost nothing (CER %.2f on the dev files): frozen "
                "layers stay frozen for another epoch, number %d of at most %d "
                "(--unfreeze_wait_epochs)",
                cer, progress.waited_epochs, self.most_waited,
            )  # fmt: skip

    def _is_frozen(self, layer: str, epoch: int) -> bool:
        begin = self.epochs.get(layer, 0)
        return begin is None or epoch < begin
