"""Upstream's command that tunes a scorer for wav2vec 2.0 models; it runs `util.lm_optimize`.

    python -m coqui_stt_training.util.lm_optimize_wav2vec2am --checkpoint_dir DIR \\
        --scorer_path kenlm.scorer --test_files dev.csv
"""

from __future__ import annotations

from ..cli.command import command, stand_in
from . import lm_optimize

_NOTICE = (
    "running lm_optimize, which tunes a scorer for a checkpoint of any architecture, or a folder "
    "of Hugging Face transformers"
)


@command
def main(argv: list[str]) -> int:
    """Name the command that replaces this one, run it, and return its exit status."""
    return stand_in(_NOTICE, lm_optimize.main, argv)


if __name__ == "__main__":
    main()
