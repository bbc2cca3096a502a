"""What text read out is worth: test error rates with and without it, one core each.

    python benchmarks/synthetic_speech.py DATA_DIR SOURCE OUTPUT_DIR --target speechocean762 \
        --text sentences.txt --voices slt rms awb kal16 --seeds 1 2 3 \
        --command 'flite -voice {voice} --setf duration_stretch={slowness} -o {out}'

The target's folder has train.csv, dev.csv, test.csv and alphabet.txt. "recordings" trains on these
alone, by the recipe. "spoken" first trains the head on the frozen encoder, with synthetic speech as
nine tenths of each epoch, and then all layers, with three quarters. Each model is evaluated without
a scorer, and with a word scorer of the text, which is tuned on the dev set. CPU minutes are those
of training; those of the synthesiser and of the scorer are printed below the table.
`--sentences_of FOLDER` writes the text first: the sentences of the package `fortunes`, or of other
text files. Finished runs are read from OUTPUT_DIR, so an interrupted benchmark can be continued.
"""

from __future__ import annotations

import argparse
import random
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from commands import cpu_minutes, run_command

WAYS = ("recordings", "spoken")
# Masks act on the features: on the outputs of the first layer they disturb this encoder more.
COMMON = shlex.split(
    "--recipe none --train_batch_size 16 --dev_batch_size 16 --automatic_mixed_precision true "
    "--shuffle_batches true --dropout_rate 0.3 --optimizer adamw --gradient_clipping 5 "
    "--learning_rate_schedule tri_stage"
)
MASKS = "specaugment-lowresource[time=0.1,time_length=100,channel=0.1{domain}]"
HEAD = (
    *COMMON, "--freeze_source_layers", -1, "--head_blocks", 8, "--output_bias", "prior",
    "--augment", "speed[p=0.5]", MASKS.format(domain=""), "--augment_variants", 1,
    "--warmup_steps", 60, "--tri_stage_hold", 0.6, "--epochs", 10,
)  # fmt: skip
ALL_LAYERS = (
    *COMMON, "--source_learning_rate_factor", 0.2, "--layer_learning_rate_decay", 0.9,
    "--augment", "speed[p=0.5]", MASKS.format(domain=",domain=features"),
    "--warmup_steps", 20, "--tri_stage_hold", 0.5, "--epochs", 6,
)  # fmt: skip
_END = re.compile(r"(?<=[.!?])[\"')]*\s+")


class Rates(NamedTuple):
    """Error rates on a test set."""

    cer: float
    wer: float

    def __str__(self) -> str:
        return f"{self.cer:.3f} / {self.wer:.3f}"


