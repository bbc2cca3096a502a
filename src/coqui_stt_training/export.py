"""Export a checkpoint as a model to deploy.

python -m coqui_stt_training.export --checkpoint_dir DIR --export_dir DIR
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stt.extras import missing_packages
from stt.output_path import check_output_file, check_output_folder

from .cli.command import command, start_logging
from .cli.export_flags import ExportConfig
from .cli.flags import Parsed, parse
from .cli.shared_flags import SHARED
from .errors import ExportError, FlagError
from .util.upstream_names import find_upstream_name

PROGRAM = "python -m coqui_stt_training.export"
_EPILOG = f"""
examples:
  the model for all Coqui STT clients, 8-bit, compared with the checkpoint on a test set
    {PROGRAM} --checkpoint_dir ckpt --export_dir exported \\
        --test_files test.csv
  for servers and GPUs, in float
    {PROGRAM} --checkpoint_dir ckpt --export_dir exported \\
        --export_tflite false --export_onnx true --export_quantize false
  packed with its scorer: exported/uk.zip
    {PROGRAM} --checkpoint_dir ckpt --export_dir exported/uk \\
        --export_zip true --scorer_path kenlm.scorer --export_language uk-Cyrl-UA
"""


def read_flags(argv: list[str], announce_tolerated: bool = True) -> Parsed[ExportConfig]:
    """Read the flags, and check them with `check_flags`.

    Raises:
        FlagError: flags are wrong.
        ExportError: a package is missing.
    """
    parsed = parse(
        ExportConfig,
        argv,
        program=PROGRAM,
        description="Convert a checkpoint to .tflite and .onnx models, with a model card.",
        epilog=_EPILOG,
        tolerated=SHARED,
        announce_tolerated=announce_tolerated,
    )
    check_flags(parsed)
    return parsed


def check_flags(parsed: Parsed[ExportConfig]) -> None:
    """Check that the flags ask for a format, and that its files can be written.

    Raises:
        FlagError: no format is asked for, or the output folder cannot be written to.
        ExportError: the package `onnx` is needed and missing.
    """
    flags = parsed.config.export
    if (
        not flags.export_tflite
        and {"export_onnx", "export_savedmodel"} & parsed.given
        and not (flags.export_onnx or flags.export_savedmodel)
    ):
        raise FlagError(
            "nothing to export: --export_tflite false and --export_onnx false; leave one out"
        )
    if flags.writes_onnx and find_spec("onnx") is None:
        raise ExportError(f"--export_onnx: {missing_packages('onnx', 'export')}")
    if flags.export_dir:
        check_output_folder("--export_dir", flags.export_dir)
    if flags.export_dir and flags.export_zip:
        folder = Path(flags.export_dir).resolve()
        check_output_file("--export_zip", folder.with_name(f"{folder.name}.zip"))


@command
def main(argv: list[str], announce_tolerated: bool = True) -> int:
    """Run the command and return its exit status.

    Args:
        argv: the words after the command's name.
        announce_tolerated: whether to report flags that have an effect only on other commands.
            `train` passes all of its own flags, and sets this to False.
    """
    parsed = read_flags(argv, announce_tolerated)
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not parsed.config.source.load_dir:
        raise FlagError("no model; give --checkpoint_dir")
    if not parsed.config.export.export_dir:
        raise FlagError("no output folder; give --export_dir")

    from .exporting.run import run_export  # PyTorch takes a second to import

    run_export(parsed)
    return 0


def __getattr__(name: str) -> Any:
    """Look up a name of upstream's module: `export`."""
    return find_upstream_name(__name__, name)


if __name__ == "__main__":
    main()
