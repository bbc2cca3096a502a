"""Normalization of transcripts to the labels of an alphabet."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.corpus.normalization import ChangeCounts, Normalizer, plain_alphabet

ENGLISH = " abcdefghijklmnopqrstuvwxyz'"
TURKISH = " abcçdefgğhıijklmnoöprsştuüvyz"


def normalized(text: str, labels: str) -> str:
    return Normalizer(Alphabet.from_labels(labels))(text).text


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        # Case, in both directions, and only of letters that the alphabet lacks.
        ("Hello World", ENGLISH, "hello world"),
        ("Hello World", ENGLISH.upper(), "HELLO WORLD"),
        ("Hello World", ENGLISH + ENGLISH[1:-1].upper(), "Hello World"),
        ("ÉCOLE", ENGLISH + "é", "école"),
        ("NATO", ENGLISH[:5] + "NATO", "NATO"),
        # Turkish, which is recognised by the alphabet.
        ("IĞDIR İZMİR", TURKISH, "ığdır izmir"),
        ("IĞDIR İZMİR", ENGLISH + "ğ", "iğdir izmir"),
        ("ığdır izmir", TURKISH.replace("i", "İ").replace("ı", "I").upper(), "IĞDIR İZMİR"),
        ("Illinois", ENGLISH, "illinois"),
        # German sharp s is kept if the alphabet has it.
        ("STRASSE Straße GROẞ", ENGLISH + "ß", "strasse straße groß"),
        ("Straße GROẞ", ENGLISH, "strasse gross"),
        ("Straße", ENGLISH.upper(), "STRASSE"),
        # Greek final sigma.
        ("ΟΔΟΣ ΣΑΣ Σ", " αβγδεζηθικλμνξοπρσςτυφχψω", "οδος σας σ"),
        ("οδός", " ΑΒΓΔΟΣΌ", "ΟΔΌΣ"),
        ("ΟΔΟΣ", " οδσ", "οδοσ"),
        # Apostrophes and quotation marks.
        ("Don’t, dogs’ ’tis", ENGLISH, "don't dogs' 'tis"),
        ("Don't", ENGLISH.replace("'", "’"), "don’t"),
        ("Don’t", ENGLISH[:-1], "dont"),
        ("м’я, м'я", " мяʼ", "мʼя мʼя"),
        ("He said ‘don’t do it’ twice", ENGLISH, "he said don't do it twice"),
        ("“Yes,” „ja“ «oui»", ENGLISH, "yes ja oui"),
        ("“Yes”", ENGLISH + '"', '"yes"'),
        # Dashes, punctuation, spaces.
        ("well-known — and/", ENGLISH + "/", "well known and/"),
        ("well‑known Nord–Süd", ENGLISH + "-ü", "well-known nord-süd"),
        ("wait… what?!", ENGLISH, "wait what"),
        ("wait…", ENGLISH + ".", "wait..."),
        ("U.S.A.", ENGLISH, "u s a"),
        ("¿Qué? ¡Sí!", ENGLISH + "éí", "qué sí"),
        ("\ta\u00a0b\u2009 \u3000c\n", ENGLISH, "a b c"),
        ("soft\u00adhyphen zero\u200bwidth \ufeffbom", ENGLISH, "softhyphen zerowidth bom"),
        # Compatibility characters.
        ("Ｗｉｄｅ ﬁne", ENGLISH, "wide fine"),
        ("ﻣﺮﺣﺒﺎ", " مرحبا", "مرحبا"),
        # Combining marks, scripts without case, joiners.
        ("cafe\u0301", ENGLISH + "é", "café"),
        ("كـتاب", " كتاب", "كتاب"),
        ("അവന്\u200d വന്നു.", " അവൻന്ു", "അവൻ വന്നു"),
        ("ಕನ್ನಡ।", " ಕನ್ಡ", "ಕನ್ನಡ"),
        ("你好，世界。", "你好世界", "你好世界"),
        ("你好 世界", "你好世界", "你好世界"),
    ],
)
def test_what_an_alphabet_lacks_is_written_with_what_it_has(
    text: str, labels: str, expected: str
) -> None:
    assert normalized(text, "".join(dict.fromkeys(labels))) == expected


@pytest.mark.parametrize(
    ("text", "labels", "unknown"),
    [
        ("Café", ENGLISH, "é"),  # accents are not removed
        ("route 66", ENGLISH, "66"),
        ("50 % & more", ENGLISH + "05", "%&"),
        ("3.5 and 1,000", ENGLISH + "0135", ".,"),  # points and commas in numbers are spoken
        ("[noise] <unk>", ENGLISH, "[]<>"),
        ("كِتاب", " كتاب", "\u0650"),
        ("x² ½", ENGLISH, "²½"),
        ("ığdır", ENGLISH + "ğ", "ıı"),
        ("İ", ENGLISH.upper(), "İ"),
        ("naïve 🎵", ENGLISH, "ï🎵"),
        ("zero one", "zeron", " "),  # words are not joined
    ],
)
def test_what_is_spoken_is_never_dropped(text: str, labels: str, unknown: str) -> None:
    result = Normalizer(Alphabet.from_labels(labels))(text)
    assert "".join(result.unknown) == unknown
    assert all(character in result.text for character in unknown)


def test_bytes_write_everything() -> None:
    result = Normalizer(UTF8Alphabet())("“Straße”  İ…")
    assert result.text == "“Straße” İ…"
    assert result.unknown == ()


ANY_TEXT = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"),
        st.sampled_from("aAiIİıßẞΣσς'’‘“” \u00a0\u200b\u200d\u00ad-–—….,!?0123éÉe\u0301\u0307്ന"),
    ),
    max_size=24,
)
LABELS = st.lists(
    st.one_of(
        st.characters(codec="utf-8", categories=("Ll", "Lu", "Lo", "Mn", "Nd", "Po", "Pd")),
        st.sampled_from([*" aAiIİıßẞσςΣ'’ʼ-–.\u0301\u0307\u200d്ന", "ch", "e\u0301"]),
    ),
    max_size=20,
    unique_by=lambda label: unicodedata.normalize("NFC", label),
)


@settings(max_examples=1500, deadline=None)
@given(ANY_TEXT, LABELS)
def test_normalising_settles_and_loses_nothing_that_is_spoken(text: str, labels: list[str]) -> None:
    normalize = Normalizer(Alphabet.from_labels(labels))
    result = normalize(text)
    again = normalize(result.text)
    assert again.text == result.text
    assert not again.changes
    assert normalize.alphabet.can_encode(result.text) == (not result.unknown)
    # Unknown characters come from the text; normalization adds none.
    assert not Counter(result.unknown) - Counter(unicodedata.normalize("NFC", text))
    if normalize.alphabet.can_encode(text) and " ".join(text.split()) == text:
        assert result.text == unicodedata.normalize("NFC", text)


@settings(max_examples=500, deadline=None)
@given(ANY_TEXT, LABELS)
def test_letters_and_digits_are_as_many_as_before(text: str, labels: list[str]) -> None:
    def spoken(value: str) -> int:
        plain = unicodedata.normalize("NFKD", value.casefold()).replace("ʼ", "").replace("ʻ", "")
        return sum(unicodedata.category(one) in ("Ll", "Lu", "Lo", "Nd") for one in plain)

    assert spoken(normalized(text, labels)) == spoken(text)


def test_an_alphabet_for_transcripts_that_are_to_be_normalised() -> None:
    alphabet = plain_alphabet(["Don’t “shout”, Zoë!", "ＷＩＤＥ 100 %", "well-known…"])
    assert "".join(alphabet.labels) == " %'01dehiklnostuwzë"
    assert "".join(plain_alphabet(["Iğdır’da İzmir"]).labels) == " 'adimrzğı"
    assert "".join(plain_alphabet(["ᎣᏏᏲ ꭳꮟ"]).labels) == " ᎣᏏᏲ"  # Cherokee folds to capitals


def test_changes_are_counted_by_kind() -> None:
    text, counts = "“A B” isn’t.", ChangeCounts()
    counts.add("a.csv:2", text, Normalizer(Alphabet.from_labels(ENGLISH))(text))
    counts.add("a.csv:3", "unchanged", Normalizer(Alphabet.from_labels(ENGLISH))("unchanged"))
    assert (counts.rows, counts.example) == (1, f'a.csv:2: {text!r} is read as "a b isn\'t"')
    assert str(counts) == (
        "upper case changed to lower case 2 times, '“' removed 1 time, '”' removed 1 time, "
        "'’' changed to \"'\" 1 time, '.' removed 1 time"
    )
