"""Upstream's inference with flashlight's decoder, replaced by `training_graph_inference`.

    python -m coqui_stt_training.training_graph_inference_flashlight --checkpoint_dir DIR \\
        --scorer_path kenlm.scorer --one_shot_infer audio.wav
"""

from __future__ import annotations

from . import training_graph_inference
from .cli.command import command, stand_in

_NOTICE = (
    "flashlight's decoder is not part of this release; running training_graph_inference, whose "
    "beam search writes only words of the scorer"
)


@command
def main(argv: list[str]) -> int:
    """Print which command replaces this one, run that, and return its exit status."""
    return stand_in(_NOTICE, training_graph_inference.main, argv)


if __name__ == "__main__":
    main()
