"""The desk's store: no text is lost or overwritten, with several people and after kills."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_training.corpus import read_rows
from coqui_stt_training.errors import CorpusError
from coqui_stt_training.labelling import desk as desk_module
from coqui_stt_training.labelling.clip import Span
from coqui_stt_training.labelling.cutting import cut_recording
from coqui_stt_training.labelling.data_set import DataSet
from coqui_stt_training.labelling.desk import Change, Desk, OutdatedError
from coqui_stt_training.labelling.journal import DeskJournal, LabelEntry
from coqui_stt_training.labelling.lease import Person
from coqui_stt_training.labelling.recording import find_recordings
from coqui_stt_training.labelling.spelling import DeskSpelling
from label_desks import LETTERS, Clock, open_desk, speechlike, write_recordings
from stt.audio.reference import AudioReference

ANNA, BEN = Person("page-anna", "Anna"), Person("page-ben", "Ben")


def accept(desk: Desk, number: int, text: str, person: Person = ANNA, version: int = 0) -> None:
    clip = desk.listed(None, "")[number][0]
    desk.save(clip, person, Change(version, "accepted", text))


def rows_of(out: Path) -> dict[str, str]:
    """Return the transcripts that training reads, by audio file."""
    file = read_rows(out)
    assert all(audio.path.is_file() for audio in file.audio())
    return {Path(row.audio_name).name: row.transcript for row in file.rows}


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "in")


def test_each_save_is_a_data_set_that_can_be_trained_on(tmp_path: Path, recordings: Path) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    accept(desk, 1, "  two\twords \n")
    assert rows_of(out) == {"a1.wav": "two words"}
    assert read_rows(out).rows[0].audio_name == "in/a1.wav"  # relative, so both can be moved
    accept(desk, 0, 'e\u0301, \x07quoted "so"')
    assert rows_of(out) == {"a0.wav": 'é, quoted "so"', "a1.wav": "two words"}
    clip = desk.listed(None, "")[1][0]
    desk.save(clip, ANNA, Change(1, "rejected", "two words", " unclear "))
    assert rows_of(out) == {"a0.wav": 'é, quoted "so"'}
    assert desk.label(clip).reason == "unclear"
    progress = desk.progress()
    assert (progress.clips, progress.accepted, progress.rejected) == (3, 1, 1)
    assert progress.accepted_seconds == 0.5


def test_the_next_desk_goes_on_where_the_last_one_was(tmp_path: Path, recordings: Path) -> None:
    out = tmp_path / "data.csv"
    accept(open_desk(out, recordings), 1, "one")
    again = open_desk(out, recordings)
    assert [clip.recording.name for clip in again.following("", 9)] == ["a0.wav", "a2.wav"]
    accept(again, 1, "more", BEN, version=1)
    assert rows_of(out) == {"a1.wav": "more"}


# ------------------------------------------------------------------ several people


def test_a_clip_is_one_persons_until_the_lease_ends(tmp_path: Path, recordings: Path) -> None:
    clock = Clock()
    desk = open_desk(tmp_path / "data.csv", recordings, clock=clock)
    first, second, third = desk.following("", 3)
    assert desk.take(first, ANNA) is None
    assert desk.take(first, BEN) == ANNA
    assert desk.following("", 3, BEN) == [second, third]
    assert desk.following(second.identity, 3, BEN) == [third]
    assert desk.take(first, ANNA) is None  # she keeps it
    desk.take(second, ANNA)  # this releases the first
    assert desk.take(first, BEN) is None
    clock.pass_lease()
    assert desk.take(second, BEN) is None
    desk.leave(BEN)
    assert desk.take(second, ANNA) is None


def test_who_saves_late_is_refused_and_both_texts_are_kept(
    tmp_path: Path, recordings: Path
) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    accept(desk, 0, "what anna heard")
    with pytest.raises(OutdatedError, match="saved meanwhile by Anna") as caught:
        accept(desk, 0, "what ben heard", BEN)
    assert caught.value.current.text == "what anna heard"
    assert rows_of(out) == {"a0.wav": "what anna heard"}
    journal = [one for one in DeskJournal(tmp_path / "data.desk.jsonl").entries
               if isinstance(one, LabelEntry)]  # fmt: skip
    assert [(one.taken, one.label.person, one.label.text) for one in journal] == [
        (True, "Anna", "what anna heard"), (False, "Ben", "what ben heard"),
    ]  # fmt: skip
    accept(desk, 0, "what ben heard", BEN, version=1)
    assert rows_of(open_desk(out, recordings).data_set.path) == {"a0.wav": "what ben heard"}


def test_a_save_whose_answer_was_lost_may_be_asked_for_again(
    tmp_path: Path, recordings: Path
) -> None:
    desk = open_desk(tmp_path / "data.csv", recordings)
    accept(desk, 0, "same")
    accept(desk, 0, " same ")
    assert desk.label(desk.listed(None, "")[0][0]).version == 1


def test_many_who_save_at_once_overwrite_nothing(tmp_path: Path) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, write_recordings(tmp_path / "in", 12, 0.05))
    refused: list[int] = []

    def work(person: int) -> None:
        for number in range(12):
            try:
                accept(desk, number, f"of {person}", Person(f"page-{person}"))
            except OutdatedError:
                refused.append(number)

    threads = [threading.Thread(target=work, args=(person,)) for person in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows_of(out)) == 12
    assert len(refused) == 3 * 12


# ------------------------------------------------------------------ kills, full disks, edits


def test_a_journal_cut_off_at_any_byte_goes_on(tmp_path: Path, recordings: Path) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    accept(desk, 0, "ä")
    accept(desk, 1, "second")
    path = tmp_path / "data.desk.jsonl"
    content = path.read_bytes()
    whole = DeskJournal(path).entries
    for size in (0, 1, *range(len(content) - 300, len(content), 11)):
        path.write_bytes(content[:size])
        journal = DeskJournal(path)
        assert journal.entries == whole[: content[:size].count(b"\n")]
        journal.append(whole[-1])
        assert DeskJournal(path).entries == [*journal.entries, whole[-1]]


@pytest.mark.parametrize("had_file", [True, False])
def test_a_kill_between_journal_and_data_set_loses_nothing(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch, had_file: bool
) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    if had_file:
        accept(desk, 0, "before")
        accept(desk, 1, "stays")
    with monkeypatch.context() as patched:
        patched.setattr(DataSet, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            accept(desk, 0, "after", version=int(had_file))
    assert open_desk(out, recordings).progress().accepted == (2 if had_file else 1)
    assert rows_of(out)["a0.wav"] == "after"


def test_a_full_disk_is_mended_by_the_same_save(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    with monkeypatch.context() as patched:
        patched.setattr(DataSet, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            accept(desk, 0, "text")
    accept(desk, 0, "text")
    assert rows_of(out) == {"a0.wav": "text"}


def test_what_was_changed_in_the_file_by_hand_counts(tmp_path: Path, recordings: Path) -> None:
    out = tmp_path / "data.csv"
    desk = open_desk(out, recordings)
    for number in range(3):
        accept(desk, number, f"text {number}")
    lines = out.read_text().splitlines()
    mended = lines[1].replace("text 0", "mended")
    out.write_text("\n".join([lines[0], mended, lines[3]]) + "\n")  # without a1.wav
    again = open_desk(out, recordings)
    labels = [label for _, label in again.listed(None, "")]
    assert [label.verdict for label in labels] == ["accepted", "rejected", "accepted"]
    assert labels[0].text == "mended"
    assert labels[1].reason == "removed from data.csv"
    accept(again, 2, "last", version=1)
    assert rows_of(out) == {"a0.wav": "mended", "a2.wav": "last"}


def test_rows_from_elsewhere_stay_with_their_columns(tmp_path: Path, recordings: Path) -> None:
    out = tmp_path / "data.csv"
    shutil.copy(recordings / "a0.wav", tmp_path / "other.wav")
    out.write_text("wav_filename,transcript,accent\nother.wav,old,scots\nin/a0.wav,draft,irish\n")
    desk = open_desk(out, recordings)
    clip, label = desk.listed(None, "")[0]
    assert (label.verdict, desk.first_text(clip)) == ("open", "draft")  # still to be checked
    accept(desk, 1, "new")
    assert rows_of(out) == {"other.wav": "old", "a0.wav": "draft", "a1.wav": "new"}
    accept(desk, 0, "mended")
    assert rows_of(out) == {"other.wav": "old", "a0.wav": "mended", "a1.wav": "new"}
    assert "irish" in out.read_text()


def test_what_is_no_data_set_or_journal_is_never_overwritten(
    tmp_path: Path, recordings: Path
) -> None:
    out = tmp_path / "data.csv"
    out.write_text("name,age\nAnna,30\n")
    with pytest.raises(CorpusError, match="no column wav_filename and no column transcript"):
        open_desk(out, recordings)
    out.unlink()
    (tmp_path / "data.desk.jsonl").write_text('{"kind": "label"}\n')
    with pytest.raises(CorpusError, match=r"data.desk.jsonl:1: not a valid line of a label jour"):
        open_desk(out, recordings)


# ------------------------------------------------------------------ long recordings, lists


def test_long_recordings_are_cut_at_pauses_and_written_as_clips(tmp_path: Path) -> None:
    quiet = np.zeros(2 * 16000, np.int16)
    long = np.concatenate([quiet, speechlike(3), quiet, speechlike(4), quiet])
    soundfile.write(tmp_path / "talk.wav", np.stack([long, long], axis=1), 16000)
    out = tmp_path / "out/data.csv"
    desk = open_desk(out, tmp_path / "talk.wav", clip_seconds=6)
    spans = [clip.span for clip, _ in desk.listed(None, "")]
    assert len(spans) == 2
    assert abs(spans[0].start_milliseconds - 2000) < 600
    assert abs(spans[1].end_milliseconds - 11000) < 600
    accept(desk, 1, "the second")
    row = read_rows(out).rows[0]
    written = out.parent / row.audio_name
    assert written.parent.parent == out.parent / "data_clips"
    samples, rate_hz = soundfile.read(written, dtype="int16")
    assert rate_hz == 16000
    start, end = spans[1].start_milliseconds * 16, spans[1].end_milliseconds * 16
    np.testing.assert_array_equal(samples, long[start:end])
    clip = desk.listed(None, "")[1][0]
    desk.save(clip, ANNA, Change(1, "rejected", "the second", "noise"))
    assert not written.exists()
    again = open_desk(out, tmp_path / "talk.wav", clip_seconds=3)  # the existing clips stay
    assert [one.span for one, _ in again.listed(None, "")] == spans


def test_speech_without_pauses_is_cut_where_it_is_quietest(tmp_path: Path) -> None:
    samples = np.concatenate([speechlike(4), speechlike(0.4) // 100, speechlike(5)])
    soundfile.write(tmp_path / "long.wav", samples, 16000)
    spans = list(cut_recording(AudioReference(tmp_path / "long.wav"), 6))
    assert len(spans) == 2
    assert abs(spans[0].end_milliseconds - 4200) < 200
    assert all(span.milliseconds <= 6000 for span in spans)
    assert list(cut_recording(AudioReference(tmp_path / "long.wav"), 10)) == [
        Span(0, 9400, is_whole=True)
    ]


def test_lists_keep_their_order_and_their_texts(tmp_path: Path, recordings: Path) -> None:
    plain = tmp_path / "list.txt"
    plain.write_text("in/a2.wav\nin/a0.wav\nin/gone.wav\n")
    found = find_recordings([str(plain), str(recordings)], tmp_path)
    assert [one.key for one in found] == ["in/a2.wav", "in/a0.wav", "in/gone.wav", "in/a1.wav"]
    listed = tmp_path / "list.csv"
    listed.write_text("wav_filename,score,speaker\nin/a1.wav,0.3,s1\nin/a0.wav,0.5,s2\n")
    found = find_recordings([str(listed)], tmp_path)
    assert [(one.name, one.speaker) for one in found] == [("in/a1.wav", "s1"), ("in/a0.wav", "s2")]
    listed.write_text("wav_filename,wav_filesize,transcript\nin/a1.wav,1,said so\n")
    assert find_recordings([str(listed)], tmp_path)[0].transcript == "said so"
    with pytest.raises(CorpusError, match="nowhere: no such file") as caught:
        find_recordings([str(tmp_path / "nowhere"), str(tmp_path / "neither")], tmp_path)
    assert "neither" in str(caught.value)  # all missing files are named
    plain.write_text("gone.wav\n")
    with pytest.raises(CorpusError, match=r"no file listed .* exists: .*gone\.wav"):
        find_recordings([str(plain)], tmp_path)


def test_broken_recordings_are_told_and_others_go_on(tmp_path: Path, recordings: Path) -> None:
    (recordings / "a0.wav").write_bytes(b"no sound at all")
    desk = open_desk(tmp_path / "data.csv", recordings)
    assert desk.progress().clips == 2


def test_texts_are_brought_to_the_alphabet_where_that_is_asked_for() -> None:
    assert DeskSpelling(LETTERS).tidy("Hello,  World!") == "Hello, World!"
    assert DeskSpelling(LETTERS).unwritable("Hello, World!") == ["H", ",", "W", "!"]
    assert DeskSpelling(LETTERS, normalize=True).tidy("Hello,  World!") == "hello world"
    assert DeskSpelling(None).unwritable("Ж") == []
    assert desk_module.one_line(" a\u200cb\r\n c\0 ") == "a\u200cb c"  # joiners belong to letters
