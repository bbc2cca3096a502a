"""Excel workbooks as collections."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
import soundfile

from coqui_stt_training.corpus import read_rows
from coqui_stt_training.errors import CorpusError

Rows = Sequence[Sequence[str | float]]
CLIPS: Rows = [
    [],
    ["Nr", "Recording", "What is said", ""],
    [1, "a.wav", "one, two & three", ""],
    [],
    [2, "recordings/b", "vier"],
]
_NAMESPACES = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    names = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" '
        f'Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_MAIN}"/></Types>',
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook {_NAMESPACES} xmlns:r="{_RELATIONS}"><sheets>{names}</sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>',
        )
        for n, rows in enumerate(sheets.values(), 1):
            lines = "".join(
                f'<row r="{line}">{"".join(map(_cell, "ABCD", [line] * 4, row))}</row>'
                for line, row in enumerate(rows, 1)
                if row
            )
            file.writestr(
                f"xl/worksheets/sheet{n}.xml",
                f"<worksheet {_NAMESPACES}><sheetData>{lines}</sheetData></worksheet>",
            )
    return path


def _cell(column: str, line: int, value: str | float) -> str:
    if isinstance(value, str):
        return f'<c r="{column}{line}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f'<c r="{column}{line}"><v>{value}</v></c>'


def test_a_spreadsheet_is_read_as_the_same_in_csv_is(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl", reason="the [data] extra is not installed")
    (tmp_path / "recordings").mkdir()
    for clip in ("a", "recordings/b"):
        soundfile.write(tmp_path / f"{clip}.wav", np.zeros(8000), 8000)
    path = write_xlsx(tmp_path / "a.xlsx", {"Notes": [], "Clips": CLIPS})
    file = read_rows(path)
    assert file.columns == ("Nr", "wav_filename", "transcript")
    assert [(row.source, row.fields, row.problem) for row in file.rows] == [
        (f"{path}:3", ("1", "a.wav", "one, two & three"), None),
        (f"{path}:5", ("2", "recordings/b.wav", "vier"), None),
    ]
    assert all(audio.path.is_file() for audio in file.audio())


def test_what_is_wrong_with_a_spreadsheet_is_said(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl", reason="the [data] extra is not installed")
    path = write_xlsx(tmp_path / "a.xlsx", {"Mon": CLIPS, "Tue": CLIPS})
    whole = path.read_bytes()
    with pytest.raises(CorpusError, match="several sheets that are not empty: Mon, Tue; keep the"):
        read_rows(path)
    write_xlsx(path, {"Mon": []})
    with pytest.raises(CorpusError, match="the spreadsheet is empty"):
        read_rows(path)
    write_xlsx(path, {"Mon": [["when", "where"], ["now", "here"]]})
    with pytest.raises(CorpusError, match=r"it has: when, where"):
        read_rows(path)
    named = io.BytesIO()
    with zipfile.ZipFile(named, "w") as archive:
        archive.writestr("\u00e9.xml", "")
    no_name = named.getvalue().replace("\u00e9".encode(), b"\xff\xff")
    for damaged in (whole[:-40], whole.replace(b"</row>", b"</rox>"), no_name):
        path.write_bytes(damaged)
        with pytest.raises(CorpusError, match="a spreadsheet that is damaged"):
            read_rows(path)


def test_without_what_reads_it_a_spreadsheet_is_to_be_saved_as_csv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    path = write_xlsx(tmp_path / "a.xlsx", {"Clips": CLIPS})
    with pytest.raises(CorpusError, match=r"save it as CSV .*, or .*openpyxl"):
        read_rows(path)
