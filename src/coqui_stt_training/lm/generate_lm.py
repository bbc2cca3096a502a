"""Make a language model from text: `lm.binary` and `vocab-K.txt`, for `generate_scorer_package`.

    python -m coqui_stt_training.lm.generate_lm --input_txt text.gz --output_dir lm/ --top_k 500000

The flags are those of upstream's generate_lm.py; `lmplz` and `build_binary` come with this package.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.atomic_file import replacing, write_atomically
from stt.counted import counted
from stt.output_path import check_output_folder

from ..cli.command import ArgumentParser, command
from ..corpus.normalization import Normalizer
from .arpa import keep_words
from .kenlm import LanguageModelError, find_program, run_build_binary, run_lmplz
from .text import Case, WordCounts, as_characters, as_code_points, as_written, read_lines

_DEFAULT_PRUNING = "0|0|1"


@dataclass(frozen=True)
class LanguageModelOptions:
    """Options for the estimation of a language model.

    Attributes:
        top_k: number of most frequent words to keep; n-grams with other words are removed.
        order: length of the longest n-grams.
        max_arpa_memory: memory limit of the estimation, in the syntax of `lmplz -S`.
        prune: pruning threshold of each order, separated by `|`: n-grams with this count or less
            are removed. None: as upstream, n-grams of three words or more that occur once.
        binary_a_bits: maximum number of bits for pointer compression.
        binary_q_bits: number of bits of a quantised probability or back-off weight.
        binary_type: data structure of the binary file; scorers contain a `trie`.
        discount_fallback: whether to accept small texts, which KenLM otherwise refuses.
        case: letter case that all text is converted to.
        code_points: whether every character is a word, for models that write bytes.
        alphabet: alphabet of the acoustic model, which may encode a character as several labels;
            None: unknown.
        by_character: whether every label of the alphabet is a word, for scorers that can write any
            word.
        normalize: whether to normalise the text to what the alphabet can write.
        kenlm_bins: folder of another KenLM build; empty: the programs of this package.
    """

    top_k: int = 500_000
    order: int = 5
    max_arpa_memory: str = "85%"
    prune: str | None = None
    binary_a_bits: int = 255
    binary_q_bits: int = 8
    binary_type: str = "trie"
    discount_fallback: bool = False
    case: Case = Case.LOWER
    code_points: bool = False
    alphabet: Alphabet | None = None
    by_character: bool = False
    normalize: bool = False
    kenlm_bins: str = ""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add `--input_txt` and the flags of `LanguageModelOptions`, under upstream's names."""
    defaults = LanguageModelOptions()
    _add_text_flags(parser.add_argument, defaults)
    _add_n_gram_flags(parser.add_argument, defaults)
    _add_binary_flags(parser.add_argument, defaults)


def _add_text_flags(add: Callable[..., object], defaults: LanguageModelOptions) -> None:
    add(
        "--input_txt",
        nargs="+",
        required=True,
        metavar="FILE",
        help="UTF-8 text, one sentence per line, optionally gzipped",
    )
    add(
        "--top_k",
        type=int,
        default=defaults.top_k,
        metavar="N",
        help="number of most frequent words to keep (default: %(default)s)",
    )
    add(
        "--keep_case",
        action="store_true",
        help=(
            "keep upper case; without it all text is converted to lower case, or to the case of "
            "the alphabet if that is known"
        ),
    )
    add(
        "--code_points",
        action="store_true",
        help=(
            "treat every character as a word, for models trained with --bytes_output_mode (Bytes "
            "Are All You Need); spaces become |"
        ),
    )


