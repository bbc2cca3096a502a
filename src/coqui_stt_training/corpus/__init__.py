"""Corpora: what files say of clips of speech, and whether one can train on them."""

from .alphabet_source import all_characters, alphabet_from_corpus, pieces_of
from .clip import Clip, ClipSet, Corpus
from .files import CorpusFiles
from .normalization import ChangeCounts, Normalizer, plain_alphabet
from .row_check import CorpusRules
from .rows import Row, RowFile, expand_file_list
from .shares import epoch_counts, split_shares
from .sources.reading import read_rows
from .splits import AutoInput, plan_split, split_auto_input
from .validation import check_corpus

__all__ = [
    "AutoInput",
    "ChangeCounts",
    "Clip",
    "ClipSet",
    "Corpus",
    "CorpusFiles",
    "CorpusRules",
    "Normalizer",
    "Row",
    "RowFile",
    "all_characters",
    "alphabet_from_corpus",
    "check_corpus",
    "epoch_counts",
    "expand_file_list",
    "pieces_of",
    "plain_alphabet",
    "plan_split",
    "read_rows",
    "split_auto_input",
    "split_shares",
]
