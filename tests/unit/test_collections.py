"""Every format of collection gives the same clips, and errors in one are reported."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from collections_on_disk import (
    CLIPS,
    SPEAKERS,
    TEXTS,
    WRITERS,
    encoded,
    sdb_bytes,
    tar_bytes,
    webdataset_members,
    write_arrow,
    write_audio,
    write_kaldi,
    write_lhotse,
    write_nemo,
    write_parquet,
    write_sdb,
    write_webdataset,
)
from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import CorpusRules, alphabet_from_corpus, check_corpus, read_rows
from coqui_stt_training.corpus.csv_file import write_csv
from coqui_stt_training.corpus.files import CorpusFiles
from coqui_stt_training.errors import CorpusError
from stt.audio.source import read_pcm
from stt.frontends.mfcc_config import FeatureConfig

ALPHABET = Alphabet.from_labels(sorted(set("".join(TEXTS))))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("STT_DATA_CACHE", str(folder))
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_clips(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path)
    corpus = check_corpus(CorpusRules(ALPHABET, FeatureConfig()), train=[str(path)])
    clips = corpus.train[0].clips
    assert [clip.transcript for clip in clips] == list(TEXTS)
    for clip, samples in zip(clips, CLIPS, strict=True):
        assert np.array_equal(read_pcm(clip.audio, 16000), samples)
        assert clip.duration_seconds == len(samples) / 16000
    speakers = [row.speaker for row in read_rows(path).rows]
    assert speakers in (list(SPEAKERS), [""] * 3)
    assert (speakers[0] == "") == (
        name in ("csv", "sdb", "tar with samples.csv", "ljspeech", "librispeech", "text folder")
    )


@pytest.mark.parametrize("name", WRITERS)
def test_rows_written_as_csv_name_the_same_audio(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path)
    file = read_rows(path)
    home = path if path.is_dir() else path.parent
    write_csv(home / "copy.csv", file.columns, [row.fields for row in file.rows])
    copy = read_rows(home / "copy.csv")
    assert [row.transcript for row in copy.rows] == list(TEXTS)
    for audio, samples in zip(copy.audio(), CLIPS, strict=True):
        assert np.array_equal(read_pcm(audio, 16000), samples)


@pytest.mark.parametrize(
    ("heading", "separator", "folder", "ending"),
    [
        ("File name;Text", ";", "", ".wav"),
        ("Запис\tТекст", "\t", "recordings", ".wav"),
        ("sentence,speaker,path", ",", "recordings", ""),
        ("wav_filename;transcript", ";", "", ".wav"),
        ("№;Назва;Текст;Примітка", ";", "recordings", ".wav"),
        ("file,text", ",", "recordings", "C:\\me\\recordings\\{}.wav"),
        ("file,text", ",", "recordings", "/home/me/{}"),
        ("", ",", "recordings", ".wav"),
    ],
)
def test_a_spreadsheet_saved_as_csv_is_read(
    tmp_path: Path, heading: str, separator: str, folder: str, ending: str
) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    lines = [heading] if heading else []
    for number, (text, samples) in enumerate(zip(TEXTS, CLIPS, strict=True)):
        (tmp_path / folder / f"{number}.wav").write_bytes(encoded(samples, "WAV"))
        name = ending.format(number) if "{" in ending else f"{number}{ending}"
        fields = [name, f'"{text}"']
        if heading.startswith("sentence"):
            fields = [fields[1], f"s{number}", fields[0]]
        if heading.startswith("№"):
            fields = [str(number), *fields, ""]
        lines.append(separator.join(fields))
    path = tmp_path / "texts.csv"
    encoding = "utf-16" if separator == "\t" else "utf-8-sig"  # as Excel writes them
    path.write_bytes("\r\n".join(lines).encode(encoding))
    corpus = check_corpus(CorpusRules(ALPHABET, FeatureConfig()), train=[str(path)])
    clips = corpus.train[0].clips
    assert [clip.transcript for clip in clips] == list(TEXTS)
    for clip, samples in zip(clips, CLIPS, strict=True):
        assert np.array_equal(read_pcm(clip.audio, 16000), samples)
    file = read_rows(path)
    write_csv(tmp_path / "copy.csv", file.columns, [row.fields for row in file.rows])
    assert [row.audio_name for row in read_rows(tmp_path / "copy.csv").rows] == [
        str(Path(folder, f"{number}.wav")) for number in range(len(TEXTS))
    ]


@pytest.mark.parametrize(
    "content",
    [
        "wav_filename,seconds\n0.wav,1.5\n",
        "wav_filename,speaker\n0.wav,anna\n",
        "a,b\nx,y\n",
        "sentence,n\n0.wav,1\n",
        "wav_filename,who,what\n0.wav,anna,yes\n",
        "wav_filename,note,n\n0.wav,,1\n1.wav,a bus,2\n",
    ],
)
def test_what_is_no_transcript_is_not_taken_for_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(CorpusError, match=r"no column .*transcript"):
        read_rows(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("name", "head"), [("texts.xlsx", b"PK\x03\x04"), ("texts.xls", b"\xd0\xcf\x11\xe0")]
)
def test_a_spreadsheet_in_its_own_format_is_told_apart(
    tmp_path: Path, name: str, head: bytes
) -> None:
    (tmp_path / name).write_bytes(head + b"\0" * 600)
    with pytest.raises(CorpusError, match=r"spreadsheet .* save it as CSV"):
        read_rows(tmp_path / name)


def test_a_table_with_a_header_is_read_by_it(tmp_path: Path) -> None:
    """Such as those of Coqui TTS, in which the last column is not the transcript."""
    path = tmp_path / "metadata.csv"
    path.write_text("audio_file|text|speaker_name\na.wav|hello there|anna\n")
    assert [row.transcript for row in read_rows(path).rows] == ["hello there"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.txt", "wav_filename\ttranscript\r\na.wav\thello\r\n"),  # "Unicode Text" of Excel
        ("list.jsonl", '{"audio_filepath": "a.wav", "text": "hello"}\r\n'),  # as PowerShell writes
    ],
)
def test_utf16_is_read_whatever_the_suffix(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-16", newline="")
    assert [row.transcript for row in read_rows(tmp_path / name).rows] == ["hello"]


def test_what_is_unpacked_is_unpacked_once_until_it_changes(tmp_path: Path, cache: Path) -> None:
    path = write_parquet(tmp_path)
    read_rows(path)
    (first,) = cache.iterdir()
    changed = first.stat().st_mtime_ns
    read_rows(path)
    assert [file.stat().st_mtime_ns for file in cache.iterdir()] == [changed]
    (data,) = (path / "data").iterdir()
    data.write_bytes(b"PAR1" + b"x" * 100)
    with pytest.raises(CorpusError, match="a damaged Parquet file"):
        read_rows(path)
    assert len(list(cache.iterdir())) == 1  # no partial files


def test_digests_tell_contents_apart(tmp_path: Path) -> None:
    path = write_sdb(tmp_path)
    first = CorpusFiles().digest(str(path))
    assert CorpusFiles().digest(str(path)) == first
    path.write_bytes(sdb_bytes([(encoded(CLIPS[0]), "other")]))
    assert CorpusFiles().digest(str(path)) != first


def test_a_pattern_is_one_set_and_clips_are_named_by_their_archive(tmp_path: Path) -> None:
    write_webdataset(tmp_path)
    for pattern in ("shard-*.tar", "shard-{000..001}.tar", "shard-00[01].tar", ""):
        rows = read_rows(tmp_path / pattern).rows
        assert [row.transcript for row in rows] == list(TEXTS)
        assert rows[2].source == f"{tmp_path / 'shard-001.tar'}:part/002.flac"
    with pytest.raises(CorpusError, match="no file matches"):
        read_rows(tmp_path / "none-*.tar")
    with pytest.raises(CorpusError, match=r"shard-002\.tar: no such file"):
        read_rows(tmp_path / "shard-{000..002}.tar")


def test_a_damaged_sample_of_an_sdb_is_a_bad_row(tmp_path: Path) -> None:
    content = bytearray(sdb_bytes([(encoded(clip), text) for clip, text in
                                   zip(CLIPS, TEXTS, strict=True)]))  # fmt: skip
    content[-8:] = b"\xff" * 8  # the offset of the last sample
    (tmp_path / "a.sdb").write_bytes(content)
    rows = read_rows(tmp_path / "a.sdb").rows
    assert [row.problem is None for row in rows] == [True, True, False]
    assert rows[2].source == f"{tmp_path / 'a.sdb'}:2"
    (tmp_path / "b.sdb").write_bytes(content[:-9])
    with pytest.raises(CorpusError, match=r"b\.sdb: a damaged SDB file: its index of 3 samples"):
        read_rows(tmp_path / "b.sdb")


def test_an_sdb_without_transcripts(tmp_path: Path) -> None:
    content = sdb_bytes([(encoded(CLIPS[0]), "a")]).replace(b'"transcript"', b'"other_text"')
    (tmp_path / "a.sdb").write_bytes(content)
    with pytest.raises(CorpusError, match=r"a\.sdb: an SDB file without transcripts"):
        read_rows(tmp_path / "a.sdb")


@pytest.mark.parametrize("name", ["/etc/passwd.wav", "../../a.wav", "a/../../b.wav", "..\\a.wav"])
def test_members_that_lead_out_of_a_tar_are_refused(tmp_path: Path, name: str) -> None:
    members = [*webdataset_members(), (name, encoded(CLIPS[0]))]
    (tmp_path / "a.tar").write_bytes(tar_bytes(members))
    with pytest.raises(CorpusError, match=r"a\.tar: 1 member with a name that leads out"):
        read_rows(tmp_path / "a.tar")


def linked_tar(path: Path, *, hard: bool) -> None:
    """Write an archive of a folder in which one recording is a link to an earlier one."""
    (_, sound), (_, text), *_ = webdataset_members()
    with tarfile.open(path, "w") as archive:
        for name, content in (("first/a.flac", sound), ("first/a.json", text), ("b.json", text)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("second/c.flac")
        info.type, info.linkname = (
            (tarfile.LNKTYPE, "first/a.flac") if hard else (tarfile.SYMTYPE, "../first/a.flac")
        )
        archive.addfile(info)
        info = tarfile.TarInfo("second/c.json")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))


@pytest.mark.parametrize("hard", [True, False])
def test_links_within_a_tar_are_what_they_lead_to(tmp_path: Path, hard: bool) -> None:
    linked_tar(tmp_path / "a.tar", hard=hard)
    file = read_rows(tmp_path / "a.tar")
    first, second = file.audio()
    assert file.rows[1].source == f"{tmp_path / 'a.tar'}:second/c.flac"
    assert np.array_equal(read_pcm(first, 16000), read_pcm(second, 16000))


@pytest.mark.parametrize("target", ["/etc/passwd", "gone.wav", "../../../etc/passwd"])
def test_links_out_of_a_tar_are_refused(tmp_path: Path, target: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("folder/a.wav")
        info.type, info.linkname = tarfile.SYMTYPE, target
        archive.addfile(info)
    with pytest.raises(CorpusError, match=r"links to what is not in .*'folder/a\.wav' .*--deref"):
        read_rows(tmp_path / "a.tar")


def test_a_transcript_that_no_clip_can_have_is_a_bad_row(tmp_path: Path) -> None:
    path = write_nemo(tmp_path)
    path.write_text('{"audio_filepath": "a.wav", "text": "' + "x" * 200_000 + '"}\n')
    (row,) = read_rows(path).rows
    assert row.problem == "its transcript has 200,000 characters; no clip holds so many"
    assert not row.transcript


def test_tars_without_transcripts_or_audio_or_end(tmp_path: Path) -> None:
    members = webdataset_members()
    (tmp_path / "sounds.tar").write_bytes(tar_bytes(members[::2]))
    with pytest.raises(CorpusError, match="without transcripts, of 3 recordings; clips are read"):
        read_rows(tmp_path / "sounds.tar")
    (tmp_path / "corpus.tar").write_bytes(tar_bytes([*members[::2], ("uk/train.tsv", b"path\n")]))
    with pytest.raises(CorpusError, match=r"unpack it, and name one of .* such as uk/train\.tsv"):
        read_rows(tmp_path / "corpus.tar")
    (tmp_path / "texts.tar").write_bytes(tar_bytes(members[1::2]))
    with pytest.raises(CorpusError, match="a tar archive without audio"):
        read_rows(tmp_path / "texts.tar")
    whole = tar_bytes(members)
    for bad in (whole[:30000], whole[: 512 * 20] + b"x" * 512 + whole[512 * 21 :]):
        (tmp_path / "cut.tar").write_bytes(bad)
        try:
            rows = read_rows(tmp_path / "cut.tar").rows
        except CorpusError as error:
            assert "cut.tar: a damaged tar archive" in str(error)  # noqa: PT017
        else:  # the damage is inside a recording
            assert len(rows) == 3
    (tmp_path / "one.tar").write_bytes(tar_bytes(members[:-1]))
    *_, last = read_rows(tmp_path / "one.tar").rows
    assert last.problem == "no text member has its name"


def test_each_recording_of_a_tar_has_its_own_text(tmp_path: Path) -> None:
    """Names may have dots, webdataset's too; macOS adds files with its own attributes."""
    sound, fork = webdataset_members()[0][1], b"\0\5\x16\7"
    path = tmp_path / "a.tar"
    path.write_bytes(
        tar_bytes([*{
            "talk.1.wav": sound, "talk.2.wav": sound, "talk.3.wav": sound,
            "talk.1.txt": b"one", "talk.2.txt": b"two",
            "web.wav": sound, "web.json": b'{"duration": 1}', "web.transcript.txt": b"three",
            "OLD.WAV": sound, "OLD.JSON": b'{"text": "four"}',
            "._talk.1.wav": fork, "._talk.1.txt": fork,
        }.items()])
    )  # fmt: skip
    assert [(row.transcript, row.problem) for row in read_rows(path).rows] == [
        ("one", None), ("two", None), ("", "no text member has its name"), ("three", None),
        ("four", None),
    ]  # fmt: skip


