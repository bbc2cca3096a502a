"""Publishing on the Hugging Face hub and loading from it, tested with a local stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.file import Checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError, FlagError
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from coqui_stt_training.publishing.privacy import without_folders
from coqui_stt_training.push_to_hub import main
from encoder_folders import write_whisper
from hub_stand_in import COMMIT, Desk, serving
from stt_models import random_deployment

TOKENS = {"hf_writer": "write", "hf_reader": "read"}
HOME = "/home/secret person/data"
CACHED = f"{HOME}/hub/models--openai--whisper-base/snapshots/{COMMIT}/model.safetensors"

# The client reads its settings on import, so each setting is tested in its own process.
_RUN = """
import os, sys
from coqui_stt_training.errors import UserError
from coqui_stt_training.push_to_hub import main
for token in sys.argv[1].split(","):
    os.environ["HF_TOKEN"] = token.removesuffix(":private")
    try:
        main([*sys.argv[2:], *(["--private"] if ":" in token else [])])
    except UserError as error:
        print(f"error: {error}")
"""
_LOAD = """
import sys, numpy, stt
from coqui_stt_training.checkpoints.loading import load_source
name = sys.argv[1]
source = load_source(name)
print(source.format, source.alphabet.size, sum(float(t.sum()) for t in source.tensors.values()))
print(repr(stt.Model(name).stt(numpy.zeros(1600, numpy.int16))))
"""


def write_model(folder: Path) -> Checkpoint:
    """Write a checkpoint whose description contains many paths, and an export of it."""
    deployment = random_deployment(language="uk-Cyrl-UA")
    checkpoint = Checkpoint(
        specification=deployment.geometry,
        alphabet=deployment.alphabet,
        features=deployment.features,
        tensors=deployment.tensors,
        step=77,
        flags={"train_files": [f"{HOME}/train.csv"], "checkpoint_dir": HOME, "epochs": 3,
               "normalize_transcripts": "true"},
        lineage=(
            {"begun": "2026-01-01", "source": CACHED, "source_format": "huggingface",
             "plan": [{"layer": "layer_1/x", "action": "kept"}],
             "train_files": [f"{HOME}/train.csv"]},
        ),
    )  # fmt: skip
    (folder / "checkpoint").mkdir(parents=True)
    write_checkpoint(folder / "checkpoint/best.safetensors", checkpoint)
    (folder / "export").mkdir()
    exported = tflite_model(deployment, quantize=False)
    (folder / "export/output_graph.tflite").write_bytes(exported)
    (folder / "export/recording.wav").write_bytes(b"never uploaded")
    (folder / "export/card.md").write_text(
        f"---\nauthor: me\nlicense: mpl-2.0\nlanguage: <x>\n---\n<fill in>\n\n"
        f"## The model\n\n- training: from {HOME}/a.ckpt\n\n## Verification\n\nequal\n"
    )
    clip = {"wav_filename": f"{HOME}/a.wav", "src": "two words", "res": "two birds", "loss": 1.0,
            "dataset": f"{HOME}/test.csv"}  # fmt: skip
    (folder / "errors.json").write_text(json.dumps([clip]))
    return checkpoint


def run(endpoint: str, home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    pytest.importorskip("huggingface_hub")
    code, *rest = words
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
        **settings,
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", code, *rest],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def shown(*words: str) -> str:
    lines: list[object] = []
    main([*words, "--dry_run"], lines.append)
    return "\n".join(map(str, lines))


def front_matter(card: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return read


def test_a_published_model_can_be_started_from_and_run(tmp_path: Path) -> None:
    checkpoint = write_model(tmp_path)
    desk = Desk(tmp_path / "hub", TOKENS)
    home = tmp_path / "home"
    best = str(tmp_path / "checkpoint/best.safetensors")
    with serving({}, desk) as (address, _):
        for model in (best, str(tmp_path / "export")):
            done = run(address, home, _RUN, "hf_writer:private", model, "some/model")
            assert done.returncode == 0, done.stderr
            assert f"Published {address}/some/model" in done.stdout
        assert "some/model" in desk.private
        loaded = run(address, home, _LOAD, "hf://some/model")
        assert loaded.returncode == 0, loaded.stderr
    kind, size, total = loaded.stdout.split()[:3]
    assert (kind, int(size)) == ("coqui-stt", checkpoint.alphabet.size)
    expected = sum(float(tensor.sum()) for tensor in checkpoint.tensors.values())
    assert float(total) == pytest.approx(expected, abs=1e-3)
    published = tmp_path / "hub/some/model"
    assert sorted(path.name for path in published.iterdir()) == [
        "README.md", "alphabet.txt", "model.safetensors", "output_graph.tflite",
    ]  # fmt: skip
    for path in published.iterdir():
        assert b"secret person" not in path.read_bytes(), path
    again = load_source(published / "model.safetensors")
    assert again.step == 77
    assert again.details["flags"] == {"epochs": 3, "normalize_transcripts": "true"}
    assert again.details["lineage"][0]["plan"][0]["layer"] == "layer_1/x"
    assert again.details["lineage"][0]["train_files"] == ["train.csv"]


def test_what_the_hub_refuses_is_told_in_a_sentence(tmp_path: Path) -> None:
    write_model(tmp_path)
    model, home = str(tmp_path / "export"), tmp_path / "home"
    desk = Desk(tmp_path / "hub", TOKENS)
    (tmp_path / "there").mkdir()
    with serving({"some/open": tmp_path / "there"}, desk) as (address, _):
        tokens = ",".join(["", "hf_other", "hf_reader", "hf_writer:private"])
        done = run(address, home, _RUN, tokens, model, "some/open")
    assert done.returncode == 0, done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("error: some/open")]
    for error, message in zip(
        errors,
        (
            "no token to upload with; create one",
            "the hub rejects the token as expired or unknown",
            "the token has no write access there; create one",
            "exists already and is public; nothing was uploaded",
        ),
        strict=True,
    ):
        assert message in error
    assert list((tmp_path / "there").iterdir()) == []
    done = run("http://127.0.0.1:9", home, _RUN, "hf_writer", model, "some/open")
    assert "error: some/open: cannot reach http://127.0.0.1:9" in done.stdout
    done = run(address, home, _RUN, "hf_writer", model, "a/b", HF_HUB_OFFLINE="1")
    assert "error: a/b: HF_HUB_OFFLINE is set" in done.stdout


def test_the_page_says_what_is_known(tmp_path: Path) -> None:
    write_model(tmp_path)
    errors = str(tmp_path / "errors.json")
    card = shown(str(tmp_path / "export"), "me/uk", "--evaluation", errors, "--datasets", "a/b")
    front = front_matter(card)
    assert front["language"] == "uk"
    assert front["license"] == "mpl-2.0"
    assert front["library_name"] == "coqui-stt"
    assert front["datasets"] == ["a/b"]
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"]["name"] == "test.csv"
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        ("wer", 50.0), ("cer", pytest.approx(22.22)),
    ]  # fmt: skip
    assert "| errors | test.csv | 1 | 50.0% | 22.2% |" in card
    assert "stt --model hf://me/uk --audio clip.wav" in card
    assert "## Verification\n\nequal" in card
    assert "<fill in>" not in card
    assert "Would upload output_graph.tflite" in card
    assert "recording.wav" not in card
    assert "secret person" not in card
    card = shown(str(tmp_path / "checkpoint/best.safetensors"), "me/uk", "--license", "cc0-1.0")
    assert front_matter(card)["base_model"] == ["openai/whisper-base"]
    assert front_matter(card)["license"] == "cc0-1.0"
    assert "hf://me/uk \\\n    --save_checkpoint_dir my-model" in card


def test_the_folder_of_bootstrap_is_published_with_its_rates(tmp_path: Path) -> None:
    write_model(tmp_path)
    convert(tmp_path / "export/output_graph.tflite", tmp_path / "training")
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "errors.json").rename(tmp_path / "evaluation/without-scorer.json")
    places = {"training:0123": "training"}
    (tmp_path / "bootstrap.json").write_text(
        json.dumps({"version": 1, "stages": {}, "places": places})
    )
    card = shown(str(tmp_path), "me/uk", "--base_model", "openai/whisper-base")
    assert front_matter(card)["base_model"] == ["openai/whisper-base"]
    assert "| without-scorer | test.csv | 1 | 50.0% | 22.2% |" in card
    for name in ("model.safetensors", "alphabet.txt", "output_graph.tflite"):
        assert f"Would upload {name}" in card


def test_what_cannot_be_published_is_told(tmp_path: Path) -> None:
    write_model(tmp_path)
    export = tmp_path / "export"
    for words, message in (
        ([str(export)], "no model or no name for it on the hub"),
        ([str(export), "name"], "not a name on the hub; write owner/name"),
        ([str(export), "../x"], "not a name on the hub"),
        ([str(tmp_path / "nowhere"), "a/b"], "no such file or folder"),
        ([str(export), "a/b", "--scorer_path", "none.scorer"], "none.scorer: no such file"),
    ):
        with pytest.raises(FlagError, match=message):
            main([*words, "--dry_run"])
    with pytest.raises(FlagError, match="no such file or folder"):
        main([str(tmp_path / "nowhere"), "a/b"])  # with or without a token
    with pytest.raises(CheckpointError, match="a model of another toolkit"):
        main([str(write_whisper(tmp_path / "whisper")), "a/b", "--dry_run"])
    (export / "output_graph.tflite").write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"output_graph\.tflite"):
        main([str(export), "a/b", "--dry_run"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/data/x.csv", "x.csv"),
        ("C:\\Users\\me\\x.csv", "x.csv"),
        ("overlay[source=/home/me and you/noise/x.wav,snr=3]", "overlay[source=x.wav,snr=3]"),
        ("2026 from ~/models/a.ckpt: kept", "2026 from a.ckpt: kept"),
        ("hf://owner/name", "hf://owner/name"),
        ("https://example.com/a/b", "https://example.com/a/b"),
        ("data/train.csv", "data/train.csv"),
        ("layer_1/weights", "layer_1/weights"),
        ({"a": ["/x/y", 3, None]}, {"a": ["y", 3, None]}),
    ],
)
def test_absolute_paths_lose_their_folders(text: object, expected: object) -> None:
    assert without_folders(text) == expected
