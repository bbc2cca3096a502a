"""Make a scorer from a language model and a vocabulary.

    generate_scorer_package --checkpoint CHECKPOINT_DIR --lm lm.binary --vocab vocab-500000.txt \\
        --package kenlm.scorer --default_alpha 0.93 --default_beta 1.18

The flags are those of upstream's tool. Upstream's decoder and runtime read the file too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_ctcdecoder.regular_file import read_regular
from coqui_stt_ctcdecoder.scorer_file import Unit
from stt.atomic_file import replacing, write_atomically
from stt.counted import counted, first_lines
from stt.output_path import check_output_file

from ..cli.command import ArgumentParser, command, run
from ..errors import AlphabetError, NoModelError, ScorerError
from .text import Spelling, spell_words, spelling_hints

_SHOWN = 10
_OTHER_FORM = (
    ", or because the model encodes some of its characters as several labels: build_scorer makes "
    "a matching language model and scorer"
)


@dataclass(frozen=True)
class ScorerReport:
    """Which words of a vocabulary a scorer contains.

    Attributes:
        words: number of words in the scorer, or of characters if it scores characters.
        left_out: word or character -> why the scorer does not contain it.
        unit: unit that the scorer scores.
        hints: sentences that say how to lose fewer words.
    """

    words: int
    left_out: dict[str, str]
    unit: Unit
    hints: tuple[str, ...] = ()

    def summary(self) -> list[str]:
        """Return a few lines to print."""
        name = "character" if self.unit is Unit.CHARACTER else "word"
        lines = [f"{counted(self.words, name)} in the scorer, {len(self.left_out)} left out"]
        left_out = [f"{word}: {why}" for word, why in self.left_out.items()]
        lines += [f"  {line}" for line in first_lines(left_out, _SHOWN)]
        return [*lines, *self.hints]


def find_alphabet(checkpoint: str, alphabet_path: str, bytes_mode: bool) -> Alphabet:
    """Return the alphabet of a checkpoint, or else the given one.

    Args:
        checkpoint: checkpoint file or folder; empty: none.
        alphabet_path: alphabet file; empty: none.
        bytes_mode: whether the model writes UTF-8 bytes.

    Raises:
        AlphabetError: no alphabet was given or found, the file is malformed, or the given alphabet
            differs from the checkpoint's.
        CheckpointError: the checkpoint cannot be read.
    """
    given: Alphabet | None = None
    if bytes_mode:
        given = UTF8Alphabet()
    elif alphabet_path:
        given = Alphabet(alphabet_path)
    if not checkpoint:
        if given is None:
            raise AlphabetError(
                "no alphabet; give --checkpoint, the folder of the model, or --alphabet"
            )
        return given
    of_checkpoint = _checkpoint_alphabet(Path(checkpoint))
    if of_checkpoint is None:
        if given is None:
            raise AlphabetError(f"{checkpoint} contains no alphabet; give --alphabet too")
        return given
    if given is not None and of_checkpoint != given:
        raise AlphabetError(
            f"the given alphabet differs from that of {checkpoint}; a scorer for it needs the "
            "model's own: leave out --alphabet and --force_bytes_output_mode"
        )
    return of_checkpoint


def _checkpoint_alphabet(checkpoint: Path) -> Alphabet | None:
    """Return the alphabet of a checkpoint, or of `alphabet.txt` in a folder without a model."""
    beside = checkpoint / "alphabet.txt"
    try:
        from ..checkpoints.loading import load_source

        return load_source(checkpoint, "auto").alphabet
    except ImportError:
        pass  # a device without the training extra: the file beside the weights is enough
    except NoModelError:
        if not beside.is_file():
            raise
    return Alphabet(beside) if beside.is_file() else None


def looks_like_code_points(words: Iterable[str]) -> bool:
    """Return whether every entry of a vocabulary is a single code point."""
    return all(len(word) <= 1 for word in words)


def make_scorer(
    package: Path,
    lm_path: Path,
    words: list[str],
    alphabet: Alphabet,
    unit: Unit,
    alpha: float,
    beta: float,
) -> ScorerReport:
    """Write a scorer file, atomically.

    Words that the alphabet cannot spell, or that the language model does not contain, are left out.
    A scorer of characters allows every label of the alphabet, even those that are not in the
    language model.

    Raises:
        ScorerError: no words are left, the language model cannot be used, or the unit does not fit
            the alphabet.
        OSError: a file cannot be read or written.
    """
    from coqui_stt_ctcdecoder.scorer import alphabet_tail
    from coqui_stt_ctcdecoder.scorer_file import language_model_bytes, pack_dictionary

    check_alphabet(alphabet, unit)
    model_size = language_model_bytes(lm_path)
    if model_size != lm_path.stat().st_size:
        raise ScorerError(f"{lm_path} is not a plain language model; it may be a scorer already")
    spelling = _spell(words, alphabet, unit)
    units = [*spelling.words, *spelling.left_out]
    hints = tuple(spelling_hints(spelling, alphabet))
    if not spelling.words:
        example, why = next(iter(spelling.left_out.items()), ("", "the text has none"))
        raise ScorerError(
            "\n".join(
                [
                    f"the alphabet cannot write any of {counted(len(units), 'word')} of the text; "
                    f"the most frequent is {example!r}, {why}. Check that the alphabet is the "
                    "model's, and that the text is in the same language",
                    *hints,
                ]
            )
        )
    if unit is not Unit.CHARACTER:
        spelling = _leave_out_unknown(spelling, lm_path, alphabet)
    if not spelling.words:
        example, why = next(iter(spelling.left_out.items()))
        raise ScorerError(
            f"{lm_path} contains none of {counted(len(units), 'word')} of the vocabulary; the "
            f"first is {example!r}, {why}. Check that --lm and --vocab come from the same run of "
            "generate_lm"
        )
    with replacing(package) as partial:
        shutil.copyfile(lm_path, partial)
        with partial.open("ab") as file:
            file.write(pack_dictionary(spelling.labels, alphabet, unit, alpha, beta, model_size))
            file.write(alphabet_tail(alphabet))
    return ScorerReport(len(spelling.words), spelling.left_out, unit, hints)


def _spell(words: list[str], alphabet: Alphabet, unit: Unit) -> Spelling:
    if unit is Unit.CHARACTER:
        labels = list(alphabet.labels)
        return Spelling([[index] for index in range(len(labels))], labels, {})
    units = list(dict.fromkeys("".join(words))) if unit is Unit.CODE_POINT else words
    return spell_words(units, alphabet)


def check_alphabet(alphabet: Alphabet, unit: Unit) -> None:
    """Check that a scorer of this unit can be made for an alphabet.

    Raises:
        ScorerError: the unit does not fit the alphabet.
    """
    if unit is Unit.CODE_POINT and not alphabet.is_bytes:
        raise ScorerError(
            "the vocabulary consists of characters, for models that write bytes, but this model "
            "writes characters; make a vocabulary of words (generate_lm without --code_points), "
            "and leave out --force_bytes_output_mode"
        )
    if alphabet.is_bytes and unit is not Unit.CODE_POINT:
        raise ScorerError(
            "the model writes bytes, so its scorer needs characters instead of words; make the "
            "vocabulary with generate_lm --code_points, and give --force_bytes_output_mode true"
        )
    if unit is Unit.WORD and not alphabet.can_encode_single(" "):
        raise ScorerError(
            "the alphabet has no space, so the decoder cannot tell where words end; make a scorer "
            "of characters instead: build_scorer --characters"
        )


def _leave_out_unknown(spelling: Spelling, lm_path: Path, alphabet: Alphabet) -> Spelling:
    from coqui_stt_ctcdecoder.scorer_file import words_known

    written = [alphabet.as_written(word) for word in spelling.words]
    known = words_known(lm_path, written)
    kept = Spelling([], [], dict(spelling.left_out))
    for word, form, labels, is_known in zip(
        spelling.words, written, spelling.labels, known, strict=True
    ):
        if is_known:
            kept.words.append(word)
            kept.labels.append(labels)
        else:
            other_form = _OTHER_FORM if form != word else ""
            kept.left_out[word] = "not in the language model" + other_form
    return kept


def read_vocabulary(path: Path) -> list[str]:
    """Return the whitespace-separated words of a vocabulary file, without duplicates.

    Raises:
        ScorerError: the file cannot be read, is not UTF-8, or contains no words.
    """
    try:
        words = list(dict.fromkeys(read_regular(path).decode("utf-8-sig").split()))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ScorerError(f"--vocab {path}: {reason}") from None
    if not words:
        raise ScorerError(f"--vocab {path}: no words found")
    return words


def parse_bool(text: str) -> bool:
    """Parse `true`, `false`, `1` or `0`, like upstream's flags."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r}: must be true or false")
    return text.lower() in ("true", "1")


