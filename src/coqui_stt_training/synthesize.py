"""Synthesize speech from text, to train on together with real speech.

python -m coqui_stt_training.synthesize --text sentences.txt --voices uk \\
    --alphabet_config_path alphabet.txt --out synthetic
"""

from __future__ import annotations

from .cli.command import command, print_now, resumable, start_logging
from .cli.flags import parse
from .cli.synthesis_flags import SynthesisConfig

PROGRAM = "python -m coqui_stt_training.synthesize"
_EPILOG = f"""examples:
  espeak-ng's Ukrainian, its voices in turn
    {PROGRAM} --text sentences.txt --voices uk --alphabet_config_path alphabet.txt \\
        --out synthetic
  any other synthesizer, here piper with a downloaded model
    {PROGRAM} --text sentences.txt --out synthetic \\
        --command 'piper --model uk.onnx --length_scale {{slowness}} --output_file {{out}}'

To continue after an interruption, run the same command again.
"""


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, there is no such synthesiser or voice, the text cannot
            be read, or no sentence could be synthesized.
    """
    parsed = parse(
        SynthesisConfig,
        argv,
        program=PROGRAM,
        description="Synthesize speech from text, to train on it.",
        epilog=_EPILOG,
    )
    config = parsed.config
    start_logging(config.output.log_level, parsed.notices)
    config.synthesis.check()

    from .synthesis.run import run_synthesis  # NumPy is slow to import

    with resumable():
        run_synthesis(config, print_now)
    return 0


if __name__ == "__main__":
    main()
