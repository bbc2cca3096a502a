"""Subtitles, labels and tiers beside long recordings, and the clips they define."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from coqui_stt_training.corpus import read_rows
from coqui_stt_training.corpus.sources import timed_text
from coqui_stt_training.errors import CorpusError

SRT = """1
00:00:00,500 --> 00:00:01,250
<i>one</i>
and more

2
0:00:02,000 --> 00:01:03,5
two &amp; a half
"""
VTT = """WEBVTT

NOTE nobody says this

intro
00:00.500 --> 00:01.250 align:start
<v.loud Ann>one</v>
and more

00:02.000 --> 01:03.500
{\\an8}two &amp; a half
"""
LABELS = "0.500000\t1.250000\tone and more\n\\\t100.0\t200.0\n1,5\t1,6\n2,0\t63,5\ttwo & a half\n"
LONG_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 70.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "Ann 2"
        xmin = 0
        xmax = 70.5
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.25
            text = "one and more"
        intervals [3]:
            xmin = 1.25
            xmax = 2
            text = " "
        intervals [4]:
            xmin = 2
            xmax = 63.5
            text = "two & a half"
    item [2]:
        class = "TextTier"
        name = "clicks 3"
        xmin = 0
        xmax = 70.5
        points: size = 1
        points [1]:
            number = 1
            mark = "5"
"""
SHORT_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
70.5
<exists>
2
"IntervalTier"
"Utterances"
0
70.5
2
0.5
1.25
"one and more"
2
63.5
"two & a half"
"IntervalTier"
"words"
0
70.5
1
0.5
0.7
"one"
"""


def eaf(*tiers: str) -> str:
    times = {"a": 500, "b": 1250, "c": 2000, "d": 63500}
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="{name}" TIME_VALUE="{value}"/>' for name, value in times.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT>'
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"/>'
        f'<TIME_ORDER>{slots}<TIME_SLOT TIME_SLOT_ID="e"/></TIME_ORDER>{"".join(tiers)}'
        "</ANNOTATION_DOCUMENT>"
    )


def tier(name: str, *pieces: tuple[str, str], **attributes: str) -> str:
    said = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="{bounds[0]}" '
        f'TIME_SLOT_REF2="{bounds[1]}">'
        f"<ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for bounds, text in pieces
    )
    more = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f'<TIER TIER_ID="{name}"{more}>{said}</TIER>'


ONE, TWO = ("ab", "one and more"), ("cd", "two &amp; a half")
ELAN = {
    "a tier": eaf(tier("Ann", ONE, TWO, ("ae", "when?")), tier("gloss", ONE, PARENT_REF="Ann")),
    "speakers": eaf(tier("A", TWO, PARTICIPANT="Bob"), tier("B", ONE, PARTICIPANT="Ann")),
    "by its name": eaf(tier("Transcription", ONE, TWO), tier("notes", ("ad", "a bus"))),
}


@pytest.mark.parametrize(
    ("suffix", "content", "speakers"),
    [
        (".srt", SRT, ("", "")),
        (".SRT", SRT.replace("\n\n", "\n"), ("", "")),  # as some programs write it
        (".vtt", VTT, ("Ann", "")),
        (".txt", LABELS, ("", "")),
        (".TXT", LABELS, ("", "")),
        (".TextGrid", LONG_GRID, ("", "")),
        (".textgrid", SHORT_GRID, ("", "")),
        (".eaf", ELAN["a tier"], ("", "")),
        (".eaf", ELAN["speakers"], ("Ann", "Bob")),
        (".eaf", ELAN["by its name"], ("", "")),
    ],
)
def test_what_is_said_when_makes_pieces(
    suffix: str, content: str, speakers: tuple[str, str], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(64 * 8000), 8000)
    (tmp_path / "._talk.wav").write_bytes(b"\0\5\x16\7")  # which macOS writes
    encoding = "utf-16" if suffix == ".TextGrid" else "utf-8-sig"  # Praat writes UTF-16
    (tmp_path / f"talk{suffix}").write_bytes(content.encode(encoding))
    file = read_rows(tmp_path)
    assert [(row.transcript, row.problem) for row in file.rows] == [
        ("one and more", None), ("two & a half", None),
    ]  # fmt: skip
    assert tuple(row.speaker for row in file.rows) == speakers
    pieces = [(audio.path.name, audio.start_seconds, audio.end_seconds) for audio in file.audio()]
    assert pieces == [("talk.wav", 0.5, 1.25), ("talk.wav", 2.0, 63.5)]


def test_a_label_may_begin_before_the_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(3 * 8000), 8000)
    (tmp_path / "talk.txt").write_text("-0.250000\t1.5\tone\n-2.0\t-1.0\tno\n1.5\t2.0\t30\n")
    one, no, number = read_rows(tmp_path).rows
    assert (one.transcript, one.problem) == ("one", None)
    assert no.problem is not None
    assert "-1 s is no place in a recording" in no.problem
    assert number.transcript == "30"


def test_captions_win_over_a_text_and_a_text_over_tiers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(64 * 8000), 8000)
    (tmp_path / "talk.TextGrid").write_text("damaged")
    (tmp_path / "talk.txt").write_text("all of it\n1.5\t2.5\tand this\n")
    assert [row.transcript for row in read_rows(tmp_path).rows] == ["all of it 1.5 2.5 and this"]
    (tmp_path / "talk.srt").write_text(SRT)
    assert [row.transcript for row in read_rows(tmp_path).rows] == ["one and more", "two & a half"]
    (tmp_path / "talk.en.vtt").write_text(VTT.replace("one", "none"))
    assert [row.transcript for row in read_rows(tmp_path).rows] == ["one and more", "two & a half"]
    with pytest.raises(CorpusError, match="tells of the recording beside it"):
        read_rows(tmp_path / "talk.srt")


def test_captions_may_have_their_language_in_their_name(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a talk.v2.wav", np.zeros(64 * 8000), 8000)
    (tmp_path / "a talk.v2.pt-BR.vtt").write_text(VTT)
    assert [row.transcript for row in read_rows(tmp_path).rows] == ["one and more", "two & a half"]
    (tmp_path / "a talk.v2.uk.srt").write_text(SRT)
    [row] = read_rows(tmp_path).rows
    assert row.problem is not None
    assert "several languages are beside it: a talk.v2.uk.srt, a talk.v2.pt-BR.vtt" in row.problem


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("talk.srt", "", "no text with its times is in it"),
        ("talk.vtt", "WEBVTT\n\n00:02.000 --> 00:01.000\nno\n", "from 2 s to 1 s has no length"),
        ("talk.TextGrid", LONG_GRID[:400], "a damaged TextGrid"),
        ("talk.TextGrid", "not one of Praat", "no TextGrid of Praat, or one that is not"),
        (
            "talk.TextGrid",
            SHORT_GRID.replace("Utterances", "phones"),
            "is not known: phones, words",
        ),
        ("talk.eaf", ELAN["a tier"][:-9], "a damaged .eaf"),
        ("talk.eaf", ELAN["a tier"].replace("milliseconds", "frames"), "its times are in frames"),
        ("talk.eaf", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "an .eaf with a DOCTYPE"),
        ("talk.eaf", eaf(tier("A", ONE), tier("B", TWO)), "is not known: A, B; call that one tran"),
    ],
)
def test_what_cannot_be_used_is_a_bad_row(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "talk.wav", np.zeros(8000), 8000)
    (tmp_path / name).write_text(content)
    [row] = read_rows(tmp_path).rows
    assert row.problem is not None
    assert said in row.problem
    assert row.problem.count(name) <= 1, "errors are not put into others"


@given(st.text(), st.sampled_from([SRT, SHORT_GRID, ELAN["a tier"]]), st.integers(0, 400))
def test_any_other_text_is_read_or_refused(noise: str, content: str, place: int) -> None:
    for read in (
        timed_text.read_captions, timed_text.read_label_track, timed_text.read_textgrid,
        timed_text.read_elan,
    ):  # fmt: skip
        try:
            pieces = list(read(content[:place] + noise + content[place:], Path("talk")))
        except CorpusError:
            continue
        assert all(one.text == " ".join(one.text.split()) != "" for one in pieces)
