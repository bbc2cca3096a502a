"""Converts the vocabulary of a CTC model of transformers to an alphabet, and back.

In transformers, the blank is the padding token, a word delimiter (`|`) stands for the space, and
special tokens have rows of the output layer. Here the blank is the last class, and all other
classes are characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError
from stt.counted import counted, some_of

from ...errors import CheckpointError
from ...models.encoder import EncoderSpecification
from .json_file import read_json, write_json

VOCABULARY = "vocab.json"
TOKENIZER = "tokenizer_config.json"
HEAD = "lm_head"
BLANK_ROW = 0  # in the vocabularies that `write_vocabulary` writes
_BLANK = "<pad>"
_SEPARATOR = "|"
_LISTED = 6
_LANGUAGE = re.compile(r"[\w-]+")
_SPECIAL = ("", "<s>", "</s>", "<unk>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read_vocabulary(
    folder: Path,
    config: Mapping[str, Any],
    rows: int,
    language: str | None = None,
    is_its_own: bool = True,
) -> tuple[Alphabet, NDArray[np.int64]]:
    """Return a CTC model's alphabet, and the rows of its output layer in the order of our classes.

    Args:
        folder: folder with `vocab.json`.
        config: content of the model's `config.json`. The blank is `blank_token_id` if it has one,
            else `pad_token_id`; its row comes last.
        rows: number of rows of the output layer.
        language: language to use, if `vocab.json` has vocabularies of several languages.
        is_its_own: whether the output layer is known to be the one of that language.

    Raises:
        CheckpointError: the file is missing, or it does not fit the output layer.
    """
    path = folder / VOCABULARY
    vocabulary: Mapping[str, Any] = read_json(path)
    if vocabulary and all(isinstance(value, dict) for value in vocabulary.values()):
        vocabulary = _of_language(path, vocabulary, language, None if is_its_own else rows)
    blank = config.get("blank_token_id", config.get("pad_token_id", 0))  # Omnilingual ASR has both
    if type(blank) is not int or not 0 <= blank < rows:
        raise CheckpointError(
            f"{path}: does not go with an output layer of {rows} rows: config.json says that "
            f"the blank is row {blank}; give the files that came with the model"
        )
    vocabulary = _checked(path, vocabulary, rows)
    separator = _separator(folder)
    labels, order = [], []
    for token, row in sorted(vocabulary.items(), key=lambda item: int(item[1])):
        # If there is a delimiter, a separate token for the space is never output.
        if row == blank or _is_special(token) or (token == " " and separator in vocabulary):
            continue
        labels.append(" " if token == separator else token)
        order.append(row)
    if not labels:
        raise CheckpointError(
            f"{path}: has no characters; give the file that came with the model, or take this one "
            "away, so that the encoder alone is taken"
        )
    alphabet, kept = alphabet_of_rows(path, labels, order)
    return alphabet, np.array([*kept, blank])


def _checked(path: Path, vocabulary: Mapping[str, Any], rows: int) -> Mapping[str, int]:
    """Return the tokens that have a row; special tokens without a row are left out.

    Raises:
        CheckpointError: another token has no row, or two tokens have the same row.
    """
    tokens: dict[int, str] = {}
    wrong = []
    for token, row in vocabulary.items():
        if type(row) is not int or not 0 <= row < rows:
            if type(row) is not int or not _is_special(token):
                wrong.append(f"{token!r} is row {row!r}")
        elif row in tokens and not (_is_special(token) and _is_special(tokens[row])):
            wrong.append(f"{tokens[row]!r} and {token!r} are both row {row}")
        else:
            tokens[row] = token
    if wrong:
        raise CheckpointError(
            f"{path}: does not go with an output layer of {rows} rows: "
            f"{some_of(wrong, _LISTED)}; give the file that came with the model"
        )
    return {token: row for row, token in tokens.items()}


def alphabet_of_rows(
    path: Path, labels: Sequence[str], rows: Sequence[int]
) -> tuple[Alphabet, list[int]]:
    """Return the alphabet of an output layer, and the row of each of its labels.

    If two labels are the same text in different Unicode forms, only one of them is kept.

    Args:
        path: file with the labels, for messages.
        labels: label of each row.
        rows: numbers of these rows.

    Raises:
        CheckpointError: the labels cannot form an alphabet.
    """
    kept = _one_of_each_text(labels)
    try:
        alphabet = Alphabet.from_labels([labels[n] for n in kept])
    except AlphabetError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return alphabet, [rows[n] for n in kept]


def _one_of_each_text(labels: Sequence[str]) -> list[int]:
    """Return the indices of the labels to keep, one for each text in NFC.

    Transcripts are in NFC, so of several labels the one in NFC is kept, or else the first.
    """
    texts = [unicodedata.normalize("NFC", label) for label in labels]
    best: dict[str, str] = {}
    for label, text in zip(labels, texts, strict=True):
        if text not in best or label == text:
            best[text] = label
    pairs = zip(labels, texts, strict=True)
    return [number for number, (label, text) in enumerate(pairs) if label == best[text]]


def _is_special(token: str) -> bool:
    """Say whether a token is not text: a special token, or a token with a line break."""
    if "\n" in token or "\r" in token:
        return True
    return token in _SPECIAL or (token.startswith("<") and token.endswith(">"))


def reason_against_head(specification: EncoderSpecification) -> str:
    """Return why CTC models of transformers cannot have this head, or an empty string."""
    if specification.below_output:
        return (
            "CTC models of transformers have one layer as their head, which --head linear "
            "--head_blocks 1 trains"
        )
    return ""


def reason_against(alphabet: Alphabet) -> str:
    """Return why an alphabet cannot become such a vocabulary, or an empty string."""
    if alphabet.is_bytes:
        return "it writes bytes, and a vocabulary there has characters"
    taken = [label for label in alphabet.labels if label == _SEPARATOR or _is_special(label)]
    if taken:
        return f"its alphabet has {', '.join(taken)}, which mean something else in vocabularies"
    return ""


def write_vocabulary(folder: Path, alphabet: Alphabet) -> None:
    """Write an alphabet as the vocabulary of a CTC model; row 0 is the blank.

    Args:
        folder: where to write `vocab.json` and the tokenizer's settings.
        alphabet: an alphabet for which `reason_against` returns an empty string.
    """
    tokens = [_SEPARATOR if label == " " else label for label in alphabet.labels]
    vocabulary = {token: row for row, token in enumerate([_BLANK, *tokens])}
    settings = {
        "tokenizer_class": "Wav2Vec2CTCTokenizer", "pad_token": _BLANK,
        # transformers would add tokens that are not in the vocabulary, after its last row.
        "word_delimiter_token": _SEPARATOR if _SEPARATOR in vocabulary else None,
        "replace_word_delimiter_char": " ", "do_lower_case": False,
        "unk_token": None, "bos_token": None, "eos_token": None,
    }  # fmt: skip
    write_json(folder / VOCABULARY, vocabulary)
    write_json(folder / TOKENIZER, settings)


def head_rows(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of our output layer in the order of `write_vocabulary`: the blank first."""
    return np.roll(tensor, 1, axis=0)


