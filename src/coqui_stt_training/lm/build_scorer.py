"""From text to a scorer in one command, tuned where there are posteriors to tune on.

    python -m coqui_stt_training.lm.build_scorer --input_txt text.gz --checkpoint CHECKPOINT_DIR \\
        --package kenlm.scorer --tune_on dev.csv

It makes the language model, the dictionary and the scorer, says which words it left out and why,
and with `--tune_on` finds alpha and beta on a development set.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from ..atomic_file import write_atomically
from ..command import run
from ..errors import FlagError
from . import generate_lm, generate_scorer_package
from .generate_lm import make_language_model
from .generate_scorer_package import find_alphabet, make_scorer

# What upstream's release models were tuned to: a start for those that are not tuned here.
_USUAL_ALPHA, _USUAL_BETA = 0.931289039105002, 1.1834137581510284


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m coqui_stt_training.lm.build_scorer",
        description="Make a scorer of text.",
    )
    parser.add_argument(
        "--input_txt", nargs="+", required=True, help="text, one sentence a line; .gz is fine"
    )
    generate_lm.add_flags(parser)
    generate_scorer_package.add_flags(parser)
    parser.add_argument(
        "--tune_on", nargs="+", default=[], help="CSV files to find alpha and beta on"
    )
    parser.add_argument("--n_trials", type=int, default=300, help="trials to find them with")
    flags = parser.parse_args(argv)
    if flags.tune_on and not flags.checkpoint:
        raise FlagError("--tune_on needs --checkpoint, the model to tune with")

    bytes_mode = bool(flags.force_bytes_output_mode)
    alphabet = find_alphabet(flags.checkpoint, flags.alphabet, bytes_mode)
    if alphabet.is_bytes:
        flags.code_points = True
    package = Path(flags.package)
    package.parent.mkdir(parents=True, exist_ok=True)
    inputs = [Path(path) for path in flags.input_txt]
    with tempfile.TemporaryDirectory(prefix=".scorer-", dir=package.parent) as scratch:
        binary = Path(scratch) / "lm.binary"
        words = make_language_model(inputs, binary, generate_lm.options_of(flags))
        report = make_scorer(
            package,
            binary,
            words,
            alphabet,
            alphabet.is_bytes,
            _USUAL_ALPHA if flags.default_alpha is None else flags.default_alpha,
            _USUAL_BETA if flags.default_beta is None else flags.default_beta,
        )
    print("\n".join(report.summary()))
    if flags.left_out:
        rows = (f"{word}\t{why}\n" for word, why in report.left_out.items())
        write_atomically(flags.left_out, "".join(rows))
    print(f"Package created in {package}.")
    return _tune(flags) if flags.tune_on else 0


def _tune(flags: argparse.Namespace) -> int:
    from ..util import lm_optimize

    return lm_optimize.main(
        [
            *("--checkpoint_dir", flags.checkpoint),
            *("--scorer_path", flags.package),
            *("--test_files", *flags.tune_on),
            *("--n_trials", str(flags.n_trials)),
        ]
    )


if __name__ == "__main__":
    sys.exit(run(main))
