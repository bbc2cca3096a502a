"""The token of a server: its sources, and texts that are not valid tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from stt.errors import FlagError
from stt.server.token import new_token, read_token

TOKEN = "a-token-of-this-test"


def test_a_token_comes_from_the_flag_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\r\n")
    assert read_token(TOKEN, "", {}) == TOKEN
    assert read_token("", str(file), {"STT_TOKEN": "another-one-than-this"}) == TOKEN
    assert read_token("", "", {"STT_TOKEN": TOKEN}) == TOKEN
    assert read_token("", "", {}) == read_token("", "", {"STT_TOKEN": ""}) == ""
    assert read_token(new_token(), "", {})
    assert new_token() != new_token()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"short\n", "token: give 12 characters or more"),
        (b"", "token: give 12 characters or more"),
        ("zażółć gęślą jaźń".encode(), "must be plain characters"),
        (b"\xff\x00" * 20, "must be plain characters"),
        (b"one-line-of-it\nand-another-one", "on one line"),
        (b"x" * 5000, "must contain the token alone"),
    ],
)
def test_what_is_no_token_is_said_of_its_file(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(FlagError, match=message):
        read_token("", str(file), {})


def test_the_source_of_a_wrong_token_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="--token: give 12"):
        read_token("short", "", {})
    with pytest.raises(FlagError, match="STT_TOKEN: give 12"):
        read_token("", "", {"STT_TOKEN": "short"})
    with pytest.raises(FlagError, match="No such file"):
        read_token("", str(tmp_path / "none"), {})
    with pytest.raises(FlagError, match="give one of the two"):
        read_token(TOKEN, str(tmp_path / "none"), {})
