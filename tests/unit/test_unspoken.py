"""Characters that are not spoken as letters are found in transcripts and named before training."""

from __future__ import annotations

import logging

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checking.unspoken import find_unspoken
from coqui_stt_training.runs.announcements import log_unspoken_characters

CLEAN = [
    "it's a well-known fact, isn't it?",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian is spelled with joiners
    "\u00abso\u00bb \u2014 and\u00a0so\u2026",
]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("in 1984 and 20", {"numbers": ("1984", "20")}),
        ("[laughter] yes (noise) <unk> {cough} *sneeze*",
         {"tags": ("[laughter]", "(noise)", "<unk>", "{cough}", "*sneeze*")}),
        ("[at 5] yes", {"tags": ("[at 5]",)}),
        ("50% & \U0001f600", {"numbers": ("50",), "symbols": ("%", "&", "\U0001f600")}),
        ("\u200fone\u200e", {"invisible": ("U+200F", "U+200E")}),
    ],
)  # fmt: skip
def test_each_kind_is_found_with_its_places(text: str, kinds: dict[str, tuple[str, ...]]) -> None:
    clean = [(f"a.csv:{number}", line) for number, line in enumerate(CLEAN)]
    found = find_unspoken([*clean, ("a.csv:9", text)])
    assert {one.kind: one.examples for one in found} == kinds
    assert all(one.places == ("a.csv:9",) for one in found)


def test_characters_that_cannot_be_heard_are_named_before_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        log_unspoken_characters(Alphabet.from_labels("abc '-.,\u0301"))
        assert not caplog.messages
        log_unspoken_characters(Alphabet.from_labels("ab7[\U0001f600\u200f"))
    letters, unseen = caplog.messages
    assert "has 3 characters that are not spoken as written: 7 [ \U0001f600. Write" in letters
    assert "The alphabet has 1 character that cannot be seen: U+200F" in unseen
