"""Upstream's evaluation of exported wav2vec 2.0 models, replaced by `evaluate_export`.

python -m coqui_stt_training.evaluate_wav2vec2am --model model.onnx --csv test.csv
"""

from __future__ import annotations

from . import evaluate_export
from .cli.command import command, stand_in

_NOTICE = (
    "running evaluate_export, which evaluates exported models of any architecture; for "
    "checkpoints, use evaluate"
)


@command
def main(argv: list[str]) -> int:
    """Print which command replaces this one, run that, and return its exit status."""
    return stand_in(_NOTICE, evaluate_export.main, argv)


if __name__ == "__main__":
    main()
