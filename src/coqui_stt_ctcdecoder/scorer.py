"""Scorers: a language model and the dictionary of its words, in one `.scorer` file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path

from .alphabet import Alphabet
from .errors import AlphabetError, ScorerError
from .native import _native
from .regular_file import regular_file_size
from .scorer_file import Unit, pack_dictionary

STT_ERR_OK = 0
STT_ERR_SCORER_NO_TRIE = 0x2007
_SAMPLED_BYTES = 1 << 16
_SENTENCE_MARKS = ("<s>", "</s>", "<unk>")


def alphabet_tail(alphabet: Alphabet) -> bytes:
    """Return the last bytes of a scorer file: the hash of its alphabet. Upstream ignores them."""
    return b"STTALPH1" + alphabet_hash(alphabet)


def alphabet_hash(alphabet: Alphabet) -> bytes:
    """Return the SHA-256 digest that identifies an alphabet in a scorer file."""
    return hashlib.sha256(bytes([alphabet.is_bytes]) + alphabet.serialize()).digest()


class Scorer:
    """A language model that scores words, characters, or, in UTF-8 mode, code points.

    The file is mapped into memory, so several scorers of one file share its pages. A scorer may be
    used by several threads at once.

    Args:
        alpha: weight of the language model; None takes the one in the file.
        beta: bonus for each word, in nats; None takes the one in the file.
        scorer_path: path of the `.scorer` file; None, without an alphabet, makes an empty scorer.
        alphabet: alphabet of the acoustic model.

    Raises:
        ScorerError: the file is missing or damaged, or does not fit the alphabet.
    """

    def __init__(
        self,
        alpha: float | None = None,
        beta: float | None = None,
        scorer_path: str | PathLike[str] | None = None,
        alphabet: Alphabet | None = None,
    ) -> None:
        self.alpha = 0.0
        self.beta = 0.0
        self._native: _native.Scorer | None = None
        self._alphabet = alphabet
        self._path = ""
        self._utf8_mode = False
        self._lm_path = ""
        self._spelled: list[list[int]] = []
        if scorer_path is None and alphabet is None:
            self.reset_params(alpha or 0.0, beta or 0.0)
            return
        if scorer_path is None or not fspath(scorer_path):
            raise ScorerError("a scorer needs scorer_path, the .scorer file to load")
        if alphabet is None:
            raise ScorerError("a scorer needs the alphabet of the acoustic model")
        self.init_from_filepath(scorer_path, alphabet)
        self.reset_params(
            self.native.alpha if alpha is None else alpha,
            self.native.beta if beta is None else beta,
        )

    def init_from_filepath(self, scorer_path: str | PathLike[str], alphabet: Alphabet) -> None:
        """Load a `.scorer` file, and take alpha and beta from it.

        Raises:
            ScorerError: the file is missing or damaged, or does not fit the alphabet.
        """
        self._path = fspath(scorer_path)
        self._alphabet = alphabet
        _check_file("scorer", self._path)
        self._native = _native.Scorer(
            self._path,
            alphabet.label_bytes(),
            alphabet.space_label,
            alphabet.is_bytes,
            alphabet_hash(alphabet),
        )
        self._utf8_mode = self._native.is_utf8
        self.reset_params(self._native.alpha, self._native.beta)

    def reset_params(self, alpha: float, beta: float) -> None:
        """Set alpha, the weight of the language model, and beta, the bonus for each word."""
        self.alpha = float(alpha)
        self.beta = float(beta)

    @property
    def native(self) -> _native.Scorer:
        """The native scorer.

        Raises:
            ScorerError: no file has been loaded.
        """
        if self._native is None:
            raise ScorerError("this scorer is empty: load a file with init_from_filepath")
        return self._native

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of the scorer.

        Raises:
            ScorerError: no alphabet has been set.
        """
        if self._alphabet is None:
            raise ScorerError("this scorer has no alphabet: set one with set_alphabet")
        return self._alphabet

    def set_alphabet(self, alphabet: Alphabet) -> None:
        """Set the alphabet in which `fill_dictionary` spells words."""
        self._alphabet = alphabet

    def get_alphabet(self) -> Alphabet:
        """Return `alphabet`."""
        return self.alphabet

    def is_utf8_mode(self) -> bool:
        """Whether it scores code points, for models that write UTF-8 bytes."""
        return self._utf8_mode

    def scores_characters(self) -> bool:
        """Whether it scores characters; then words outside the vocabulary can be decoded too."""
        return self._native is not None and self._native.scores_labels

    def set_utf8_mode(self, utf8: bool) -> None:
        """Choose code points or words as the units to score; call it before `save_dictionary`."""
        self._utf8_mode = bool(utf8)

    def load_lm(self, lm_path: str | PathLike[str]) -> int:
        """Set the language model, a KenLM trie binary, from which a scorer is made.

        Returns:
            `STT_ERR_SCORER_NO_TRIE` if the file is only a language model, as it should be;
            `STT_ERR_OK` if it is a scorer already.

        Raises:
            ScorerError: the file is not a language model of a supported kind.
        """
        self._lm_path = fspath(lm_path)
        _check_file("language model", self._lm_path)
        model_size, file_size = _native.language_model_size(self._lm_path)
        return STT_ERR_SCORER_NO_TRIE if model_size == file_size else STT_ERR_OK

    def load_lm_filepath(self, lm_path: str | PathLike[str]) -> int:
        """Call `load_lm`."""
        return self.load_lm(lm_path)

    def fill_dictionary(self, vocabulary: Iterable[str | bytes]) -> None:
        """Set the words that the scorer allows; words outside the alphabet are left out."""
        self._spelled = []
        for entry in vocabulary:
            word = entry.decode() if isinstance(entry, bytes) else entry
            if word in _SENTENCE_MARKS:
                continue
            try:
                self._spelled.append(self.alphabet.encode(word))
            except AlphabetError:
                continue

    def save_dictionary(
        self, path: str | PathLike[str], append_instead_of_overwrite: bool = False
    ) -> bool:
        """Write the part of a scorer after the language model: alpha, beta and the dictionary.

        Raises:
            ScorerError: there are no words, no space in the alphabet, or in UTF-8 mode one is the
                beginning of another.
            OSError: the file cannot be written.
        """
        target = Path(path)
        offset = target.stat().st_size if append_instead_of_overwrite else 0
        unit = Unit.CODE_POINT if self._utf8_mode else Unit.WORD
        packed = pack_dictionary(self._spelled, self.alphabet, unit, self.alpha, self.beta, offset)
        with target.open("ab" if append_instead_of_overwrite else "wb") as file:
            file.write(packed + alphabet_tail(self.alphabet))
        return True

    def get_max_order(self) -> int:
        """Return the order of the language model: the length of its longest n-grams."""
        return self.native.order

    def dictionary_size(self) -> tuple[int, int]:
        """Return the numbers of states and of arcs of the dictionary."""
        return self.native.dictionary_size

    def get_log_cond_prob(self, words: Sequence[str], bos: bool = False) -> float:
        """Return the natural log probability of the last word given the others.

        It is -1000 if a word is not in the language model.

        Args:
            words: the n-gram, at most `get_max_order()` words.
            bos: whether the first word begins a sentence.
        """
        return self.native.log_cond_prob([self._encoded(word) for word in words], bos)

    def knows(self, word: str) -> bool:
        """Whether a word is in the language model's vocabulary; in UTF-8 mode, a character."""
        return self.native.knows(self._encoded(word))

    def _encoded(self, word: str) -> bytes:
        return self.alphabet.as_written(word).encode()

    def model_sample(self) -> bytes:
        """Return the first and last 64 KiB of the language model, to tell it from others.

        Raises:
            OSError: the file cannot be read any more.
        """
        size = self.native.parameters_offset
        with Path(self._path).open("rb") as file:
            first = file.read(min(size, _SAMPLED_BYTES))
            file.seek(max(0, size - _SAMPLED_BYTES))
            return first + file.read(min(size, _SAMPLED_BYTES))

    def __repr__(self) -> str:
        return f"Scorer({self._path!r}, alpha={self.alpha:g}, beta={self.beta:g})"


def _check_file(what: str, path: str) -> None:
    """Check that a file exists and that the native code can open its name."""
    try:
        path.encode()
        regular_file_size(path)
    except UnicodeEncodeError:
        raise ScorerError(f"{what} {path!r}: its name is not UTF-8; rename it") from None
    except FileNotFoundError:
        raise ScorerError(f"{what} {path}: no such file") from None
    except IsADirectoryError:
        raise ScorerError(f"{what} {path}: not a regular file but a folder") from None
    except OSError as error:
        raise ScorerError(f"{what} {path}: {error.strerror or error}") from None
