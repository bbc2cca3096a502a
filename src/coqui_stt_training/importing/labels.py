"""Transcripts of public corpora, normalised to what a model learns to write, or left out.

A transcript with markers of noise or unknown words (`<unk>`, `[noise]`) is left out. Then numbers
are spelled out, if requested, and `Normalizer` changes the text to the alphabet: small letters, and
no punctuation except apostrophes within words. A transcript that still has characters outside of
the alphabet is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from coqui_stt_ctcdecoder import Alphabet

from ..corpus.normalization import Normalizer, plain_alphabet
from ..errors import FlagError

Numbers = Literal["drop", "spell", "keep"]

# Letters of native words of each language, besides a to z.
_LETTERS = {
    "ca": "àçèéíïòóúü·'", "cs": "áčďéěíňóřšťúůýž", "cy": "àáâäèéêëìîïòóôöùúûüẁẃŵẅỳýŷÿ'",
    "da": "æøåé", "de": "äöüß", "en": "'", "es": "áéíñóúü", "et": "äõöüšž", "eu": "ñ",
    "fi": "äöå", "fr": "àâæçèéêëîïôœùûüÿ'", "hu": "áéíóöőúüű", "it": "àèéìíîòóùú'",
    "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž", "nl": "áéèëïíóöúü'", "nb": "æøåéèòô",
    "pl": "ąćęłńóśźż", "pt": "àáâãçéêíóôõú", "ro": "ăâîșț", "sk": "áäčďéíĺľňóôŕšťúýž",
    "sl": "čšž", "sv": "åäöé", "tr": "çğıöşü",
}  # fmt: skip
_CYRILLIC = {
    "ru": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "uk": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'",
    "be": "абвгдеёжзійклмнопрстуўфхцчшыьэюя'",
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюя",
}
_MARKUP = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\}|\(\d+\)|&\w+;")
# A single number of at most three digits: longer ones can be read in several ways.
_PLAIN_NUMBER = re.compile(r"(?<![\w.,:/°%-])\d{1,3}(?![\w%°/-]|[.,:]\d)")
_DIGIT = re.compile(r"\d")


def language_alphabet(language: str) -> Alphabet | None:
    """Return the alphabet of a language; None if it is unknown here.

    Args:
        language: tag of the language, such as `pt` or `pt-BR`.
    """
    tag = _primary(language)
    letters = _CYRILLIC.get(tag)
    if letters is None and tag in _LETTERS:
        letters = "abcdefghijklmnopqrstuvwxyz" + _LETTERS[tag]
    return Alphabet.from_labels([" ", *sorted(letters)]) if letters else None


@dataclass(frozen=True)
class ImportedLabel:
    """A transcript to train on, or the reason for leaving it out.

    Attributes:
        text: the transcript.
        dropped: why it is left out; "" if it is not.
        named: what is wrong with it in particular, such as characters.
    """

    text: str
    dropped: str = ""
    named: str = ""


@dataclass(frozen=True)
class LabelFilter:
    """Makes transcripts to train on from the texts of a corpus.

    Attributes:
        alphabet: alphabet of the transcripts.
        numbers: what to do with digits.
        spell: spells out a number as it is spoken.
    """

    alphabet: Alphabet
    numbers: Numbers = "drop"
    spell: Callable[[int], str] = str

    def __call__(self, text: str) -> ImportedLabel:
        """Return the transcript for a text."""
        if found := _MARKUP.search(text):
            return ImportedLabel(text, "hold what nobody said", found[0])
        if self.numbers == "spell":
            text = _PLAIN_NUMBER.sub(lambda number: self.spell(int(number[0])), text)
        if self.numbers != "keep" and (digit := _DIGIT.search(text)):
            return ImportedLabel(text, "hold digits", text[digit.start() :][:10])
        normalized = Normalizer(self.alphabet)(text)
        if normalized.unknown:
            named = " ".join(dict.fromkeys(normalized.unknown))
            return ImportedLabel(text, "hold characters outside the alphabet", named)
        if not normalized.text.strip():
            return ImportedLabel(text, "have no transcript")
        return ImportedLabel(normalized.text)


def corpus_alphabet(texts: Iterable[str], numbers: Numbers) -> Alphabet:
    """Return the alphabet of a corpus in a language that is unknown here."""
    spoken = [text for text in texts if not _MARKUP.search(text)]
    kinds = "LMN" if numbers == "keep" else "LM"
    return Alphabet.from_labels(
        label
        for label in plain_alphabet(spoken).labels
        if label in " '" or unicodedata.category(label[0])[0] in kinds
    )


def number_speller(language: str) -> Callable[[int], str]:
    """Return a function that spells out numbers as they are spoken in a language.

    Raises:
        FlagError: num2words is not installed, or does not know the language.
    """
    try:
        import num2words
    except ImportError:
        from stt.extras import missing_packages

        raise FlagError(f"--numbers spell: {missing_packages('num2words', 'importers')}") from None
    tag = _primary(language)
    if not tag:
        raise FlagError("--numbers spell: in which language? Give --language, such as de")
    try:
        num2words.num2words(1, lang=tag)
    except NotImplementedError:
        raise FlagError(
            f"--numbers spell: num2words does not know {language}; use --numbers drop or keep"
        ) from None
    return lambda number: str(num2words.num2words(number, lang=tag))


def _primary(language: str) -> str:
    """Return the language of a tag: `pt` for `pt-BR`."""
    return re.split(r"[-_]", language.lower())[0]
