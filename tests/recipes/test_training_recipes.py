"""`--recipe`: named sets of flags, chosen by source and data; flags of the user override them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from command_runner import Result, run_command
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.cli.config import TrainConfig
from coqui_stt_training.cli.flags import as_dict, overlay
from coqui_stt_training.errors import FlagError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.runs.recipe import SETTABLE, all_recipes, find_recipe
from encoder_folders import write_whisper

from .conftest import SMALL, ToneCorpus

STEPS = """name: a
version: 1
batch: {seconds: 9, clips: [2, 8]}
everything: {steps: 9, epochs: [1, 2]}
"""


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("encoders") / "whisper")


def train(source: Path, corpus: ToneCorpus, folder: Path, *flags: object) -> Result:
    return run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", folder,
        "--train_files", corpus.train, "--dev_files", corpus.dev, "--alphabet_config_path",
        corpus.alphabet, *SMALL[2:], *flags,
    )  # fmt: skip


def saved(folder: Path) -> Checkpoint:
    last = CheckpointFolder(folder).read("last")
    assert last is not None
    return last


def test_an_encoder_is_trained_by_its_recipe(
    whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    result = train(whisper, latin, tmp_path / "model", "--dry_run", "true")
    assert result.returncode == 0, result.stderr
    assert re.search(
        r"Recipe encoder-minutes@\d+ \(.*\), as the source is a whisper model and there are "
        r"24 clips, 0\.3 minutes to train on: \d+ epochs for the head alone and \d+ for "
        r"everything, of 6 steps each, 4 clips in a step\n.*--optimizer adamw .*--recipe none",
        result.stderr,
    )
    assert re.search(
        r"block_2 +kept .*frozen for \d+ epochs; learning rate x 0\.2\n", result.stderr
    )
    assert "--train_batch_size" not in result.stderr  # given, so the recipe does not set it


def test_the_share_of_a_mixture_is_said(whisper: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    mixed = ("--train_files", latin.train, f"{latin.test}:0.3", "--dry_run", "true")
    result = train(whisper, latin, tmp_path / "model", *mixed)
    assert result.returncode == 0, result.stderr
    drawn = "30 % of them drawn from sets with a share"
    assert f"minutes to train on in each epoch, {drawn}" in result.stderr


def test_a_head_that_writes_is_not_trained_alone(
    whisper: Path, latin: ToneCorpus, cyrillic: ToneCorpus, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    first = train(whisper, latin, own, "--epochs", 1, "--recipe", "none", "--head", "linear")
    assert first.returncode == 0, first.stderr
    said = "all layers are trained at once, because the head is already trained: "
    for corpus, flags, expected in (
        (latin, (), True),
        (latin, ("--head", "lstm"), False),  # a new head
        (latin, ("--freeze_source_layers", -1, "--unfreeze_after_epochs", 1), False),
        (latin, ("--adapter", "lora"), False),
        (cyrillic, ("--drop_source_layers", 1), False),
    ):
        result = train(own, corpus, tmp_path / "new", "--dry_run", "true", *flags)
        assert result.returncode == 0, result.stderr
        assert (said in result.stderr) == expected, flags
        assert ("frozen for" in result.stderr) == (not expected and "lora" not in flags), flags


def test_a_command_can_do_without(whisper: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    own = train(whisper, latin, tmp_path / "own", "--epochs", 1, "--recipe", "none")
    assert own.returncode == 0, own.stderr
    assert "Recipe" not in own.stderr
    flags = saved(tmp_path / "own").flags
    assert (flags["recipe"], flags["optimizer"], flags["augment"]) == ("none", "adam", [])


def test_given_flags_win_and_a_run_keeps_its_recipe(
    whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    given = ("--freeze_source_layers", -1, "--unfreeze_after_epochs", 1,
             "--learning_rate_schedule", "linear", "--head_size", 16)  # fmt: skip
    folder = tmp_path / "model"
    first = train(whisper, latin, folder, "--epochs", 1, "--head", "lstm", *given)
    assert first.returncode == 0, first.stderr
    begun = saved(folder).flags
    recipe = find_recipe(begun["recipe"])
    assert begun["learning_rate_schedule"] == "linear"
    assert begun["tri_stage_hold"] == as_dict(TrainConfig())["tri_stage_hold"]  # has no effect here
    won = {"train_batch_size", "epochs", "unfreeze_after_epochs", "learning_rate_schedule",
           "tri_stage_hold", "automatic_mixed_precision"}  # fmt: skip
    for name, value in recipe.flags.items():
        assert name in won or begun[name] == value, name
    second = run_command(
        "train", "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", folder,
        "--train_files", latin.train, "--dev_files", latin.dev, "--alphabet_config_path",
        latin.alphabet, "--run", "continue", "--epochs", 2,
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    changes = re.findall(r"Flag changed since this run was last saved: --(\w+)", second.stderr)
    assert set(changes) & SETTABLE == {"epochs"}
    went_on = saved(folder).flags
    assert {name: went_on[name] for name in SETTABLE - {"epochs"}} == {
        name: begun[name] for name in SETTABLE - {"epochs"}
    }


def test_a_deepspeech_source_is_trained_as_upstream_does(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    plain = train(source, latin, tmp_path / "model", "--dry_run", "true")
    assert plain.returncode == 0, plain.stderr
    assert "ecipe" not in plain.stderr
    asked = train(source, latin, tmp_path / "model", "--dry_run", "true", "--recipe", "auto")
    assert "Recipe deepspeech-minutes@1 (" in asked.stderr
    assert "unfreeze" not in asked.stderr  # all layers from the start


def test_a_recipe_is_for_sources_of_a_size() -> None:
    suiting = {
        n_hidden: [one.name for one in all_recipes() if one.suits(Geometry(n_hidden, 29), 8)]
        for n_hidden in (64, 1024, 2048)
    }
    assert suiting == {
        64: ["deepspeech-minutes"], 1024: ["deepspeech-minutes"], 2048: ["deepspeech-released"],
    }  # fmt: skip


def test_a_recipe_of_ones_own(source: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nversion: 3\nflags: {epochs: 1, optimizer: adamw}\n")
    result = train(source, latin, tmp_path / "model", "--recipe", file)
    assert result.returncode == 0, result.stderr
    flags = saved(tmp_path / "model").flags
    assert (flags["recipe"], flags["epochs"], flags["optimizer"]) == ("mine@3", 1, "adamw")


def test_the_command_that_goes_on_counts_from_the_recipes_epochs(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nversion: 1\nflags: {epochs: 3, best_by: loss}\n")
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "model", "--train_files", latin.train,
        "--dev_files", latin.dev, *SMALL, "--recipe", file,
    )  # fmt: skip
    found = re.search(r"at the end. To continue: python -m \S+ (.*)$", result.stdout, re.M)
    assert found, result.stdout
    words = shlex.split(found[1])
    assert words[words.index("--epochs") + 1] == "6"
    again = run_command("train", *words)
    assert again.returncode == 0, again.stderr
    assert saved(tmp_path / "model").flags["best_by"] == "loss"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: a\nversion: 1\nflags: {optimiser: adamw}", "--optimiser, did you mean --optimizer"),
        (
            "name: a\nversion: 1\nflags: {train_files: a.csv}",
            "flags that recipes cannot set: --tra",
        ),
        (
            "name: a\nversion: 1\nflags: {drop_source_layers: 1}",
            "that recipes cannot set: --drop_s",
        ),
        ("name: a\nversion: 1\nflags: {epochs: many}", "--epochs many: must be a whole number"),
        ("name: a\nversion: 1\nflags: {weight_decay: 1}", "--weight_decay needs --optimizer adamw"),
        ("name: a\nversion: 1", "missing `flags:`"),
        (
            "name: a\nversion: 1\nepochs: 3\nfrob: 2\nflags: {}",
            "epochs, frob: not a part of recipes; put f",
        ),
        ("name: a\nversion: one\nflags: {}", "is malformed (version is 'one')"),
        ("name: a\nversion: 1\nminutes: [1]\nflags: {}", "minutes must be two numbers"),
        (
            "name: a\nversion: 1\nflavour: x\nflags: {}",
            "flavour: not a part of recipes; the parts are",
        ),
        ("name: a\nversion: 1\nhead: {steps: 9}\nflags: {}", "batch and everything need each"),
        (f"{STEPS}flags: {{epochs: 9}}", "sets the length of training both in steps and with the"),
        (
            f"{STEPS}head: {{steps: 9, epochs: [9]}}\nflags: {{}}",
            "epochs must be two whole numbers: minimum",
        ),
        (f"{STEPS}head: {{steps: 9, epochs: x}}\nflags: {{}}", "is malformed (epochs is 'x')"),
        ("- a", "missing `name:` and `version:` and `flags:`"),
        ("{", "is malformed"),
    ],
)
def test_broken_recipes(
    source: Path, latin: ToneCorpus, tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    result = train(source, latin, tmp_path / "model", "--recipe", file)
    assert result.returncode == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()[-1]) < 300
    assert not (tmp_path / "model").exists()


def test_unknown_names_are_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"encoder-minutes@1, .*auto, none, or a file that ends"):
        find_recipe("strongest")
    with pytest.raises(FlagError, match=r"encoder-minutes@999: must be one of"):
        find_recipe("encoder-minutes@999")
    with pytest.raises(FlagError, match="no such file"):
        find_recipe(str(tmp_path / "none.yaml"))


def test_all_recipes_hold_flags_that_can_be() -> None:
    assert all_recipes()
    titles = [recipe.title for recipe in all_recipes()]
    assert len(set(titles)) == len(titles)
    for recipe in all_recipes():
        assert recipe.path.stem == f"{recipe.name}-{recipe.version}"
        config = as_dict(overlay(TrainConfig(), recipe.flags, recipe.title))
        assert {name: config[name] for name in recipe.flags} == recipe.flags


def test_frozen_layers_wait_for_a_head_that_writes(
    whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    """With a learning rate too low to learn, the wait lasts its maximum, also in a resumed run."""

    def run_to(folder: str, *flags: object) -> Result:
        result = train(
            whisper, latin, tmp_path / folder, "--recipe", "none", "--freeze_source_layers", -1,
            "--unfreeze_after_epochs", 1, "--unfreeze_wait_epochs", 2, "--learning_rate", 1e-7,
            "--head", "linear", *flags,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result

    whole = run_to("whole", "--epochs", 2)
    assert re.findall(r"stay frozen for another epoch, number (\d) of at most 2", whole.stderr) == [
        "1", "2",
    ]  # fmt: skip
    assert "Epoch 4 of 4 is done" in whole.stderr
    assert "The model transcribes almost nothing of the dev files" in whole.stderr
    progress = saved(tmp_path / "whole").run
    assert progress is not None
    assert (progress["epoch"], progress["waited_epochs"]) == (4, 2)
    run_to("parts", "--epochs", 1)
    run_to("parts", "--epochs", 2, "--run", "continue")
    for name, tensor in saved(tmp_path / "whole").tensors.items():
        np.testing.assert_array_equal(saved(tmp_path / "parts").tensors[name], tensor)
