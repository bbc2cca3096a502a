"""Make a scorer of a language model and a vocabulary.

    generate_scorer_package --checkpoint CHECKPOINT_DIR --lm lm.binary --vocab vocab-500000.txt \\
        --package kenlm.scorer --default_alpha 0.93 --default_beta 1.18

The flags are upstream's tool's, and the file works with upstream's decoder and runtime too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet, UTF8Alphabet

from ..atomic_file import replacing, write_atomically
from ..command import run
from ..counted import counted
from ..errors import AlphabetError, ScorerError
from .text import Spelling, spell_words

_SHOWN = 10


@dataclass(frozen=True)
class ScorerReport:
    """What became of a vocabulary.

    Attributes:
        words: number of words in the scorer.
        left_out: word -> why it is not.
        utf8_mode: whether the scorer scores code points instead of words.
    """

    words: int
    left_out: dict[str, str]
    utf8_mode: bool

    def summary(self) -> list[str]:
        """Return a few lines for people."""
        lines = [f"{counted(self.words, 'word')} in the scorer, {len(self.left_out)} left out"]
        lines += [f"  {word}: {why}" for word, why in list(self.left_out.items())[:_SHOWN]]
        if len(self.left_out) > _SHOWN:
            lines.append(f"  ... and {len(self.left_out) - _SHOWN} more")
        return lines


def find_alphabet(checkpoint: str, alphabet_path: str, bytes_mode: bool) -> Alphabet:
    """Return the alphabet that flags name.

    Args:
        checkpoint: a checkpoint, or the folder of one; empty: none.
        alphabet_path: an alphabet file; empty: none.
        bytes_mode: whether the model writes UTF-8 bytes.

    Raises:
        AlphabetError: neither was given, the file is malformed, or the two do not match.
        CheckpointError: the checkpoint cannot be read.
    """
    given: Alphabet | None = None
    if bytes_mode:
        given = UTF8Alphabet()
    elif alphabet_path:
        given = Alphabet(alphabet_path)
    if not checkpoint:
        if given is None:
            raise AlphabetError("give --checkpoint, the folder of the model, or --alphabet")
        return given
    own = _checkpoint_alphabet(Path(checkpoint))
    if own is None and given is None:
        raise AlphabetError(f"{checkpoint} does not say its alphabet; give --alphabet too")
    if own is not None and given is not None and own != given:
        raise AlphabetError(
            f"the alphabet given is not that of {checkpoint}; a scorer for it needs its own: "
            "leave out --alphabet and --force_bytes_output_mode"
        )
    alphabet = own if own is not None else given
    assert alphabet is not None
    return alphabet


def _checkpoint_alphabet(checkpoint: Path) -> Alphabet | None:
    beside = checkpoint / "alphabet.txt"
    try:
        from ..checkpoints.loading import load_source

        return load_source(checkpoint, "auto").alphabet
    except ImportError:
        pass  # a device without the training extra: the file beside the weights will do
    except ValueError:
        if not beside.is_file():
            raise
    return Alphabet(beside) if beside.is_file() else None


def looks_like_code_points(words: Iterable[str]) -> bool:
    """Whether every entry of a vocabulary is a single code point."""
    return all(len(word) <= 1 for word in words)


def make_scorer(
    package: Path,
    lm_path: Path,
    words: list[str],
    alphabet: Alphabet,
    utf8_mode: bool,
    alpha: float,
    beta: float,
) -> ScorerReport:
    """Write a scorer file, atomically.

    Words that the alphabet cannot spell, or that the language model does not know, are left out.

    Raises:
        ScorerError: no words are left, the language model cannot be used, or alphabet and mode do
            not go together.
        OSError: a file cannot be read or written.
    """
    from coqui_stt_ctcdecoder import _native
    from coqui_stt_ctcdecoder.scorer import alphabet_tail
    from coqui_stt_ctcdecoder.scorer_file import pack_dictionary

    if utf8_mode != alphabet.is_bytes:
        raise ScorerError(
            "a scorer of code points goes with models that write bytes, one of words with models "
            "that write characters; see --force_bytes_output_mode and --checkpoint"
        )
    model_size, file_size = _native.language_model_size(str(lm_path))
    if model_size != file_size:
        raise ScorerError(f"{lm_path} is not a bare language model; it may be a scorer already")
    units = list(dict.fromkeys("".join(words))) if utf8_mode else words
    spelling = _leave_out_unknown(spell_words(units, alphabet), lm_path)
    if not spelling.words:
        raise ScorerError(
            f"none of the {len(words)} words is both in the alphabet and in {lm_path}; "
            "are these the right files?"
        )
    with replacing(package) as partial:
        shutil.copyfile(lm_path, partial)
        with partial.open("ab") as file:
            file.write(
                pack_dictionary(spelling.labels, alphabet, utf8_mode, alpha, beta, model_size)
            )
            file.write(alphabet_tail(alphabet))
    return ScorerReport(len(spelling.words), spelling.left_out, utf8_mode)


def _leave_out_unknown(spelling: Spelling, lm_path: Path) -> Spelling:
    from coqui_stt_ctcdecoder import _native

    known = _native.model_knows(str(lm_path), [word.encode() for word in spelling.words])
    kept = Spelling([], [], dict(spelling.left_out))
    for word, labels, is_known in zip(spelling.words, spelling.labels, known, strict=True):
        if is_known:
            kept.words.append(word)
            kept.labels.append(labels)
        else:
            kept.left_out[word] = "not in the language model"
    return kept


def read_vocabulary(path: Path) -> list[str]:
    """Return the words of a vocabulary file, whitespace-separated, each once.

    Raises:
        ScorerError: it is missing, not UTF-8, or empty.
    """
    try:
        words = list(dict.fromkeys(path.read_text(encoding="utf-8-sig").split()))
    except (OSError, UnicodeDecodeError) as error:
        raise ScorerError(f"vocabulary {path}: {error}") from None
    if not words:
        raise ScorerError(f"vocabulary {path} has no words")
    return words


def parse_bool(text: str) -> bool:
    """Read `true` or `false`, as upstream's flags have it."""
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text}: true or false")
    return text.lower() in ("true", "1")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which model a scorer is for, and its defaults."""
    add = parser.add_argument
    add("--checkpoint", default="", help="the model's checkpoint or its folder")
    add("--alphabet", default="", help="alphabet file, where there is no checkpoint")
    add("--package", required=True, help="scorer file to write")
    add("--default_alpha", type=float, default=None, help="weight of the language model")
    add("--default_beta", type=float, default=None, help="worth of every word")
    add(
        "--force_bytes_output_mode",
        type=parse_bool,
        default=None,
        help="true: the model writes UTF-8 bytes; default: true if all words are one character",
    )
    add("--left_out", default="", help="file for the words left out, and why")


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="generate_scorer_package",
        description="Make a scorer of a language model and a vocabulary.",
    )
    parser.add_argument("--lm", required=True, help="language model made by generate_lm")
    parser.add_argument("--vocab", required=True, help="words to allow, as generate_lm writes them")
    add_flags(parser)
    flags = parser.parse_args(argv)
    if flags.default_alpha is None or flags.default_beta is None:
        parser.error("--default_alpha and --default_beta are needed")
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
    package = Path(flags.package)
    report = make_scorer(
        package, Path(flags.lm), words, alphabet, utf8_mode, flags.default_alpha, flags.default_beta
    )
    print("\n".join(report.summary()))
    if flags.left_out:
        rows = (f"{word}\t{why}\n" for word, why in report.left_out.items())
        write_atomically(flags.left_out, "".join(rows))
    print(f"Package created in {package}.")
    return 0


def entry() -> None:
    """Run as an installed command."""
    sys.exit(run(main))


if __name__ == "__main__":
    entry()
