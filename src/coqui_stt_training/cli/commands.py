"""All commands, by the names under which `stt` and `python -m coqui_stt_training` run them.

The runtime does not know of training: it finds this table as an entry point of `stt.commands`.
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
        module: within this package; its `main` is given the flags.
        description: what it does, in a line.
    """

    module: str
    description: str

    def __call__(self, argv: Sequence[str]) -> int:
        """Run the command, print a user's mistake as all commands do, and return its status."""
        return run(import_module(f"{_PACKAGE}.{self.module}").main, list(argv))


COMMANDS = {
    "sources": CommandEntry("sources", "list public pre-trained models to start from"),
    "inspect": CommandEntry("inspect", "say what a checkpoint or an exported model is"),
    "label": CommandEntry("label", "a page to transcribe recordings on, for a data set"),
    "check": CommandEntry("check", "say what data holds, and what is wrong with it"),
    "doctor": CommandEntry("doctor", "what this installation has and lacks, and whether it works"),
    "completion": CommandEntry("completion", "let bash, zsh or fish complete commands and flags"),
    "import_corpus": CommandEntry("import_corpus", "write CSV files of a public corpus"),
    "align": CommandEntry("align", "say when words are said; make clips of long recordings"),
    "select_clips": CommandEntry("select_clips", "choose which recordings to transcribe next"),
    "pseudo_label": CommandEntry(
        "pseudo_label", "transcribe audio that nobody has transcribed, to train on it"
    ),
    "synthesize": CommandEntry("synthesize", "make speech of text, to train on beside real speech"),
    "train": CommandEntry("train", "train a model, from a pre-trained one or from scratch"),
    "compare": CommandEntry("compare", "say which of several ways to train is better"),
    "learning_curve": CommandEntry("learning_curve", "say what error rates more data would give"),
    "bootstrap": CommandEntry(
        "bootstrap", "from recordings and text to a model to deploy, in one go"
    ),
    "augment_preview": CommandEntry(
        "augment_preview", "show what augmentations do, on a page to hear and see"
    ),
    "evaluate": CommandEntry("evaluate", "error rates of a checkpoint on CSV files"),
    "report": CommandEntry("report.command", "curves, origin and samples of training runs"),
    "export": CommandEntry("export", "write a checkpoint as a model to deploy"),
    "push_to_hub": CommandEntry("push_to_hub", "publish a model on the Hugging Face hub"),
    "evaluate_export": CommandEntry("evaluate_export", "error rates of an exported model"),
    "data_set_tool": CommandEntry("data_set_tool", "write collections of clips as another one"),
    "transcribe": CommandEntry("transcribe", "transcribe recordings of any length"),
    "training_graph_inference": CommandEntry(
        "training_graph_inference", "transcribe one clip with a checkpoint"
    ),
    "convert": CommandEntry("convert", "turn a foreign checkpoint into one of our own"),
    "build_scorer": CommandEntry("lm.build_scorer", "make a scorer from text, in one go"),
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