def _add_n_gram_flags(add: Callable[..., object], defaults: LanguageModelOptions) -> None:
    add(
        "--arpa_order",
        type=int,
        default=defaults.order,
        metavar="N",
        help="order of the n-grams, 2 to 6 (default: %(default)s)",
    )
    add(
        "--discount_fallback",
        action="store_true",
        help="accept small texts, which are refused otherwise",
    )
    add(
        "--arpa_prune",
        metavar="N|N|...",
        help=(
            "pruning threshold for each order: remove n-grams that occur so often or less "
            f"(default: {_DEFAULT_PRUNING}, up to --arpa_order)"
        ),
    )
    add(
        "--max_arpa_memory",
        default=defaults.max_arpa_memory,
        metavar="SIZE",
        help="maximum memory, as a percentage or an amount such as 512M (default: %(default)s)",
    )


def _add_binary_flags(add: Callable[..., object], defaults: LanguageModelOptions) -> None:
    add(
        "--binary_a_bits",
        type=int,
        default=defaults.binary_a_bits,
        metavar="N",
        help="maximum number of bits for pointer compression (default: %(default)s)",
    )
    add(
        "--binary_q_bits",
        type=int,
        default=defaults.binary_q_bits,
        metavar="N",
        help="bits to quantize probabilities and back-off weights to (default: %(default)s)",
    )
    add(
        "--binary_type",
        choices=["trie"],
        default="trie",
        help="data structure that scorers contain (default: %(default)s)",
    )
    add(
        "--kenlm_bins",
        default="",
        metavar="DIR",
        help="folder with another build of KenLM than this package's",
    )


def options_of(flags: argparse.Namespace) -> LanguageModelOptions:
    """Return the options given by the flags."""
    return LanguageModelOptions(
        top_k=flags.top_k,
        order=flags.arpa_order,
        max_arpa_memory=flags.max_arpa_memory,
        prune=flags.arpa_prune,
        binary_a_bits=flags.binary_a_bits,
        binary_q_bits=flags.binary_q_bits,
        binary_type=flags.binary_type,
        discount_fallback=flags.discount_fallback,
        case=Case.KEPT if flags.keep_case else Case.LOWER,
        code_points=flags.code_points,
        kenlm_bins=flags.kenlm_bins,
    )


def check_options(options: LanguageModelOptions) -> None:
    """Check that KenLM accepts the options.

    Raises:
        LanguageModelError: an option is malformed or out of range.
    """
    if not 2 <= options.order <= 6:
        raise LanguageModelError(f"--arpa_order {options.order}: KenLM supports 2 to 6")
    if options.top_k < 1:
        raise LanguageModelError(f"--top_k {options.top_k}: must be greater than 0")
    if not 1 <= options.binary_q_bits <= 25:
        raise LanguageModelError(f"--binary_q_bits {options.binary_q_bits}: must be from 1 to 25")
    if not 0 <= options.binary_a_bits <= 255:
        raise LanguageModelError(f"--binary_a_bits {options.binary_a_bits}: must be from 0 to 255")
    if not options.prune:
        return
    counts = options.prune.split("|")
    if not all(count.isascii() and count.isdigit() for count in counts):
        raise LanguageModelError(
            f"--arpa_prune {options.prune}: must be counts separated by |, as in '0|0|1'"
        )
    thresholds = [int(count) for count in counts]
    if thresholds != sorted(thresholds) or len(thresholds) > options.order:
        raise LanguageModelError(
            f"--arpa_prune {options.prune}: counts must not decrease, and be no more than "
            f"--arpa_order {options.order}"
        )


def _pruning(options: LanguageModelOptions) -> list[str]:
    """Return the pruning threshold of each order; an empty list for no pruning."""
    if options.prune is None:
        return _DEFAULT_PRUNING.split("|")[: options.order]
    return options.prune.split("|") if options.prune else []


