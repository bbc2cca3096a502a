"""The alphabet of a model that writes the bytes of UTF-8, for any language."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence

from .alphabet import Alphabet
from .alphabet_blob import unpack_labels
from .composition import composed_starts
from .errors import AlphabetError


class UTF8Alphabet(Alphabet):
    """The 255 labels of byte output mode; label `i` is the byte `i + 1`.

    A model may emit bytes that are not UTF-8; decoding replaces them by U+FFFD.
    """

    def __init__(self) -> None:
        super().__init__()
        self._set_labels([chr(byte) for byte in range(1, 256)])

    @property
    def is_bytes(self) -> bool:
        """True: the labels are bytes of UTF-8."""
        return True

    def label_bytes(self) -> list[bytes]:
        """Return the single byte of every label."""
        return [bytes([byte]) for byte in range(1, 256)]

    def _split(self, text: str) -> list[tuple[str, tuple[int, ...]]]:
        """Split `text` into characters, each with its labels; NUL and surrogates have none."""
        return [
            (character, tuple(byte - 1 for byte in character.encode(errors="ignore") if byte))
            for character in unicodedata.normalize("NFC", text)
        ]

    def as_written(self, text: str) -> str:
        """Return `text` in NFC, the form that `encode` uses."""
        return unicodedata.normalize("NFC", text)

    def can_encode_single(self, text: str) -> bool:
        """Whether `text` is exactly one byte."""
        return self.can_encode(text) and len(text.encode()) == 1

    def encode_single(self, text: str) -> int:
        """Return the class index of a text of one byte.

        Raises:
            AlphabetError: `text` is not one byte of UTF-8.
        """
        if not self.can_encode_single(text):
            raise AlphabetError(f"{text!r} is not a single byte of UTF-8 other than NUL")
        return text.encode()[0] - 1

    def encode(self, text: str) -> list[int]:
        """Return the class indices of the UTF-8 bytes of `text` in NFC.

        Raises:
            AlphabetError: the text contains NUL or lone surrogates.
        """
        if self.unknown_characters(text):
            raise AlphabetError(
                f"text {text!r} holds NUL or lone surrogates, which UTF-8 labels cannot say"
            )
        return [byte - 1 for byte in unicodedata.normalize("NFC", text).encode()]

    def decode_single(self, label: int) -> str:
        """Return the text of one byte; U+FFFD if it is only part of a character."""
        return self.decode([label])

    def decode(self, labels: Iterable[int]) -> str:
        """Return the text of class indices, in NFC.

        Raises:
            AlphabetError: an index is out of range.
        """
        indices = [int(label) for label in labels]
        self._check_range(indices)
        text = bytes(index + 1 for index in indices).decode("utf-8", errors="replace")
        return unicodedata.normalize("NFC", text)

    def starts(self, labels: Sequence[int]) -> list[int]:
        """Return the positions in `labels` at which a character begins.

        Raises:
            AlphabetError: an index is out of range.
        """
        self._check_range(labels)
        begins = [i for i, label in enumerate(labels) if i == 0 or (label + 1) & 0xC0 != 0x80]
        texts = [self.decode(labels[i:j]) for i, j in itertools.pairwise([*begins, len(labels)])]
        return [begins[i] for i in composed_starts(texts)]

    def serialize_text(self) -> bytes:
        """Return a comment instead of labels: an alphabet file cannot contain bytes such as LF.

        Checkpoints store by themselves that a model writes bytes.
        """
        return (
            b"# This model writes UTF-8 bytes (--bytes_output_mode true): 255 labels, label i is\n"
            b"# the byte i+1. They cannot be listed here, one a line.\n"
        )

    def deserialize(self, buffer: bytes) -> None:
        """Check that a binary form is that of this alphabet.

        Raises:
            AlphabetError: it is of another alphabet, or malformed.
        """
        if unpack_labels(buffer) != self.label_bytes():
            raise AlphabetError("the alphabet blob does not hold the 255 byte labels")


def restore_alphabet(blob: bytes) -> Alphabet:
    """Return the alphabet of a binary form: of characters or of bytes.

    Raises:
        AlphabetError: see `Alphabet.deserialize`.
    """
    of_bytes = UTF8Alphabet()
    if unpack_labels(blob) == of_bytes.label_bytes():
        return of_bytes
    alphabet = Alphabet()
    alphabet.deserialize(blob)
    return alphabet
