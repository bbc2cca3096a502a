"""What people write, brought to what an alphabet can write: `--normalize_transcripts`.

Only what the alphabet cannot write is touched, a character at a time:

    a space of any kind           a space; runs of them are one, and none stays at the ends
    a typographic variant         the variant that the alphabet has: ’ for ', – for -, “ for "
    a capital, or a small letter  the letter that the alphabet has
    a compatibility character     what it stands for: wide and presentation forms, ligatures
    what has neither width nor sound   nothing: soft hyphens, joiners, direction marks, tatweel
    punctuation                   a space; an apostrophe within a word, nothing

Letters, marks and digits are never dropped. Neither is what is read aloud (% & @ / + and other
symbols), what stands between digits, nor brackets that usually hold a noise instead of words. Such
characters stay as they are, and make a bad row.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from coqui_stt_ctcdecoder import Alphabet
from stt.counted import counted

Change = tuple[str, str]  # what stood there, and what stands there now

_APOSTROPHES = "'’ʼ‘ʻ`´＇‛"
_HYPHENS = "-‐‑－﹣⁃"
_VARIANTS = {
    _APOSTROPHES: _APOSTROPHES,
    _HYPHENS: _HYPHENS,
    "–—‒―−": "–—-‐",
    "\"“”„‟«»＂": "\"“”«»",
}  # fmt: skip
_LETTERS_IN_CONTEXT = frozenset(f"{_APOSTROPHES}Σ")
_OPENING_QUOTES = "‘‚‛"
_CLOSING_QUOTE = "’"
_INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u0640\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
)
_KEPT_PUNCTUATION = frozenset("%‰&@#§¶†‡*/\\_[]{}")
# Malayalam's chillu letters, as they were written before Unicode 5.1 gave them code points.
_CHILLUS = {
    "ണ്\u200d": "ൺ", "ന്\u200d": "ൻ", "ര്\u200d": "ർ", "ല്\u200d": "ൽ", "ള്\u200d": "ൾ",
    "ക്\u200d": "ൿ",
}  # fmt: skip
# Kinds of compatibility characters that are read as what they stand for: not ² or ½.
_READ_ALIKE = frozenset(
    {"<compat>", "<wide>", "<narrow>", "<small>", "<font>", "<vertical>", "<noBreak>",
     "<initial>", "<medial>", "<final>", "<isolated>"}
)  # fmt: skip
# Scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
_MOST_PASSES = 8
_CONTEXT = 1000  # characters that are looked at around one: the time that a text takes stays linear
_LISTED_CHANGES = 8


@dataclass(frozen=True)
class Normalized:
    """A transcript, and what was changed to make it.

    Attributes:
        text: in Unicode normal form C.
        changes: one for each place, in order.
        unknown: the characters that the alphabet still lacks, each as often as it occurs.
    """

    text: str
    changes: tuple[Change, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Normalizer:
    """Brings transcripts to what an alphabet can write. Applying it twice is applying it once."""

    alphabet: Alphabet
    # What to write for letters that stand the same everywhere: corpora repeat the same few.
    _letters: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __call__(self, text: str) -> Normalized:
        """Return a transcript, normalised."""
        changes: list[Change] = []
        text = unicodedata.normalize("NFC", text)
        for _ in range(_MOST_PASSES):  # what was removed may have parted a letter from its accent
            before = text
            text = unicodedata.normalize("NFC", self._pass(text, changes))
            if text == before:
                break
        return Normalized(text, tuple(changes), tuple(self.alphabet.unknown_characters(text)))

    def _pass(self, text: str, changes: list[Change]) -> str:
        for old, new in _CHILLUS.items():
            if old in text and self.alphabet.can_encode(new) and not self._writes("\u200d"):
                changes += [(old, new)] * text.count(old)
                text = text.replace(old, new)
        parts: list[str] = []
        position = 0
        for piece, known in self.alphabet.pieces(text):
            new = piece if known else self._replace(text, position)
            if new != piece:
                changes.append((piece, new))
            parts.append(new)
            position += len(piece)
        return self._tidy_spaces("".join(parts), changes)

    def _tidy_spaces(self, text: str, changes: list[Change]) -> str:
        if not self._has_space:
            return text.strip()
        tidy = " ".join(text.split())
        if tidy != text and not changes:
            changes.append(("  ", " "))
        return tidy

    def _replace(self, text: str, position: int) -> str:
        """Return what to write for a character without a label: itself where nothing fits."""
        character = text[position]
        if character.isalpha() and character not in _LETTERS_IN_CONTEXT:
            if character not in self._letters:
                self._letters[character] = self._replace_between("", character, "")
            return self._letters[character]
        before = text[max(0, position - _CONTEXT) : position]
        return self._replace_between(before, character, text[position + 1 : position + _CONTEXT])

    def _replace_between(self, before: str, character: str, after: str) -> str:
        if character.isspace():
            return self._replace_space(character, before, after)
        for candidate in self._candidates(character, before, after):
            if candidate and self.alphabet.can_encode(candidate):
                return candidate
        if character in _INVISIBLE:
            return ""
        if self._is_removable(character, before, after):
            within_word = character in _APOSTROPHES and _is_letter(before[-1:] + after[:1], 2)
            return "" if within_word else self._replace_space(character, before, after)
        return character

    def _replace_space(self, character: str, before: str, after: str) -> str:
        if self._has_space:
            return " "
        at_edge = not before.strip() or not after.strip()
        joined = _SPACELESS.match(before[-1:]) and _SPACELESS.match(after[:1])
        return "" if at_edge or joined else character

    def _is_removable(self, character: str, before: str, after: str) -> bool:
        category = unicodedata.category(character)
        if character in "`´":
            category = "Po"  # which stand for apostrophes and quotes
        if category[0] != "P" or character in _KEPT_PUNCTUATION:
            return False
        return not (before[-1:].isdigit() and after[:1].isdigit())

    def _candidates(self, character: str, before: str, after: str) -> Iterator[str]:
        """Yield what a character can be written as, the closest first."""
        yield from self._variants(character, before, after)
        yield from self._cases(character, before, after)
        stands_for = _compatible(character)
        if stands_for != character:
            yield from (stands_for, stands_for.lower(), stands_for.upper())

    def _variants(self, character: str, before: str, after: str) -> str:
        if character in _APOSTROPHES and not _is_apostrophe(character, before, after):
            return ""
        return next((others for members, others in _VARIANTS.items() if character in members), "")

    def _cases(self, character: str, before: str, after: str) -> Iterable[str]:
        # In Turkish and its relatives, I and İ are the capitals of ı and i.
        if character == "I" and self._writes("ı"):
            return ("ı",)
        if character == "i" and self._writes("İ"):
            return ("İ",)
        if character == "İ":
            return ("i",)
        if character == "Σ":
            final = _is_letter(before[-1:]) and not _is_letter(after[:1])
            return ("ς", "σ") if final else ("σ",)
        folded = character.casefold()
        return character.lower(), character.upper(), folded, folded.upper()

    def _writes(self, label: str) -> bool:
        return self.alphabet.can_encode(label)

    @cached_property
    def _has_space(self) -> bool:
        return self._writes(" ")


def _compatible(character: str) -> str:
    """Return what a compatibility character stands for, where it is also read so."""
    kind = unicodedata.decomposition(character).split(" ")[0]
    if kind not in _READ_ALIKE or unicodedata.category(character)[0] not in "LMNP":
        return character
    stands_for = unicodedata.normalize("NFKC", character)
    return character if stands_for[:1].isspace() else stands_for


def _small(text: str) -> str:
    """Return the small letters of a text; those of Cherokee are rare, and its capitals the rule."""
    text = text.replace("İ", "i")
    folded = text.casefold()  # in the direction that is usual: of Cherokee alone to capitals
    return folded if folded == text.upper() else text.lower()


def _is_letter(text: str, count: int = 1) -> bool:
    """Say whether a text is so many letters or marks of letters."""
    return len(text) == count and all(unicodedata.category(one)[0] in "LM" for one in text)


def _is_apostrophe(character: str, before: str, after: str) -> bool:
    """Say whether what may be an apostrophe or a quotation mark is the former."""
    follows, leads = _is_letter(before[-1:]), _is_letter(after[:1])
    if character == _CLOSING_QUOTE and follows and not leads:
        return not re.search(rf"(?<!\w)[{_OPENING_QUOTES}]", before)
    if character in _OPENING_QUOTES and leads and not follows:
        return not re.search(rf"\w{_CLOSING_QUOTE}(?!\w)", after)
    return follows or leads


def plain_alphabet(transcripts: Iterable[str]) -> Alphabet:
    """Return an alphabet for transcripts that are to be normalised: small letters, no punctuation.

    It has the letters, marks and digits of the transcripts, the space, the apostrophe where one
    stands within a word, and what normalising cannot take out.
    """
    texts = [unicodedata.normalize("NFC", text) for text in transcripts]
    letters = {" "}
    for character in set().union(*texts):
        for one in unicodedata.normalize("NFC", _small(_compatible(character))):
            if unicodedata.category(one)[0] in "LMN" and one not in _INVISIBLE:
                letters.add("'" if one in _APOSTROPHES else one)
    if any(re.search(rf"[^\W\d_][{_APOSTROPHES}][^\W\d_]", text) for text in texts):
        letters.add("'")
    normalize = Normalizer(Alphabet.from_labels(sorted(letters)))
    return Alphabet.from_labels(sorted(set().union(*(normalize(text).text for text in texts))))


@dataclass
class ChangeCounts:
    """Counts what is changed in the transcripts of a corpus.

    Attributes:
        rows: how many rows were changed.
        kinds: how often each kind of change was made.
        example: one of the rows, where it stands, before and after.
    """

    rows: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    example: str = ""

    def add(self, source: str, before: str, after: Normalized) -> None:
        """Take up one row."""
        if not after.changes:
            return
        self.rows += 1
        self.kinds.update(_describe_change(old, new) for old, new in after.changes)
        self.example = self.example or f"{source}: {before!r} is read as {after.text!r}"

    def report(self, row_count: int) -> str:
        """Return the sentences for the log, of so many rows in all."""
        return (
            f"Normalised {self.rows} of {counted(row_count, 'transcript')} "
            f"(--normalize_transcripts): {self}. {self.example}"
        )

    def __str__(self) -> str:
        """Say what was changed and how often, the commonest first: `'.' removed 12 times`."""
        common = self.kinds.most_common(_LISTED_CHANGES)
        shown = ", ".join(f"{what} {counted(count, 'time')}" for what, count in common)
        hidden = len(self.kinds) - len(common)
        return shown + (f" and {hidden} other kinds of change" if hidden else "")


def _describe_change(old: str, new: str) -> str:
    if old.isspace():
        return "spaces cleaned up"
    if old.isalpha() and new == old.lower():
        return "upper case changed to lower case"
    if old.isalpha() and new == old.upper():
        return "lower case changed to upper case"
    return f"{old!r} changed to {new!r}" if new.strip() else f"{old!r} removed"
