"""The benefit of bootstrapping: error rates on real speech after equal epochs.

    python benchmarks/bootstrapping.py DATA_DIR SOURCE_CHECKPOINT_DIR OUTPUT_DIR \
        --targets ukrainian_asterisk kannada_halthor --epochs 12

Each target's folder has train.csv, dev.csv, test.csv and alphabet.txt. For each way of starting it
runs `coqui_stt_training.train` and prints a row of a Markdown table: test CER and WER, best dev
loss, and CPU seconds. Finished runs are read from OUTPUT_DIR, so an interrupted benchmark can be
continued.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from commands import cpu_minutes, run_command

WAYS = {
    "from scratch": "",
    "all kept": "--drop_source_layers 0",
    "drop 1": "--drop_source_layers 1",
    "drop 2": "--drop_source_layers 2",
    "drop 3": "--drop_source_layers 3",
    "drop 1, frozen then unfrozen": (
        "--drop_source_layers 1 --freeze_source_layers 5 --unfreeze_after_epochs {quarter}"
    ),
    "drop 1, frozen": "--drop_source_layers 1 --freeze_source_layers 5",
    "drop 2, frozen": "--drop_source_layers 2 --freeze_source_layers 4",
    "drop 1, shared characters mapped": "--drop_source_layers 1 --map_shared_characters true",
    "drop 1, sounds mapped": "--drop_source_layers 1 --map_alphabet auto",
}


def measure(
    data: Path, source: Path, output: Path, way: str, epochs: int, seed: int
) -> dict[str, float]:
    """Run one way of starting on one target, or read its earlier result."""
    kept = output / "result.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    words = [
        "--save_checkpoint_dir", output / "model", "--train_files", data / "train.csv",
        "--dev_files", data / "dev.csv", "--test_files", data / "test.csv",
        "--alphabet_config_path", data / "alphabet.txt", "--epochs", epochs, "--n_hidden", 256,
        "--train_batch_size", 8, "--dev_batch_size", 8, "--test_batch_size", 16,
        "--dropout_rate", 0.2, "--skip_batch_test", "true", "--beam_width", 64,
        "--report_count", 0, "--random_seed", seed, "--intra_op_parallelism_threads", 1,
    ]  # fmt: skip
    if way != "from scratch":
        words += ["--load_checkpoint_dir", source]
        words += WAYS[way].format(quarter=max(1, epochs // 4)).split()
    said = run_command(output, "train", *words)
    wer, cer, loss = re.findall(r"WER: ([\d.]+), CER: ([\d.]+), loss: ([\d.]+)", said)[-1]
    result = {
        "wer": float(wer),
        "cer": float(cer),
        "loss": float(loss),
        "cpu_seconds": 60 * cpu_minutes(output),
    }
    kept.write_text(json.dumps(result))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="the ways, and the flags of train they stand for:\n"
        + "\n".join(
            f"  {way!r:<36} {flags.format(quarter='EPOCHS/4') or 'no source'}"
            for way, flags in WAYS.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of the targets")
    parser.add_argument(
        "source", type=Path, metavar="SOURCE_CHECKPOINT_DIR", help="the pre-trained model"
    )
    parser.add_argument(
        "output", type=Path, metavar="OUTPUT_DIR", help="for checkpoints and results of all runs"
    )
    parser.add_argument(
        "--targets", nargs="+", required=True, metavar="FOLDER",
        help="folders in DATA_DIR, each with train.csv, dev.csv, test.csv and alphabet.txt",
    )  # fmt: skip
    others = [way for way in WAYS if way != "all kept"]
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=others, metavar="WAY",
        help="ways of starting, in quotes (default: all but 'all kept', for which the alphabets "
        "must be the same)",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, default=12, help="of each run (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=4568,
        help="of new weights, dropout and order (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args()
    print("| target | start | test CER | test WER | test loss | CPU s |")
    print("|---|---|---|---|---|---|")
    for target in arguments.targets:
        for way in arguments.ways:
            folder = arguments.output / target / re.sub(r"\W+", "_", way)
            result = measure(
                arguments.data / target,
                arguments.source,
                folder,
                way,
                arguments.epochs,
                arguments.seed,
            )
            print(
                f"| {target} | {way} | {result['cer']:.3f} | {result['wer']:.3f} "
                f"| {result['loss']:.1f} | {result['cpu_seconds']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
