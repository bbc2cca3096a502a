"""Make a language model of text: `lm.binary` and `vocab-K.txt`, for `generate_scorer_package`.

    python -m coqui_stt_training.lm.generate_lm --input_txt text.gz --output_dir lm/ --top_k 500000

The flags are upstream's generate_lm.py's; `lmplz` and `build_binary` come with this package.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..atomic_file import replacing, write_atomically
from ..command import run
from ..counted import counted
from .arpa import keep_words
from .kenlm import LanguageModelError, find_program, run_build_binary, run_lmplz
from .text import WordCounts, as_code_points, read_lines


@dataclass(frozen=True)
class LanguageModelOptions:
    """How to make a language model.

    Attributes:
        top_k: commonest words to keep; n-grams with others are left out.
        order: longest n-gram.
        max_arpa_memory: share of memory that estimation may take, as `lmplz -S` has it.
        prune: for each order, n-grams seen so often or less are left out; parted by `|`.
        binary_a_bits: bits of pointers that may be compressed.
        binary_q_bits: bits of a quantised probability or back-off.
        binary_type: data structure; `trie` is what scorers hold.
        discount_fallback: do not fail on small texts.
        lowercase: whether to lower the case of all text first.
        code_points: whether every character is a word of its own, for models that write bytes.
        kenlm_bins: folder of another KenLM build; empty: the one of this package.
    """

    top_k: int = 500_000
    order: int = 5
    max_arpa_memory: str = "85%"
    prune: str = "0|0|1"
    binary_a_bits: int = 255
    binary_q_bits: int = 8
    binary_type: str = "trie"
    discount_fallback: bool = False
    lowercase: bool = True
    code_points: bool = False
    kenlm_bins: str = ""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `LanguageModelOptions`, under upstream's names."""
    defaults = LanguageModelOptions()
    add = parser.add_argument
    add("--top_k", type=int, default=defaults.top_k, help="commonest words to keep")
    add("--kenlm_bins", default="", help="folder of another KenLM build than this package's")
    add("--arpa_order", type=int, default=defaults.order, help="longest n-gram")
    add(
        "--max_arpa_memory",
        default=defaults.max_arpa_memory,
        help="share of memory that estimation may take",
    )
    add(
        "--arpa_prune",
        default=defaults.prune,
        help="for each order, leave out n-grams seen so often or less, e.g. 0|0|1",
    )
    add(
        "--binary_a_bits",
        type=int,
        default=defaults.binary_a_bits,
        help="bits of pointers that may be compressed",
    )
    add(
        "--binary_q_bits",
        type=int,
        default=defaults.binary_q_bits,
        help="bits of a probability or back-off",
    )
    add("--binary_type", choices=["trie"], default="trie", help="what scorers hold")
    add("--discount_fallback", action="store_true", help="do not fail on small texts")
    add("--keep_case", action="store_true", help="do not lower the case of the text")
    add(
        "--code_points",
        action="store_true",
        help="make every character a word, for models that write bytes; spaces become |",
    )


def options_of(flags: argparse.Namespace) -> LanguageModelOptions:
    """Return the options that flags say."""
    return LanguageModelOptions(
        top_k=flags.top_k,
        order=flags.arpa_order,
        max_arpa_memory=flags.max_arpa_memory,
        prune=flags.arpa_prune,
        binary_a_bits=flags.binary_a_bits,
        binary_q_bits=flags.binary_q_bits,
        binary_type=flags.binary_type,
        discount_fallback=flags.discount_fallback,
        lowercase=not flags.keep_case,
        code_points=flags.code_points,
        kenlm_bins=flags.kenlm_bins,
    )


def make_language_model(
    input_paths: list[Path],
    binary_path: Path,
    options: LanguageModelOptions,
    say: Callable[[str], None] = print,
) -> list[str]:
    """Estimate a language model, and return its words, commonest first.

    Raises:
        LanguageModelError: no text, text that cannot be read, or KenLM failed.
    """
    if not 2 <= options.order <= 6:
        raise LanguageModelError(f"--arpa_order {options.order} is outside 2..6, what KenLM makes")
    if options.top_k < 1:
        raise LanguageModelError(f"--top_k {options.top_k} keeps no words")
    lmplz = find_program("lmplz", options.kenlm_bins)
    build_binary = find_program("build_binary", options.kenlm_bins)
    binary_path.parent.mkdir(parents=True, exist_ok=True)
    words = WordCounts()
    with tempfile.TemporaryDirectory(prefix=".lm-", dir=binary_path.parent) as scratch:
        arpa, filtered = Path(scratch) / "lm.arpa", Path(scratch) / "lm_filtered.arpa"
        lines = read_lines(input_paths, options.lowercase)
        if options.code_points:
            lines = as_code_points(lines)
        say("Creating ARPA file ...")
        run_lmplz(
            lmplz,
            words.watch(lines),
            arpa,
            order=options.order,
            memory=options.max_arpa_memory,
            prune=options.prune.split("|") if options.prune else (),
            discount_fallback=options.discount_fallback,
        )
        kept = words.most_common(options.top_k)
        if not kept:
            raise LanguageModelError(f"there are no words in {', '.join(map(str, input_paths))}")
        for line in _describe(words, kept):
            say(line)
        if len(kept) < len(words.counts):
            say("Filtering ARPA file using vocabulary of top-k words ...")
            keep_words(arpa, filtered, {word for word, _ in kept})
            arpa = filtered
        say("Building lm.binary ...")
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


def main(argv: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m coqui_stt_training.lm.generate_lm",
        description="Make a language model of text, for generate_scorer_package.",
    )
    parser.add_argument(
        "--input_txt", nargs="+", required=True, help="text, one sentence a line; .gz is fine"
    )
    parser.add_argument("--output_dir", required=True, help="where lm.binary and the words go")
    add_flags(parser)
    flags = parser.parse_args(argv)
    folder = Path(flags.output_dir)
    inputs = [Path(path) for path in flags.input_txt]
    words = make_language_model(inputs, folder / "lm.binary", options_of(flags))
    vocabulary = folder / f"vocab-{flags.top_k}.txt"
    write_atomically(vocabulary, "".join(f"{word}\n" for word in words))
    print(f"Made {folder / 'lm.binary'} and {vocabulary}")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
