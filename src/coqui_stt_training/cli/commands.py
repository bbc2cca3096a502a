"""All commands, by their names in `stt COMMAND` and `python -m coqui_stt_training COMMAND`.

The runtime does not import training: it finds this table through the entry point `stt.commands`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from .command import run

_PACKAGE = __name__.split(".")[0]


@dataclass(frozen=True)
class CommandEntry:
    """One command.

    Attributes:
        module: name of the module in this package; its `main` receives the flags.
        description: one line about what the command does.
    """

    module: str
    description: str

    def __call__(self, argv: Sequence[str]) -> int:
        """Run the command, print errors like all commands, and return its exit status."""
        return run(import_module(f"{_PACKAGE}.{self.module}").main, list(argv))


COMMANDS = {
    "sources": CommandEntry("sources", "list public pre-trained models to start from"),
    "inspect": CommandEntry("inspect", "describe a checkpoint or an exported model"),
    "label": CommandEntry("label", "transcribe recordings on a web page, to make a data set"),
    "check": CommandEntry("check", "check data, and list what is wrong with it"),
    "doctor": CommandEntry("doctor", "show what is installed or missing, and whether it works"),
    "completion": CommandEntry("completion", "write shell completion for bash, zsh or fish"),
    "import_corpus": CommandEntry("import_corpus", "write CSV files of a public corpus"),
    "align": CommandEntry("align", "align text with speech; cut long recordings into clips"),
    "select_clips": CommandEntry("select_clips", "choose which recordings to transcribe next"),
    "pseudo_label": CommandEntry("pseudo_label", "transcribe untranscribed audio, to train on it"),
    "synthesize": CommandEntry("synthesize", "synthesize speech from text, to train on it"),
    "train": CommandEntry("train", "train a model, from a pre-trained one or from scratch"),
    "compare": CommandEntry("compare", "say which of several ways to train is better"),
    "learning_curve": CommandEntry(
        "learning_curve", "estimate the error rates that more data would give"
    ),
    "bootstrap": CommandEntry(
        "bootstrap", "do everything from recordings and text to a model to deploy"
    ),
    "augment_preview": CommandEntry(
        "augment_preview", "show and play augmented recordings on a web page"
    ),
    "evaluate": CommandEntry("evaluate", "measure error rates of a checkpoint"),
    "report": CommandEntry("report.command", "show curves, origin and samples of training runs"),
    "export": CommandEntry("export", "convert a checkpoint to a model to deploy"),
    "push_to_hub": CommandEntry("push_to_hub", "publish a model on the Hugging Face hub"),
    "evaluate_export": CommandEntry("evaluate_export", "measure error rates of an exported model"),
    "data_set_tool": CommandEntry(
        "data_set_tool", "convert collections of clips to another format"
    ),
    "transcribe": CommandEntry("transcribe", "transcribe recordings of any length"),
    "training_graph_inference": CommandEntry(
        "training_graph_inference", "transcribe one clip with a checkpoint"
    ),
    "convert": CommandEntry("convert", "convert a checkpoint of another toolkit to ours"),
    "build_scorer": CommandEntry("lm.build_scorer", "make a scorer from text in one step"),
    "generate_lm": CommandEntry("lm.generate_lm", "make a language model from text"),
    "generate_scorer_package": CommandEntry(
        "lm.generate_scorer_package", "make a scorer from a language model"
    ),
    "lm_optimize": CommandEntry("util.lm_optimize", "find the best alpha and beta of a scorer"),
    "check_characters": CommandEntry("util.check_characters", "list the characters of CSV files"),
    "evaluate_flashlight": CommandEntry("evaluate_flashlight", "upstream's name of: evaluate"),
    "evaluate_tflite": CommandEntry("evaluate_tflite", "older name of: evaluate_export"),
    "evaluate_wav2vec2am": CommandEntry(
        "evaluate_wav2vec2am", "upstream's name of: evaluate_export"
    ),
    "lm_optimize_wav2vec2am": CommandEntry(
        "util.lm_optimize_wav2vec2am", "upstream's name of: lm_optimize"
    ),
    "training_graph_inference_flashlight": CommandEntry(
        "training_graph_inference_flashlight", "upstream's name of: training_graph_inference"
    ),
}


def list_commands() -> str:
    """Return a line for each command."""
    width = max(map(len, COMMANDS))
    return "\n".join(f"  {name:<{width}}  {entry.description}" for name, entry in COMMANDS.items())
