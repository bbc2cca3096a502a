"""Upstream's name for the command that tunes a scorer; see `lm/optimize.py`.

    python -m coqui_stt_training.util.lm_optimize --checkpoint_dir DIR --test_files dev.csv \\
        --scorer_path kenlm.scorer --n_trials 600
"""

from __future__ import annotations

from ..lm.optimize import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
