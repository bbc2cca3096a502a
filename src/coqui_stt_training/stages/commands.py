"""The flags of the commands that the stages run, which a user can also type by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet

from ..cli.config import EvaluateConfig, LmOptimizeConfig
from ..cli.export_flags import ExportConfig
from ..cli.flags import as_dict
from ..cli.pipeline_flags import PipelineFlags
from ..cli.spelling import spell_flags
from ..cli.synthesis_flags import SynthesisConfig
from .scorer_choice import CHARACTERS

# A trial compares sources, so it trains only the new layers, with equal settings for all sources.
_TRIAL = {
    "recipe": "none",
    "freeze_source_layers": -1,
    "train_batch_size": 8,
    "dev_batch_size": 8,
    "shuffle_batches": True,
    "dropout_rate": 0.3,
    "limit_train": 500,
    "limit_dev": 100,
}
_NOT_IN_TRIALS = frozenset(
    {
        "epochs", "unfreeze_after_epochs", "unfreeze_every_epochs", "unfreeze_wait_epochs",
        "source_learning_rate_factor", "layer_learning_rate_decay", "learning_rate_schedule",
        "tri_stage_hold", "warmup_steps", *_TRIAL,
    }
)  # fmt: skip
# Flags that a trained checkpoint records.
_OF_MODEL = frozenset(
    {
        "alphabet_config_path", "bytes_output_mode", "normalize_transcripts", "audio_sample_rate",
        "feature_win_len", "feature_win_step",
    }
)  # fmt: skip
_SMALL_TEXT_ORDER = 3
_CHARACTERS_ORDER = 6
DEV_POSTERIORS = "dev.npz"


@dataclass(frozen=True)
class SplitFiles:
    """The CSV files of a split.

    Attributes:
        train: train set.
        dev: dev set.
        test: test set.
        beside: further training files, each with its share of an epoch: `FILE:SHARE`.
    """

    train: Path
    dev: Path
    test: Path
    beside: tuple[str, ...] = ()


def speak_words(
    texts: Sequence[str],
    alphabet: Path | None,
    folder: Path,
    pipeline: PipelineFlags,
    given: Mapping[str, Any],
) -> list[str]:
    """Return the flags of `synthesize`, for sentences in the data's alphabet."""
    flags = {
        "text": texts, "voices": pipeline.voices or None, "command": pipeline.synthesiser or None,
        "alphabet_config_path": alphabet, "limit": pipeline.spoken_sentences, "out": folder,
    }  # fmt: skip
    return spell_flags({**_acting(given, SynthesisConfig()), **flags})


def train_words(
    start: Mapping[str, Any], sets: SplitFiles, folder: Path, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `train`, with `--recipe auto` if there is a source."""
    files = {**_to_train(sets, folder), "train_files": [sets.train, *sets.beside]}
    return spell_flags({**start, **files, **_recipe(start), **given})


def check_words(
    start: Mapping[str, Any], data: str, folder: Path, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `train` for a dry run, which checks everything.

    They name the collection, not the sets made from it. So messages name the user's own files, and
    clips that were left out of the sets are checked, too.
    """
    files = {"save_checkpoint_dir": folder, "auto_input_dataset": data}
    return spell_flags({**start, **files, **_recipe(start), **given, "dry_run": True})


def trial_words(
    start: Mapping[str, Any],
    sets: SplitFiles,
    folder: Path,
    given: Mapping[str, Any],
    epochs: int,
) -> list[str]:
    """Return the flags of `train` for a short trial of a source."""
    kept = {name: value for name, value in given.items() if name not in _NOT_IN_TRIALS}
    files = _to_train(sets, folder)
    return spell_flags({**start, **files, **_TRIAL, **kept, "epochs": epochs})


def trial_result_words(
    sets: SplitFiles, folder: Path, results: Path, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `evaluate` for a trial on the dev set."""
    flags = {
        "checkpoint_dir": folder, "test_files": sets.dev, "limit_test": _TRIAL["limit_dev"],
        "report_count": 0, "test_output_file": results,
    }  # fmt: skip
    return spell_flags({**_acting(given, EvaluateConfig()), **flags})


def scorer_words(
    texts: list[Path],
    model: Path,
    scorer: Path,
    alphabet: Alphabet,
    kind: str,
    small: bool,
    keeps_case: bool,
) -> list[str]:
    """Return the flags of `lm.build_scorer`.

    Args:
        texts: text files with one sentence per line.
        model: folder of the checkpoint.
        scorer: scorer file to write.
        alphabet: alphabet of the model.
        kind: kind of scorer, `words` or `characters`.
        small: whether the text is transcripts only, which have few long n-grams.
        keeps_case: whether to keep capital letters although the alphabet, bytes, does not tell.
    """
    flags: dict[str, Any] = {"input_txt": texts, "checkpoint": model, "package": scorer}
    if kind == CHARACTERS:
        flags |= {"arpa_order": _CHARACTERS_ORDER, **({"arpa_prune": 0} if small else {})}
    elif small:
        flags["arpa_order"] = _SMALL_TEXT_ORDER
    switches = ["--discount_fallback"]
    if kind == CHARACTERS and not alphabet.is_bytes:
        switches.append("--characters")
    if keeps_case:
        switches.append("--keep_case")
    return [*spell_flags(flags), *switches]


def tune_words(
    sets: SplitFiles, model: Path, scorer: Path, trials: int, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `util.lm_optimize`; it keeps the model's posteriors beside the scorer."""
    flags = {
        "checkpoint_dir": model, "scorer_path": scorer, "test_files": sets.dev, "n_trials": trials,
        "write_scorer": True, "posteriors": scorer.with_name(DEV_POSTERIORS),
    }  # fmt: skip
    return spell_flags({**_acting(given, LmOptimizeConfig()), **flags})


def export_words(
    sets: SplitFiles, model: Path, folder: Path, scorer: Path | None, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `export`."""
    flags = {
        "checkpoint_dir": model, "export_dir": folder, "remove_export": True,
        "test_files": sets.test, "scorer_path": scorer,
    }  # fmt: skip
    return spell_flags({**_acting(given, ExportConfig()), **flags})


def evaluate_words(
    sets: SplitFiles, model: Path, results: Path, scorer: Path | None, given: Mapping[str, Any]
) -> list[str]:
    """Return the flags of `evaluate`, with an HTML report beside the results."""
    flags = {
        "checkpoint_dir": model, "test_files": sets.test, "test_output_file": results,
        "report": results.with_suffix(".html"), "scorer_path": scorer,
    }  # fmt: skip
    return spell_flags({"report_count": 1, **_acting(given, EvaluateConfig()), **flags})


def _recipe(start: Mapping[str, Any]) -> dict[str, str]:
    return {"recipe": "auto"} if "load_checkpoint_dir" in start else {}


def _to_train(sets: SplitFiles, folder: Path) -> dict[str, Any]:
    return {"save_checkpoint_dir": folder, "train_files": sets.train, "dev_files": sets.dev}


def _acting(given: Mapping[str, Any], config: Any) -> dict[str, Any]:
    """Return the given flags that a command other than `train` also has."""
    names = as_dict(config).keys() - _OF_MODEL
    return {name: value for name, value in given.items() if name in names}
