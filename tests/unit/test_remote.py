"""Collections at URLs: copied once, copied again after a change, and never used incomplete."""

from __future__ import annotations

import importlib.util
import random
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import CorpusRules, check_corpus, read_rows, split_shares
from coqui_stt_training.corpus.remote import Mirror, url_of
from coqui_stt_training.corpus.stores import Stores
from coqui_stt_training.corpus.writing.collection import convert_collections
from coqui_stt_training.corpus.writing.options import Options
from coqui_stt_training.errors import CorpusError
from stt.audio.file import read_audio
from stt.frontends.mfcc_config import FeatureConfig

fsspec = pytest.importorskip("fsspec")

ALPHABET = Alphabet.from_labels(list(" abcdefghijklmnopqrstuvwxyz"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STT_DATA_CACHE", str(tmp_path / "cache"))
    yield
    memory = fsspec.filesystem("memory")
    memory.rm("/", recursive=True) if memory.ls("/") else None


def write_corpus(folder: Path) -> Path:
    folder.mkdir()
    lines = ["wav_filename,wav_filesize,transcript"]
    for number in range(4):
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(random.Random(number).randbytes(32000))
        lines.append(f"{number}.wav,32044,clip {'abcd'[number]}")
    path = folder / "train.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def upload(folder: Path, to: str) -> None:
    memory = fsspec.filesystem("memory")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            memory.pipe(f"/{to}/{path.relative_to(folder)}", path.read_bytes())


def heard(name: str) -> dict[str, bytes]:
    file = read_rows(name)
    return {
        row.transcript: read_audio(audio, 16000).tobytes()
        for row, audio in zip(file.rows, file.audio(), strict=True)
    }


def test_a_list_names_recordings_beside_it(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    upload(path.parent, "bucket/set")
    assert heard("memory://bucket/set/train.csv") == heard(str(path))
    row = read_rows("memory://bucket/set/train.csv").rows[2]
    assert row.source == "memory://bucket/set/train.csv:4"
    assert str(row.audio) == "memory://bucket/set/2.wav"


@pytest.mark.parametrize("suffix", [".sdb", ".tar", ".tar.gz", ".json"])
def test_every_kind_is_read(tmp_path: Path, suffix: str) -> None:
    path = write_corpus(tmp_path / "set")
    target = tmp_path / "made" / f"all{suffix}"
    target.parent.mkdir()
    encoding = "opus packets" if suffix == ".sdb" else "wav"
    convert_collections([str(path)], target, Options(encoding))  # type: ignore[arg-type]
    upload(target.parent, "bucket")
    assert heard(f"memory://bucket/all{suffix}") == heard(str(target))


def test_folders_and_patterns(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    for number in range(4):
        (path.parent / f"{number}.txt").write_text(f"clip {'abcd'[number]}")
    path.rename(tmp_path / "train.csv")
    upload(path.parent, "bucket/texts")
    assert len(read_rows("memory://bucket/texts").rows) == 4
    for shard in range(3):
        convert_collections([str(path.parent)], tmp_path / f"part-{shard:03d}.tar", Options("wav"))
        upload(tmp_path, "shards") if shard == 2 else None
    assert len(read_rows("memory://shards/part-{000..002}.tar").rows) == 12
    assert len(read_rows("memory://shards/part-*.tar").rows) == 12
    with pytest.raises(CorpusError, match=r"memory://shards/none-\*\.tar: no file matches"):
        read_rows("memory://shards/none-*.tar")


def test_changes_are_noticed(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    upload(path.parent, "bucket")
    before = heard("memory://bucket/train.csv")
    path.write_text(path.read_text().replace("clip a", "clip z"))
    (path.parent / "0.wav").write_bytes((path.parent / "1.wav").read_bytes())
    upload(path.parent, "bucket")
    after = heard("memory://bucket/train.csv")
    assert after != before
    assert after == heard(str(path))


def test_bad_rows_are_named_by_url(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    (path.parent / "2.wav").unlink()
    path.write_text(path.read_text().replace("clip b", "clip é"))
    upload(path.parent, "bucket")
    with pytest.raises(CorpusError) as caught:
        check_corpus(
            CorpusRules(ALPHABET, FeatureConfig()),
            train=["memory://bucket/train.csv"],
        )
    said = str(caught.value)
    assert "memory://bucket/train.csv:4: memory://bucket/2.wav: no such file" in said
    assert "first in memory://bucket/train.csv:3" in said
    assert str(tmp_path) not in said


def test_names_that_are_none() -> None:
    for url, reason in (
        ("memory://bucket/none.csv", "no such file or folder"),
        ("memory://../../etc/passwd", "names no file"),
        ("nothing://bucket/set.csv", "Protocol not known: nothing"),
        ("s3://bucket/set.csv", "pip install s3fs"),
    ):
        if url.startswith("s3:") and importlib.util.find_spec("s3fs"):
            continue
        with pytest.raises(CorpusError, match=reason) as caught:
            read_rows(url)
        assert url in str(caught.value)
    assert split_shares(["s3://bucket/old.tar:0.3", "new.csv"]) == (
        ["s3://bucket/old.tar", "new.csv"],
        {"s3://bucket/old.tar": 0.3},
    )


class FlakyServer(ThreadingHTTPServer):
    """A server of a folder; `fail(path, count)` decides whether a download breaks off half-way."""

    def __init__(self, folder: Path, fail: Callable[[str, int], bool]) -> None:
        self.asked: dict[str, int] = {}
        counts, lock = self.asked, threading.Lock()

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *args: Any) -> None:
                super().__init__(*args, directory=str(folder))

            def copyfile(self, source: Any, outputfile: Any) -> None:
                with lock:
                    counts[self.path] = counts.get(self.path, 0) + 1
                content = source.read()
                if fail(self.path, counts[self.path]):
                    outputfile.write(content[: len(content) // 2])
                    self.close_connection = True
                    self.connection.close()
                else:
                    outputfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[FlakyServer, str]]]:
    servers = []

    def start(folder: Path, fail: Callable[[str, int], bool]) -> tuple[FlakyServer, str]:
        pytest.importorskip("aiohttp")
        server = FlakyServer(folder, fail)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server, f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_what_ends_half_way_is_read_again(
    tmp_path: Path, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_corpus(tmp_path / "set")
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    server, home = serve(path.parent, lambda name, count: count < 3)
    mirror = Mirror(pause=pauses.append)
    copy, changed = mirror.fetch(f"{home}/1.wav")
    assert changed
    assert copy.read_bytes() == (path.parent / "1.wav").read_bytes()
    assert pauses[:2] == [0.5, 1.0]
    assert mirror.fetch(f"{home}/1.wav") == (copy, False)
    assert server.asked["/1.wav"] == 3


def test_what_always_ends_half_way_leaves_nothing(tmp_path: Path, serve: Any) -> None:
    path = write_corpus(tmp_path / "set")
    _, home = serve(path.parent, lambda name, count: name == "/2.wav")
    mirror = Mirror(pause=lambda seconds: None)
    mirror.fetch(f"{home}/train.csv")
    with pytest.raises(
        CorpusError, match=rf"{home}/2\.wav: cannot be read after 5 attempts: .*again"
    ):
        mirror.fetch_all([mirror.path(f"{home}/{number}.wav") for number in range(4)], anew=False)
    left = sorted(file.name for file in mirror.path(home).rglob("*"))
    assert "2.wav" not in left
    assert not any("partial" in name for name in left)


def test_lists_here_name_recordings_elsewhere(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    upload(path.parent, "bucket")
    here = tmp_path / "here.csv"
    lines = path.read_text().replace("\n", "\nmemory://bucket/").splitlines()
    here.write_text("\n".join(lines[:-1]) + "\n,5,no name\n")
    lists = tmp_path / "here.jsonl"
    lists.write_text(
        '{"audio_filepath": "memory://bucket/1.wav", "text": "clip b"}\n'
        '{"audio_filepath": "memory://bucket/9.wav", "text": "clip j"}\n'
    )
    rows = read_rows(here)
    assert [str(row.audio) for row in rows.rows[:4]] == [
        f"memory://bucket/{number}.wav" for number in range(4)
    ]
    assert rows.rows[4].problem == "wav_filename is empty"
    assert read_audio(rows.audio()[2], 16000).tobytes() == heard(str(path))["clip c"]
    file = read_rows(lists)
    assert [audio.path.exists() for audio in file.audio()] == [True, False]
    with pytest.raises(CorpusError, match=r"here\.jsonl:2: memory://bucket/9\.wav: no such file"):
        check_corpus(CorpusRules(ALPHABET, FeatureConfig()), train=[str(lists)])


def test_chains_and_files_are_no_urls() -> None:
    for url in ("zip://a.csv::memory://x.zip", "memory://a::b"):
        with pytest.raises(CorpusError, match="names no file"):
            read_rows(url)
    with pytest.raises(CorpusError, match="no such file"):
        read_rows("file:///etc/none.csv")


def test_a_store_that_does_not_answer_is_no_missing_file(tmp_path: Path, serve: Any) -> None:
    path = write_corpus(tmp_path / "set")
    server, home = serve(path.parent, lambda name, count: False)
    mirror = Mirror(pause=lambda seconds: None)
    with pytest.raises(CorpusError, match=r"none\.csv: no such file or folder"):
        mirror.fetch(f"{home}/none.csv")
    server.shutdown()
    server.server_close()
    with pytest.raises(CorpusError, match=r"cannot be read after 5 attempts: Cannot connect"):
        mirror.fetch(f"{home}/train.csv")


@pytest.mark.parametrize("query", ["", "?token=a/b..c&x=1", "?signature=" + "0123456789" * 60])
def test_queries_belong_to_the_name(tmp_path: Path, serve: Any, query: str) -> None:
    path = write_corpus(tmp_path / "set")
    server, home = serve(path.parent, lambda name, count: False)
    url = f"{home}/1.wav{query}"
    assert url_of(Mirror().path(url)) == url
    here = tmp_path / "here.csv"
    here.write_text(f'wav_filename,transcript\n"{url}",clip b\n')
    (row,) = read_rows(here).rows
    assert str(row.audio) == url
    assert read_rows(here).audio()[0].path.read_bytes() == (path.parent / "1.wav").read_bytes()
    assert len(read_rows(f"{home}/train.csv{query}").rows) == 4
    assert server.asked[f"/1.wav{query}"] >= 1


def test_what_a_folder_no_longer_holds_is_forgotten(tmp_path: Path) -> None:
    path = write_corpus(tmp_path / "set")
    for number in range(4):
        (path.parent / f"{number}.txt").write_text(f"clip {'abcd'[number]}")
    path.unlink()
    upload(path.parent, "bucket/texts")
    assert len(read_rows("memory://bucket/texts").rows) == 4
    fsspec.filesystem("memory").rm(["/bucket/texts/2.wav", "/bucket/texts/2.txt"])
    assert len(read_rows("memory://bucket/texts").rows) == 3


def test_files_are_listed_and_written_in_full(tmp_path: Path) -> None:
    class Shared(fsspec.get_filesystem_class("file")):  # type: ignore[misc]
        protocol = "shared"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(super()._strip_protocol(path.removeprefix("shared://")))

    fsspec.register_implementation("shared", Shared, clobber=True)
    stores = Stores(pause=lambda seconds: None)
    url = f"shared://{tmp_path}/logs"
    with pytest.raises(FileNotFoundError):
        stores.files(url)
    for text in (b"one", b"another"):
        stores.write(f"{url}/deep/a.tlog", text)
    assert (tmp_path / "logs/deep/a.tlog").read_bytes() == b"another"
    assert stores.files(url) == ["deep/a.tlog"], "nothing but the file is left"
    assert stores.files(url, recursive=False) == []
    assert stores.files(f"{url}/deep/a.tlog") is None
    stores.copy(f"{url}/deep/a.tlog", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"another"
    with pytest.raises(CorpusError, match=r"none\.tlog: no such file"):
        stores.copy(f"{url}/none.tlog", tmp_path / "copy")
    memory = fsspec.filesystem("memory")
    memory.store["/bucket/logs/../../etc/x.wav"] = memory.open("/bucket/logs/a.wav", "wb")
    memory.pipe("/bucket/logs/a.wav", b"")
    assert stores.files("memory://bucket/logs") == ["a.wav"], "a name that leads elsewhere is none"
