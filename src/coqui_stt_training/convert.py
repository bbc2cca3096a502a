"""Convert a model of any readable format into a checkpoint folder of our own.

    python -m coqui_stt_training.convert SOURCE TARGET_DIR

Training can start from TensorFlow checkpoints and `.tflite` models directly. Conversion is for
archiving: it makes one checked file with the alphabet and the features. Two options convert back to
Hugging Face: `--to transformers` writes a model of the wav2vec 2.0 family as a CTC model of
transformers, and `--to peft` writes the LoRA adapters of a checkpoint.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from .cli.command import ArgumentParser, command


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.convert",
        description="Convert a checkpoint or an exported model to a checkpoint folder of our own.",
    )
    parser.add_argument(
        "source",
        help="checkpoint folder or file, prefix of a TensorFlow checkpoint, or .tflite file",
    )
    parser.add_argument(
        "target_dir", type=Path, help="output folder; it must not contain a checkpoint"
    )
    parser.add_argument(
        "--which",
        choices=("auto", "best", "last"),
        default="auto",
        help="which checkpoint of a folder to use; auto: best, or last if there is none",
    )
    parser.add_argument(
        "--alphabet_config_path",
        default="",
        help="the source's alphabet, if it does not contain one",
    )
    parser.add_argument(
        "--audio_sample_rate",
        type=int,
        default=0,
        help="the source's sample rate in Hz, if it does not contain one (default: 16000)",
    )
    parser.add_argument(
        "--to",
        choices=("checkpoint", "transformers", "peft"),
        default="checkpoint",
        help=(
            "output format; transformers: a Hugging Face folder of a CTC model of the wav2vec 2.0 "
            "family; peft: the LoRA adapters of a checkpoint as a peft folder"
        ),
    )
    arguments = parser.parse_args(argv)

    if arguments.to != "checkpoint" and (
        arguments.alphabet_config_path or arguments.audio_sample_rate
    ):
        parser.error(
            "--alphabet_config_path and --audio_sample_rate have no effect with --to "
            f"{arguments.to}; leave them out"
        )
    path, notes = _convert(arguments)
    for note in notes:
        print(note)
    print(f"Wrote {path}")
    return 0


def _convert(arguments: Namespace) -> tuple[Path, tuple[str, ...]]:
    """Write the converted model; return its path, and notes about it."""
    # NumPy is slow to import, and --help does not need it.
    source, target, which = arguments.source, arguments.target_dir, arguments.which
    if arguments.to == "peft":
        from .checkpoints.peft_conversion import convert_to_peft

        return convert_to_peft(Path(source), target, which)
    if arguments.to == "transformers":
        from .checkpoints.transformers_conversion import convert_to_transformers

        return convert_to_transformers(source, target, which)
    from .checkpoints.conversion import convert

    return convert(
        source, target, which, arguments.alphabet_config_path, arguments.audio_sample_rate
    )


if __name__ == "__main__":
    main()
