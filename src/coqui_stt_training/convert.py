"""Turn a model of any readable format into a checkpoint folder of our own.

    python -m coqui_stt_training.convert SOURCE TARGET_DIR

TensorFlow checkpoints and `.tflite` models can be trained from as they are; converting one is for
keeping it: one file, checked, that holds its alphabet and features. `--to peft` writes the LoRA
adapters of a checkpoint as Hugging Face's peft has them.
"""

from __future__ import annotations

from pathlib import Path

from .cli.command import ArgumentParser, command


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.convert",
        description="Turn a checkpoint or an exported model into a checkpoint folder of our own.",
    )
    parser.add_argument(
        "source",
        help="checkpoint folder or file, prefix of a TensorFlow checkpoint, or .tflite file",
    )
    parser.add_argument("target_dir", type=Path, help="folder to write; it must hold no checkpoint")
    parser.add_argument(
        "--which",
        choices=("auto", "best", "last"),
        default="auto",
        help="which checkpoint of a folder; auto: the best, or the last where there is no best",
    )
    parser.add_argument(
        "--alphabet_config_path",
        default="",
        help="the source's alphabet, where it does not say itself",
    )
    parser.add_argument(
        "--audio_sample_rate",
        type=int,
        default=0,
        help="the source's sample rate in Hz, where it does not say itself (default: 16000)",
    )
    parser.add_argument(
        "--to",
        choices=("checkpoint", "peft"),
        default="checkpoint",
        help="what to write; peft: the LoRA adapters of a checkpoint, as a folder of peft",
    )
    arguments = parser.parse_args(argv)

    # NumPy takes its time; --help does not need it.
    if arguments.to == "peft":
        from .checkpoints.peft_conversion import convert_to_peft

        if arguments.alphabet_config_path or arguments.audio_sample_rate:
            parser.error("--alphabet_config_path and --audio_sample_rate are not for --to peft")
        path, notes = convert_to_peft(Path(arguments.source), arguments.target_dir, arguments.which)
    else:
        from .checkpoints.conversion import convert

        path, notes = convert(
            arguments.source,
            arguments.target_dir,
            arguments.which,
            arguments.alphabet_config_path,
            arguments.audio_sample_rate,
        )
    for note in notes:
        print(note)
    print(f"Wrote {path}")
    return 0


if __name__ == "__main__":
    main()
