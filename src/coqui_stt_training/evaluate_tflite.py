"""Upstream's older name for `evaluate_export`.

python -m coqui_stt_training.evaluate_tflite --model FILE --csv test.csv
"""

from __future__ import annotations

from . import evaluate_export
from .cli.command import command, stand_in


@command
def main(argv: list[str]) -> int:
    """Print the new name of this command, run it, and return its exit status."""
    return stand_in("evaluate_tflite is now called evaluate_export", evaluate_export.main, argv)


if __name__ == "__main__":
    main()
