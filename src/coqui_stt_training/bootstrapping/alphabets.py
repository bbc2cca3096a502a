"""The choice of the alphabet: given, the source's, next to the data, or made from the data."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from stt.counted import counted

from ..cli.config import AlphabetFlags
from ..cli.training_flags import BootstrapFlags
from ..corpus import (
    CorpusFiles,
    Normalizer,
    all_characters,
    alphabet_from_corpus,
    pieces_of,
    plain_alphabet,
)
from ..errors import FlagError

_log = logging.getLogger(__name__)


def choose_alphabet(
    flags: AlphabetFlags,
    bootstrap: BootstrapFlags,
    source_alphabet: Alphabet | None,
    data_files: Sequence[str],
    normalizes: bool = False,
    files: CorpusFiles | None = None,
) -> Alphabet:
    """Return the alphabet of the model to train.

    Args:
        flags: flags about the alphabet.
        bootstrap: flags about dropping or extending the output layer.
        source_alphabet: alphabet of the source model, if there is one.
        data_files: all corpus files of the command.
        normalizes: whether transcripts will be normalised.
        files: reader of the corpus files.

    Raises:
        AlphabetError: the alphabet file is malformed.
        CorpusError: no alphabet was given, and the data cannot be read to make one.
        FlagError: no alphabet was given, and there is no data to make one from.
    """
    given = given_alphabet(flags)
    if bootstrap.extend_alphabet and source_alphabet:
        wanted = given or _as_written_with(source_alphabet, data_files, normalizes, files)
        return _extend(source_alphabet, wanted)
    if given:
        return given
    if source_alphabet and not bootstrap.drop_source_layers:
        return source_alphabet
    if not data_files:
        raise FlagError("no alphabet; give --alphabet_config_path, or --bytes_output_mode true")
    if source_alphabet:
        generated = _as_written_with(source_alphabet, data_files, normalizes, files)
        if all(source_alphabet.can_encode(label) for label in generated.labels):
            return source_alphabet
    if files and files.alphabet:
        return files.alphabet
    beside = _beside_data(data_files)
    if beside:
        _log.info("No --alphabet_config_path: using %s, found beside the data", beside)
        return Alphabet(beside)
    generated = alphabet_of_data(data_files, normalizes, files)
    _log.info(
        "No --alphabet_config_path: made an alphabet of %s from the data: %s",
        counted(generated.size, "character"),
        "".join(generated.labels),
    )
    return generated


def alphabet_of_data(
    data_files: Sequence[str], normalizes: bool, files: CorpusFiles | None
) -> Alphabet:
    """Make an alphabet of the characters in the data, normalised if transcripts will be.

    Raises:
        CorpusError: the data cannot be read.
    """
    kind = plain_alphabet if normalizes else all_characters
    return alphabet_from_corpus(data_files, kind, files)


def _as_written_with(
    source: Alphabet, data_files: Sequence[str], normalizes: bool, files: CorpusFiles | None
) -> Alphabet:
    """Return the labels of the source that occur in the data, and the characters that it lacks.

    With `normalizes`, transcripts are first normalised to the alphabet of the source.
    """
    normalize = Normalizer(source)

    def make(texts: Iterable[str]) -> Alphabet:
        return pieces_of((normalize(text).text for text in texts) if normalizes else texts, source)

    return alphabet_from_corpus(data_files, make, files)


def given_alphabet(flags: AlphabetFlags) -> Alphabet | None:
    """Return the alphabet that the flags name, or None.

    Raises:
        AlphabetError: the alphabet file is malformed.
    """
    if flags.bytes_output_mode:
        return UTF8Alphabet()
    return Alphabet(flags.alphabet_config_path) if flags.alphabet_config_path else None


def _extend(source: Alphabet, wanted: Alphabet) -> Alphabet:
    if source.is_bytes:
        return source  # which writes every character
    if wanted.is_bytes:
        raise FlagError(
            "--extend_alphabet cannot append bytes to an alphabet of characters; for "
            "--bytes_output_mode use --drop_source_layers 1 instead"
        )
    added = [label for label in wanted.labels if not _is_written(label, source)]
    return Alphabet.from_labels([*source.labels, *added])


def _is_written(label: str, source: Alphabet) -> bool:
    """Return whether the source has a label, or writes the character as a sequence of labels."""
    pieces = source.pieces(label)
    return len(pieces) == 1 and pieces[0][1]


def _beside_data(data_files: Sequence[str]) -> Path | None:
    folders = {Path(file).resolve().parent for file in data_files}
    beside = folders.pop() / "alphabet.txt"
    return beside if not folders and beside.is_file() else None
