"""One corpus file split into train, dev and test sets, and an alphabet made of transcripts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..cli.training_flags import TrainingFlags
from ..corpus import alphabet_from_corpus, split_auto_input


def create_alphabet_from_sources(sources: Iterable[str | Path]) -> tuple[list[str], Alphabet]:
    """Return the characters of corpus files, sorted, and an alphabet of them.

    Raises:
        CorpusError: a file cannot be read.
    """
    alphabet = alphabet_from_corpus([str(source) for source in sources])
    return list(alphabet.labels), alphabet


def create_datasets_from_auto_input(
    auto_input_dataset: str | Path, alphabet_config_path: str | Path | None
) -> tuple[Path, Path, Path, Path]:
    """Split a CSV file, or the one in a folder; return train, dev and test set, and the alphabet.

    Raises:
        CorpusError: there is no such file, or it is too small.
    """
    made = split_auto_input(
        auto_input_dataset, seed=TrainingFlags().random_seed, alphabet_path=alphabet_config_path
    )
    return made.train, made.dev, made.test, made.alphabet
