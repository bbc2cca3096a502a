"""Diverged training: weights that are too large or not finite, losses that are not finite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from stt.counted import some_of

from ..corpus import Clip
from ..errors import TrainingError
from ..models.acoustic_model import AcousticModel
from .progress import Progress

_BLAMED_LISTED = 8
_LARGEST_SOUND_NORM = 1e6  # norm of all weights; in trained models it is some thousands


def are_weights_sound(model: AcousticModel) -> bool:
    """Return whether the trained weights are finite and of plausible size, so they can be saved."""
    trained = [weight.detach() for weight in model.parameters() if weight.requires_grad]
    return float(torch.nn.utils.get_total_norm(trained)) < _LARGEST_SOUND_NORM  # not so for NaN


def name_clips(clips: Sequence[Clip]) -> str:
    """Return the audio files of clips and their rows, as text."""
    return some_of([f"{clip.audio} ({clip.source})" for clip in clips], _BLAMED_LISTED)


def explain_end(
    model: AcousticModel, progress: Progress, last: Path | None, names: str
) -> TrainingError:
    """Return an error with the reason why training ends, and the remedy.

    Args:
        model: model in its present state.
        progress: progress of the run.
        last: newest good checkpoint, if there is one.
        names: audio files in the last step.
    """
    saved = f"the last good checkpoint is {last}" if last else "no checkpoint was saved yet"
    if not are_weights_sound(model):
        return TrainingError(
            f"training has diverged; {saved}. Run the command again with a --learning_rate below "
            f"{progress.learning_rate:g}"
        )
    return TrainingError(
        f"the loss was infinite or NaN in {progress.non_finite_steps} consecutive steps, although "
        f"the weights are valid; {saved}. Leave these files out, or run the command again with a "
        f"--learning_rate below {progress.learning_rate:g}: {names}"
    )
