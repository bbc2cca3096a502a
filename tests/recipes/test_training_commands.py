"""The documented training commands, on a corpus that is learned in seconds."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from command_runner import Result, run_command, start_process
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.loading import load_source

from .conftest import SMALL, ToneCorpus

Train = Callable[..., Result]
UPSTREAMS = Path(__file__).parents[1] / "data" / "tensorflow_1_15"


def character_error_rate(output: str) -> float:
    match = re.search(r"^Test on .* - WER: ([\d.]+), CER: ([\d.]+), loss: ([\d.]+)$", output, re.M)
    assert match, output
    return float(match[2])


def test_training_from_scratch_learns(source: Path, latin: ToneCorpus) -> None:
    result = run_command(
        "evaluate", "--checkpoint_dir", source, "--test_files", latin.test, "--beam_width", 32,
        "--test_output_file", source / "samples.json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert character_error_rate(result.stdout) < 0.4
    samples = json.loads((source / "samples.json").read_text())
    assert len(samples) == 6
    assert {"wav_filename", "src", "res", "loss", "char_distance", "wer"} <= samples[0].keys()
    assert {file.name for file in source.iterdir()} >= {
        "checkpoint", "best_dev_checkpoint", "alphabet.txt", "flags.txt", "summaries",
    }  # fmt: skip


def test_one_shot_inference_prints_what_evaluation_found(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = ["--checkpoint_dir", source, "--beam_width", 32]
    samples = tmp_path / "samples.json"
    run_command("evaluate", *flags, "--test_files", latin.test, "--test_output_file", samples)
    for sample in json.loads(samples.read_text())[:3]:
        result = run_command(
            "training_graph_inference", *flags, "--one_shot_infer", sample["wav_filename"]
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == sample["res"]
        assert set(sample["res"]) <= set("abcd")


def test_fine_tuning_in_the_folder_of_the_source(
    source: Path, latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(source, folder)
    before = {file.name: file.read_bytes() for file in folder.glob("*.safetensors")}
    result = train("--checkpoint_dir", folder, *latin.flags, "--epochs", 1)
    assert result.returncode == 0, result.stderr
    assert "finished" in result.stderr
    assert "--run continue" in result.stderr
    assert "--n_hidden" not in result.stderr
    for name, content in before.items():
        assert (folder / name).read_bytes() == content
    last = read_checkpoint(folder / re.findall(r'"(.*)"', (folder / "checkpoint").read_text())[0])
    assert last.run is not None
    assert last.step == last.run["begun_step"] + 6
    assert last.adam is not None
    assert last.adam.step == 6
    assert len(last.lineage) == 2


def test_transfer_learning_to_another_alphabet(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    target = tmp_path / "target"
    command = [
        "--drop_source_layers", 1, "--alphabet_config_path", cyrillic.alphabet,
        "--save_checkpoint_dir", target, "--load_checkpoint_dir", source, *cyrillic.flags,
    ]  # fmt: skip
    result = train(*command, "--epochs", 6)
    assert result.returncode == 0, result.stderr
    assert re.search(r"layer_6 +new weights +dropped by --drop_source_layers 1", result.stderr)
    assert re.search(r"layer_5 +kept", result.stderr)
    scratch = train("--checkpoint_dir", tmp_path / "scratch", *cyrillic.flags, "--epochs", 6)
    assert character_error_rate(result.stdout) < character_error_rate(scratch.stdout)
    model = load_source(target)
    assert model.alphabet is not None
    assert "".join(model.alphabet.labels) == "бгжю"
    entry = model.details["lineage"][-1]
    assert [layer["action"] for layer in entry["plan"]] == ["kept"] * 5 + ["new"]

    again = train(*command, "--epochs", 1)
    assert again.returncode == 0, again.stderr
    assert "Layers are not dropped again" in again.stderr
    assert not re.search(r"layer_6 +new", again.stderr)


@pytest.mark.parametrize("dropped", [1, 2, 3, 4, 5])
def test_dropped_layers_are_new_and_the_others_are_the_sources(
    dropped: int, source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--drop_source_layers", dropped, "--load_checkpoint_dir", source, "--save_checkpoint_dir",
        tmp_path, "--alphabet_config_path", cyrillic.alphabet, "--train_files", cyrillic.train,
        "--epochs", 0,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    old, new = load_source(source), load_source(tmp_path)
    order = ["layer_1", "layer_2", "layer_3", "lstm", "layer_5", "layer_6"]
    for name, tensor in new.tensors.items():
        kept = name.split(".")[0] in order[: 6 - dropped]
        same = tensor.shape == old.tensors[name].shape and np.array_equal(tensor, old.tensors[name])
        assert same == kept, name


def test_another_alphabet_is_refused_with_the_command_to_use(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--alphabet_config_path", cyrillic.alphabet, "--load_checkpoint_dir", source,
        "--save_checkpoint_dir", tmp_path / "new", *cyrillic.flags,
    )  # fmt: skip
    assert result.returncode == 2
    assert "U+0436 CYRILLIC SMALL LETTER ZHE" in result.stderr
    assert "--drop_source_layers 1" in result.stderr
    assert f"--alphabet_config_path {cyrillic.alphabet}" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "new").exists()


def test_characters_outside_the_sources_alphabet_are_reported(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path, *cyrillic.flags
    )
    assert result.returncode == 2
    assert "U+0436" in result.stderr
    assert "--drop_source_layers 1" in result.stderr


def test_the_sources_geometry_wins_with_a_notice(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    result = run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "new",
        "--train_files", latin.train, "--n_hidden", 64, "--layer_norm", "true", "--epochs", 0,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "--n_hidden 64 is ignored: the checkpoint has 32" in result.stderr
    assert "--layer_norm True is ignored: the checkpoint has" in result.stderr
    assert load_source(tmp_path / "new").specification.n_hidden == 32


def test_byte_output_models_fine_tune_on_any_language(
    latin: ToneCorpus, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    folder = tmp_path / "bytes"
    first = train("--checkpoint_dir", folder, "--bytes_output_mode", "true", *latin.flags,
                  "--epochs", 1)  # fmt: skip
    assert first.returncode == 0, first.stderr
    second = train("--checkpoint_dir", folder, *cyrillic.flags, "--epochs", 1)
    assert second.returncode == 0, second.stderr
    assert "layer_6  kept" in second.stderr
    assert load_source(folder).specification.n_classes == 256


def test_extending_an_alphabet_keeps_what_is_known(
    source: Path, latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("a\nb\nc\nd\ne\n")
    result = train(
        "--extend_alphabet", "true", "--alphabet_config_path", more, "--load_checkpoint_dir",
        source, "--save_checkpoint_dir", tmp_path / "new", "--train_files", latin.train,
        "--epochs", 0,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    old, new = load_source(source).tensors, load_source(tmp_path / "new").tensors
    np.testing.assert_array_equal(new["layer_6.weight"][:4], old["layer_6.weight"][:4])
    np.testing.assert_array_equal(new["layer_6.weight"][5], old["layer_6.weight"][4])
    np.testing.assert_array_equal(new["layer_5.weight"], old["layer_5.weight"])


def test_frozen_layers_stay_until_they_are_unfrozen(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    command = [
        "--drop_source_layers", 1, "--freeze_source_layers", 5, "--unfreeze_after_epochs", 1,
        "--alphabet_config_path", cyrillic.alphabet, "--load_checkpoint_dir", source,
        "--train_files", cyrillic.train, "--save_checkpoint_dir",
    ]  # fmt: skip
    old = load_source(source).tensors
    for epochs, trained in ((1, False), (2, True)):
        folder = tmp_path / str(epochs)
        result = train(*command, folder, "--epochs", epochs)
        assert result.returncode == 0, result.stderr
        new = load_source(folder).tensors
        assert np.array_equal(new["layer_2.weight"], old["layer_2.weight"]) != trained


def test_what_becomes_of_frozen_layers_is_told(
    source: Path, latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    command = ["--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "run",
               "--train_files", latin.train]  # fmt: skip
    assert train(*command, "--freeze_source_layers", 2, "--epochs", 1).returncode == 0
    continued = train(*command, "--epochs", 2, "--run", "continue").stderr
    assert (
        "Still frozen by --freeze_source_layers of this run's first command: layer_1, layer_2"
        in (continued)
    )
    other = train(*command, "--epochs", 2, "--run", "continue", "--freeze_source_layers", 1).stderr
    assert "--freeze_source_layers 2 -> 1 has no effect" in other
    again = train(*command, "--freeze_source_layers", 2, "--epochs", 2, "--dry_run", "true",
                  "--unfreeze_after_epochs", 2).stderr  # fmt: skip
    assert "--unfreeze_after_epochs 2 is never reached: the run has 2 epochs" in again
    again = train(*command, "--freeze_source_layers", 2, "--epochs", 2, "--dry_run", "true").stderr
    assert "layer_2  kept         from the source; frozen" in again
    without = train(*command, "--epochs", 2, "--dry_run", "true").stderr
    assert "Frozen when the source was trained, but trained now: layer_1, layer_2" in without
    assert "--freeze_source_layers 2" in without


def test_a_run_of_upstreams_goes_on_with_its_adam_slots(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    alphabet = tmp_path / "alphabet.txt"
    alphabet.write_text("a\nb\nc\nd\n \n")
    original = shutil.copytree(UPSTREAMS, tmp_path / "original")
    shutil.copy(alphabet, original)
    result = train(
        "--run", "continue", "--load_checkpoint_dir", original, "--save_checkpoint_dir",
        tmp_path / "run", "--train_files", latin.train, "--dry_run", "true",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Continuing the run at step 7, layer by layer" in result.stderr
    assert result.stderr.count("continued with its Adam slots from step 7") == 6


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("train", "--train_files none.csv --checkpoint_dir FILE"),
        ("train", "--train_files none.csv --checkpoint_dir new --test_output_file FILE/out.json"),
        ("train", "--train_files none.csv --checkpoint_dir new --summary_dir FILE"),
        ("train", "--train_files none.csv --checkpoint_dir new --feature_cache FILE"),
        ("train", "--train_files none.csv --checkpoint_dir new --export_dir FILE"),
        ("evaluate", "--checkpoint_dir none --test_files none.csv --test_output_file FILE/x"),
        ("evaluate_export", "--model none --csv none.csv --test_output_file FILE/x"),
        ("evaluate_export", "--model none --csv none.csv --dump FILE/x"),
        ("export", "--checkpoint_dir none --export_dir FILE"),
        ("convert", "none FILE"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_written_are_found_first(
    command: str, flags: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    words = flags.replace("FILE", str(tmp_path / "file")).split()
    result = run_command(command, *words, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert f"{tmp_path}/file" in result.stderr
    assert "is a file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_dry_run_prints_the_plan_and_writes_nothing(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--drop_source_layers", 2, "--alphabet_config_path", cyrillic.alphabet,
        "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "new",
        "--train_files", cyrillic.train, "--dry_run",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert re.search(r"layer_5 +new weights", result.stderr)
    assert not (tmp_path / "new").exists()


def test_early_stopping_and_plateaus(latin: ToneCorpus, tmp_path: Path, train: Train) -> None:
    result = train(
        "--checkpoint_dir", tmp_path, *latin.flags, "--epochs", 50, "--early_stop", "true",
        "--es_epochs", 4, "--es_min_delta", 1000, "--reduce_lr_on_plateau", "--plateau_epochs", 2,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Early stop triggered as the loss did not improve the last 4 epochs" in result.stderr
    assert "reducing learning rate to 0.0003" in result.stderr


def test_metrics_files_and_summaries(latin: ToneCorpus, tmp_path: Path, train: Train) -> None:
    result = train(
        "--checkpoint_dir", tmp_path / "model", *latin.flags, "--metrics_files", latin.test,
        "--summary_dir", tmp_path / "curves", "--epochs", 1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Finished metrics for epoch 0" in result.stderr
    for kind in ("train", "dev", "metrics", "test"):  # all in one chart
        assert [step for step, _ in curve(tmp_path / "curves" / kind, "loss")] == [6], kind
    assert [step for step, _ in curve(tmp_path / "curves/train", "step_loss")] == [1, 2, 3, 4, 5, 6]
    flags = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert "_hparams_/session_start_info" in flags.Tags()["tensors"]
    assert {"dev_cer", "test_cer"} <= set(flags.Tags()["scalars"])


def test_the_learning_rate_follows_its_schedule_and_gradients_are_clipped(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    def run_with(*flags: object) -> Path:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        result = train("--checkpoint_dir", folder, "--train_files", latin.train, "--epochs", 2,
                       "--average_weights", "false", *flags)  # fmt: skip
        assert result.returncode == 0, result.stderr
        return folder

    linear = run_with("--learning_rate_schedule", "linear", "--last_learning_rate_factor", 0.1)
    rates = [rate for _, rate in curve(linear / "summaries/train", "learning_rate")]
    assert rates == pytest.approx([0.003 * (1 - 0.9 * step / 12) for step in range(12)], rel=1e-5)
    plain, weights = load_source(run_with()).tensors, []
    for flags in (
        ("--gradient_clipping", 1e-9),  # below Adam's epsilon, so weights hardly change
        ("--warmup_steps", 1000),
        ("--optimizer", "adamw", "--weight_decay", 50),
    ):
        weights.append(load_source(run_with(*flags)).tensors)
    moved = [np.abs(one["layer_1.bias"] - 0).max() for one in (plain, *weights)]
    assert moved[1] < 0.2 * moved[0]
    assert moved[2] < 0.2 * moved[0]
    assert (
        np.abs(weights[2]["layer_1.weight"]).mean() < 0.5 * np.abs(plain["layer_1.weight"]).mean()
    )


def test_what_is_added_to_the_loss_acts_in_training_alone(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    losses = []
    for number, flags in enumerate(
        ((), ("--entropy_weight", 1), ("--consistency_weight", 1), ("--consistency_weight", 1e-9))
    ):
        folder = tmp_path / str(number)
        result = train("--checkpoint_dir", folder, "--train_files", latin.train, "--epochs", 1,
                       "--dropout_rate", 0.5, *flags)  # fmt: skip
        assert result.returncode == 0, result.stderr
        losses.append(curve(folder / "summaries/train", "step_loss")[0][1])
    plain, surer, apart, two_passes = losses
    assert surer < plain
    assert apart > two_passes
    assert two_passes != plain  # the mean of the losses of two masks


def test_weights_stay_nearer_to_the_source_where_they_are_drawn_to_it(
    source: Path, latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    moved = tmp_path / "source"
    shutil.copytree(source, moved)
    old = load_source(moved).tensors

    def distance(name: str, *flags: object) -> float:
        result = train(
            "--load_checkpoint_dir", moved, "--save_checkpoint_dir", tmp_path / name,
            "--train_files", latin.train, "--average_weights", "false", *flags,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        new = load_source(tmp_path / name).tensors
        return float(np.abs(new["layer_2.weight"] - old["layer_2.weight"]).mean())

    drawn = ("--source_weight_decay", 50)
    free = distance("free", "--epochs", 2)
    whole = distance("whole", "--epochs", 2, *drawn)
    assert whole < 0.7 * free
    distance("parts", "--epochs", 1, *drawn)
    assert distance("parts", "--epochs", 2, "--run", "continue") == whole
    began_from = load_source(moved).path
    shutil.copy(load_source(tmp_path / "free").path, began_from)
    goes_on = ("--load_checkpoint_dir", moved, "--save_checkpoint_dir", tmp_path / "parts",
               "--train_files", latin.train, "--epochs", 3, "--run", "continue")  # fmt: skip
    changed = train(*goes_on)
    assert changed.returncode == 2
    assert "is not the model that this run started from and needs for" in changed.stderr
    began_from.unlink()
    gone = train(*goes_on)
    assert gone.returncode == 2
    assert (
        "cannot read the source model that this run needs for --source_weight_decay" in gone.stderr
    )
    scratch = train("--checkpoint_dir", tmp_path / "new", "--train_files", latin.train, *drawn)
    assert scratch.returncode == 2
    assert "--source_weight_decay 50 needs a model to start from" in scratch.stderr


def test_a_new_output_layer_begins_with_how_often_each_label_comes(
    source: Path, latin: ToneCorpus, cyrillic: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    common = ("--learning_rate", 1e-9, "--epochs", 1, "--output_bias", "prior")
    scratch = run_command("train", "--checkpoint_dir", tmp_path / "new", "--train_files",
                          latin.train, "--n_hidden", 16, *common)  # fmt: skip
    assert scratch.returncode == 0, scratch.stderr
    rows = latin.train.read_text().splitlines()[1:]
    texts = "".join(row.rsplit(",", 1)[1] for row in rows)
    bias = load_source(tmp_path / "new").tensors["layer_6.bias"]
    counts = np.array([texts.count(letter) + 1 for letter in "abcd"])
    np.testing.assert_allclose(np.exp(bias[:-1] - bias[0]), counts / counts[0], rtol=1e-4)
    assert np.exp(bias).sum() == pytest.approx(1, rel=1e-4)
    assert bias[-1] > np.log(0.7)  # the blank
    mapped = run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "mapped",
        "--train_files", cyrillic.train, "--alphabet_config_path", cyrillic.alphabet,
        "--drop_source_layers", 1, "--map_shared_characters", "true", *common,
    )  # fmt: skip
    assert "--output_bias prior has no effect, because output rows are mapped" in mapped.stderr


def test_the_log_says_how_much_there_is_and_how_it_went(
    latin: ToneCorpus, source: Path, tmp_path: Path, train: Train
) -> None:
    flags = ["--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path, *latin.flags]
    log = train(*flags, "--epochs", 2).stdout
    for expected in (
        r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d I Loading best validating checkpoint from .*best_dev-\d+",
        r" I Training on 24 clips, 0\.\d minutes, in 6 batches$",
        r" I Validating on 6 clips, 0\.\d minutes, in 1 batch$",
        r" I Testing on 6 clips, 0\.\d minutes, in 6 batches$",
        r" I The model has [\d,]+ parameters$",
        r" I STARTING Optimization$",
        r" I Epoch 0 took .* of audio a second; 1 epoch to go, about ",
        r' I   "[abcd]+" heard as "[abcd]*"$',
        r" I FINISHED optimization in \d:\d\d:\d\d\.\d+$",
        r"^    1 +[\d.]+ +[\d.]+  \d\.\d{4}  \d\.\d{4}(  best)?$",
        r"^Test on .* - WER: [\d.]+, CER: [\d.]+, loss: [\d.]+$",
    ):
        assert re.search(expected, log, re.M), (expected, log)
    [first, *_] = curve(tmp_path / "summaries/train", "step_loss")
    assert first[0] == 1, "a run from a source begins at its own step 0"

    log = train(*flags, "--epochs", 3, "--run", "continue").stdout
    table = log[log.index("epoch  training loss") :].splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["0", "1", "2"], "those before, too"


def test_a_model_that_was_still_improving_is_told_with_the_command_to_go_on(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    flags = ["--checkpoint_dir", tmp_path / "my model", *latin.flags, "--epochs", 3]
    log = train(*flags, "--best_by", "loss").stdout
    found = re.search(r"still improving at the end. To continue: python -m (\S+) (.*)$", log, re.M)
    assert found, log
    module, words = found[1], shlex.split(found[2])
    assert module == "coqui_stt_training.train"
    assert words[words.index("--epochs") + 1] == "6"
    again = run_command("train", *words)
    assert again.returncode == 0
    assert "from step 18, epoch 3" in again.stdout
    log = train("--checkpoint_dir", tmp_path / "b", "--train_files", latin.train, "--epochs", 2)
    assert "still improving" not in log.stdout, "without dev files nobody knows"


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    """Return the steps and values of a curve, as TensorBoard reads them."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_the_empty_folder_tensorflow_of_upstreams_checkout_is_not_taken_for_the_library(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    (tmp_path / "tensorflow").mkdir()
    flags = ["--checkpoint_dir", "model", "--train_files", latin.train, "--epochs", 1, *SMALL]
    process = start_process("train", *flags, cwd=tmp_path)
    log, _ = process.communicate(timeout=120)
    assert process.returncode == 0, log
    assert len(curve(tmp_path / "model/summaries/train", "step_loss")) == 6


