"""Make a scorer from text in one command, and tune it on a development set.

    python -m coqui_stt_training.lm.build_scorer --input_txt text.gz --checkpoint CHECKPOINT_DIR \\
        --package kenlm.scorer --tune_on dev.csv

The command makes the language model, the dictionary and the scorer, and reports which words it left
out and why. With `--tune_on` it finds alpha and beta on a development set. With `--characters` the
language model is one of characters, and the scorer can write words that are not in the text.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.scorer_file import Unit

from ..cli.command import ArgumentParser, command
from ..errors import FlagError
from . import generate_lm, generate_scorer_package
from .generate_lm import make_language_model
from .generate_scorer_package import (
    check_alphabet,
    check_outputs,
    find_alphabet,
    make_scorer,
    parse_bool,
    report_scorer,
)
from .text import Case, case_of

_LETTERS_BY_CASE = {
    Case.KEPT: "upper and lower case letters",
    Case.LOWER: "only lower case letters",
    Case.UPPER: "only upper case letters",
    Case.TURKIC_LOWER: "only lower case letters, and ı",
    Case.TURKIC_UPPER: "only upper case letters, and İ",
}
SCRATCH_PREFIX = ".scorer-"  # name prefix of the temporary folder beside a scorer in the making
# Upstream's release models have these values: defaults for scorers that are not tuned.
_DEFAULT_ALPHA, _DEFAULT_BETA = 0.931289039105002, 1.1834137581510284


@command
def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    flags = _parser().parse_args(argv)
    _check_tuning(flags)
    check_outputs(flags)
    alphabet = find_alphabet(flags.checkpoint, flags.alphabet, bool(flags.force_bytes_output_mode))
    unit = _unit_of(alphabet, flags)
    check_alphabet(alphabet, unit)
    options = replace(
        generate_lm.options_of(flags),
        code_points=unit is Unit.CODE_POINT,
        alphabet=alphabet,
        by_character=unit is Unit.CHARACTER,
        normalize=flags.normalize_text,
        case=_case_of(alphabet, flags),
    )
    if options.case is not Case.LOWER or alphabet.is_bytes:
        reason = _reason(options.case, alphabet, flags)
        print(f"Letter case of the text: {options.case.value} ({reason})")
    package = Path(flags.package)
    package.parent.mkdir(parents=True, exist_ok=True)
    inputs = [Path(path) for path in flags.input_txt]
    with tempfile.TemporaryDirectory(prefix=SCRATCH_PREFIX, dir=package.parent) as scratch:
        binary = Path(scratch) / "lm.binary"
        words = make_language_model(inputs, binary, options)
        report = make_scorer(
            package, binary, words, alphabet, unit, flags.default_alpha, flags.default_beta
        )
    report_scorer(report, flags)
    return _tune(flags) if flags.tune_on else 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.lm.build_scorer", description="Make a scorer from text."
    )
    generate_lm.add_flags(parser)
    generate_scorer_package.add_flags(
        parser, _DEFAULT_ALPHA, _DEFAULT_BETA, "as in the checkpoint, else false"
    )
    parser.add_argument(
        "--normalize_text",
        type=parse_bool,
        default=True,
        metavar="true|false",
        help=(
            "write text as the alphabet can: without punctuation, with its apostrophe and hyphen "
            "(default: true; nothing that the alphabet has is changed)"
        ),
    )
    parser.add_argument(
        "--characters",
        action="store_true",
        help=(
            "score characters instead of words, in n-grams up to --arpa_order 6: such a scorer "
            "can write words that are not in the text; for little text, and for scripts without "
            "spaces. Coqui's own clients cannot read it"
        ),
    )
    parser.add_argument(
        "--tune_on",
        nargs="+",
        default=[],
        metavar="CSV",
        help="CSV files to tune alpha and beta on; without them the scorer has the defaults above",
    )
    parser.add_argument(
        "--n_trials",
        type=int,
        default=300,
        metavar="N",
        help="number of tuning trials (default: %(default)s)",
    )
    return parser


def _check_tuning(flags: argparse.Namespace) -> None:
    if flags.tune_on and not flags.checkpoint:
        raise FlagError("--tune_on needs a model to tune with; give --checkpoint")
    missing = [path for path in flags.tune_on if not Path(path).is_file()]
    if missing:
        raise FlagError(f"--tune_on {' '.join(missing)}: no such file")
    if flags.n_trials < 1:
        raise FlagError(f"--n_trials {flags.n_trials}: must be greater than 0")


def _case_of(alphabet: Alphabet, flags: argparse.Namespace) -> Case:
    """Return the letter case of the alphabet; of bytes, that of the tuning data's transcripts."""
    if flags.keep_case:
        return Case.KEPT
    if alphabet.is_bytes and flags.tune_on:
        from ..corpus import alphabet_from_corpus

        return case_of(alphabet_from_corpus(flags.tune_on))
    return case_of(alphabet)


def _reason(case: Case, alphabet: Alphabet, flags: argparse.Namespace) -> str:
    if flags.keep_case:
        return "--keep_case"
    if alphabet.is_bytes and not flags.tune_on:
        return (
            "most models that write bytes write lower case; if this one also writes capitals, "
            "give --keep_case"
        )
    where = "the tuning data" if alphabet.is_bytes else "the alphabet"
    return f"{where} has {_LETTERS_BY_CASE[case]}"


def _unit_of(alphabet: Alphabet, flags: argparse.Namespace) -> Unit:
    if alphabet.is_bytes:
        if flags.characters:
            raise FlagError(
                "--characters is for models that write characters, but this one writes bytes, "
                "whose scorer uses characters anyway; leave it out"
            )
        return Unit.CODE_POINT
    if flags.code_points:
        raise FlagError(
            "--code_points is for models that write bytes (--force_bytes_output_mode true), but "
            "this one writes characters; leave it out, or give --characters"
        )
    return Unit.CHARACTER if flags.characters else Unit.WORD


def _tune(flags: argparse.Namespace) -> int:
    from . import optimize

    return optimize.main(
        [
            *("--checkpoint_dir", flags.checkpoint),
            *("--scorer_path", flags.package),
            *("--test_files", *flags.tune_on),
            *("--n_trials", str(flags.n_trials)),
            *("--write_scorer", "true"),
        ]
    )


if __name__ == "__main__":
    main()
