"""Training sets mixed by share."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.batches.mixture import Mixture
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.cli.config import TrainConfig
from coqui_stt_training.cli.flags import parse
from coqui_stt_training.corpus import Clip, ClipSet, CorpusFiles, split_shares
from coqui_stt_training.corpus.duration import Amount, estimate_amount
from coqui_stt_training.errors import CorpusError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.runs.own_command import transfer_command
from coqui_stt_training.runs.session import expand_data
from stt.audio.reference import AudioReference


def _set(path: str, count: int) -> ClipSet:
    return ClipSet(
        path,
        tuple(
            Clip(AudioReference(Path(f"{path}{number}")), "a", f"{path}:{number}", None, 1.0)
            for number in range(count)
        ),
    )


def test_a_share_is_that_part_of_each_epoch() -> None:
    new, old = _set("new.csv", 70), _set("old.sdb", 100)
    mixture = Mixture((new, old), {"old.sdb": 0.3}, seed=1)
    epochs = [mixture.clips(epoch) for epoch in range(10)]
    for clips in epochs:
        assert clips[:70] == list(new.clips)
        assert len(clips) == 100
        assert set(clips[70:]) <= set(old.clips)
    assert set().union(*(clips[70:] for clips in epochs[:4])) == set(old.clips)
    assert all(len(set(clips[70:])) == 30 for clips in epochs[:3])
    assert epochs[0][70:] != epochs[1][70:]
    assert mixture.clips(7) == epochs[7]  # independent of earlier epochs, so runs can resume
    assert Mixture((new, old), {"old.sdb": 0.3}, seed=2).clips(0) != epochs[0]


def test_a_small_set_comes_more_than_once_and_shares_alone_are_relative() -> None:
    new, old = _set("new.csv", 90), _set("old.sdb", 2)
    drawn = Mixture((new, old), {"old.sdb": 0.1}, seed=1).clips(3)[90:]
    assert len(drawn) == 10
    assert {drawn.count(clip) for clip in old.clips} == {5}
    both = Mixture((new, _set("b", 10)), {"new.csv": 0.2, "b": 0.2}, seed=1).clips(0)
    assert len(both) == 100
    assert sum(clip.source.startswith("b:") for clip in both) == 50


def test_how_much_there_is_to_train_on_is_what_an_epoch_has(tmp_path: Path) -> None:
    for name, count, seconds in (("new", 6, 1), ("spoken", 30, 3)):
        rows = ["wav_filename,wav_filesize,transcript"]
        for number in range(count):
            with wave.open(str(tmp_path / f"{name}{number}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(bytes(2 * 8000 * seconds))
            rows.append(f"{name}{number}.wav,1,a")
        (tmp_path / f"{name}.csv").write_text("\n".join(rows) + "\n")
    new, spoken = str(tmp_path / "new.csv"), str(tmp_path / "spoken.csv")
    assert estimate_amount([new, spoken], CorpusFiles()) == Amount(36, 96.0)
    mixed = estimate_amount([new, spoken], CorpusFiles(shares={spoken: 0.4}))
    assert (mixed.clips, mixed.seconds, mixed.is_exact) == (10, 6 * 1 + 4 * 3, False)
    limited = estimate_amount([new, spoken], CorpusFiles(shares={spoken: 0.4}), limit=5)
    assert (limited.clips, limited.seconds) == (5, 9)


def test_shares_are_read_from_the_names_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.sdb", "odd:0.5"):
        Path(name).touch()
    assert split_shares(["a.csv", "b.sdb:0.3", "odd:0.5"]) == (
        ["a.csv", "b.sdb", "odd:0.5"], {"b.sdb": 0.3},
    )  # fmt: skip
    assert split_shares(["none.csv:0.3"]) == (["none.csv:0.3"], {})
    for wrong in ("b.sdb:0", "b.sdb:30", "b.sdb:-0.5"):
        with pytest.raises(CorpusError, match="is not a share of an epoch's clips"):
            split_shares(["a.csv", wrong])
    with pytest.raises(CorpusError, match=r"leaves no clips of an epoch for a\.csv"):
        split_shares(["a.csv", "b.sdb:1"])


def test_suggested_commands_keep_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("new.csv", "old.sdb", "untold.tar"):
        Path(name).touch()
    words = (
        "--train_files new.csv old.sdb:0.3 --checkpoint_dir run --unlabelled_files untold.tar:0.5"
    )
    parsed = parse(TrainConfig, words.split(), program="train", description="")
    config, files = expand_data(parsed.config)
    assert config.data.train_files == ("new.csv", "old.sdb")
    alphabet = Alphabet.from_labels("ab")
    source = SourceModel("coqui-stt", Path("source"), Geometry(1, 3), {}, alphabet)
    suggested = transfer_command(config, parsed.given, files, source, alphabet)
    assert "--train_files new.csv old.sdb:0.3 " in suggested
    assert "untold.tar:0.5" in suggested
