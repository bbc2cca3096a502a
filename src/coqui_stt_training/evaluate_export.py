"""Evaluate an exported model on CSV files.

python -m coqui_stt_training.evaluate_export --model FILE --csv test.csv
"""

from __future__ import annotations

from stt.output_path import check_output_file

from .cli.command import command, start_logging
from .cli.export_flags import EvaluateExportConfig
from .cli.flags import parse
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.evaluate_export"


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parsed = parse(
        EvaluateExportConfig,
        argv,
        program=PROGRAM,
        description=(
            "Transcribe CSV files with an exported model and report its error rates. There is no "
            "loss, because exported models have none."
        ),
        epilog=f"example:\n  {PROGRAM} --model exported/output_graph.tflite \\\n"
        "      --csv test.csv --scorer kenlm.scorer",
    )
    start_logging(parsed.config.output.log_level, parsed.notices)
    if not parsed.config.evaluation.model:
        raise FlagError("no model; give --model")
    if not parsed.config.evaluation.csv:
        raise FlagError("no test data; give --csv")
    flags = parsed.config.evaluation
    from .report.evaluation_files import check_report_flags  # NumPy takes a moment to import

    check_report_flags(flags)
    if flags.test_output_file:
        check_output_file("--test_output_file", flags.test_output_file)
    if flags.dump:
        check_output_file("--dump", f"{flags.dump}.txt")
        check_output_file("--dump", f"{flags.dump}.out")

    from .exporting.evaluation import run_evaluation  # imported late, to keep --help fast

    return run_evaluation(parsed.config)


if __name__ == "__main__":
    main()
