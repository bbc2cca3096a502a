"""Write CSV files for training from an unpacked public corpus.

python -m coqui_stt_training.import_corpus cv2 cv-corpus-22.0/cy
"""

from __future__ import annotations

from .cli.command import command, words_before_flags
from .cli.flags import parse
from .cli.import_flags import ImportConfig
from .errors import FlagError
from .importing.command import EPILOG, list_importers, run_importer, titles

PROGRAM = "python -m coqui_stt_training.import_corpus CORPUS FOLDER"


@command
def main(argv: list[str]) -> int:
    """Run the importer that is named first, and return its exit status.

    Raises:
        UserError: there is no such importer, or it failed, see `run_importer`.
    """
    words, flags = words_before_flags(argv)
    parsed = parse(
        ImportConfig,
        flags,
        program=PROGRAM,
        description="Write CSV files for training from a public corpus that you have unpacked.",
        epilog=f"corpora:\n{list_importers()}\n\n{EPILOG}",
    )
    name, *folders = words or [""]
    if name not in titles():
        what = f"no importer for corpus {name}" if name else f"no corpus: {PROGRAM}"
        raise FlagError(f"{what}; available:\n{list_importers()}")
    return run_importer(name, folders, parsed)


if __name__ == "__main__":
    main()
