"""Train a model from scratch, fine-tune a pre-trained one, or transfer it to another alphabet.

    python -m coqui_stt_training.train --checkpoint_dir DIR --train_files train.csv \\
        --dev_files dev.csv --test_files test.csv
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from . import evaluate, export, training_graph_inference
from .cli.command import command, start_logging
from .cli.config import TrainConfig
from .cli.export_flags import ExportConfig
from .cli.flags import parse
from .cli.launch import Launch, said_once
from .cli.shared_flags import SHARED
from .util.upstream_names import find_upstream_name

PROGRAM = "python -m coqui_stt_training.train"
EXAMPLES = """\
examples:
  from scratch
    python -m coqui_stt_training.train --checkpoint_dir DIR --train_files train.csv \\
        --dev_files dev.csv --test_files test.csv
  fine-tuning a pre-trained model on data in the same alphabet
    the same command, with DIR the folder of the pre-trained model
  transfer-learning to another alphabet
    python -m coqui_stt_training.train --drop_source_layers 1 \\
        --map_shared_characters true --alphabet_config_path alphabet.txt \\
        --load_checkpoint_dir SOURCE --save_checkpoint_dir DIR \\
        --train_files train.csv --dev_files dev.csv
  any of these on four GPUs of a machine
    torchrun --nproc-per-node 4 -m coqui_stt_training.train ...

Public models to start from: python -m coqui_stt_training.sources

To continue after an interruption, run the same command again.
"""


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    with said_once():
        parsed = parse(
            TrainConfig,
            argv,
            program=PROGRAM,
            description="Train a speech-to-text model from scratch or from a pre-trained one.",
            epilog=EXAMPLES,
            tolerated=SHARED,
            passed_on=(ExportConfig,),
        )
        start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)

        if "export_dir" in parsed.given:
            export.read_flags(argv)  # report mistakes before training, not after it

    # Scripts written for upstream also use `train` to export and to transcribe a file.
    afterwards = [
        step
        for step, wanted in (
            (export.main, "export_dir" in parsed.given),
            (training_graph_inference.main, bool(parsed.config.inference.one_shot_infer)),
        )
        if wanted
    ]
    data, dry_run = parsed.config.data, parsed.config.bootstrap.dry_run
    if dry_run:
        afterwards = []
    trains = data.train_files or data.auto_input_dataset or dry_run
    if trains or not (data.test_files or afterwards):
        from .runs.training import run_training  # PyTorch takes a second to import

        folder = parsed.config.checkpoints.save_dir
        of_result = [*argv, "--checkpoint_dir", folder, "--load_checkpoint_dir", folder]
        steps = [partial(step, of_result, announce_tolerated=False) for step in afterwards]
        return run_training(parsed, afterwards=steps).exit_status
    status = evaluate.main(argv, announce_tolerated=False) if data.test_files else 0
    for step in afterwards if Launch.read().is_first else ():
        status = status or step(argv, announce_tolerated=False)
    return status


def __getattr__(name: str) -> Any:
    """Look up a name of upstream's module: `train`, `test` or `early_training_checks`."""
    return find_upstream_name(__name__, name)


if __name__ == "__main__":
    main()
