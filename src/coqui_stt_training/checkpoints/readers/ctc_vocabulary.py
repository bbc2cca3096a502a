"""The vocabulary of a CTC model of transformers, as an alphabet of ours.

There the blank is the padding token, a word separator (`|`) stands for the space, and special
tokens have rows of their own. Here the blank is the last class, and all others are characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError

from ...errors import CheckpointError
from .json_file import read_json

VOCABULARY = "vocab.json"
_SEPARATOR = "|"
_SPECIAL = ("<s>", "</s>", "<unk>", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read_vocabulary(
    folder: Path, config: Mapping[str, Any], rows: int
) -> tuple[Alphabet, NDArray[np.int64]]:
    """Return a CTC model's alphabet, and which rows of its output layer are of it, in that order.

    Args:
        folder: where `vocab.json` is.
        config: of the model; its `pad_token_id` is the blank, whose row comes last.
        rows: of the output layer.

    Raises:
        CheckpointError: there is no such file, or it does not go with the output layer.
    """
    path = folder / VOCABULARY
    vocabulary: Mapping[str, Any] = read_json(path)
    if vocabulary and all(isinstance(value, dict) for value in vocabulary.values()):
        vocabulary = _of_language(path, folder, vocabulary)
    blank = config.get("pad_token_id", 0)
    wrong = [
        token for token, row in vocabulary.items() if type(row) is not int or not 0 <= row < rows
    ]
    if wrong or type(blank) is not int or not 0 <= blank < rows:
        raise CheckpointError(
            f"{path}: does not go with an output layer of {rows} rows: "
            f"{', '.join(wrong[:6]) or f'the blank is row {blank}'}; give the file that came with "
            "the model"
        )
    labels, order = [], []
    for token, row in sorted(vocabulary.items(), key=lambda item: int(item[1])):
        if row == blank or token in _SPECIAL or (token.startswith("<") and token.endswith(">")):
            continue
        labels.append(" " if token == _SEPARATOR else token)
        order.append(row)
    try:
        alphabet = Alphabet.from_labels(labels)
    except AlphabetError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return alphabet, np.array([*order, blank])


def _of_language(path: Path, folder: Path, vocabularies: Mapping[str, Any]) -> Mapping[str, Any]:
    """Choose the vocabulary of a model for many languages (MMS)."""
    settings = folder / "tokenizer_config.json"
    language = read_json(settings).get("target_lang") if settings.is_file() else None
    if not isinstance(language, str) or language not in vocabularies:
        raise CheckpointError(
            f"{path}: has vocabularies of {len(vocabularies)} languages, and tokenizer_config.json "
            f"names none of them as target_lang ({language!r})"
        )
    chosen: Mapping[str, Any] = vocabularies[language]
    return chosen
