"""Forgetting in fine-tuning, and what prevents it: error rates on the new data and the source's.

    python benchmarks/forgetting.py OLD_DIR NEW_DIR SOURCE OUTPUT_DIR --seeds 1 2 3

Both folders have train.csv, dev.csv and test.csv, with the same alphabet; the source was trained on
the first. A way is one of those below, or flags of `coqui_stt_training.train`, in quotes; {old} is
replaced by OLD_DIR/train.csv. Finished runs are read from OUTPUT_DIR. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from commands import run_command

from recipes import spread

WAYS = {
    "not fine-tuned": "--epochs 0",
    "plain": "",
    "L2-SP 1": "--source_weight_decay 1",
    "L2-SP 10": "--source_weight_decay 10",
    "L2-SP 50": "--source_weight_decay 50",
    "replay 0.1": "{old}:0.1",
    "replay 0.3": "{old}:0.3",
    "replay 0.3, L2-SP 10": "{old}:0.3 --source_weight_decay 10",
}


def measure(
    old: Path, new: Path, source: str, output: Path, way: str, common: Sequence[str], seed: int
) -> dict[str, list[float]]:
    """Run one way with one seed; return WER and CER on the new and on the old test set."""
    kept = output / "result.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    # The way comes directly after --train_files, so that it can begin with further training files.
    said = run_command(
        output, "train", "--load_checkpoint_dir", source,
        "--save_checkpoint_dir", output / "model", "--train_files", new / "train.csv",
        *shlex.split(way.format(old=old / "train.csv")), "--dev_files", new / "dev.csv",
        "--test_files", new / "test.csv", old / "test.csv", "--random_seed", seed,
        "--train_batch_size", 8, "--dev_batch_size", 8, "--test_batch_size", 8, "--max_to_keep", 1,
        "--report_count", 0, "--intra_op_parallelism_threads", 1,
        *(() if "--epochs" in way else common),
    )  # fmt: skip
    found = re.findall(r"WER: ([\d.]+), CER: ([\d.]+)", said)
    rates = [[float(one) for one in pair] for pair in found[-2:]]
    result = dict(zip(("new", "old"), rates, strict=True))
    kept.write_text(json.dumps(result))
    shutil.rmtree(output / "model", ignore_errors=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="the ways:\n" + "\n".join(f"  {way!r:<24} {flags}" for way, flags in WAYS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("old", type=Path, metavar="OLD_DIR", help="what the source was trained on")
    parser.add_argument("new", type=Path, metavar="NEW_DIR", help="what it is fine-tuned on")
    parser.add_argument("source", metavar="SOURCE", help="the pre-trained model")
    parser.add_argument("output", type=Path, metavar="OUTPUT_DIR", help="for logs and results")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), metavar="WAY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[4568], metavar="N")
    parser.add_argument(
        "--common", default="--epochs 20 --learning_rate 0.0005 --dropout_rate 0.2",
        metavar="FLAGS", help="of train, for each fine-tuning (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args()
    print("| way | new: CER | new: WER | old: CER | old: WER |")
    print("|---|---|---|---|---|")
    for way in arguments.ways:
        folder = arguments.output / re.sub(r"\W+", "_", way)
        runs = [
            measure(
                arguments.old, arguments.new, arguments.source, folder / str(seed),
                WAYS.get(way, way), shlex.split(arguments.common), seed,
            )
            for seed in arguments.seeds
        ]  # fmt: skip
        cells = [
            spread([run[which][rate] for run in runs])
            for which in ("new", "old")
            for rate in (1, 0)
        ]
        print(f"| {way} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