def add_flags(
    parser: argparse.ArgumentParser,
    default_alpha: float | None = None,
    default_beta: float | None = None,
    default_mode: str = "true if every entry of the vocabulary is one character",
) -> None:
    """Add the flags for the acoustic model of a scorer, its default weights and its files.

    Args:
        parser: parser to add the flags to.
        default_alpha: default of `--default_alpha`; None if the flag is required.
        default_beta: default of `--default_beta`; None if the flag is required.
        default_mode: default of `--force_bytes_output_mode` in words, for `--help`.
    """
    add = parser.add_argument
    add(
        "--checkpoint",
        default="",
        metavar="DIR",
        help="checkpoint folder or file of the model that the scorer is for",
    )
    add(
        "--alphabet",
        default="",
        metavar="FILE",
        help="alphabet file of the model, if there is no checkpoint",
    )
    add("--package", required=True, metavar="FILE", help="scorer file to write")
    add(
        "--default_alpha",
        type=float,
        default=default_alpha,
        metavar="X",
        help=f"weight of the language model ({_default(default_alpha)})",
    )
    add(
        "--default_beta",
        type=float,
        default=default_beta,
        metavar="X",
        help=f"bonus for each word ({_default(default_beta)})",
    )
    add(
        "--force_bytes_output_mode",
        "--force_utf8",
        type=parse_bool,
        default=None,
        metavar="true|false",
        help=(
            "whether the model writes UTF-8 bytes instead of characters, like one trained with "
            "--bytes_output_mode (Bytes Are All You Need); its scorer then contains characters, "
            f"not words (default: {default_mode})"
        ),
    )
    add(
        "--left_out",
        default="",
        metavar="FILE",
        help="file to list words in that were left out of the scorer",
    )


