"""Reducing an ARPA file to the n-grams of given words."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_training.lm.arpa import keep_words
from coqui_stt_training.lm.kenlm import LanguageModelError

# In lmplz's format: the highest order has no back-offs, so its lines end with a word.
MODEL = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=2

\\1-grams:
-1\t<unk>\t0
0\t<s>\t-0.1
-1\t</s>\t0
-0.8\ta\t-0.2
-0.8\tz\t-0.2

\\2-grams:
-0.3\t<s> a\t-0.4
-0.3\ta </s>\t0
-0.3\ta z\t-0.4

\\3-grams:
-0.1\t<s> a </s>
-0.1\t<s> a z

\\end\\
"""
WITHOUT_Z = """\\data\\
ngram 1=4
ngram 2=2
ngram 3=1

\\1-grams:
-1\t<unk>\t0
0\t<s>\t-0.1
-1\t</s>\t0
-0.8\ta\t-0.2

\\2-grams:
-0.3\t<s> a\t-0.4
-0.3\ta </s>\t0

\\3-grams:
-0.1\t<s> a </s>

\\end\\
"""


def test_n_grams_of_all_orders_are_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "lm.arpa", tmp_path / "filtered.arpa"
    source.write_bytes(MODEL.encode())
    assert keep_words(source, target, {"a"}) == [4, 2, 1]
    assert target.read_bytes().decode() == WITHOUT_Z


@pytest.mark.parametrize(
    ("content", "message"),
    [("a b c\n", "is not an ARPA file"), (MODEL.partition("\\end")[0], "ends before its")],
)
def test_other_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    source = tmp_path / "lm.arpa"
    source.write_bytes(content.encode())
    with pytest.raises(LanguageModelError, match=message):
        keep_words(source, tmp_path / "filtered.arpa", {"a"})
