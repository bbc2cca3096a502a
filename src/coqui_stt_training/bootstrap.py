"""Make a deployable model from recordings and text, in one command that can be resumed.

    python -m coqui_stt_training.bootstrap DATA --source whisper-base --out my-model

It splits and checks the data, chooses the best source, trains, builds and tunes a scorer, exports,
evaluates, and advises what to do next. It prints each command before it runs it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .cli.command import command, print_now, resumable, start_logging
from .cli.flags import parse
from .cli.pipeline_flags import BootstrapConfig
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.bootstrap"
_EPILOG = f"""
examples:
  a folder of recordings and text, and Whisper
    {PROGRAM} recordings --source whisper-base --out my-model
  the better of two sources, more text for the scorer, and fewer epochs than the recipe's
    {PROGRAM} clips.csv --source whisper-base armspeech --text news.txt.gz \\
        --out my-model --epochs 12

DATA is any collection that --train_files accepts. Flags of train are passed on to it, and win over
its recipe. To continue after an interruption, run the same command again. Public sources: python -m
coqui_stt_training.sources
"""


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    data, flags = ("", argv) if not argv or argv[0].startswith("-") else (argv[0], argv[1:])
    parsed = parse(
        BootstrapConfig,
        [word for word in flags if word != "--"],
        program=f"{PROGRAM} DATA",
        description="Make a deployable model from recordings and text.",
        epilog=_EPILOG,
    )
    start_logging(parsed.config.output.log_level, parsed.notices, sys.stdout)
    if not data:
        raise FlagError("no data; give the collection first: bootstrap DATA --source ... --out ...")

    from .checkpoints.folder_lock import locked  # PyTorch takes a second to import
    from .experiments.running import StoppedError
    from .stages.inputs import check_inputs
    from .stages.journal import read_journal
    from .stages.walk import StageWalk
    from .stages.work import STAGES

    inputs = check_inputs(data, parsed)
    out = Path(parsed.config.pipeline.out)
    with resumable(), locked(out, "--out"):
        journal = read_journal(out).without(())
        try:
            StageWalk(data, inputs, parsed.config.pipeline, journal, STAGES, print_now).run()
        except StoppedError as stop:
            return stop.status
    return 0


if __name__ == "__main__":
    main()