def chosen_language(folder: Path) -> str | None:
    """Return the language set in the folder of a multilingual model (MMS), or None."""
    language = _settings(folder).get("target_lang")
    return language if isinstance(language, str) and _LANGUAGE.fullmatch(language) else None


def language_file(language: str) -> str:
    """Return the name of the file with a multilingual model's weights for a language (MMS)."""
    return f"adapter.{language}.safetensors"


def _of_language(
    path: Path, vocabularies: Mapping[str, Any], language: str | None, rows: int | None
) -> Mapping[str, Any]:
    """Choose the vocabulary of one language of a multilingual model (MMS).

    Args:
        path: path of `vocab.json`, for messages.
        vocabularies: vocabulary of each language.
        language: language to choose.
        rows: number of rows that the vocabulary must have; None: any.
    """
    file = language_file(language or "ukr")
    if language is None or language not in vocabularies:
        raise CheckpointError(
            f"{path}: has vocabularies of {counted(len(vocabularies), 'language')}, and none of "
            f"{language or 'a language that was chosen'}; choose one by naming its file, from the "
            f"model's page, as the source: {path.with_name(file)}"
        )
    chosen: Mapping[str, Any] = vocabularies[language]
    if rows not in (None, len(chosen)):
        raise CheckpointError(
            f"{path}: its vocabulary of {language} has {len(chosen)} tokens, and the output layer "
            f"{rows} rows, so that is of another language; copy {file} of the same model beside it"
        )
    return chosen


def _separator(folder: Path) -> str:
    """Return the word delimiter token."""
    token = _settings(folder).get("word_delimiter_token")
    token = token.get("content") if isinstance(token, Mapping) else token
    return token if isinstance(token, str) else _SEPARATOR


def _settings(folder: Path) -> Mapping[str, Any]:
    return read_json(folder / TOKENIZER) if (folder / TOKENIZER).is_file() else {}
