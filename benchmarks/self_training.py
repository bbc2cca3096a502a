"""The benefit of audio without transcripts, and of choosing it: test error rates, on one core.

    python benchmarks/self_training.py DATA_DIR SOURCE OUTPUT_DIR --targets ukrainian_asterisk \
        --ways half all "labels, text" --seeds 1

Each target's folder has train.csv, dev.csv, test.csv and alphabet.txt. Half of the training clips
lose their transcripts; the ways are those below. "text" is a scorer of all transcripts, sorted: the
sentences are known, but not their recordings. In the ways with a third, a third of the clips has
transcripts, and as much audio again is transcribed: chosen by `select_clips`, or at random. In the
ways with a quarter, one uses the transcripts of the rest without their audio: espeak-ng speaks
them, as half of each epoch. Test sets are evaluated without a scorer. Finished runs are read from
OUTPUT_DIR, so an interrupted benchmark can be continued.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from commands import cpu_minutes, run_command

Rows = list[dict[str, str]]
COLUMNS = ("wav_filename", "wav_filesize", "transcript")
# The head alone, so that a run takes minutes.
FLAGS = (
    "--recipe none --freeze_source_layers -1 --dropout_rate 0.3 --train_batch_size 8 "
    "--shuffle_batches true"
)
WAYS = ("half", "all", "itself", "itself, text", "labels", "labels, text",
        "third", "third and as much at random", "third and as much chosen",
        "quarter", "quarter and the rest spoken")  # fmt: skip


class Outcome(NamedTuple):
    """The result of one way; CPU minutes are those of its own commands."""

    cer: float
    wer: float
    cpu_minutes: float


class Bench:
    """One target and one seed."""

    def __init__(
        self, data: Path, source: str, output: Path, seed: int, epochs: int, flags: str, voice: str
    ) -> None:
        self.data, self.source, self.output, self.seed = data, source, output, seed
        self.epochs, self.flags, self.voice = epochs, shlex.split(flags), voice
        with (data / "train.csv").open(encoding="utf-8") as file:
            rows = [{name: row[name] for name in COLUMNS} for row in csv.DictReader(file)]
        self.rows = sorted(rows, key=lambda row: _digest(f"0{row['wav_filename']}"))
        for row in self.rows:
            row["wav_filename"] = str((data / row["wav_filename"]).resolve())

    def measure(self, way: str) -> Outcome:
        """Run a way, or read its earlier result."""
        kept = self._folder(way) / "result.json"
        if not kept.exists():
            self._folder(way).mkdir(parents=True, exist_ok=True)
            self._train(way)
            cer, wer = self._evaluate(way)
            outcome = Outcome(cer, wer, cpu_minutes(self._folder(way)))
            kept.write_text(json.dumps(outcome._asdict()))
        return Outcome(**json.loads(kept.read_text()))

    def _train(self, way: str) -> None:
        half, third, quarter = (len(self.rows) // parts for parts in (2, 3, 4))
        labelled, rest = self.rows[:half], self.rows[half:]
        if way == "half":
            self._fit(way, labelled, 2 * self.epochs)
        elif way == "all":
            self._fit(way, self.rows, self.epochs)
        elif way.startswith("itself"):
            unlabelled = self._write(way, "untold", rest)
            text = ("--scorer_path", self._scorer(), "--beam_width", 64) if "text" in way else ()
            self._fit(way, labelled, 3 * self.epochs // 2, "--unlabelled_files", unlabelled,
                      "--self_training_confidence", 0.3, *text)  # fmt: skip
        elif way.startswith("labels"):
            self.measure("half")
            text = ("--scorer_path", self._scorer()) if "text" in way else ()
            labels = self._folder(way) / "labels.csv"
            self._run(way, "pseudo_label", "--checkpoint_dir", self._folder("half") / "model",
                      "--unlabelled_files", self._write(way, "untold", rest), "--out", labels,
                      "--min_confidence", 0.3, *text)  # fmt: skip
            self._fit(way, labelled, self.epochs, more=(labels,))
        elif way == "quarter":
            self._fit(way, self.rows[:quarter], 4 * self.epochs)
        elif way == "quarter and the rest spoken":
            spoken = self._spoken(way, self.rows[quarter:])
            self._fit(way, self.rows[:quarter], 2 * self.epochs, more=(f"{spoken}:0.5",))
        elif way == "third":
            self._fit(way, self.rows[:third], 3 * self.epochs)
        elif way == "third and as much at random":
            self._fit(way, self.rows[: 2 * third], 3 * self.epochs // 2)
        else:
            self._fit(way, [*self.rows[:third], *self._chosen(way, third)], 3 * self.epochs // 2)

    def _chosen(self, way: str, third: int) -> Rows:
        """Return the rows that `select_clips` chooses, with as much audio as the second third."""
        self.measure("third")
        out = self._folder(way) / "next.csv"
        seconds = sum(_seconds(row["wav_filename"]) for row in self.rows[third : 2 * third])
        self._run(way, "select_clips", "--checkpoint_dir", self._folder("third") / "model",
                  "--unlabelled_files", self._write(way, "untold", self.rows[third:]),
                  "--train_files", self._write(way, "told", self.rows[:third]), "--out", out,
                  "--minutes", seconds / 60)  # fmt: skip
        with out.open(encoding="utf-8") as file:
            names = {row["wav_filename"] for row in csv.DictReader(file)}
        return [row for row in self.rows if row["wav_filename"] in names]

    def _spoken(self, way: str, rows: Rows) -> Path:
        text, out = self._folder(way) / "rest.txt", self._folder(way) / "synthetic"
        text.write_text("".join(f"{row['transcript']}\n" for row in rows), encoding="utf-8")
        self._run(way, "synthesize", "--text", text, "--voices", self.voice, "--out", out,
                  "--alphabet_config_path", self.data / "alphabet.txt")  # fmt: skip
        return out / "clips.csv"

    def _scorer(self) -> Path:
        scorer = self.output / "text.scorer"
        if not scorer.exists():
            self.measure("half")
            lines = sorted(row["transcript"] for row in self.rows)
            text = self.output / "text.txt"
            text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            self._run("half", "lm.build_scorer", "--input_txt", text, "--checkpoint",
                      self._folder("half") / "model", "--package", scorer, "--arpa_order", 3,
                      "--discount_fallback")  # fmt: skip
        return scorer

    def _fit(
        self, way: str, labelled: Rows, epochs: int, *flags: object, more: Sequence[object] = ()
    ) -> None:
        self._run(
            way, "train", "--load_checkpoint_dir", self.source, "--save_checkpoint_dir",
            self._folder(way) / "model", "--train_files", self._write(way, "train", labelled),
            *more, "--dev_files", self.data / "dev.csv", "--alphabet_config_path",
            self.data / "alphabet.txt", "--epochs", epochs, "--dev_batch_size", 8,
            "--max_to_keep", 1, "--random_seed", self.seed, "--intra_op_parallelism_threads", 1,
            *self.flags, *flags,
        )  # fmt: skip

    def _evaluate(self, way: str) -> tuple[float, float]:
        said = self._run(
            way, "evaluate", "--checkpoint_dir", self._folder(way) / "model", "--test_files",
            self.data / "test.csv", "--test_batch_size", 8, "--report_count", 0,
            "--intra_op_parallelism_threads", 1,
        )  # fmt: skip
        wer, cer = re.findall(r"WER: ([\d.]+), CER: ([\d.]+)", said)[-1]
        return float(cer), float(wer)

    def _write(self, way: str, name: str, rows: Rows) -> Path:
        path = self._folder(way) / f"{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return path

    def _run(self, way: str, command: str, *flags: object) -> str:
        return run_command(self._folder(way), command, *flags)

    def _folder(self, way: str) -> Path:
        return self.output / re.sub(r"\W+", "_", way)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _seconds(name: str) -> float:
    import soundfile

    return float(soundfile.info(name).duration)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the targets")
    parser.add_argument("source", metavar="SOURCE", help="the pre-trained model")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for logs and results")
    parser.add_argument("--targets", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, metavar="WAY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="N")
    parser.add_argument(
        "--epochs", type=int, default=20, help="on all data; on less, as many steps"
    )
    parser.add_argument("--flags", default=FLAGS, help="of train")
    parser.add_argument("--voice", default="uk", help="of espeak-ng, for what is spoken")
    arguments = parser.parse_args()
    print("| target | seed | way | test CER | test WER | CPU min |")
    print("|---|---|---|---|---|---|")
    for target in arguments.targets:
        for seed in arguments.seeds:
            bench = Bench(
                arguments.data / target, arguments.source, arguments.output / target / str(seed),
                seed, arguments.epochs, arguments.flags, arguments.voice,
            )  # fmt: skip
            for way in arguments.ways:
                found = bench.measure(way)
                print(
                    f"| {target} | {seed} | {way} | {found.cer:.3f} | {found.wer:.3f} "
                    f"| {found.cpu_minutes:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
