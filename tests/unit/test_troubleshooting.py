"""What docs/troubleshooting.md quotes is what the program says."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)


@cache
def said() -> tuple[str, ...]:
    """All texts in the source; what they are filled with is a `…`."""
    texts = []
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                texts.append(
                    "".join(
                        part.value if isinstance(part, ast.Constant) else "…"
                        for part in node.values
                    )
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%(\.\d)?[dfgs]", "…", node.value))
    return tuple(texts)


def test_there_are_messages() -> None:
    assert len(QUOTED) > 8


@pytest.mark.parametrize("message", QUOTED)
def test_the_program_says_it(message: str) -> None:
    parts = [part.strip() for part in message.split("…") if part.strip(" ;,")]
    pattern = ".*".join(re.escape(part) for part in parts)
    assert any(re.search(pattern, text) for text in said()), message
