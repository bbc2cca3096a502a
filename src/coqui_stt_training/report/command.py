"""Report training runs: curves, origin and samples; several runs share their charts.

python -m coqui_stt_training.report RUN_DIR... --report training.html training.png
"""

from __future__ import annotations

from pathlib import Path

from stt.atomic_file import replacing, write_atomically
from stt.output_path import check_output_file

from ..cli.command import ArgumentParser, command
from ..errors import FlagError

PROGRAM = "python -m coqui_stt_training.report"
_SUFFIXES = (".html", ".png")


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description=(
            "Report training runs: loss, error rates, learning rate, origin of the layers, and "
            "samples over time. Several runs are drawn into the same plots."
        ),
    )
    parser.add_argument("runs", nargs="+", metavar="RUN_DIR", help="folders that train saved to")
    parser.add_argument(
        "--report", nargs="+", metavar="FILE", default=["training_report.html"],
        help=(
            "files to write: a page (.html), a plot of the curves (.png) (default: "
            "training_report.html)"
        ),
    )  # fmt: skip
    flags = parser.parse_args(argv)
    for path in flags.report:
        if Path(path).suffix.lower() not in _SUFFIXES:
            raise FlagError(
                f"--report {path}: unknown format; the name must end in {' or '.join(_SUFFIXES)}"
            )
        check_output_file("--report", path)

    from .training_page import draw_picture, training_page  # keeps --help quick
    from .training_run import read_runs

    runs = read_runs([Path(folder) for folder in flags.runs])
    for path in map(Path, flags.report):
        if path.suffix.lower() == ".html":
            write_atomically(path, training_page(runs))
        else:
            with replacing(path) as partial:
                draw_picture(runs, partial)
        print(f"Wrote {path}")
    return 0


if __name__ == "__main__":
    main()
