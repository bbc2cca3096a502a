"""Names of upstream's modules, looked up on first use, so that other imports stay fast."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from ..errors import TensorFlowOnlyError

_TRAIN = "call train(), or coqui_stt_training.train_model(...)"
_EVALUATE = "call test(), or coqui_stt_training.evaluate_model(...)"
_MODEL = (
    "the network is coqui_stt_training.models.deepspeech.model.DeepSpeech, and "
    "coqui_stt_training.load_checkpoint(...) reads weights"
)
_FEEDING = (
    "train() and test() feed themselves; to transcribe a file, use stt.Model on a checkpoint, or "
    "python -m coqui_stt_training.transcribe"
)
_REPLACEMENTS = {
    "train": dict.fromkeys(
        ("create_optimizer", "get_tower_results", "average_gradients", "create_training_datasets",
         "calculate_mean_edit_distance_and_loss"), _TRAIN)
    | dict.fromkeys(
        ("create_model", "rnn_impl_lstmblockfusedcell", "rnn_impl_cudnn_rnn",
         "rnn_impl_static_rnn"), _MODEL),
    "evaluate": {"sparse_tensor_value_to_texts": _EVALUATE, "sparse_tuple_to_texts": _EVALUATE,
                 "create_model": _MODEL},
    "export": {"create_inference_graph": "coqui_stt_training.export_model(...) writes models"},
    "deepspeech_model": dict.fromkeys(
        ("create_model", "rnn_impl_lstmblockfusedcell",
         "rnn_impl_cudnn_rnn", "rnn_impl_static_rnn"), _MODEL),
    "util.checkpoints": dict.fromkeys(
        ("load_or_init_graph_for_training", "load_graph_for_evaluation", "reload_best_checkpoint"),
        "coqui_stt_training.load_checkpoint(...) reads them"),
    "util.feeding": dict.fromkeys(
        ("audio_to_features", "audiofile_to_features", "entry_to_features", "to_sparse_tuple",
         "create_dataset", "split_audio_file"), _FEEDING),
    "util.helpers": {"tf_pick_value_from_range": "pick_value_from_range picks one"},
    "util.augmentations": {
        "apply_graph_augmentations": "those act in training alone: train --augment"},
    "util.config": {"session_config": "intra_op_parallelism_threads sets the number of threads"},
}  # fmt: skip
# Functions that use the global configuration of `util.config`.
_GLOBAL_RUNS = {
    "train": ("train", "test", "early_training_checks"),
    "evaluate": ("evaluate", "test"),
    "export": ("export",),
}


@dataclass(frozen=True)
class TensorFlowName:
    """Stands for a function of upstream's TensorFlow graph: it can be imported, but not called.

    Attributes:
        name: upstream's name, with its module.
        replacement: what to use instead, as a clause: `call train()`.
    """

    name: str
    replacement: str

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        """Raise `TensorFlowOnlyError`."""
        raise TensorFlowOnlyError(
            f"{self.name} belongs to a TensorFlow graph, and there is none here: {self.replacement}"
        )


def find_upstream_name(module: str, name: str) -> Any:
    """Return the counterpart of a name in upstream's module; for a module's `__getattr__`.

    Args:
        module: `__name__` of the module; a module run as a command, `__main__`, has no such names.
        name: name to look up.

    Raises:
        AttributeError: upstream's module has no such name either.
    """
    short = module.removeprefix("coqui_stt_training.")
    if name in _GLOBAL_RUNS.get(short, ()):
        return getattr(import_module("coqui_stt_training.util.global_runs"), name)
    replacement = _REPLACEMENTS.get(short, {}).get(name)
    if replacement is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return TensorFlowName(f"{short}.{name}", replacement)
