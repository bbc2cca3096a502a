"""The benefit of each kind of augmentation: test error rates after equal steps, over seeds.

    python benchmarks/augmentation_worth.py DATA_DIR OUTPUT_DIR --scratch an4 \
        --bootstrapped ukrainian_asterisk kannada_halthor --source MODEL --seeds 1 2 3

Each set's folder has train.csv, test.csv and alphabet.txt. A small DeepSpeech model is trained from
scratch on the sets of `--scratch`, and from MODEL on the others, without augmentation and with each
kind, for the same number of steps, on one core. The last weights are evaluated; no dev set is used.
A kind is one of those below, or a value of `--augment`, in quotes; {noise} in it is a folder of
noise that is made here. Finished runs are read from OUTPUT_DIR, so an interrupted benchmark can be
continued; all sets and kinds of the first seed come first. After each seed it prints a Markdown
table: mean ± standard deviation of the test CER, and the difference to no augmentation. Differences
of more than three standard errors, estimated from all kinds of the set together, are bold.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import statistics
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from coqui_stt_training import train_model
from recipes import spread

NONE = "none"
# For half of the clips, with the values of upstream's documentation if it gives some.
KINDS = {
    NONE: "",
    "overlay": "overlay[p=0.5,source={noise},snr=20~15]",
    "reverb": "reverb[p=0.5,delay=50~30,decay=6~4]",
    "room": "room[p=0.5]",
    "resample": "resample[p=0.5,rate=10000~4000]",
    "codec": "codec[p=0.5,bitrate=32000~16000]",
    "volume": "volume[p=0.5,dbfs=-20~15]",
    "speed": "speed[p=0.5]",
    "pitch": "pitch[p=0.5,pitch=1~0.2]",
    "tempo": "tempo[p=0.5,factor=1~0.3]",
    "warp": "warp[p=0.5,nt=4,nf=1,wt=0.5,wf=0.1]",
    "frequency_mask": "frequency_mask[p=0.5,n=3,size=4]",
    "time_mask": "time_mask[p=0.5,domain=signal,n=6,size=75~40]",
    "dropout": "dropout[p=0.5,rate=0.05]",
    "add": "add[p=0.5,domain=features,stddev=0.5~0.5]",
    "multiply": "multiply[p=0.5,domain=features,stddev=0.25~0.25]",
    "join": "join[p=0.5]",
    "specaugment": "specaugment",
}
SIGNIFICANT = 3.0  # standard errors; by chance, one in twenty differences exceeds two
_RATE_HZ = 16000


class Work(NamedTuple):
    """One training run, and the folder of its results."""

    data: Path
    output: Path
    augment: str
    epochs: int
    seed: int
    source: str

    def error_rate(self) -> float:
        """Return the character error rate on the test set, after training or read from a file."""
        kept = self.output / "result.json"
        if not kept.exists():
            kept.write_text(json.dumps({"cer": self._train()}))
            shutil.rmtree(self.output / "model")
        return float(json.loads(kept.read_text())["cer"])

    def _train(self) -> float:
        start = {
            "load_checkpoint_dir": self.source, "drop_source_layers": 1,
            "map_shared_characters": True,
        } if self.source else {"n_hidden": 256}  # fmt: skip
        trained = train_model(
            save_checkpoint_dir=self.output / "model", train_files=self.data / "train.csv",
            test_files=self.data / "test.csv", alphabet_config_path=self.data / "alphabet.txt",
            epochs=self.epochs, dropout_rate=0.2, random_seed=self.seed, train_batch_size=8,
            augment=[self.augment] if self.augment else [], beam_width=64, skip_batch_test=True,
            test_batch_size=16,
            max_to_keep=1, intra_op_parallelism_threads=1, show_progressbar=False, **start,
        )  # fmt: skip
        if trained.exit_status:
            raise SystemExit(
                f"stopped in epoch {trained.epoch} of {self.epochs}: all is kept in {self.output}. "
                "The same benchmark, run again, goes on there"
            )
        return float(trained.tests[0].cer)


def make_noise(folder: Path) -> Path:
    """Write ten noises of ten seconds, from white to brown, and return their folder."""
    chance = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    for number, slope in enumerate(np.linspace(0, 1, 10)):
        spectrum = np.fft.rfft(chance.standard_normal(10 * _RATE_HZ))
        shaped = np.fft.irfft(spectrum / np.arange(1, len(spectrum) + 1) ** slope)
        samples = (shaped / np.abs(shaped).max() * 30000).astype("<i2")
        with wave.open(str(folder / f"noise-{number}.wav"), "wb") as file:
            file.setparams((1, 2, _RATE_HZ, len(samples), "NONE", ""))
            file.writeframes(samples.tobytes())
    return folder


Rates = Mapping[str, Mapping[str, Sequence[float]]]


def table(rates: Rates) -> str:
    """Return a Markdown table of error rates by set and kind, one for each seed."""
    lines = [
        "| kind | " + " | ".join(f"{name} | difference" for name in rates) + " |",
        "|---" * (1 + 2 * len(rates)) + "|",
    ]
    for kind in next(iter(rates.values())):
        cells = [cell for of_set in rates.values() for cell in _cells(kind, of_set)]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(kind: str, of_set: Mapping[str, Sequence[float]]) -> tuple[str, str]:
    """Return an error rate with its spread, and its difference from that without augmentation."""
    cell, seeds = spread(of_set[kind]), len(of_set[kind])
    difference = statistics.mean(of_set[kind]) - statistics.mean(of_set[NONE])
    if seeds == 1:
        return cell, f"{difference:+.3f}"
    variance = statistics.mean(statistics.variance(one) for one in of_set.values())
    beyond = abs(difference) > SIGNIFICANT * math.sqrt(2 * variance / seeds)
    text = f"{difference:+.3f}" if kind != NONE else ""
    return cell, f"**{text}**" if beyond else text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="the kinds:\n" + "\n".join(f"  {kind:<16} {text}" for kind, text in KINDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the sets")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for results")
    parser.add_argument("--scratch", nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--bootstrapped", nargs="*", default=[], metavar="FOLDER")
    parser.add_argument("--source", default="", metavar="MODEL", help="of those bootstrapped")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), metavar="KIND")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="N")
    parser.add_argument("--scratch_epochs", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=15, help="of those bootstrapped")
    arguments = parser.parse_args()
    if arguments.bootstrapped and not arguments.source:
        parser.error("--bootstrapped needs --source: the model to begin from")
    noise = make_noise(arguments.output / "noise")
    sets = dict.fromkeys(arguments.bootstrapped, (arguments.epochs, arguments.source))
    sets.update((name, (arguments.scratch_epochs, "")) for name in arguments.scratch)
    kinds = [NONE, *(kind for kind in arguments.kinds if kind != NONE)]
    rates: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in kinds} for name in sets}
    for seed in arguments.seeds:
        for name, (epochs, source) in sets.items():
            for kind in kinds:
                work = Work(
                    arguments.data / name,
                    arguments.output / name / re.sub(r"\W+", "_", kind) / str(seed),
                    KINDS.get(kind, kind).format(noise=noise), epochs, seed, source,
                )  # fmt: skip
                rates[name][kind].append(work.error_rate())
        print(f"\nseeds up to {seed}:\n\n{table(rates)}", flush=True)


if __name__ == "__main__":
    main()
