"""Flags: upstream's value syntax, older forms, configuration files, and error messages."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from coqui_stt_training.cli.config import EvaluateConfig, TrainConfig
from coqui_stt_training.cli.export_flags import ExportConfig
from coqui_stt_training.cli.flags import Parsed, as_dict, flags_in, from_values, parse
from coqui_stt_training.cli.shared_flags import SHARED
from coqui_stt_training.cli.spelling import spell_flags
from coqui_stt_training.errors import FlagError
from stt.audio.voice_activity import AGGRESSIVENESS


def read(*words: str) -> Parsed[TrainConfig]:
    return parse(TrainConfig, words, program="train", description="")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--early_stop", "false"], False),
        (["--early_stop", "True"], True),
        (["--early_stop=true"], True),
        (["--early_stop"], True),
        (["--noearly_stop"], False),
        ([], False),
    ],
)
def test_switches(words: list[str], expected: bool) -> None:
    assert read(*words).config.schedule.early_stop is expected


def test_a_list_has_no_empty_names(tmp_path: Path) -> None:
    """`--train_files "$UNSET"` in a script names no file, rather than the working directory."""
    assert read("--train_files", "").config.data.train_files == ()
    assert read("--train_files", "a.csv", "").config.data.train_files == ("a.csv",)
    assert from_values(TrainConfig, {"train_files": [""]}).config.data.train_files == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "auto"),
        (["--normalize_transcripts"], "true"),
        (["--normalize_transcripts", "True"], "true"),
        (["--normalize_transcripts=false"], "false"),
    ],
)
def test_switches_with_a_third_way(words: list[str], expected: str) -> None:
    assert read(*words).config.data.normalize_transcripts == expected


def test_yaml_has_switches_with_a_third_way(tmp_path: Path) -> None:
    path = tmp_path / "flags.yaml"
    path.write_text("normalize_transcripts: true\n")
    assert read("--config", str(path)).config.data.normalize_transcripts == "true"


def test_values() -> None:
    parsed = read("--train_files", "a.csv", "b c.csv", "--epochs=3", "--learning_rate", "1e-4",
                  "--utf8", "true", "--epochs", "4")  # fmt: skip
    config = parsed.config
    assert config.data.train_files == ("a.csv", "b c.csv")
    assert config.training.epochs == 4
    assert config.training.learning_rate == 1e-4
    assert config.alphabet.bytes_output_mode
    assert parsed.given == {"train_files", "epochs", "learning_rate", "bytes_output_mode"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--epohcs 3", "unknown flag --epohcs, did you mean --epochs?"),
        ("--zzz 3", "unknown flag --zzz; see --help"),
        ("--epochs three", "--epochs three: must be a whole number"),
        ("--epochs 1.5", "--epochs 1.5: must be a whole number"),
        ("--epochs 1 2", "--epochs 1 2: takes one value, not 2"),
        ("--epochs -1", "--epochs -1: must be 0 or more"),
        ("--early_stop maybe", "--early_stop maybe: must be true or false"),
        ("--load_train newest", "--load_train newest: must be one of auto, best, last, init"),
        ("--learning_rate 0", "--learning_rate 0: must be greater than 0"),
        ("--learning_rate nan", "--learning_rate nan: must be finite"),
        ("--dropout_rate 1", "--dropout_rate 1: must be at least 0 and less than 1"),
        ("--cutoff_prob 1.5", "--cutoff_prob 1.5: must be greater than 0 and at most 1"),
        ("--horovod true", "torchrun --nproc-per-node 4 -m coqui_stt_training.train"),
        ("stray", "unexpected argument 'stray'; values must follow a flag"),
        ("--drop_source_layers -1", "must be 0 or more"),
        ("--bytes_output_mode true --alphabet_config_path a.txt", "exclude each other"),
        ("--auto_input_dataset a.csv --dev_files b.csv", "leave out --train_files"),
        ("--extend_alphabet true --drop_source_layers 1", "leave out --drop_source_layers"),
        ("--weight_decay 0.1", "--weight_decay needs --optimizer adamw"),
        ("--tri_stage_hold 0.2 --learning_rate_schedule linear", "needs --learning_rate_schedule"),
        ("--last_learning_rate_factor 0", "must be greater than 0 and at most 1"),
    ],
)
def test_mistakes(words: str, said: str) -> None:
    with pytest.raises(FlagError) as caught:
        read(*words.split())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(FlagError) as caught:
        read("--epochs", "x", "--n_hidden", "0", "--foo")
    assert str(caught.value).count(";") >= 2


def test_a_file_of_flags_gives_way_to_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text("epochs: 7\nn_hidden: 64\ntrain_files: [a.csv, b.csv]\nearly_stop: true\n")
    parsed = read("--config", str(file), "--epochs", "9")
    assert parsed.config.training.epochs == 9
    assert parsed.config.geometry.n_hidden == 64
    assert parsed.config.data.train_files == ("a.csv", "b.csv")
    assert parsed.config.schedule.early_stop
    assert "n_hidden" in parsed.given


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("epohcs: 7", "unknown flag epohcs, did you mean --epochs?"),
        ("- epochs", "must contain `name: value` lines"),
        ("epochs: [1", "is not YAML"),
        ("epochs: many", "--epochs many: must be a whole number"),
        ("epochs: !!python/object/apply:os.system ['true']", "is not YAML"),
    ],
)
def test_files_that_hold_no_flags(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "flags.yaml"
    file.write_text(content)
    with pytest.raises(FlagError) as caught:
        read("--config", str(file))
    assert said in str(caught.value)


def test_flags_that_only_tensorflow_needed_say_what_takes_their_place() -> None:
    assert read("--train_cudnn", "true").notices == (
        "--train_cudnn is not needed: cuDNN is always used on GPUs, with the same checkpoints",
    )
    assert read("--train_cudnn", "false").notices == ()


def test_flags_of_train_are_no_mistake_elsewhere() -> None:
    parsed = parse(EvaluateConfig, ["--n_hidden", "64", "--test_files", "a.csv"],
                   program="evaluate", description="", tolerated=(TrainConfig,))  # fmt: skip
    assert parsed.config.data.test_files == ("a.csv",)
    assert parsed.notices == ("no effect on evaluate: --n_hidden",)


def test_a_configuration_comes_back_from_its_saved_form(tmp_path: Path) -> None:
    import yaml

    parsed = read("--train_files", "a.csv", "--epochs", "3", "--layer_norm", "true")
    file = tmp_path / "flags.yaml"
    file.write_text(yaml.safe_dump(as_dict(parsed.config)))
    assert read("--config", str(file)).config == parsed.config


def test_checkpoint_dir_says_what_it_overrules() -> None:
    def overruled(*words: str) -> str:
        return read(*words).config.checkpoints.overruled()

    assert overruled("--checkpoint_dir", "a") == ""
    assert overruled("--checkpoint_dir", "a", "--save_checkpoint_dir", "a") == ""
    assert "--load_checkpoint_dir b is ignored" in overruled(
        "--checkpoint_dir", "a", "--load_checkpoint_dir", "b"
    )


@pytest.mark.parametrize(
    "module", ["train", "evaluate", "export", "training_graph_inference", "util.lm_optimize"]
)
def test_flags_that_all_of_upstreams_commands_know_are_no_mistake(module: str) -> None:
    main = importlib.import_module(f"coqui_stt_training.{module}").main
    shared = ["--lm_alpha_max", "3", "--lm_beta_max", "3", "--n_trials", "9", "--vocab_file", "v",
              "--horovod", "false", "--export_tflite", "true", "--epochs", "1"]  # fmt: skip
    with pytest.raises(FlagError) as error:
        main(shared)
    assert "unknown flag" not in str(error.value)


def test_flags_without_effect_are_named() -> None:
    parsed = parse(
        TrainConfig,
        ["--n_trials", "9", "--export_dir", "x", "--vocab_file", "v"],
        program="train",
        description="",
        tolerated=SHARED,
        passed_on=(ExportConfig,),
    )
    idle, replaced = sorted(parsed.notices, reverse=True)
    assert idle == "no effect on train: --n_trials"
    assert replaced.startswith("--vocab_file is not needed: the decoder writes only words")


def test_values_of_python_are_those_of_the_command_line() -> None:
    values = {"epochs": 3.0, "train_files": [Path("a.csv"), "b.csv"], "early_stop": True,
              "dropout_rate": None, "scorer": Path("lm.scorer"),
              "dev_files": "dev.csv"}  # fmt: skip
    parsed = from_values(TrainConfig, values)
    flags = as_dict(parsed.config)
    assert flags["train_files"] == ["a.csv", "b.csv"]
    assert (flags["epochs"], flags["early_stop"], flags["dev_files"]) == (3, True, ["dev.csv"])
    assert flags["scorer_path"] == "lm.scorer"
    assert parsed.given == {"epochs", "train_files", "early_stop", "scorer_path", "dev_files"}
    with pytest.raises(FlagError) as error:
        from_values(TrainConfig, {"epochs": 3.7, "early_stop": "maybe", "epoch": 1, "n_hidden": []})
    for part in ("--epochs 3.7", "--early_stop maybe", "unknown flag epoch,", "--n_hidden"):
        assert part in str(error.value)


def test_flags_are_spelled_as_they_were_given() -> None:
    spelled = spell_flags({"augment": [], "epochs": 3, "scorer_path": None, "show": True})
    assert spelled == ["--augment", "--epochs", "3", "--show", "true"]


def test_words_give_the_flags_that_the_parser_finds_in_them() -> None:
    words = ["--noshuffle_batches", "--epochs=3", "--augment", "speed"]
    assert flags_in(TrainConfig, words) == {"shuffle_batches", "epochs", "augment"}


def test_pauses_are_found_by_one_default_in_every_command() -> None:
    defaults = {
        name: getattr(importlib.import_module(f"coqui_stt_training.{module}"), name)()
        for module, name in (
            ("align", "AlignFlags"),
            ("transcribe", "TranscribeFlags"),
            ("cli.unlabelled_flags", "UnlabelledFlags"),
        )
    }
    assert {one.vad_aggressiveness for one in defaults.values()} == {AGGRESSIVENESS}
