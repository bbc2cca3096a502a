"""Names given by users that are not regular files: pipes, devices, folders, invalid names."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import stt
from coqui_stt_ctcdecoder import Alphabet, DecodeError, Scorer, StreamingDecoder, UserError
from coqui_stt_ctcdecoder.regular_file import read_regular
from coqui_stt_training import train
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.cli.command import run, start_logging
from coqui_stt_training.corpus.csv_file import parse_csv
from coqui_stt_training.exporting.package import staging_folder
from coqui_stt_training.lm.generate_scorer_package import read_vocabulary
from coqui_stt_training.transcribing.tasks import find_tasks
from stt import client
from stt.audio.source import read_pcm
from stt.terminal import shown_on
from stt_models import noise, write_random_model

LETTERS = Alphabet.from_labels(" abc")

READERS: dict[str, Callable[[str], object]] = {
    "alphabet": Alphabet,
    "audio": lambda path: read_pcm(path, 16000),
    "checkpoint": load_source,
    "config": lambda path: train.main(["--config", path]),
    "csv": parse_csv,
    "model": stt.Model,
    "scorer": lambda path: Scorer(None, None, path, LETTERS),
    "vocabulary": lambda path: read_vocabulary(Path(path)),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "folder", "missing", "no\udce4me"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    started = time.perf_counter()
    with pytest.raises(UserError) as caught:
        READERS[kind](str(tmp_path / name))
    assert time.perf_counter() - started < 60  # with the time to import PyTorch
    message, called = str(caught.value), Path(name).name
    assert called in message or repr(called)[1:-1] in message


@pytest.mark.skipif(not Path("/proc/kmsg").exists(), reason="no /proc")
def test_files_that_say_they_are_empty(tmp_path: Path) -> None:
    assert read_regular("/proc/self/status")
    large = tmp_path / "large"
    large.touch()
    os.truncate(large, 1 << 40)
    with pytest.raises(OSError, match="larger than the limit of 64 MB"):
        read_regular(large, 1 << 26)
    with pytest.raises(UserError, match="larger than the limit of 64 MB"):
        Alphabet(large)


def test_catalogs_that_are_pipes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "some.catalog")
    with pytest.raises(UserError, match="not a regular file but a pipe"):
        find_tasks(str(tmp_path / "some.catalog"))


def test_an_alphabet_of_many_long_labels_is_quick() -> None:
    labels = [" ", *(chr(0x4E00 + i % 20_000) + "ab"[i // 20_000] for i in range(40_000))]
    started = time.perf_counter()
    alphabet = Alphabet.from_labels(labels)
    text = " ".join(labels[1:300]) * 30
    assert alphabet.decode(alphabet.encode(text)) == text
    assert time.perf_counter() - started < 2


def test_what_feed_refuses_leaves_the_search_where_it_was() -> None:
    decoder = StreamingDecoder(LETTERS, 10)
    good = np.full((3, 5), 0.2)
    decoder.feed(good)
    for spoilt in (np.nan, 2.0, -1.0):
        rows = good.copy()
        rows[2, 1] = spoilt
        with pytest.raises(DecodeError, match="frame 5 of the posteriors"):
            decoder.feed(rows)
        assert decoder.frames == 3
    decoder.feed(good)
    whole = StreamingDecoder(LETTERS, 10)
    whole.feed(np.concatenate([good, good]))
    assert decoder.decode(3) == whole.decode(3)


def catalog_of(folder: Path, *entries: tuple[str, str]) -> str:
    path = folder / "some.catalog"
    path.write_text(json.dumps([{"audio": audio, "tlog": tlog} for audio, tlog in entries]))
    return str(path)


def test_each_entry_of_a_catalog_has_its_log(tmp_path: Path) -> None:
    flags = catalog_of(tmp_path, ("a.wav", "1.tlog"), ("a.wav", "2.tlog"), ("a.wav", "3.tlog"))
    assert [task.dst.name for task in find_tasks(flags)] == ["1.tlog", "2.tlog", "3.tlog"]
    with pytest.raises(UserError, match=r"2 recordings have the same log .*1\.tlog"):
        find_tasks(catalog_of(tmp_path, ("a.wav", "1.tlog"), ("b.wav", "./1.tlog")))


@pytest.mark.parametrize("log", ["../out.tlog", "/tmp/out.tlog", "link/out.tlog"])
def test_logs_of_a_catalog_stay_in_its_folder(tmp_path: Path, log: str) -> None:
    (tmp_path / "link").symlink_to("/")
    with pytest.raises(UserError, match="outside the catalog's folder"):
        find_tasks(catalog_of(tmp_path, ("a.wav", log)))


def test_what_a_killed_export_left_goes_with_the_next(tmp_path: Path) -> None:
    killed = tmp_path / ".export-killed"
    killed.mkdir()
    (killed / "output_graph.tflite").write_bytes(b"half")
    with staging_folder(tmp_path) as running:
        assert not killed.exists()
        with staging_folder(tmp_path) as other:
            assert running.is_dir()
            assert other != running
    assert list(tmp_path.iterdir()) == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_escape_sequences_reach_files_and_not_terminals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jsaid\r\x9b1A\ttab\nline"
    assert shown_on(io.StringIO(), text) == text
    shown = shown_on(Terminal(), text)
    assert shown == r"\x1b]52;c;ZXZpbA==\x07\x1b[2Jsaid\r\x9b1A" + "\ttab\nline"
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    (tmp_path / "\x1b[2J.csv").touch()
    assert run(lambda _: parse_csv(tmp_path / "\x1b[2J.csv") and 0, []) == 2
    start_logging(1, ["\x1b[31mred"])
    assert "\x1b" not in terminal.getvalue()
    assert r"\x1b[2J.csv" in terminal.getvalue()
    assert r"\x1b[31mred" in terminal.getvalue()
    start_logging(1)


def test_transcripts_with_escape_sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_random_model(tmp_path, labels=" \x1b\x9b\x07\x08\x7f\x90")
    audio = tmp_path / "a.wav"
    soundfile.write(audio, noise(2), 16000)
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        monkeypatch.setattr("sys.stdout", stream)
        assert client.main(["--model", str(model), "--audio", str(audio)]) == 0
    assert set(pipe.getvalue()) & set("\x1b\x9b\x07\x08\x7f\x90")
    assert not set(terminal.getvalue()) & set("\x1b\x9b\x07\x08\x7f\x90")


def test_what_is_wrong_in_a_config_file_names_it(tmp_path: Path) -> None:
    config = tmp_path / "flags.yaml"
    config.write_text("n_hidden: wide\nepochs: 0.5\nlearning_rate: 0.1\n")
    with pytest.raises(UserError) as caught:
        train.main(["--config", str(config), "--learning_rate", "x"])
    message = str(caught.value)
    assert f"{config}: --n_hidden wide: must be a whole number" in message
    assert f"{config}: --epochs 0.5: must be a whole number" in message
    assert "; --learning_rate x: must be a number" in message
