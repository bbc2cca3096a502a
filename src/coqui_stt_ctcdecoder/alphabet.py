"""Alphabets: the mapping between text and the class indices of an acoustic model's output.

A model with an alphabet of `n` labels has `n + 1` classes; the last class is the CTC blank.
Each method has two names: upstream's (`GetSize`) and Python's (`size`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from .alphabet_blob import pack_labels, unpack_labels
from .alphabet_file import labels_of_file, lines_of_labels
from .composition import Spellings, composed_starts
from .errors import AlphabetError


class Alphabet:
    """Labels of a character model, in class order.

    Text and labels are normalised to Unicode NFC. A label may have several code points; the longest
    label that matches the text is used. A character without a label is encoded as the labels of its
    parts, if these exist: `é` as `e` and an accent. Decoded text is in NFC.

    Args:
        config_path: alphabet file in upstream's format: one label per line; `#` starts a comment,
            `\\#` is the label `#`; a line of one space is the space. Lines end with LF, CRLF or CR;
            the last line end is optional; empty lines are ignored. None makes an empty alphabet.

    Raises:
        AlphabetError: the file is missing, not UTF-8, empty, or contains a label twice.
    """

    def __init__(self, config_path: str | Path | None = None) -> None:
        self._set_labels(())
        if config_path is not None:
            path = Path(config_path)
            self._set_labels(labels_of_file(path), source=str(path))

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> Alphabet:
        """Make an alphabet of these labels, in this order."""
        alphabet = cls()
        alphabet.init_from_labels(list(labels))
        return alphabet

    def init_from_labels(self, labels: Sequence[str]) -> None:
        """Replace all labels."""
        self._set_labels(labels)

    def _set_labels(self, labels: Sequence[str], source: str = "the list of labels") -> None:
        empty = [i for i, label in enumerate(labels) if not label]
        if empty:
            raise AlphabetError(f"{source}: label {empty[0]} is empty; every label needs a text")
        indices: dict[str, int] = {}
        for index, label in enumerate(labels):
            key = unicodedata.normalize("NFC", label)
            if key in indices:
                raise AlphabetError(
                    f"{source}: label {label!r} ({describe_codepoints(label)}) stands at positions "
                    f"{indices[key]} and {index}; remove one of the two"
                )
            indices[key] = index
        self._labels = tuple(labels)
        self._texts = tuple(indices)
        self._indices = indices
        lengths: dict[str, set[int]] = {}
        for key in indices:
            if len(key) > 1:
                lengths.setdefault(key[0], set()).add(len(key))
        # First character -> lengths of the longer labels that begin with it, longest first. Few
        # lengths have to be tried, however many labels there are.
        self._lengths = {first: sorted(found, reverse=True) for first, found in lengths.items()}
        self._spellings = Spellings(indices)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels in class order."""
        return self._labels

    @property
    def size(self) -> int:
        """Number of labels, without the blank."""
        return len(self._labels)

    @property
    def blank(self) -> int:
        """Class index of the CTC blank: the one after the last label."""
        return self.size

    @property
    def is_bytes(self) -> bool:
        """Whether the labels are bytes of UTF-8 instead of characters."""
        return False

    @property
    def space_label(self) -> int:
        """Class index of the space, or -1 if the alphabet has none."""
        return self._indices.get(" ", -1)

    def is_space(self, label: int) -> bool:
        """Whether this class is the space."""
        return label == self.space_label

    def label_bytes(self) -> list[bytes]:
        """Return the UTF-8 bytes of every label, in class order."""
        return [label.encode() for label in self._labels]

    def unknown_characters(self, text: str) -> list[str]:
        """Return the characters of `text` that cannot be encoded, in order of appearance."""
        return [piece for piece, labels in self._split(text) if not labels]

    def pieces(self, text: str) -> list[tuple[str, bool]]:
        """Split `text`, in Unicode NFC, into pieces that can be encoded (True) and others (False).

        A piece is a label, a character that is encoded in parts, or a character that cannot be
        encoded.
        """
        return [(piece, bool(labels)) for piece, labels in self._split(text)]

    def _split(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Split `text` into labels and characters; return each with its class indices, if any."""
        normalized = unicodedata.normalize("NFC", text)
        spellings = self._spellings
        if not self._lengths:
            return [(character, spellings[character]) for character in normalized]
        pieces: list[tuple[str, tuple[int, ...]]] = []
        position = 0
        while position < len(normalized):
            piece = normalized[position]
            for length in self._lengths.get(piece, ()):
                candidate = normalized[position : position + length]
                if candidate in self._indices:
                    piece = candidate
                    break
            pieces.append((piece, spellings[piece]))
            position += len(piece)
        return pieces

    def as_written(self, text: str) -> str:
        """Return `text` in the code points of its labels; these need not be in NFC.

        The words of a language model are spelled in this form, because the decoder builds words by
        joining labels. Characters that cannot be encoded stay as they are.
        """
        return "".join(
            "".join(self._labels[label] for label in labels) or piece
            for piece, labels in self._split(text)
        )

    def can_encode(self, text: str) -> bool:
        """Whether every character of `text` can be encoded."""
        return not self.unknown_characters(text)

    def can_encode_single(self, text: str) -> bool:
        """Whether `text` is exactly one label."""
        return unicodedata.normalize("NFC", text) in self._indices

    def encode_single(self, text: str) -> int:
        """Return the class index of one label.

        Raises:
            AlphabetError: `text` is not a label.
        """
        index = self._indices.get(unicodedata.normalize("NFC", text))
        if index is None:
            raise AlphabetError(
                f"{text!r} ({describe_codepoints(text)}) is not in the alphabet of "
                f"{self.size} labels; add it to the alphabet file or take it out of the text"
            )
        return index

    def encode(self, text: str) -> list[int]:
        """Return the class indices of a text.

        Raises:
            AlphabetError: some characters cannot be encoded; names all of them.
        """
        encoded: list[int] = []
        unknown: list[str] = []
        for piece, labels in self._split(text):
            encoded += labels
            if not labels:
                unknown.append(piece)
        if unknown:
            names = ", ".join(
                f"{character!r} ({describe_codepoints(character)})"
                for character in dict.fromkeys(unknown)
            )
            raise AlphabetError(
                f"text {text!r} has characters outside the alphabet: {names}; "
                "add them to the alphabet file or take them out of the text"
            )
        return encoded

    def decode_single(self, label: int) -> str:
        """Return the text of one class index, in NFC.

        Raises:
            AlphabetError: the index is out of range.
        """
        self._check_range([label])
        return self._texts[label]

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of class indices, in NFC. Repeats are kept; a blank is an error.

        Raises:
            AlphabetError: an index is out of range.
        """
        indices = [int(label) for label in labels]
        self._check_range(indices)
        return unicodedata.normalize("NFC", "".join(self._texts[index] for index in indices))

    def starts(self, labels: Sequence[int]) -> list[int]:
        """Return the positions in `labels` at which a character begins.

        This is every position, except where a label is an accent that NFC joins with the letter
        before it into one character.

        Raises:
            AlphabetError: an index is out of range.
        """
        self._check_range(labels)
        texts = [self._texts[label] for label in labels]
        if unicodedata.is_normalized("NFC", "".join(texts)):
            return list(range(len(texts)))
        return composed_starts(texts)

    def _check_range(self, indices: Sequence[int]) -> None:
        for index in indices:
            if not 0 <= index < self.size:
                raise AlphabetError(
                    f"class {index} is outside the alphabet's range 0..{self.size - 1}"
                    + (" (it is the blank)" if index == self.blank else "")
                )

    def serialize(self) -> bytes:
        """Return the binary form stored in exported models; see `alphabet_blob.py`.

        Raises:
            AlphabetError: more than 65,535 labels, or a label longer than 65,535 bytes.
        """
        return pack_labels(self.label_bytes())

    def deserialize(self, buffer: bytes) -> None:
        """Replace all labels by those in the binary form that `serialize` returns.

        Raises:
            AlphabetError: the buffer is truncated, has trailing bytes, indices out of order, or
                labels that are not UTF-8.
        """
        entries = unpack_labels(buffer)
        try:
            self._set_labels([entry.decode() for entry in entries], source="the alphabet blob")
        except UnicodeDecodeError as error:
            raise AlphabetError(
                f"the alphabet blob holds a label that is not UTF-8 ({error}); "
                "a model of byte labels needs UTF8Alphabet"
            ) from None

    def serialize_text(self) -> bytes:
        """Return the contents of an alphabet file, UTF-8 with LF line ends.

        Raises:
            AlphabetError: a label contains a line break, which the format cannot store.
        """
        return lines_of_labels(self._labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alphabet):
            return NotImplemented
        return self.is_bytes == other.is_bytes and self.label_bytes() == other.label_bytes()

    def __hash__(self) -> int:
        return hash((self.is_bytes, tuple(self.label_bytes())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size} labels)"

    # Upstream's names. They are calls instead of aliases, so that overrides in subclasses work.

    def InitFromLabels(self, labels: Sequence[str]) -> None:
        """Replace all labels, like `init_from_labels`."""
        self.init_from_labels(labels)

    def GetSpaceLabel(self) -> int:
        """Return `space_label`."""
        return self.space_label

    def IsSpace(self, label: int) -> bool:
        """Return `is_space(label)`."""
        return self.is_space(label)

    def CanEncode(self, text: str) -> bool:
        """Return `can_encode(text)`."""
        return self.can_encode(text)

    def CanEncodeSingle(self, text: str) -> bool:
        """Return `can_encode_single(text)`."""
        return self.can_encode_single(text)

    def EncodeSingle(self, text: str) -> int:
        """Return `encode_single(text)`."""
        return self.encode_single(text)

    def Serialize(self) -> bytes:
        """Return `serialize()`."""
        return self.serialize()

    def SerializeText(self) -> bytes:
        """Return `serialize_text()`."""
        return self.serialize_text()

    def Deserialize(self, buffer: bytes) -> None:
        """Replace all labels, like `deserialize`."""
        self.deserialize(buffer)

    def GetSize(self) -> int:
        """Return `size`."""
        return self.size

    def GetLabels(self) -> list[str]:
        """Return `labels`."""
        return list(self.labels)

    def Encode(self, text: str) -> list[int]:
        """Return `encode(text)`."""
        return self.encode(text)

    def Decode(self, labels: Iterable[int]) -> str:
        """Return `decode(labels)`."""
        return self.decode(labels)

    def DecodeSingle(self, label: int) -> str:
        """Return `decode_single(label)`."""
        return self.decode_single(label)


def describe_codepoints(text: str) -> str:
    """Return the code points of `text` with names: `U+0436 CYRILLIC SMALL LETTER ZHE`."""
    return " + ".join(
        f"U+{ord(character):04X} {unicodedata.name(character, 'unnamed')}" for character in text
    )
