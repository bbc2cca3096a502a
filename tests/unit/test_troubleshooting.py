"""The messages that docs/troubleshooting.md quotes are those of the program."""

import re
from pathlib import Path

import pytest

from source_texts import texts_of_the_source

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)


def test_there_are_messages() -> None:
    assert len(QUOTED) > 8


@pytest.mark.parametrize("message", QUOTED)
def test_the_program_says_it(message: str) -> None:
    parts = [part.strip() for part in message.split("…") if part.strip(" ;,")]
    pattern = ".*".join(re.escape(part) for part in parts)
    assert any(re.search(pattern, text) for text in texts_of_the_source()), message
