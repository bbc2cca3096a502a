"""The guided tour: what bootstrapping a speech-to-text model from another one gains.

    python examples/tour/tour.py

It runs the documented commands on the speech in this folder, and prints each as you would type it:
training, fine-tuning, transfer-learning, a scorer, export, transcription. It ends with a table and
next steps. It takes a few minutes on two cores and downloads nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SPEECH = Path("examples/tour")  # from the repository, where the commands run

# A small model and small batches, since there is little speech: see docs/training.md, Batch size.
TRAINING = "--train_batch_size 8 --dev_batch_size 40 --shuffle_batches true --dropout_rate 0.1"
TESTING = "--test_batch_size 60 --report_count 1"
NEW_MODEL = "--n_hidden 160"
SOURCE_EPOCHS, TARGET_EPOCHS = 14, 12
TUNING_TRIALS = 40


@dataclass(frozen=True)
class Score:
    """Error rates over one test set."""

    wer: float
    cer: float

    def __str__(self) -> str:
        return f"{self.wer:6.1%} {self.cer:6.1%}"


class Tour:
    """Runs commands whose models and results go below one folder.

    Args:
        output: the folder.
        epochs: of each training; None for those that the tour is made for.
    """

    def __init__(self, output: Path, epochs: int | None = None) -> None:
        self._output = output
        self._epochs = epochs

    def folder(self, name: str) -> str:
        """Return a model's folder as it stands in a command."""
        return shlex.quote(str(self._output / name))

    def train(self, language: str, name: str, flags: str, epochs: int) -> Score:
        """Train on a language's sets, saving in the folder `name`; return its test scores."""
        speech = SPEECH / language
        sets = " ".join(f"--{kind}_files {speech}/{kind}.csv" for kind in ("train", "dev", "test"))
        length = f"--epochs {self._epochs or epochs}"
        return self._run("train", name, f"{flags} {sets} {length} {TRAINING} {TESTING}")

    def evaluate(self, language: str, model: str, name: str, flags: str = "") -> Score:
        """Evaluate a trained model on a language's test set."""
        model_flag = f"--checkpoint_dir {self.folder(model)}"
        sets = f"--test_files {SPEECH}/{language}/test.csv"
        return self._run("evaluate", name, f"{model_flag} {sets} {flags} {TESTING}")

    def build_scorer(self, language: str, model: str) -> str:
        """Make a scorer of a language's sentences for a model; return its path.

        Raises:
            CommandError: the package was built without `lmplz`.
        """
        text = self._output / f"{language}.txt"
        with (REPOSITORY / SPEECH / language / "train.csv").open(encoding="utf-8") as file:
            sentences = [row["transcript"] for row in csv.DictReader(file)]
        text.write_text("\n".join(sentences) + "\n", encoding="utf-8")
        scorer = self.folder(f"{language}.scorer")
        flags = f"--input_txt {shlex.quote(str(text))} --checkpoint {self.folder(model)}"
        tuning = f"--tune_on {SPEECH}/{language}/dev.csv --n_trials {TUNING_TRIALS}"
        small = "--arpa_order 3 --discount_fallback"  # the text is
        run_module("lm.build_scorer", shlex.split(f"{flags} {small} --package {scorer} {tuning}"))
        return scorer

    def export(self, model: str) -> str:
        """Write a trained model for deployment; return its path."""
        folder = self.folder(f"{model}-exported")
        run_module(
            "export", shlex.split(f"--checkpoint_dir {self.folder(model)} --export_dir {folder}")
        )
        return self.folder(f"{model}-exported/output_graph.tflite")

    def transcribe(self, model: str, scorer: str, audio: Path) -> None:
        """Print what an exported model hears in one file."""
        flags = f"--model {model} {f'--scorer {scorer}' if scorer else ''} --audio {audio}"
        run_command("stt", [sys.executable, "-m", "stt"], shlex.split(flags))

    def _run(self, command: str, name: str, flags: str) -> Score:
        results = self._output / f"{name}.json"
        run_module(command, [*shlex.split(flags), "--test_output_file", str(results)])
        samples = json.loads(results.read_text(encoding="utf-8"))

        def rate(unit: str) -> float:
            distance, length = (
                sum(sample[f"{unit}_{part}"] for sample in samples)
                for part in ("distance", "length")
            )
            return float(distance / length)

        return Score(rate("word"), rate("char"))