def test_a_tar_with_several_lists_is_not_guessed_at(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    one, two = (b"wav_filename,wav_filesize,transcript\na.wav,1,%s\n" % one for one in (b"1", b"2"))
    sound = ("a.wav", webdataset_members()[0][1])
    path.write_bytes(tar_bytes([sound, ("train.csv", one), ("dev.csv", two)]))
    with pytest.raises(CorpusError, match=r"several lists of clips: train.csv, dev.csv; unpack"):
        read_rows(path)
    path.write_bytes(tar_bytes([sound, ("dev.csv", two), ("samples.csv", one)]))
    assert [row.transcript for row in read_rows(path).rows] == ["1"]


def test_commands_are_named_and_never_run(tmp_path: Path) -> None:
    path = write_kaldi(tmp_path)
    (path / "wav.scp").write_text(f"rec touch {tmp_path}/ran |\n")
    rows = read_rows(path).rows
    assert all("is what a command prints, which is not run: touch" in str(row.problem)
               for row in rows)  # fmt: skip
    with pytest.raises(CorpusError, match=r"to make an alphabet from; .*which is not run: touch"):
        alphabet_from_corpus([path])
    cuts = write_lhotse(tmp_path / "lhotse")
    import gzip

    content = gzip.decompress(cuts.read_bytes()).replace(b'"file"', b'"command"')
    cuts.write_bytes(gzip.compress(content))
    assert "which is not run" in str(read_rows(cuts).rows[0].problem)
    assert not (tmp_path / "ran").exists()


def test_a_wav_scp_that_names_no_file(tmp_path: Path) -> None:
    path = write_kaldi(tmp_path)
    (path / "wav.scp").write_text("rec\n")
    (first, *_) = read_rows(path).rows
    assert first.problem == f"{path / 'wav.scp'} names no file for rec"


def test_folders_that_are_none_say_what_could_be_meant(tmp_path: Path) -> None:
    write_audio(tmp_path / "heard" / "deep")
    with pytest.raises(
        CorpusError, match=r"3 recordings and no transcripts .* a \.txt of the same"
    ):
        read_rows(tmp_path / "heard")
    table = tmp_path / "corpus" / "uk" / "train.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("path\tsentence\n")
    with pytest.raises(CorpusError, match=rf"name what is to be read in it: {table}"):
        read_rows(tmp_path / "corpus")


def test_bad_lines_of_manifests_are_bad_rows_and_bad_files_errors(tmp_path: Path) -> None:
    path = write_nemo(tmp_path)
    good = path.read_text()
    bad = [
        "no json",
        "[1]",
        '{"text": "a"}',
        '{"audio_filepath": "a.wav"}',
        '{"audio_filepath": "a.wav", "text": "a", "offset": 5, "duration": -1}',
        '{"audio_filepath": "a.wav", "text": "a", "offset": NaN, "duration": 1}',
        '{"audio_filepath": 3, "text": "a"}',
        "[" * 100_000,
    ]
    path.write_text(good + "\n".join(bad))
    rows = read_rows(path).rows
    assert [row.problem is None for row in rows] == [True] * 3 + [False] * len(bad)
    path.write_bytes(good.encode() + b'{"audio_filepath": "\xff"}')
    with pytest.raises(CorpusError, match=r"manifest\.json:4: not UTF-8"):
        read_rows(path)
    path.write_text(json.dumps({"sound": "a", "words": "b"}))
    with pytest.raises(CorpusError, match="no manifest that is known: the keys are sound, words"):
        read_rows(path)


def test_manifests_need_texts_only_where_transcripts_are_needed(tmp_path: Path) -> None:
    write_audio(tmp_path)
    path = tmp_path / "untold.jsonl"
    path.write_text('{"audio_filepath": "clip0.wav", "duration": 1.0}\n{"audio_filepath": 3}\n')
    labelled, bad = read_rows(path).rows
    assert labelled.problem is not None
    assert "normalized_text, raw_transcription is a text" in labelled.problem
    unlabelled, bad = read_rows(path, labelled=False).rows
    assert (unlabelled.transcript, unlabelled.problem) == ("", None)
    assert bad.problem is not None


def test_a_list_in_json_is_a_manifest_too(tmp_path: Path) -> None:
    write_audio(tmp_path)
    clips = [{"audio": f"clip{n}.wav", "sentence": text} for n, text in enumerate(TEXTS)]
    path = tmp_path / "data_manifest.json"
    path.write_text(json.dumps([*clips, 3], indent=2))
    *rows, bad = read_rows(path).rows
    assert [(row.transcript, row.problem) for row in rows] == [(text, None) for text in TEXTS]
    assert bad.problem == "no line of JSON (it is no object)"
    with pytest.raises(CorpusError, match=rf"name what is to be read in it: {path}"):
        read_rows(tmp_path)
    path.write_text(json.dumps(clips)[:-3])
    with pytest.raises(CorpusError, match="no list in JSON"):
        read_rows(path)
    path.write_text(json.dumps({"clip0.wav": "one"}, indent=2))
    with pytest.raises(CorpusError, match="write one a line, or a list of them"):
        read_rows(path)


def test_several_splits_are_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path)
    (data,) = (path / "data").iterdir()
    (path / "data" / "test-00000-of-00001.parquet").write_bytes(data.read_bytes())
    with pytest.raises(CorpusError, match=r"several splits; name one: .*/data/test-\*"):
        read_rows(path)
    assert len(read_rows(path / "data" / "train-*").rows) == 3