def _default(value: float | None) -> str:
    return "required" if value is None else f"default: {value}"


def check_outputs(flags: argparse.Namespace) -> None:
    """Check that the output files can be written.

    Raises:
        FlagError: one cannot.
    """
    check_output_file("--package", flags.package)
    if flags.left_out:
        check_output_file("--left_out", flags.left_out)


def report_scorer(report: ScorerReport, flags: argparse.Namespace) -> None:
    """Print a summary; write the words that were left out to the file `--left_out`, if given."""
    print("\n".join(report.summary()))
    if flags.left_out:
        rows = (f"{word}\t{why}\n" for word, why in report.left_out.items())
        write_atomically(flags.left_out, "".join(rows))
    print(f"Package created in {flags.package}.")


@command
def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = ArgumentParser(
        prog="generate_scorer_package",
        description="Make a scorer from a language model and a vocabulary.",
    )
    parser.add_argument(
        "--lm", required=True, metavar="FILE", help="language model: lm.binary of generate_lm"
    )
    parser.add_argument(
        "--vocab", required=True, metavar="FILE", help="vocabulary: vocab-K.txt of generate_lm"
    )
    add_flags(parser)
    flags = parser.parse_args(argv)
    if flags.default_alpha is None or flags.default_beta is None:
        parser.error("give --default_alpha and --default_beta")
    check_outputs(flags)
    if not Path(flags.lm).is_file():
        raise ScorerError(f"--lm {flags.lm}: no such file; generate_lm writes it as lm.binary")
    words = read_vocabulary(Path(flags.vocab))
    print(f"{counted(len(words), 'unique word')} read from vocabulary file.")
    utf8_mode = flags.force_bytes_output_mode
    if utf8_mode is None:
        utf8_mode = looks_like_code_points(words)
        kind = "Looks" if utf8_mode else "Doesn't look"
        print(f"{kind} like a character based (Bytes Are All You Need) model.")
        print(
            "--force_bytes_output_mode was not specified, using value inferred from vocabulary "
            f"contents: {str(utf8_mode).lower()}"
        )
    alphabet = find_alphabet(flags.checkpoint, flags.alphabet, utf8_mode)
    report = make_scorer(
        Path(flags.package),
        Path(flags.lm),
        words,
        alphabet,
        Unit.CODE_POINT if utf8_mode else Unit.WORD,
        flags.default_alpha,
        flags.default_beta,
    )
    report_scorer(report, flags)
    return 0


def entry() -> None:
    """Run as an installed command."""
    sys.exit(run(main))


if __name__ == "__main__":
    entry()
