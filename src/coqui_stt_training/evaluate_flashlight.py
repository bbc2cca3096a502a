"""Upstream's evaluation with flashlight's decoder, replaced by `evaluate`.

    python -m coqui_stt_training.evaluate_flashlight --checkpoint_dir DIR \\
        --scorer_path kenlm.scorer --test_files test.csv
"""

from __future__ import annotations

from . import evaluate
from .cli.command import command, stand_in

_NOTICE = (
    "flashlight's decoder is not part of this release; running evaluate, whose beam search writes "
    "only words of the scorer"
)


@command
def main(argv: list[str]) -> int:
    """Print which command replaces this one, run that, and return its exit status."""
    return stand_in(_NOTICE, evaluate.main, argv)


if __name__ == "__main__":
    main()
