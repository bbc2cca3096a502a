"""The export command on upstream's checkpoints: the card, the package, the model's transcripts."""

import json
import zipfile
from pathlib import Path

import pytest

from coqui_stt_training import export
from coqui_stt_training.cli.command import run
from export_support import ORACLE, needs_oracle

pytestmark = needs_oracle
for _module in ("torch", "ai_edge_litert", "stt.model"):
    pytest.importorskip(_module, reason="the [export] extra is not installed")

SCORERS = ORACLE.parent / "decoder/scorers"
CARD = "oracle_cpu_n64_0.0.1.md"


def run_export(name: str, folder: Path, *flags: object) -> int:
    argv = ["--checkpoint_dir", ORACLE / "ckpt" / name, "--export_dir", folder, *flags]
    return run(export.main, [str(word) for word in argv])


def test_the_card_begins_as_upstreams(tmp_path):
    flags = ["--export_author_id", "oracle", "--export_model_name", "cpu_n64"]
    assert run_export("cpu_n64", tmp_path, *flags, "--export_language", "en-Latn-US") == 0
    upstream = (ORACLE / "tflite" / CARD).read_text(encoding="utf-8").splitlines()
    ours = (tmp_path / CARD).read_text(encoding="utf-8").splitlines()
    filled = [old for new, old in zip(ours, upstream, strict=False) if new != old]
    assert [line.partition(":")[0] for line in filled] == ["min_stt_version", "max_stt_version"]
    assert len(ours) > len(upstream)


def test_the_package_holds_the_scorer_and_hears_what_libstt_hears(tmp_path):
    from stt import Model
    from stt.audio.source import read_pcm

    folder = tmp_path / "en"
    flags = ["--export_zip", "true", "--scorer_path", SCORERS / "smoke_word.scorer"]
    assert run_export("cpu_n64", folder, *flags) == 0
    with zipfile.ZipFile(tmp_path / "en.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    with Model(tmp_path / "unpacked/output_graph.tflite") as model:
        samples = read_pcm(ORACLE / "wav/LDC93S1.wav", model.sample_rate())
        heard = [model.stt(samples)]
        model.enable_external_scorer(tmp_path / "unpacked/smoke_word.scorer")
        heard.append(model.stt(samples))
    assert heard == ["she had your dark suit in greasy wash water all year"] * 2
    assert heard[0] in json.dumps(json.loads((ORACLE / "libstt/results.json").read_text()))


def test_a_scorer_for_another_alphabet_is_refused(tmp_path, capsys):
    folder = tmp_path / "out"
    assert run_export("cpu_n64", folder, "--scorer_path", SCORERS / "smoke_bytes.scorer") == 2
    assert "smoke_bytes.scorer" in capsys.readouterr().err
    assert not folder.exists()
