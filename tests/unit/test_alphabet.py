"""Alphabets: upstream's file format, its binary form, and errors in other files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.errors import AlphabetError


def read(folder: Path, content: bytes) -> Alphabet:
    path = folder / "alphabet.txt"
    path.write_bytes(content)
    return Alphabet(path)


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"a\nb\n", ("a", "b")),
        (b"a\nb", ("a", "b")),
        (b"a\r\nb\r\n", ("a", "b")),
        (b"# Mac\ra\r \rb", ("a", " ", "b")),
        (b"\xef\xbb\xbfa\nb\n", ("a", "b")),
        (b"# a comment\na\n#another\nb\n# the end", ("a", "b")),
        (b"\\#\na\n", ("#", "a")),
        (b" \na\n", (" ", "a")),
        (b" \r\na\r\n", (" ", "a")),
        (b"a\n\n\nb\n", ("a", "b")),
        ("\u0436\n\u00e9\nch\n".encode(), ("\u0436", "\u00e9", "ch")),
        (b"'\n-\n\\\n", ("'", "-", "\\")),
    ],
)
def test_alphabet_files(tmp_path: Path, content: bytes, labels: tuple[str, ...]) -> None:
    alphabet = read(tmp_path, content)
    assert alphabet.labels == labels
    assert alphabet.blank == len(labels)
    assert read(tmp_path, alphabet.serialize_text()) == alphabet


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has no labels"),
        (b"# only a comment\n", "has no labels"),
        (b"a\nb\na\n", "label 'a' \\(U\\+0061 LATIN SMALL LETTER A\\) stands at positions 0 and 2"),
        ("\u00e9\ne\u0301\n".encode(), "stands at positions 0 and 1"),
        (b"a\n\xff\xfe\n", "not UTF-8"),
        ("a\nb\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_files_that_are_no_alphabet(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(AlphabetError, match=said):
        read(tmp_path, content)


def test_the_longest_label_is_taken_first() -> None:
    alphabet = Alphabet.from_labels(["c", "h", "ch"])
    assert alphabet.encode("chhc") == [2, 1, 0]
    assert alphabet.decode([2, 1, 0]) == "chhc"


def test_both_sides_are_normalised() -> None:
    assert Alphabet.from_labels(["e\u0301"]).encode("\u00e9") == [0]
    assert Alphabet.from_labels(["\u00e9"]).encode("e\u0301") == [0]


@pytest.mark.parametrize(
    ("labels", "text", "written"),
    [
        (" e\u0301", "\u00e9 e", "e\u0301 e"),
        (" \u0435\u0438\u0306\u0308", "\u0439 \u0451", "\u0438\u0306 \u0435\u0308"),
        (" \u00ea\u0301\u0323", "\u1ebf \u1ec7", "\u00ea\u0301 \u00ea\u0323"),  # partly composed
        ("\u1112\u1161\u11ab", "\ud55c\ud558", "\u1112\u1161\u11ab\u1112\u1161"),
        # NFC decomposes these two characters.
        ("\u09af\u09dc\u09df", "\u09af\u09bc\u09af\u09a1\u09bc", "\u09df\u09af\u09dc"),
        (["\u0438", "\u0438\u0306"], "\u0439\u0438", "\u0438\u0306\u0438"),
        ("\u212b", "\u00c5", "\u212b"),
    ],
)  # fmt: skip
def test_characters_may_have_labels_in_any_form_of_unicode(
    labels: str | list[str], text: str, written: str
) -> None:
    alphabet = Alphabet.from_labels(labels)
    assert alphabet.can_encode(text)
    assert alphabet.as_written(text) == written
    assert "".join(alphabet.labels[label] for label in alphabet.encode(text)) == written
    assert alphabet.decode(alphabet.encode(text)) == text
    assert "".join(piece for piece, _ in alphabet.pieces(written)) == text
    starts = alphabet.starts(alphabet.encode(text))
    ends = [*starts, len(alphabet.encode(text))][1:]
    parts = [alphabet.decode(alphabet.encode(text)[i:j]) for i, j in zip(starts, ends, strict=True)]
    assert "".join(parts) == text


def test_a_character_is_unknown_as_a_whole_where_a_part_of_it_is() -> None:
    alphabet = Alphabet.from_labels("e\u0301")
    assert alphabet.pieces("\u00ea\u00e9") == [("\u00ea", False), ("\u00e9", True)]
    assert alphabet.as_written("\u00ea") == "\u00ea"
    assert alphabet.starts(alphabet.encode("\u00e9e")) == [0, 2]
    with pytest.raises(AlphabetError, match=r"U\+00EA LATIN SMALL LETTER E WITH CIRCUMFLEX"):
        alphabet.encode("\u00ea")


def test_bytes_of_a_letter_and_its_accent_are_one_character() -> None:
    alphabet = UTF8Alphabet()
    labels = [byte - 1 for byte in "ae\u0301\u0436".encode()]
    assert alphabet.decode(labels) == "a\u00e9\u0436"
    assert alphabet.starts(labels) == [0, 1, 4]
    assert alphabet.as_written("e\u0301") == "\u00e9"


def test_unknown_characters_are_named_with_their_code_points() -> None:
    with pytest.raises(AlphabetError, match=r"U\+0436 CYRILLIC SMALL LETTER ZHE"):
        Alphabet.from_labels("ab").encode("a\u0436")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_bytes_write_every_text(text: str) -> None:
    import unicodedata

    alphabet = UTF8Alphabet()
    labels = alphabet.encode(text)
    assert all(0 <= label < 255 for label in labels)
    assert alphabet.decode(labels) == unicodedata.normalize("NFC", text)


def test_byte_labels_are_the_byte_less_one() -> None:
    alphabet = UTF8Alphabet()
    assert (alphabet.size, alphabet.blank) == (255, 255)
    assert alphabet.encode("\u0436") == [0xD0 - 1, 0xB6 - 1]
    assert alphabet.decode([0xD0 - 1]) == "\ufffd"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True))
def test_the_binary_form_comes_back(labels: list[str]) -> None:
    try:
        alphabet = Alphabet.from_labels(labels)
    except AlphabetError:
        return  # two labels are equal after normalisation
    copy = Alphabet()
    copy.deserialize(alphabet.serialize())
    assert copy == alphabet


def test_the_binary_form_of_bytes_comes_back() -> None:
    UTF8Alphabet().deserialize(UTF8Alphabet().serialize())
    with pytest.raises(AlphabetError, match="255 byte labels"):
        UTF8Alphabet().deserialize(Alphabet.from_labels("ab").serialize())
    with pytest.raises(AlphabetError, match="not UTF-8"):
        Alphabet().deserialize(UTF8Alphabet().serialize())


@pytest.mark.parametrize("size", range(15))
def test_a_binary_form_cut_short_is_refused(size: int) -> None:
    blob = Alphabet.from_labels("ab\u0436").serialize()
    with pytest.raises(AlphabetError, match="ends inside the field"):
        Alphabet().deserialize(blob[:size])


def test_a_binary_form_that_lies_is_refused() -> None:
    blob = Alphabet.from_labels("ab").serialize()
    with pytest.raises(AlphabetError, match="bytes after its labels"):
        Alphabet().deserialize(blob + b"x")
    with pytest.raises(AlphabetError, match="lists label 7 where 0 belongs"):
        Alphabet().deserialize(blob[:2] + struct.pack("<H", 7) + blob[4:])
    with pytest.raises(AlphabetError, match="ends inside"):
        Alphabet().deserialize(struct.pack("<H", 65535) + blob[2:])


@given(st.binary(max_size=64))
def test_any_other_bytes_are_read_or_refused(blob: bytes) -> None:
    alphabet = Alphabet()
    try:
        alphabet.deserialize(blob)
    except AlphabetError:
        return
    assert alphabet.serialize() == blob