class CommandError(Exception):
    """A command of the tour failed; it has said why."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the command failed with status {status}")
        self.status = status


def run_module(name: str, flags: Sequence[str]) -> None:
    """Print and run `python -m coqui_stt_training.NAME`."""
    module = f"coqui_stt_training.{name}"
    run_command(f"python -m {module}", [sys.executable, "-m", module], flags)


def run_command(typed: str, command: Sequence[str], flags: Sequence[str]) -> None:
    """Print a command as one types it, and run it.

    Raises:
        CommandError: it failed.
    """
    lines, line = [], f"$ {typed}"
    for flag, *values in _group(flags):
        lines.append(line)
        line = "      " + shlex.join([flag, *values])
    print("\n" + " \\\n".join([*lines, line]) + "\n", flush=True)
    finished = subprocess.run(
        [*command, *flags],
        cwd=REPOSITORY,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    if finished.returncode:
        raise CommandError(finished.returncode)


def _group(flags: Sequence[str]) -> list[list[str]]:
    """Put each flag together with its values."""
    groups: list[list[str]] = []
    for word in flags:
        if word.startswith("--"):
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def say(text: str) -> None:
    """Print a heading."""
    print(f"\n\n=== {text}", flush=True)


def take_tour(tour: Tour) -> None:
    """Run every command, then print the table and what to do next."""
    source = f"--load_checkpoint_dir {tour.folder('english')}"

    say("1. A source model: English, from scratch")
    flags = f"--checkpoint_dir {tour.folder('english')} {NEW_MODEL}"
    tour.train("english", "english", flags, SOURCE_EPOCHS)

    say("2. The error rates of that model on words it was not trained on")
    before = tour.evaluate("kitchen", "english", "kitchen-before")

    say("3. Fine-tuning: same alphabet, so every layer is kept")
    flags = f"{source} --save_checkpoint_dir {tour.folder('kitchen')}"
    tuned = tour.train("kitchen", "kitchen", flags, TARGET_EPOCHS)

    say("4. For comparison: the same training from scratch")
    flags = f"--checkpoint_dir {tour.folder('kitchen-scratch')} {NEW_MODEL}"
    kitchen_scratch = tour.train("kitchen", "kitchen-scratch", flags, TARGET_EPOCHS)

    say("5. Transfer-learning: a new alphabet, so the output layer is replaced")
    # What both alphabets have, the space and CTC's blank above all, need not be learnt again.
    new = (
        "--drop_source_layers 1 --map_shared_characters true "
        f"--alphabet_config_path {SPEECH}/ukrainian/alphabet.txt"
    )
    flags = f"{new} {source} --save_checkpoint_dir {tour.folder('ukrainian')}"
    transferred = tour.train("ukrainian", "ukrainian", flags, TARGET_EPOCHS)

    say("6. For comparison: the same training from scratch")
    flags = f"--checkpoint_dir {tour.folder('ukrainian-scratch')} {NEW_MODEL}"
    ukrainian_scratch = tour.train("ukrainian", "ukrainian-scratch", flags, TARGET_EPOCHS)

    say("7. A scorer: a language model of the words")
    scorer, scored = _take_scorer(tour)

    say("8. Export, and transcribing a clip without PyTorch")
    model = tour.export("ukrainian")
    clip = sorted((REPOSITORY / SPEECH / "ukrainian/audio/test").glob("*.ogg"))[0]
    tour.transcribe(model, scorer, clip.relative_to(REPOSITORY))

    say("Results, on voices and phrases that are not in the training data")
    print(f"""
                                         WER    CER
kitchen, English model, unchanged     {before}
kitchen, from scratch                 {kitchen_scratch}
kitchen, fine-tuned                   {tuned}

ukrainian, from scratch               {ukrainian_scratch}
ukrainian, transfer-learned           {transferred}
the same, with a scorer               {scored}""")
    _tell_next(tour, model, scorer)


def _take_scorer(tour: Tour) -> tuple[str, Score | str]:
    try:
        scorer = tour.build_scorer("ukrainian", "ukrainian")
    except CommandError:
        print("Continuing without a scorer.")
        return "", "   not made, see above"
    return scorer, tour.evaluate("ukrainian", "ukrainian", "ukrainian-scored", f"--scorer {scorer}")


def _tell_next(tour: Tour, model: str, scorer: str) -> None:
    say("Next steps")
    print(f"""
The exported model is {model}, its checkpoint is
{tour.folder("ukrainian")}. It understands a synthesiser, not people.
{_how_to_type()}
To serve it as a web page with a microphone:
$ stt serve --model {model}{f" --scorer {scorer}" if scorer else ""}

To see which layers would be kept for your own speech (the CSV files have the columns wav_filename
and transcript; without --dry_run true the command trains):
$ python -m coqui_stt_training.train --dry_run true \\
      --load_checkpoint_dir {tour.folder("english")} --save_checkpoint_dir my-model \\
      --train_files my-train.csv --dev_files my-dev.csv

To describe any model of Coqui STT, DeepSpeech or this tour:
$ python -m coqui_stt_training.inspect {tour.folder("english")}
""")


def _how_to_type() -> str:
    """Return what makes the commands known to a shell, where it is needed."""
    if sys.prefix == sys.base_prefix or os.environ.get("VIRTUAL_ENV") == sys.prefix:
        return ""
    activate = Path(sys.prefix) / "bin" / "activate"
    return f"To use the commands, first run: source {shlex.quote(str(activate))}\n"


def main() -> None:
    """Read the command line and take the tour."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, help="new folder for models (default: a temporary)")
    parser.add_argument(
        "--epochs",
        type=int,
        help=f"of each training (default: {SOURCE_EPOCHS} for the source, then {TARGET_EPOCHS})",
    )
    flags = parser.parse_args()
    output = (
        flags.output.resolve() if flags.output else Path(tempfile.mkdtemp(prefix="coqui-stt-tour-"))
    )
    if output.exists() and any(output.iterdir()):
        parser.error(f"--output {output} is not empty; name a new folder, or remove it")
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    try:
        take_tour(Tour(output, flags.epochs))
    except CommandError as error:
        raise SystemExit(error.status) from None
    minutes = (time.monotonic() - started) / 60
    print(f"That took {minutes:.1f} minutes. Models, results and TensorBoard logs: {output}")


if __name__ == "__main__":
    main()
