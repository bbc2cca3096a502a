"""Models named on the Hugging Face hub, tested with a local stand-in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coqui_stt_training.checkpoints import hub
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.cli.config import TrainConfig
from coqui_stt_training.cli.flags import parse
from coqui_stt_training.errors import CheckpointError, UserError
from encoder_folders import write_for_languages, write_peft, write_whisper
from hub_stand_in import COMMIT, serving
from stt.hub import progress_on_terminals
from whisper_formats import write_ctranslate2

# The client reads its settings on import, so each group of names is loaded in its own process.
_LOAD = """
import json, sys
from coqui_stt_training.checkpoints.loading import digest_source, load_source
from coqui_stt_training.errors import CheckpointError
for name in sys.argv[1:]:
    try:
        source = load_source(name)
        print(json.dumps([source.format, str(source.path), digest_source(name)]))
    except CheckpointError as error:
        print(json.dumps(str(error)))
"""


def load(endpoint: str, home: Path, *names: str, **settings: str) -> list[object]:
    """Return format, path and digest of each model, or the error message."""
    pytest.importorskip("huggingface_hub")
    environment = {
        **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1",
        **settings,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, *names],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_progress_bars_are_off_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("huggingface_hub.utils")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert not utils.are_progress_bars_disabled()
    with progress_on_terminals():
        assert utils.are_progress_bars_disabled()
    assert not utils.are_progress_bars_disabled()
    utils.disable_progress_bars()  # as a program that imports this may do
    try:
        with progress_on_terminals():
            pass
        assert utils.are_progress_bars_disabled()
    finally:
        utils.enable_progress_bars()


def test_a_model_is_fetched_once_and_kept(tmp_path: Path) -> None:
    model = write_whisper(tmp_path / "whisper")
    for name in ("pytorch_model.bin", "model.fp32-00001-of-00002.safetensors", "README.md"):
        (model / name).write_bytes(b"not wanted")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text('{"model_type": "whisper"}')
    (pickled / "pytorch_model.bin").write_bytes(b"not wanted")
    home, faster = tmp_path / "home", tmp_path / "faster"
    faster.mkdir()
    write_ctranslate2(faster)
    (faster / "config.json").write_text('{"alignment_heads": []}')
    models = {"some/whisper": model, "some/pickled": pickled, "some/faster": faster}
    with serving(models) as (address, fetched):
        whole, pinned, missing, revision, other = load(
            address, home, "hf://some/whisper", f"hf://some/whisper@{COMMIT}", "hf://some/gone",
            "hf://some/whisper@v9", "hf://some/pickled",
        )  # fmt: skip
        of_faster = load(address, home / "other", "hf://some/faster")[0]
    assert of_faster[0] == "ctranslate2"  # type: ignore[index]
    assert fetched[-2:] == ["config.json", "model.bin"]
    del fetched[-2:]
    kind, path, digest = whole  # type: ignore[misc]
    assert kind == "huggingface"
    assert Path(path).is_relative_to(home)
    assert pinned == whole
    assert sorted(set(fetched)) == ["config.json", "model.safetensors"]
    assert len(fetched) == 3  # both files once, and the description of `some/pickled`
    assert "hf://some/gone: the hub has no such model; check the name" in str(missing)
    assert "hf://some/whisper@v9: the hub has the model, but not this revision" in str(revision)
    assert "hf://some/pickled has no config.json with weights in safetensors" in str(other)

    kept, absent = load(address, home, "hf://some/whisper", "hf://some/other", HF_HUB_OFFLINE="1")
    assert kept == whole
    assert "is not in the cache, and HF_HUB_OFFLINE is set; unset it" in str(absent)
    kept, absent = load("http://127.0.0.1:9", home, "hf://some/whisper", "hf://some/other")
    assert kept == whole
    assert "not in the cache, and http://127.0.0.1:9 cannot be reached; try again" in str(absent)
    assert "\n" not in str(absent)
    assert digest


def test_an_adapter_is_fetched_with_the_model_that_it_names(tmp_path: Path) -> None:
    models = {
        "some/whisper": write_whisper(tmp_path / "whisper"),
        "some/adapter": write_peft(tmp_path / "adapter", "some/whisper"),
    }
    local = write_peft(tmp_path / "local", "some/whisper")
    home = tmp_path / "home"
    with serving(models) as (address, fetched):
        absent, whole, kept = load(address, home, str(local), "hf://some/adapter", str(local))
    assert "is an adapter for some/whisper, and that is not here" in str(absent)
    assert whole[0] == kept[0] == "peft"  # type: ignore[index]
    assert sorted(fetched) == [
        "adapter_config.json", "adapter_model.safetensors", "config.json", "model.safetensors",
    ]  # fmt: skip


def test_a_language_is_named_by_its_file(tmp_path: Path) -> None:
    theirs = write_for_languages(tmp_path / "many", ukr="абв", rus="где")
    home = tmp_path / "home"
    name = "hf://some/many/adapter.ukr.safetensors"
    with serving({"some/many": theirs}) as (address, fetched):
        chosen, pinned, absent, whole = load(
            address, home, name, f"{name}@{COMMIT}", "hf://some/many/adapter.xyz.safetensors",
            "hf://some/many",
        )  # fmt: skip
    assert Path(chosen[1]).name == "adapter.ukr.safetensors"  # type: ignore[index]
    assert pinned == chosen
    assert "adapter.rus.safetensors" not in fetched
    assert "hf://some/many has no adapter.xyz.safetensors; its page lists" in str(absent)
    assert "vocabularies of 2 languages, and none of a language that was chosen" in str(whole)


@pytest.mark.parametrize(
    "name", ["hf://", "hf://owner", "hf://a/b/c", "hf://a/b@", "hf:///etc/x y"]
)
def test_what_is_no_name_is_never_asked_for(name: str) -> None:
    with pytest.raises(
        CheckpointError, match="is not a name of a model; write hf://owner/name@rev"
    ):
        load_source(name)


def test_without_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"pip install 'coqui-stt\[hub\]', or download"):
        load_source("hf://some/whisper")


def test_a_path_is_no_name(tmp_path: Path) -> None:
    assert not hub.is_hub_name(tmp_path / "hf:" / "a")
    assert hub.is_hub_name(Path("hf://some/whisper"))


def test_nothing_is_saved_to_the_hub() -> None:
    for flag in ("--checkpoint_dir", "--save_checkpoint_dir"):
        with pytest.raises(
            UserError, match="must be a folder; start from a model of the hub with --load"
        ):
            parse(TrainConfig, [flag, "hf://a/b"], program="train", description="")