def test_arrow_columns_of_the_wrong_kind(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    for columns, why in (
        ({"audio": ["a.wav"]}, "no column of transcripts; it has audio"),
        ({"audio": ["a.wav"], "text": [3]}, "the column text is of type int64"),
        ({"audio": [3], "text": ["a"]}, "the column audio is of type int64"),
    ):
        path = tmp_path / "a.parquet"
        pyarrow.parquet.write_table(pa.table(columns), path)
        with pytest.raises(CorpusError, match=why):
            read_rows(path)


def test_arrow_columns_without_a_readable_name(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    path, table = tmp_path / "a.arrow", pa.table({"audio": ["a.wav"], "remark_": ["b"]})
    with path.open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(path.read_bytes().replace(b"remark_", b"remark\xff"))
    with pytest.raises(CorpusError, match=r"a\.arrow: a damaged Arrow file \('utf-8' codec"):
        read_rows(path)


def test_compressed_arrow_is_unpacked(tmp_path: Path, cache: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from collections_on_disk import hugging_face_table

    table = hugging_face_table()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    path = tmp_path / "a.arrow"
    with path.open("wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)
    for audio, samples in zip(read_rows(path).audio(), CLIPS, strict=True):
        assert np.array_equal(read_pcm(audio, 16000), samples)
        assert str(audio).startswith(f"{path}:")
    assert list(cache.iterdir())


def test_plain_arrow_is_read_where_it_lies(tmp_path: Path, cache: Path) -> None:
    assert len(read_rows(write_arrow(tmp_path)).rows) == 3
    assert not list(cache.iterdir())


def test_a_recording_without_a_text_is_a_bad_row(tmp_path: Path) -> None:
    first, *rest = write_audio(tmp_path)
    for path in rest:
        path.with_suffix(".txt").write_text("word")
    rows = read_rows(tmp_path).rows
    assert [row.problem for row in rows] == [f"no {first.stem}.txt is beside it", None, None]


def test_members_and_pieces_named_in_a_csv_must_exist(tmp_path: Path) -> None:
    write_sdb(tmp_path)
    write_audio(tmp_path)
    (tmp_path / "a.csv").write_text(
        "wav_filename,transcript,start_seconds,end_seconds\n"
        "set.sdb:1,a,,\nset.sdb:7,a,,\nclip0.wav,a,0.5,0.2\nclip0.wav,a,x,\nset.sdb:0,a,0.25,0.5\n"
    )
    file = read_rows(tmp_path / "a.csv")
    assert [row.problem is None for row in file.rows] == [True, False, False, False, True]
    assert "holds no '7'" in str(file.rows[1].problem)
    assert "has no length" in str(file.rows[2].problem)
    assert np.array_equal(read_pcm(file.audio()[4], 16000), CLIPS[0][4000:8000])


@pytest.mark.parametrize("name", ["best.safetensors", "model", "clip.wav", ""])
def test_what_is_no_text_is_no_collection_whatever_words_are_in_it(
    tmp_path: Path, name: str
) -> None:
    content = b'\x90\x12\0\0\0\0\0\0{"normalize_transcripts":"false","transcript"'
    if name:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match="read are CSV files with the columns"):
        read_rows(str(tmp_path / name) if name else "")


@pytest.mark.skipif(shutil.which("convmv") is None, reason="there is no convmv here")
def test_names_that_are_no_utf8_are_renamed_as_the_documentation_says(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    (folder / "inner").mkdir(parents=True)
    for name in (b"caf\xe9.wav", b"inner/na\xefve.wav", "früh.wav".encode()):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()
    page = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text(encoding="utf-8")
    command = re.search(r"`(convmv [^`]* --notest recordings)`", page)
    assert command
    subprocess.run(command[1].split(), cwd=tmp_path, check=True, capture_output=True)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav"))
    assert names == ["café.wav", "früh.wav", "inner/naïve.wav"]


def test_names_and_texts_that_are_no_utf8_are_bad_rows(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("good", "lat\udce9in"):
        (folder / f"{name}.wav").write_bytes(encoded(CLIPS[0], "WAV"))
        (folder / f"{name}.txt").write_text(TEXTS[0])
    manifest = tmp_path / "manifest.json"
    clips = [("folder/good.wav", TEXTS[0]), ("folder/lat\udce9in.wav", TEXTS[0]),
             ("folder/good.wav", "\ud800")]  # fmt: skip
    manifest.write_text(
        "".join(json.dumps({"audio_filepath": one, "text": text}) + "\n" for one, text in clips)
    )
    for path, unlabelled in ((folder, False), (manifest, False), (folder, True)):
        sets = {"unlabelled" if unlabelled else "train": [str(path)]}
        with pytest.raises(CorpusError, match="name of its recording is not UTF-8") as caught:
            check_corpus(CorpusRules(ALPHABET, FeatureConfig()), **{"train": [], **sets})
        assert ("its transcript cannot be written in UTF-8" in str(caught.value)) == (
            path == manifest
        )
        files = CorpusFiles()
        files.digest(str(path), labelled=not unlabelled)
        names = [row.audio_name for row in files.rows(str(path), labelled=not unlabelled).rows]
        assert any(name.endswith(r"lat\udce9in.wav") for name in names)
        skipped = tmp_path / "skipped.csv"
        corpus = check_corpus(
            CorpusRules(ALPHABET, FeatureConfig()),
            on_bad_row="skip",
            skipped_rows_path=skipped,
            **{"train": [], **sets},
        )
        assert len((corpus.unlabelled if unlabelled else corpus.train)[0].clips) == 1
        skipped.read_text(encoding="utf-8")