def test_a_flags_file_and_the_command_line_over_it(latin: ToneCorpus, tmp_path: Path) -> None:
    config = tmp_path / "flags.yaml"
    config.write_text(
        f"train_files: [{latin.train}]\nepochs: 3\nn_hidden: 16\nearly_stop: false\n"
        f"checkpoint_dir: {tmp_path / 'model'}\n"
    )
    result = run_command("train", "--config", config, "--epochs", 1)
    assert result.returncode == 0, result.stderr
    flags = json.loads((tmp_path / "model/flags.txt").read_text())
    assert (flags["epochs"], flags["n_hidden"]) == (1, 16)


def test_mixed_precision_on_and_off_on_the_same_run(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    flags = ["--checkpoint_dir", tmp_path, *latin.flags]
    for epochs, mixed in ((1, "true"), (2, "false"), (3, "true")):
        result = train(
            *flags, "--epochs", epochs, "--automatic_mixed_precision", mixed, "--run",
            "auto" if epochs == 1 else "continue",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    assert load_source(tmp_path, "last").step == 18


def test_flags_that_tensorflow_needed_are_accepted_and_say_so_once(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--checkpoint_dir", tmp_path, "--train_files", latin.train, "--epochs", 0,
        "--train_cudnn", "true", "--load_cudnn", "--use_allow_growth",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("--train_cudnn is not needed") == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epoch", "3"], "unknown flag --epoch, did you mean --epochs?"),
        (["--epochs", "three"], "--epochs three: must be a whole number"),
        (["--drop_source_layers", "-1"], "--drop_source_layers -1: must be 0 or more"),
        (["--early_stop", "maybe"], "--early_stop maybe: must be true or false"),
        (["--dropout_rate", "1.5"], "--dropout_rate 1.5: must be at least 0 and less than 1"),
        (["--feature_win_len", "33", "--audio_sample_rate", "8001"], "must be a whole number"),
        (["--train_files", "nowhere.csv", "--checkpoint_dir", "x"], "nowhere.csv: no such file"),
        (["--train_files", "a.csv"], "give --checkpoint_dir or --save_checkpoint_dir"),
        (["--checkpoint_dir", "x"], "no training data"),
        (["--bytes_output_mode", "--alphabet_config_path", "a"], "exclude each other"),
    ],
)
def test_wrong_flags_are_one_line_that_says_what_to_do(
    flags: list[str], message: str, tmp_path: Path
) -> None:
    result = run_command("train", *flags, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_all_wrong_flags_are_reported_at_once(tmp_path: Path) -> None:
    result = run_command("train", "--epochs", "x", "--foo", "1", "--beta1", "2", cwd=tmp_path)
    assert result.returncode == 2
    for flag in ("--epochs x", "--foo", "--beta1 2"):
        assert flag in result.stderr


@pytest.mark.parametrize("folder", ["missing", "empty"])
def test_a_source_folder_without_a_model_is_an_error(
    folder: str, latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    (tmp_path / "empty").mkdir()
    result = train(
        "--load_checkpoint_dir", tmp_path / folder, "--save_checkpoint_dir", tmp_path / "new",
        "--train_files", latin.train,
    )  # fmt: skip
    assert result.returncode == 2
    assert str(tmp_path / folder) in result.stderr
    assert "Traceback" not in result.stderr
    evaluated = run_command(
        "evaluate", "--checkpoint_dir", tmp_path / folder, "--test_files", latin.test
    )
    assert evaluated.returncode == 2


@pytest.mark.parametrize(
    "name",
    [
        *("train", "evaluate", "training_graph_inference", "inspect", "convert", "export"),
        *("bootstrap", "util.check_characters"),
    ],
)
def test_help_is_quick_and_needs_neither_torch_nor_numpy(name: str) -> None:
    """Importing either fails here, which is a more exact test than a time limit."""
    program = (
        "import runpy, sys; sys.modules['torch'] = sys.modules['numpy'] = None; "
        f"sys.argv = ['{name}', '--help']; "
        f"runpy.run_module('coqui_stt_training.{name}', run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout


@pytest.mark.parametrize(
    ("name", "idle"),
    [
        ("evaluate", "--epochs=3 --load_train=init --max_to_keep=2 --summary_dir=x --train_files"),
        ("training_graph_inference", "--load_train=init --log_placement=true --report_count=3"),
        ("util.lm_optimize", "--load_train=init --log_placement=true --report_count=3"),
    ],
)
def test_help_has_what_acts_and_other_flags_are_accepted_with_a_notice(
    name: str, idle: str
) -> None:
    names = [flag.split("=")[0] for flag in idle.split()]
    text = run_command(name, "--help").stdout
    assert not [flag for flag in names if f"{flag} " in text]
    notice = f"no effect on {name.split('.')[-1]}: {', '.join(names)}"
    assert notice in run_command(name, *idle.split()).stderr


def test_a_model_converted_from_our_own_checkpoint_is_the_same(
    source: Path, tmp_path: Path
) -> None:
    result = run_command("convert", source, tmp_path / "new")
    assert result.returncode == 0, result.stderr
    old, new = load_source(source), load_source(tmp_path / "new")
    assert old.alphabet == new.alphabet
    for name, tensor in old.tensors.items():
        np.testing.assert_array_equal(new.tensors[name], tensor)
    again = run_command("convert", source, tmp_path / "new")
    assert again.returncode == 2
    assert "already holds a model" in again.stderr


def test_train_also_evaluates_exports_and_transcribes_as_upstreams_did(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    clip = next(latin.test.parent.glob("test0.wav"))
    model = tmp_path / "model"
    shutil.copytree(source, model)
    result = run_command(
        "train", "--checkpoint_dir", model, "--test_files", latin.test, "--export_dir",
        tmp_path / "exported", "--one_shot_infer", clip, "--beam_width", 32,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert character_error_rate(result.stdout) < 0.4
    assert (tmp_path / "exported/output_graph.tflite").exists()
    assert set(result.stdout.splitlines()[-1]) <= set("abcd")
    assert "no effect on" not in result.stderr
