"""Results of recipes: test error rates over seeds, their spread, and CPU time.

    python benchmarks/recipes.py DATA_DIR SOURCE OUTPUT_DIR --targets ukrainian_asterisk \
        --ways recipe "head alone" --seeds 1 2 3

Each target's folder has train.csv, dev.csv, test.csv and alphabet.txt. A way is one of those below,
or flags of `coqui_stt_training.train`, in quotes. Each run is a process of its own on one core, for
training and test. Finished runs are read from OUTPUT_DIR, so an interrupted benchmark can be
continued. Prints a Markdown table: mean and standard deviation of CER and WER, and CPU minutes.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import statistics
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from commands import cpu_minutes, run_command

# Each is the recipe for the source and the data, with these changes.
WAYS = {
    "recipe": "",
    "head alone": "--freeze_source_layers -1",
    "head alone, linear": "--freeze_source_layers -1 --head linear",
    "LoRA": "--adapter lora:rank=16,targets=all",
    "all from the start": "--freeze_source_layers 0",
    "plain clips": "--augment",
    "version 1": "--recipe encoder-minutes@1",
}


class Outcome(NamedTuple):
    """The result of a run."""

    cer: float
    wer: float
    cpu_minutes: float


def measure(data: Path, source: Path, output: Path, flags: Sequence[str], seed: int) -> Outcome:
    """Run one way with one seed on one target, or read its earlier result."""
    kept = output / "result.json"
    if kept.exists():
        return Outcome(**json.loads(kept.read_text()))
    said = run_command(
        output, "train", "--load_checkpoint_dir", source,
        "--save_checkpoint_dir", output / "model", "--train_files", data / "train.csv",
        "--dev_files", data / "dev.csv", "--test_files", data / "test.csv",
        "--alphabet_config_path", data / "alphabet.txt", "--test_batch_size", 8, "--max_to_keep", 1,
        "--report_count", 0, "--random_seed", seed, "--intra_op_parallelism_threads", 1, *flags,
    )  # fmt: skip
    wer, cer = re.findall(r"WER: ([\d.]+), CER: ([\d.]+)", said)[-1]
    outcome = Outcome(float(cer), float(wer), cpu_minutes(output))
    kept.write_text(json.dumps(outcome._asdict()))
    shutil.rmtree(output / "model")
    return outcome


def folder_name(way: str) -> str:
    """Return the name of a way's folder, shortened if its many flags make it too long."""
    name = re.sub(r"\W+", "_", way)
    return name if len(name) < 200 else f"{name[:180]}_{zlib.crc32(way.encode()):08x}"


def spread(values: Sequence[float]) -> str:
    """Return a mean, and the standard deviation if there are several values."""
    mean = f"{statistics.mean(values):.3f}"
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="the ways, and the flags of train they stand for:\n"
        + "\n".join(f"  {way!r:<22} {flags}" for way, flags in WAYS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the targets")
    parser.add_argument("source", metavar="SOURCE", help="the pre-trained model")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for logs and results")
    parser.add_argument("--targets", nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), metavar="WAY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[4568], metavar="N")
    arguments = parser.parse_args()
    print("| target | way | seeds | test CER | test WER | CPU min |")
    print("|---|---|---|---|---|---|")
    for target in arguments.targets:
        for way in arguments.ways:
            folder = arguments.output / target / folder_name(way)
            flags = shlex.split(WAYS.get(way, way))
            runs = [
                measure(arguments.data / target, arguments.source, folder / str(seed), flags, seed)
                for seed in arguments.seeds
            ]
            cers, wers, minutes = zip(*runs, strict=True)
            print(
                f"| {target} | {way} | {len(runs)} | {spread(cers)} | {spread(wers)} "
                f"| {statistics.mean(minutes):.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
