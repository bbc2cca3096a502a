"""Text for language models, one sentence per line."""

from __future__ import annotations

import functools
import gzip
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet, describe_codepoints
from coqui_stt_ctcdecoder.regular_file import open_regular
from coqui_stt_ctcdecoder.scorer_file import SPACE_WORD
from stt.counted import counted

from .kenlm import LanguageModelError

_GZIP_MAGIC = b"\x1f\x8b"
_RESERVED_WORDS = frozenset({"<s>", "</s>", "<unk>"})


class Case(Enum):
    """Letter case that a text is converted to."""

    KEPT = "unchanged"
    LOWER = "lower"
    UPPER = "upper"
    TURKIC_LOWER = "lower, I as ı and İ as i"
    TURKIC_UPPER = "upper, i as İ and ı as I"


_CONVERSIONS: Mapping[Case, Callable[[str], str]] = {
    Case.KEPT: str,
    Case.LOWER: lambda text: text.replace("İ", "i").lower(),
    Case.UPPER: str.upper,
    Case.TURKIC_LOWER: lambda text: text.replace("I", "ı").replace("İ", "i").lower(),
    Case.TURKIC_UPPER: lambda text: text.replace("i", "İ").upper(),
}


def case_of(alphabet: Alphabet) -> Case:
    """Return the letter case that text needs so that an alphabet can write it.

    An alphabet with upper and lower case letters needs no conversion. The case of a model that
    writes bytes is unknown; lower case is assumed, since most write it.
    """
    labels = () if alphabet.is_bytes else alphabet.labels
    if all(label == label.lower() for label in labels):
        return Case.TURKIC_LOWER if "ı" in labels else Case.LOWER
    if all(label == label.upper() for label in labels):
        return Case.TURKIC_UPPER if "İ" in labels else Case.UPPER
    return Case.KEPT


def read_lines(paths: Sequence[Path], case: Case) -> Iterator[str]:
    """Yield the sentences of text files, plain or gzipped, in Unicode NFC.

    KenLM's reserved words (`<s>`, `</s>`, `<unk>`) are left out.

    Args:
        paths: paths of the files.
        case: letter case to convert to.

    Raises:
        LanguageModelError: a file cannot be read, is damaged, or is not UTF-8.
    """
    for path in paths:
        try:
            with open_regular(path) as probe:
                is_gzip = probe.read(2) == _GZIP_MAGIC
            with gzip.open(path, "rb") if is_gzip else open_regular(path) as file:
                for number, raw in enumerate(file, 1):
                    yield _clean(raw, case, path, number)
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise LanguageModelError(f"--input_txt {path}: {reason}") from None


def _clean(raw: bytes, case: Case, path: Path, number: int) -> str:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError:
        raise LanguageModelError(f"{path}:{number}: not UTF-8; save the text as UTF-8") from None
    text = unicodedata.normalize("NFC", _CONVERSIONS[case](text))
    return " ".join(word for word in text.replace("\0", " ").split() if word not in _RESERVED_WORDS)


def as_code_points(lines: Iterable[str]) -> Iterator[str]:
    """Yield sentences with every character as a word, for models that write bytes.

    A space between words becomes `|`, since words of a language model cannot contain spaces.
    """
    for line in lines:
        yield " ".join(line.replace(" ", "|"))


def as_characters(lines: Iterable[str], alphabet: Alphabet) -> Iterator[str]:
    """Yield sentences with every label of an alphabet as a word.

    A space becomes `<space>`. Words that the alphabet cannot write are left out.
    """
    spell = functools.cache(functools.partial(_as_labels, alphabet=alphabet))
    for line in lines:
        yield f" {SPACE_WORD} ".join(filter(None, map(spell, line.split())))


def as_written(lines: Iterable[str], alphabet: Alphabet) -> Iterator[str]:
    """Yield sentences in the Unicode form in which an alphabet writes them, NFC or another."""
    spell = functools.cache(alphabet.as_written)
    for line in lines:
        yield " ".join(map(spell, line.split()))


def _as_labels(word: str, alphabet: Alphabet) -> str:
    if alphabet.unknown_characters(word):
        return ""
    labels = [alphabet.labels[label] for label in alphabet.encode(word)]
    return "" if _RESERVED_WORDS & set(labels) else " ".join(labels)


@dataclass
class WordCounts:
    """Counts the words of a stream of sentences."""

    counts: Counter[str] = field(default_factory=Counter)

    def watch(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the sentences unchanged, and count their words."""
        for line in lines:
            self.counts.update(line.split())
            yield line

    def most_common(self, top_k: int) -> list[tuple[str, int]]:
        """Return the most frequent words with their counts; ties are in order of code points."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:top_k]


@dataclass(frozen=True)
class Spelling:
    """The words that an alphabet can write, and those that it cannot.

    Attributes:
        labels: label sequence of each word that the alphabet can write.
        words: the words that the alphabet can write.
        left_out: word that the alphabet cannot write -> reason.
    """

    labels: list[list[int]]
    words: list[str]
    left_out: dict[str, str]


def spell_words(words: Iterable[str], alphabet: Alphabet) -> Spelling:
    """Encode each different word in the labels of an alphabet, in order of appearance."""
    spelling = Spelling([], [], {})
    for word in dict.fromkeys(words):
        if word in _RESERVED_WORDS:
            continue
        unknown = alphabet.unknown_characters(word)
        if unknown:
            names = ", ".join(
                describe_codepoints(character) for character in dict.fromkeys(unknown)
            )
            spelling.left_out[word] = f"not in the alphabet: {names}"
            continue
        spelling.labels.append(alphabet.encode(word))
        spelling.words.append(word)
    return spelling


def spelling_hints(spelling: Spelling, alphabet: Alphabet) -> list[str]:
    """Return sentences that say how a scorer for this alphabet could contain more words."""
    words = list(spelling.left_out)
    capitals = sum(word != word.lower() and alphabet.can_encode(word.lower()) for word in words)
    small = sum(word != word.upper() and alphabet.can_encode(word.upper()) for word in words)
    marks = sum(
        all(unicodedata.category(one)[0] in "PS" for one in alphabet.unknown_characters(word))
        for word in words
    )
    hints = []
    all_small = bool(spelling.words) and all(word == word.lower() for word in spelling.words)
    if case_of(alphabet) is Case.KEPT and all_small:
        hints.append(
            "The alphabet has upper case letters, but no word here has one, so the model cannot "
            "write any with this scorer; if the text has them, use generate_lm --keep_case"
        )
    if small:
        hints.append(
            f"{counted(small, 'word')} left out only for lower case letters, which the alphabet "
            "lacks; build_scorer converts text to its case, and generate_lm --keep_case keeps "
            "upper case"
        )
    if capitals:
        remedy = "leave out --keep_case"
        if case_of(alphabet) is Case.KEPT:
            remedy = "convert the text to lower case"
        hints.append(
            f"{counted(capitals, 'word')} left out only for upper case letters, which the "
            f"alphabet lacks; {remedy}"
        )
    if marks:
        hints.append(
            f"{counted(marks, 'word')} left out only for punctuation; build_scorer removes it from "
            "the text, unless --normalize_text false is given"
        )
    return hints
