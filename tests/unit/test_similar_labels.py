"""Labels that sound alike, by a table or by their transliteration to Latin letters."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.bootstrapping.similar_labels import labels_that_sound_alike, similar_labels
from coqui_stt_training.errors import BootstrapError, UserError

LATIN = Alphabet.from_labels(" ahkmstz'")
CYRILLIC = Alphabet.from_labels(" амтшжьщ")
SOUNDS = {"а": "a", "м": "m", "т": "t", "ш": "sh", "ж": "zh", "ь": "", "щ": "shch"}


def romanize(label: str) -> str:
    return SOUNDS.get(label, label)


def test_labels_are_found_by_their_sound_or_by_its_parts() -> None:
    assert labels_that_sound_alike(LATIN, CYRILLIC, romanize) == {
        "а": ["a"], "м": ["m"], "т": ["t"], "ш": ["s", "h"], "ж": ["z", "h"], "щ": ["s", "h", "h"],
    }  # fmt: skip


def test_all_labels_of_one_sound_count_and_longer_sounds_win() -> None:
    alike = labels_that_sound_alike(Alphabet.from_labels("shш"), CYRILLIC, romanize)
    assert alike["ш"] == ["ш"]
    alike = labels_that_sound_alike(Alphabet.from_labels("тt"), Alphabet.from_labels("t"), romanize)
    assert alike["t"] == ["т", "t"]


def test_a_table_is_read(tmp_path: Path) -> None:
    table = tmp_path / "map.txt"
    table.write_text("# sounds\nш\tsh\nж\tz\nь\t\n", encoding="utf-8")
    assert similar_labels(str(table), LATIN, CYRILLIC) == {"ш": ["s", "h"], "ж": ["z"]}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("q\ta\nш\tsx\n", r"'q' .* is not in the new alphabet; 'x' .* is not in the source"),
        ("ш sh\nж\n", r"map.txt:1: no tab .*\n.*map.txt:2: no tab"),
        ("ш\t\n", "no label of the new alphabet sounds similar to one of the source"),
        ("", "maps nothing"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    table = tmp_path / "map.txt"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=complaint):
        similar_labels(str(table), LATIN, CYRILLIC)


def test_bytes_have_no_sounds() -> None:
    with pytest.raises(BootstrapError, match="bytes have no sounds"):
        similar_labels("auto", LATIN, UTF8Alphabet())


def test_uroman_tells_sounds() -> None:
    pytest.importorskip("uroman", reason="uroman is not installed: pip install '.[align]'")
    assert similar_labels("auto", LATIN, CYRILLIC)["ш"] == ["s", "h"]
