"""The fenced code blocks of the documentation, for tests that run them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch.distributed import run as torchrun

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [path for pattern in ("*.md", "docs/*.md", "examples/*/*.md")
         for path in sorted(REPOSITORY.glob(pattern))]  # fmt: skip


@dataclass(frozen=True)
class Command:
    """A shell command with its continuation lines joined; `str` returns its page and line."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        page: path of the page, relative to the repository.
        line: number of the block's first line in the page, from 1.
        language: text after the opening fence, or an empty string.
        text: content of the block, without the fences.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> Iterator[Command]:
        """Yield the commands of a shell block."""
        begun, parts = 0, list[str]()
        for number, line in enumerate(self.text.splitlines(), self.line):
            begun = begun if parts else number
            parts.append(line.strip().removesuffix("\\"))
            if not line.endswith("\\"):
                yield Command(self.page, begun, started_alone(" ".join(parts)))
                parts = []


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    name, found, fence, lines = str(page.relative_to(REPOSITORY)), list[Block](), "", list[str]()
    begun = 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif fence:
            found.append(Block(name, begun, fence[3:].strip(), "\n".join(lines)))
            fence = ""
        else:
            fence, begun, lines = line, number + 1, []
    assert not fence, f"{name}: a block does not end"
    return found


def documented_commands() -> Iterator[Command]:
    """Yield the commands of all `bash` blocks on all pages."""
    for page in PAGES:
        for block in blocks_of(page):
            if block.language == "bash":
                yield from block.commands()


def started_alone(command: str) -> str:
    """Return a `torchrun` command as the command of a single process, and others unchanged."""
    words = shlex.split(command, comments=True)
    if not words or words[0] != "torchrun":
        return command
    parsed = torchrun.get_args_parser().parse_args(words[1:])
    assert parsed.module
    return shlex.join(["python", "-m", parsed.training_script, *parsed.training_script_args])