def make_language_model(
    input_paths: list[Path], binary_path: Path, options: LanguageModelOptions
) -> list[str]:
    """Estimate a language model, and return its words, the most frequent first.

    Raises:
        LanguageModelError: an option is wrong, the text is empty or cannot be read, or KenLM is
            missing or failed.
    """
    check_options(options)
    for path in input_paths:
        if path.is_dir() or not path.exists():
            problem = "is a folder; give text files" if path.is_dir() else "no such file"
            raise LanguageModelError(f"--input_txt {path}: {problem}")
    lmplz = find_program("lmplz", options.kenlm_bins)
    build_binary = find_program("build_binary", options.kenlm_bins)
    binary_path.parent.mkdir(parents=True, exist_ok=True)
    words = WordCounts()
    with tempfile.TemporaryDirectory(prefix=".lm-", dir=binary_path.parent) as scratch:
        arpa, filtered = Path(scratch) / "lm.arpa", Path(scratch) / "lm_filtered.arpa"
        lines = _words(read_lines(input_paths, options.case), options)
        print("Creating ARPA file ...")
        first = next((line for line in lines if line.split()), None)
        if first is None:
            writable = " that the alphabet can write" if options.by_character else ""
            raise LanguageModelError(
                f"--input_txt {' '.join(map(str, input_paths))}: no words found{writable}"
            )
        run_lmplz(
            lmplz,
            words.watch(itertools.chain([first], lines)),
            arpa,
            order=options.order,
            memory=options.max_arpa_memory,
            prune=_pruning(options),
            discount_fallback=options.discount_fallback,
        )
        kept = words.most_common(options.top_k)
        for line in _describe(words, kept):
            print(line)
        if len(kept) < len(words.counts):
            print("Filtering ARPA file using vocabulary of top-k words ...")
            keep_words(arpa, filtered, {word for word, _ in kept})
            arpa = filtered
        print("Building lm.binary ...")
        with replacing(binary_path) as partial:
            run_build_binary(
                build_binary,
                arpa,
                partial,
                a_bits=options.binary_a_bits,
                q_bits=options.binary_q_bits,
                kind=options.binary_type,
            )
    return [word for word, _ in kept]


def _words(lines: Iterator[str], options: LanguageModelOptions) -> Iterator[str]:
    """Return the sentences split into the words of the language model, separated by spaces."""
    if options.code_points:
        return as_code_points(lines)
    if options.alphabet is None:
        return lines
    if options.normalize:
        normalize = Normalizer(options.alphabet)
        lines = (normalize(line).text for line in lines)
    return (as_characters if options.by_character else as_written)(lines, options.alphabet)


def _describe(words: WordCounts, kept: list[tuple[str, int]]) -> list[str]:
    total = words.counts.total()
    share = 100 * sum(count for _, count in kept) / total
    (most, most_count), (least, least_count) = kept[0], kept[-1]
    return [
        f"Your text file has {counted(total, 'word')} in total",
        f"It has {counted(len(words.counts), 'unique word')}",
        f"Your top-{len(kept)} words are {share:.4f} percent of all words",
        f'Your most common word "{most}" occurred {counted(most_count, "time")}',
        f'The least common word in your top-k is "{least}" with {counted(least_count, "time")}',
    ]


@command
def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.lm.generate_lm",
        description="Make a language model from text, for generate_scorer_package.",
    )
    parser.add_argument(
        "--output_dir",
        required=True,
        metavar="DIR",
        help="output folder for lm.binary and the vocabulary",
    )
    add_flags(parser)
    flags = parser.parse_args(argv)
    folder = Path(flags.output_dir)
    check_output_folder("--output_dir", folder)
    if not flags.keep_case:
        print(
            "Text is converted to lower case; for a model that also writes capitals, give "
            "--keep_case"
        )
    inputs = [Path(path) for path in flags.input_txt]
    words = make_language_model(inputs, folder / "lm.binary", options_of(flags))
    vocabulary = folder / f"vocab-{flags.top_k}.txt"
    write_atomically(vocabulary, "".join(f"{word}\n" for word in words))
    print(f"Made {folder / 'lm.binary'} and {vocabulary}")
    return 0


if __name__ == "__main__":
    main()
