"""Writing text of one script with the letters of another: by rules for all, or by a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.extras import missing_packages

from ..errors import FlagError, UserError

Rewrite = Callable[[str], str]
_LARGEST_TABLE_BYTES = 1 << 24


def romanizer(flag: str) -> Rewrite:
    """Return what writes any script in Latin letters.

    Args:
        flag: what asked for it.

    Raises:
        FlagError: uroman is not installed.
    """
    try:
        from uroman import Uroman
    except ImportError:
        raise FlagError(f"{flag}: {missing_packages('uroman', 'align')}") from None
    romanize = Uroman()
    return lambda text: str(romanize.romanize_string(text))


def character_map(path: Path) -> Rewrite:
    """Return what replaces characters as a table says; longer entries win over shorter ones.

    Raises:
        UserError: see `read_character_map`.
    """
    pairs = read_character_map(path)
    pattern = re.compile("|".join(map(re.escape, sorted(pairs, key=len, reverse=True))))
    return lambda text: pattern.sub(lambda match: pairs[match[0]], text)


def read_character_map(path: Path) -> dict[str, str]:
    """Return a table of characters: a line has what stands there, a tab, and what to read.

    Raises:
        UserError: the file is missing, too large, or not UTF-8, or lines have no tab, all of them
            named.
    """
    pairs: dict[str, str] = {}
    problems = []
    for number, line in enumerate(read_utf8(path, _LARGEST_TABLE_BYTES).splitlines(), 1):
        old, tab, new = line.partition("\t")
        if line.strip() and not line.startswith("#"):
            if tab and old:
                pairs[old] = new.strip()
            else:
                problems.append(
                    f"{path}:{number}: no tab between what stands there and what to read"
                )
    if problems or not pairs:
        raise UserError("\n".join(problems) or f"{path}: maps nothing")
    return pairs


def read_utf8(path: Path, most_bytes: int) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        UserError: it is missing, too large, or not UTF-8.
    """
    try:
        return read_regular(path, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
