"""Transcribe one audio file with a checkpoint.

    python -m coqui_stt_training.training_graph_inference --checkpoint_dir DIR \\
        --one_shot_infer audio.wav
"""

from __future__ import annotations

from .cli.command import command, start_logging
from .cli.config import InferenceConfig
from .cli.flags import parse
from .cli.shared_flags import SHARED
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.training_graph_inference"


@command
def main(argv: list[str], announce_tolerated: bool = True) -> int:
    """Run the command and return its exit status.

    Args:
        argv: the words after the command's name.
        announce_tolerated: whether to report flags that have an effect only on other commands.
            `train` passes all of its own flags, and sets this to False.
    """
    parsed = parse(
        InferenceConfig,
        argv,
        program=PROGRAM,
        description="Transcribe one audio file with a checkpoint, and print the transcript.",
        tolerated=SHARED,
        announce_tolerated=announce_tolerated,
    )
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not parsed.config.inference.one_shot_infer:
        raise FlagError("no audio file; give --one_shot_infer")

    from .runs.evaluation import run_inference  # PyTorch takes a second to import

    return run_inference(parsed)


if __name__ == "__main__":
    main()
