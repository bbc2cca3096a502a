"""Importers of public corpora, each on a few clips in the layout of the corpus."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import CorpusRules, alphabet_from_corpus, check_corpus
from coqui_stt_training.errors import CorpusError, FlagError
from coqui_stt_training.import_corpus import main as import_corpus
from coqui_stt_training.importing.command import titles
from coqui_stt_training.importing.labels import LabelFilter, language_alphabet
from coqui_stt_training.importing.layouts import LAYOUTS
from stt.frontends.mfcc_config import FeatureConfig

RATE_HZ = 16000


def sound(path: Path, seconds: float = 1.5, **more: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(str(path))).normal(0, 0.1, int(seconds * RATE_HZ))
    soundfile.write(path, noise, RATE_HZ, **more)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def ldc93s1(folder: Path) -> None:
    sound(folder / "LDC93S1.wav", 2.9)
    text(folder / "LDC93S1.txt", "0 46797 She had your dark suit in greasy wash water all year.")


def librispeech(folder: Path) -> None:
    for split in ("train-clean-100", "dev-clean"):
        chapter = folder / "LibriSpeech" / split / "19" / "198"
        sound(chapter / "19-198-0000.flac")
        sound(chapter / "19-198-0001.flac")
        text(chapter / "19-198.trans.txt", "19-198-0000 NORTHANGER ABBEY", "19-198-0001 IT'S LATE")


def common_voice(folder: Path) -> None:
    home = folder / "cy"
    header = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tlocale"
    for split, names in (("train", "ab"), ("dev", "c"), ("test", "d"), ("validated", "abcde")):
        rows = [f"speaker-{one}\tcv_{one}.mp3\t1\tBore da, {one}!\t\t2\tcy" for one in names]
        text(home / f"{split}.tsv", header, *rows)
    for one in "abcde":
        sound(home / "clips" / f"cv_{one}.mp3")


def mls(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        text(folder / "mls_polish" / split / "transcripts.txt", "6892_10049_000000\tżółta łódź")
        place = folder / "mls_polish" / split / "audio" / "6892" / "10049"
        sound(place / "6892_10049_000000.flac")


def fleurs(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        row = "903\t1.wav\tDer Fluss fließt schnell.\tder fluss\td e r\t24000\tMALE"
        text(folder / "de_de" / f"{split}.tsv", row)
        sound(folder / "de_de" / "audio" / split / "1.wav")


def voxpopuli(folder: Path) -> None:
    name = "20180613-0900-PLENARY-15-nl_20180613-20:44:03_7"
    for split in ("train", "dev", "test"):
        text(
            folder / "nl" / f"asr_{split}.tsv",
            "id\traw_text\tnormalized_text\tspeaker_id\tsplit\tgender\tis_gold_transcript\taccent",
            f"{name}\tDank u wel.\tdank u wel.\t96775\t{split}\tmale\tTrue\tNone",
        )
    sound(folder / "nl" / "2018" / f"{name}.ogg")


def tedlium(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        home = folder / "TEDLIUM_release-3" / "legacy" / split
        sound(home / "sph" / "Talk_2010.sph", 6, format="NIST", subtype="PCM_16")
        text(
            home / "stm" / "Talk_2010.stm",
            ";; comment",
            "Talk_2010 1 Speaker 0.50 2.25 <o,f0,male> it 's a dream(2) come true",
            "Talk_2010 1 inter_segment_gap 2.25 3.00 <o,,> ignore_time_segment_in_scoring",
            "Talk_2010 1 Speaker 3.00 5.00 <o,f0,male> and <unk> said",
        )


def aishell(folder: Path) -> None:
    home = folder / "data_aishell"
    lines = []
    for number, split in enumerate(("train", "dev", "test")):
        name = f"BAC009S000{number}W0122"
        sound(home / "wav" / split / f"S000{number}" / f"{name}.wav")
        lines.append(f"{name} 而 对 楼市 成交")
    text(home / "transcript" / "aishell_transcript_v0.8.txt", *lines)


def vctk(folder: Path) -> None:
    home = folder / "VCTK-Corpus-0.92"
    for speaker in range(20):
        name = f"p{300 + speaker}"
        text(home / "txt" / name / f"{name}_001.txt", f"Please call {'Stella' * (speaker % 2)}.")
        place = home / "wav48_silence_trimmed" / name
        sound(place / f"{name}_001_mic1.flac")
        sound(place / f"{name}_001_mic2.flac")


def m_ailabs(folder: Path) -> None:
    for reader in ("ramona", "karlsson"):
        book = folder / "de_DE" / "by_book" / "female" / f"{reader}_deininger" / "tom_sawyer"
        lines = []
        for number in range(6):
            sound(book / "wavs" / f"tom_{number}.wav")
            lines.append(f"tom_{number}|Kapitel {number}.|Kapitel {'abcdef'[number]}.")
        text(book / "metadata.csv", *lines)


def tuda(folder: Path) -> None:
    for split in ("train", "dev", "test"):
        home = folder / "german-speechdata-package-v2" / split
        text(
            home / "2014-03-17-13-03-33.xml",
            '<?xml version="1.0" encoding="utf-8"?><recording>',
            "<speaker_id>0b6c</speaker_id><sentence>Öl &amp; Gas 1.</sentence>",
            "<cleaned_sentence>Öl und Gas</cleaned_sentence></recording>",
        )
        sound(home / "2014-03-17-13-03-33_Kinect-Beam.wav")
        sound(home / "2014-03-17-13-03-33_Yamaha.wav")


def ljspeech(folder: Path) -> None:
    home = folder / "LJSpeech-1.1"
    lines = []
    for number in range(12):
        sound(home / "wavs" / f"LJ001-{number:04d}.wav")
        lines.append(f"LJ001-{number:04d}|No. {number}|Number {'abcdefghijkl'[number]}")
    text(home / "metadata.csv", *lines)


def in_each(*said: str) -> dict[str, list[str]]:
    return {split: list(said) for split in ("train", "dev", "test")}


CORPORA: dict[str, tuple[Callable[[Path], None], str, dict[str, list[str]]]] = {
    "ldc93s1": (ldc93s1, "", {
        "ldc93s1": ["she had your dark suit in greasy wash water all year"]}),
    "librivox": (librispeech, "", {
        "train-clean-100": ["northanger abbey", "it's late"],
        "dev-clean": ["northanger abbey", "it's late"]}),
    "cv2": (common_voice, "cy", {
        "train": ["bore da a", "bore da b"], "dev": ["bore da c"], "test": ["bore da d"]}),
    "mls": (mls, "mls_polish", in_each("żółta łódź")),
    "fleurs": (fleurs, "de_de", in_each("der fluss fließt schnell")),
    "voxpopuli": (voxpopuli, "nl", in_each("dank u wel")),
    "ted": (tedlium, "TEDLIUM_release-3", in_each("it's a dream come true")),
    "aishell": (aishell, "", in_each("而对楼市成交")),
    "vctk": (vctk, "", {}),
    "m_ailabs": (m_ailabs, "de_DE", {}),
    "tuda": (tuda, "", in_each("öl und gas", "öl und gas")),
    "ljspeech": (ljspeech, "", {}),
}  # fmt: skip


def written(folder: Path) -> dict[str, list[dict[str, str]]]:
    found = {}
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


def test_every_layout_has_an_importer_and_a_test() -> None:
    assert list(CORPORA) == list(LAYOUTS) == list(titles())
    for name in LAYOUTS:
        assert importlib.import_module(f"coqui_stt_training.importers.import_{name}").main


@pytest.mark.parametrize("name", CORPORA)
@pytest.mark.parametrize("audio", ["as-is", "wav"])
def test_corpora_are_ready_to_train_on(tmp_path: Path, name: str, audio: str) -> None:
    make, folder, expected = CORPORA[name]
    make(tmp_path / "corpus")
    out = tmp_path / "out"
    words = [str(tmp_path / "corpus" / folder), "--out", str(out), "--audio", audio]
    main = importlib.import_module(f"coqui_stt_training.importers.import_{name}").main
    assert main([*words, "--show_progressbar", "false"]) == 0
    found = written(out)
    found.pop("left_out", None)
    if expected:
        said = {split: [row["transcript"] for row in rows] for split, rows in found.items()}
        assert said == expected
    else:
        assert sorted(found) == ["dev", "test", "train"]
        speakers = [{row["speaker"] for row in rows} - {""} for rows in found.values()]
        if name == "vctk":
            assert sum(map(len, speakers)) == len(set().union(*speakers)) == 20
    files = [str(out / f"{split}.csv") for split in found]
    corpus = check_corpus(
        CorpusRules(alphabet_from_corpus(files), FeatureConfig()),
        train=files,
    )
    for rows, clips in zip(found.values(), corpus.train, strict=True):
        for row, clip in zip(rows, clips.clips, strict=True):
            assert clip.duration_seconds == pytest.approx(float(row["duration"]), abs=0.05)


def test_what_is_left_out_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "LJ"
    for name, seconds in (("good", 2.0), ("short", 0.1), ("long", 40.0), ("fast", 0.5)):
        sound(corpus / "wavs" / f"{name}.wav", seconds)
    soundfile.write(corpus / "wavs" / "mute.wav", np.zeros(RATE_HZ), RATE_HZ)
    text(corpus / "wavs" / "broken.wav", "no audio")
    sound(corpus / "wavs" / "digits.wav")
    sound(corpus / "wavs" / "foreign.wav")
    sound(corpus / "wavs" / "noise.wav")
    sentence = "a sentence that takes more than half of a second"
    text(
        corpus / "metadata.csv",
        *(f"{one}|{sentence}" for one in ("good", "short", "long", "fast", "mute", "broken")),
        "digits|in 1990", "foreign|žluť", "noise|[laughs]", "gone|not there", "no text",
    )  # fmt: skip
    words = ["ljspeech", str(corpus), "--out", str(tmp_path / "out")]
    assert import_corpus(words) == 0
    found = written(tmp_path / "out")
    assert [row["transcript"] for rows in (found["train"],) for row in rows] == [sentence]
    reasons = {row["source"].rpartition(":")[2]: row["reason"] for row in found["left_out"]}
    assert reasons == {
        "2": "are shorter than 0.3 s", "3": "are longer than 30 s",
        "5": "are silent", "6": "cannot be read", "7": "hold digits",
        "8": "hold characters outside the alphabet", "9": "hold what nobody said",
        "10": "cannot be read",
        "4": "are too short for their transcripts",
        "11": "are malformed (no ID and transcript with | between: 'no text')",
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "10 clips left out:" in said
    assert "1 hold characters outside the alphabet: ž ť" in said
    text(corpus / "metadata.csv", f"good|{sentence}")
    assert import_corpus([*words, "--splits", "train", "train"]) == 0
    assert len(written(tmp_path / "out")["train"]) == 1
    assert "left_out" not in written(tmp_path / "out")  # that of the earlier import


def test_an_import_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ljspeech(tmp_path)
    words = ["ljspeech", str(tmp_path), "--out", str(tmp_path / "out"), "--audio", "wav"]
    assert import_corpus(words) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.wav")}
    first = written(tmp_path / "out")
    (tmp_path / "out" / "train.csv").unlink()
    next(iter(before)).unlink()
    monkeypatch.setattr("coqui_stt_training.corpus.audio_scan.summarise_audio", None)
    assert import_corpus(words) == 0
    assert written(tmp_path / "out") == first
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.wav")}
    assert after.keys() == before.keys()
    assert sum(after[path] != before[path] for path in after) == 1


def test_train_all_has_no_speaker_of_the_others(tmp_path: Path) -> None:
    common_voice(tmp_path)
    words = [str(tmp_path / "cy"), "--splits", "train-all", "--out", str(tmp_path / "out")]
    assert import_corpus(["cv2", *words]) == 0
    said = [row["transcript"] for row in written(tmp_path / "out")["train-all"]]
    assert said == ["bore da a", "bore da b", "bore da e"]


def test_mistakes_are_explained(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match="no importer for corpus nothing; available:"):
        import_corpus(["nothing", str(tmp_path)])
    with pytest.raises(FlagError, match="give the folder that the corpus was unpacked to"):
        import_corpus(["cv2"])
    with pytest.raises(CorpusError, match="no such folder; unpack LibriSpeech"):
        import_corpus(["librivox", str(tmp_path / "none")])
    with pytest.raises(CorpusError, match="does not hold AISHELL-1, which has transcript"):
        import_corpus(["aishell", str(tmp_path)])
    common_voice(tmp_path)
    with pytest.raises(CorpusError, match="no set dev2; there are test, dev, train, validated"):
        import_corpus(["cv2", str(tmp_path / "cy"), "--splits", "dev2"])


def test_numbers_are_spelled_where_they_are_read_in_one_way() -> None:
    num2words = pytest.importorskip("num2words")
    english = language_alphabet("en-GB")
    assert english is not None
    label = LabelFilter(english, "spell", lambda number: num2words.num2words(number, lang="en"))
    assert label("I have 21 cats, and 3 dogs.").text == "i have twenty one cats and three dogs"
    for unclear in ("in 1984", "3.14", "10:30", "1st place", "50%", "B-52", "1,000"):
        assert label(unclear).dropped == "hold digits", unclear
    dropped = LabelFilter(english)("I have 21 cats")
    assert (dropped.dropped, dropped.named) == ("hold digits", "21 cats")


@pytest.mark.parametrize(
    ("tag", "said", "label"),
    [
        ("de", "Straße – über „Öl“!", "straße über öl"),
        ("fr", "L’œuvre d'été…", "l'œuvre d'été"),
        ("uk", "Об’єднання, ґанок", "об'єднання ґанок"),
        ("tr", "ISPARTA ve İzmir", None),
    ],
)
def test_labels_are_written_in_letters_of_the_language(
    tag: str, said: str, label: str | None
) -> None:
    alphabet = language_alphabet(tag)
    assert isinstance(alphabet, Alphabet)
    if label is not None:
        assert LabelFilter(alphabet)(said).text == label