def write_sentences(folder: Path, text: Path) -> None:
    """Write the sentences of all text files of a folder, in random order, one per line.

    Quotations of `fortunes` are separated by `%`, and end with `-- Author`.
    """
    sentences: dict[str, None] = {}
    for path in sorted(folder.glob("*.u8")) or sorted(folder.glob("*.txt")):
        content = path.read_text(encoding="utf-8", errors="replace")
        for quotation in re.split(r"^%.*$", content, flags=re.MULTILINE):
            said = re.sub(r"\n\s*-- .*", "", quotation, flags=re.DOTALL)
            for sentence in _END.split(" ".join(said.split())):
                if 2 <= len(sentence.split()) <= 15:
                    sentences[sentence.strip(" \"'-:;")] = None
    lines = list(sentences)
    random.Random(1).shuffle(lines)
    text.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class Bench:
    """One target."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.given = arguments
        self.data: Path = arguments.data / arguments.target
        self.output: Path = arguments.output
        self.text: Path = arguments.text

    def spoken(self) -> Path:
        """Synthesize the sentences, once for all seeds; return their CSV file."""
        command = ("--command", self.given.command) if self.given.command else ()
        voices = ("--voices", *self.given.voices) if self.given.voices else ()
        out = self.output / "speech"
        run_command(
            self.output / "synthesis", "synthesize", "--text", self.text, "--out", out,
            "--limit", self.given.limit, "--alphabet_config_path", self.data / "alphabet.txt",
            *voices, *command,
        )  # fmt: skip
        return out / "clips.csv"

    def measure(self, way: str, seed: int) -> tuple[Rates, Rates, float]:
        """Train and evaluate; return the rates without and with a scorer, and CPU minutes."""
        folder = self.output / f"{way}_{seed}"
        model, scorer = folder / "model", folder / "words.scorer"
        minutes = 0.0
        if way == "spoken":
            spoken, head = self.spoken(), folder / "head"
            minutes += self._train(head, self.given.source, seed, f"{spoken}:0.9", *HEAD)
            minutes += self._train(model, head, seed, f"{spoken}:0.75", *ALL_LAYERS)
        else:
            minutes += self._train(model, self.given.source, seed)
        run_command(
            folder / "scorer", "lm.build_scorer", "--input_txt", self.text, "--checkpoint", model,
            "--package", scorer, "--arpa_order", 3, "--arpa_prune", 0, "--discount_fallback",
            "--tune_on", self.data / "dev.csv", "--n_trials", 100,
        )  # fmt: skip
        return (
            self._evaluate(folder / "without", model),
            self._evaluate(folder / "with", model, "--scorer_path", scorer),
            minutes,
        )

    def _train(self, model: Path, source: Path | str, seed: int, *more: object) -> float:
        """Train a model, and return the CPU minutes; `more` begins with further training files."""
        log = model.with_name(f"{model.name}-training")
        run_command(
            log, "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", model,
            "--alphabet_config_path", self.data / "alphabet.txt", "--dev_files",
            self.data / "dev.csv", "--max_to_keep", 1, "--random_seed", seed, "--train_files",
            self.data / "train.csv", *more,
        )  # fmt: skip
        return cpu_minutes(log)

    def _evaluate(self, folder: Path, model: Path, *flags: object) -> Rates:
        said = run_command(
            folder, "evaluate", "--checkpoint_dir", model, "--test_files", self.data / "test.csv",
            "--report_count", 0, *flags,
        )  # fmt: skip
        wer, cer = re.findall(r"WER: ([\d.]+), CER: ([\d.]+)", said)[-1]
        return Rates(float(cer), float(wer))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the target")
    parser.add_argument("source", metavar="SOURCE", help="the pre-trained model")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for logs and results")
    parser.add_argument("--target", required=True, metavar="FOLDER")
    parser.add_argument("--text", type=Path, required=True, help="one sentence per line")
    parser.add_argument("--sentences_of", type=Path, metavar="FOLDER", help="writes --text")
    parser.add_argument("--voices", nargs="+", default=[], help="of synthesize")
    parser.add_argument("--command", default="", help="of synthesize")
    parser.add_argument("--limit", type=int, default=4000, help="sentences that are spoken")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=WAYS, metavar="WAY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], metavar="N")
    arguments = parser.parse_args()
    if arguments.sentences_of and not arguments.text.exists():
        write_sentences(arguments.sentences_of, arguments.text)
    bench = Bench(arguments)
    print("| way | seed | test CER / WER | with a scorer of the text | CPU min |")
    print("|---|---|---|---|---|")
    for seed in arguments.seeds:
        for way in arguments.ways:
            without, scored, minutes = bench.measure(way, seed)
            print(f"| {way} | {seed} | {without} | {scored} | {minutes:.1f} |", flush=True)
    scorers = [cpu_minutes(one) for one in sorted(arguments.output.glob("*/scorer"))]
    print(f"\nMaking and tuning a scorer took {max(scorers):.1f} minutes")
    if "spoken" in arguments.ways:
        print(f"Synthesizing took {cpu_minutes(arguments.output / 'synthesis'):.1f} minutes")


if __name__ == "__main__":
    main()
