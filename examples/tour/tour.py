"""The guided tour: what bootstrapping a speech-to-text model from another one is worth.

    python examples/tour/tour.py

It runs the documented commands on the speech in this folder, printing each as you would type it,
and ends with a table. A few minutes on two cores; nothing is downloaded.
"""

from __future__ import annotations

import argparse
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


@dataclass(frozen=True)
class Score:
    """Error rates over one test set."""

    wer: float
    cer: float

    def __str__(self) -> str:
        return f"{self.wer:6.1%} {self.cer:6.1%}"


class Tour:
    """Runs commands whose models and results go below one folder."""

    def __init__(self, output: Path) -> None:
        self._output = output

    def folder(self, name: str) -> str:
        """Return a model's folder as it stands in a command."""
        return shlex.quote(str(self._output / name))

    def train(self, language: str, name: str, flags: str, epochs: int) -> Score:
        """Train on a language's sets, saving in the folder `name`; return its test scores."""
        speech = SPEECH / language
        sets = " ".join(f"--{kind}_files {speech}/{kind}.csv" for kind in ("train", "dev", "test"))
        return self._run("train", name, f"{flags} {sets} --epochs {epochs} {TRAINING} {TESTING}")

    def evaluate(self, language: str, model: str, name: str) -> Score:
        """Evaluate a trained model on a language's test set."""
        flags = f"--checkpoint_dir {self.folder(model)} --test_files {SPEECH}/{language}/test.csv"
        return self._run("evaluate", name, f"{flags} {TESTING}")

    def transcribe(self, model: str, audio: Path) -> None:
        """Print what a trained model hears in one file."""
        flags = f"--checkpoint_dir {self.folder(model)} --one_shot_infer {audio}"
        run_command("training_graph_inference", shlex.split(flags))

    def _run(self, command: str, name: str, flags: str) -> Score:
        results = self._output / f"{name}.json"
        run_command(command, [*shlex.split(flags), "--test_output_file", str(results)])
        samples = json.loads(results.read_text(encoding="utf-8"))

        def rate(unit: str) -> float:
            distance, length = (
                sum(sample[f"{unit}_{part}"] for sample in samples)
                for part in ("distance", "length")
            )
            return float(distance / length)

        return Score(rate("word"), rate("char"))


def run_command(command: str, flags: Sequence[str]) -> None:
    """Print a command of the toolkit and run it; end the tour where it fails."""
    module = f"coqui_stt_training.{command}"
    lines, line = [], f"$ python -m {module}"
    for flag, *values in _group(flags):
        lines.append(line)
        line = "      " + shlex.join([flag, *values])
    print("\n" + " \\\n".join([*lines, line]) + "\n", flush=True)
    finished = subprocess.run(
        [sys.executable, "-m", module, *flags],
        cwd=REPOSITORY,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    if finished.returncode:
        raise SystemExit(finished.returncode)


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


def take_tour(output: Path) -> None:
    """Run every command, then print the table."""
    tour = Tour(output)
    source = f"--load_checkpoint_dir {tour.folder('english')}"

    say("1. A source model: English, from scratch")
    flags = f"--checkpoint_dir {tour.folder('english')} {NEW_MODEL}"
    tour.train("english", "english", flags, SOURCE_EPOCHS)

    say("2. What it makes of words it has never heard")
    before = tour.evaluate("kitchen", "english", "kitchen-before")

    say("3. Fine-tuning: the same alphabet, so every layer is kept")
    flags = f"{source} --save_checkpoint_dir {tour.folder('kitchen')}"
    tuned = tour.train("kitchen", "kitchen", flags, TARGET_EPOCHS)

    say("4. The same steps from scratch, to compare")
    flags = f"--checkpoint_dir {tour.folder('kitchen-scratch')} {NEW_MODEL}"
    kitchen_scratch = tour.train("kitchen", "kitchen-scratch", flags, TARGET_EPOCHS)

    say("5. Transfer-learning: a new alphabet, so the output layer is made anew")
    # What both alphabets have, the space and CTC's blank above all, need not be learnt again.
    new = (
        "--drop_source_layers 1 --map_shared_characters true "
        f"--alphabet_config_path {SPEECH}/ukrainian/alphabet.txt"
    )
    flags = f"{new} {source} --save_checkpoint_dir {tour.folder('ukrainian')}"
    transferred = tour.train("ukrainian", "ukrainian", flags, TARGET_EPOCHS)

    say("6. The same steps from scratch, to compare")
    flags = f"--checkpoint_dir {tour.folder('ukrainian-scratch')} {NEW_MODEL}"
    ukrainian_scratch = tour.train("ukrainian", "ukrainian-scratch", flags, TARGET_EPOCHS)

    say("7. One recording, transcribed")
    clip = sorted((REPOSITORY / SPEECH / "ukrainian/audio/test").glob("*.ogg"))[0]
    tour.transcribe("ukrainian", clip.relative_to(REPOSITORY))

    say(f"What {TARGET_EPOCHS} epochs of training gave, on voices and phrases never trained on")
    print(f"""
                                         WER    CER
kitchen, English model as it was      {before}
kitchen, from scratch                 {kitchen_scratch}
kitchen, fine-tuned                   {tuned}

ukrainian, from scratch               {ukrainian_scratch}
ukrainian, transfer-learned           {transferred}
""")


def main() -> None:
    """Read the command line and take the tour."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--output", type=Path, help="new folder for models (default: a temporary)")
    given = parser.parse_args().output
    output = given.resolve() if given else Path(tempfile.mkdtemp(prefix="coqui-stt-tour-"))
    if output.exists() and any(output.iterdir()):
        parser.error(f"--output {output} is not empty; name a new folder, or remove it")
    output.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    take_tour(output)
    minutes = (time.monotonic() - started) / 60
    print(f"That took {minutes:.1f} minutes. Models, results and TensorBoard logs: {output}")


if __name__ == "__main__":
    main()
