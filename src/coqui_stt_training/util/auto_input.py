"""Split of one corpus file into train, dev and test sets, and an alphabet from transcripts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..cli.training_flags import TrainingFlags
from ..corpus import alphabet_from_corpus, split_auto_input


def create_alphabet_from_sources(sources: Iterable[str | Path]) -> tuple[list[str], Alphabet]:
    """Return the sorted characters in the transcripts of corpus files, and an alphabet of them.

    Raises:
        CorpusError: a file cannot be read.
    """
    alphabet = alphabet_from_corpus([str(source) for source in sources])
    return list(alphabet.labels), alphabet


def create_datasets_from_auto_input(
    auto_input_dataset: str | Path, alphabet_config_path: str | Path | None
) -> tuple[Path, Path, Path, Path]:
    """Split a CSV file, given by itself or by its folder.

    Return the paths of the train, dev and test sets and of the alphabet.

    Raises:
        CorpusError: the file is missing, or has too few rows.
    """
    made = split_auto_input(
        auto_input_dataset, seed=TrainingFlags().random_seed, alphabet_path=alphabet_config_path
    )
    return made.train, made.dev, made.test, made.alphabet
