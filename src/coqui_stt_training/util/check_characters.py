"""Print the characters in the transcripts of CSV files, to make an alphabet from.

python -m coqui_stt_training.util.check_characters -csv train.csv,dev.csv -alpha
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from stt.counted import first_lines

from ..cli.command import ArgumentParser, command
from ..errors import CorpusError

if TYPE_CHECKING:
    from ..corpus import RowFile

_LISTED = 10


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        CorpusError: a file cannot be read, or has transcripts that NFKC normalisation changes.
    """
    parser = ArgumentParser(prog="python -m coqui_stt_training.util.check_characters")
    parser.add_argument("-csv", "--csv-files", required=True, help="CSV files, separated by commas")
    parser.add_argument(
        "-alpha",
        "--alphabet-format",
        action="store_true",
        help="print one per line, as in alphabet.txt",
    )
    parser.add_argument(
        "-unicode",
        "--disable-unicode-variants",
        action="store_true",
        help="accept characters that NFKC normalization changes",
    )
    args = parser.parse_args(argv)
    from ..corpus import read_rows

    files = [read_rows(name.strip()) for name in args.csv_files.split(",")]
    if not args.disable_unicode_variants:
        _refuse_variants(files)
    characters = sorted(set("".join(row.transcript for file in files for row in file.rows)))
    if args.alphabet_format:
        for character in characters:
            print("\\#" if character == "#" else character)
    else:
        print(characters)
    return 0


def _refuse_variants(files: list[RowFile]) -> None:
    found = [
        f"{row.source}: {row.transcript!r}"
        for file in files
        for row in file.rows
        if unicodedata.normalize("NFKC", row.transcript) != row.transcript
    ]
    if found:
        shown = "\n".join(first_lines(found, _LISTED))
        raise CorpusError(
            f"{len(found)} transcripts have characters that NFKC normalization changes; "
            f"normalize them, or give --disable-unicode-variants:\n{shown}"
        )


if __name__ == "__main__":
    main()
