"""Write collections of clips as another one: CSV with audio files, SDB, tar, or a JSONL manifest.

    python -m coqui_stt_training.data_set_tool train.csv more.sdb all.sdb
    python -m coqui_stt_training.data_set_tool --audio-type flac --shard-clips 1000 cv.tsv cv.tar

The last name is what is written; its suffix says what kind. A run that was stopped goes on when the
same command is given again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import cast

from .cli.command import ArgumentParser, command

_AUDIO_TYPES = ("wav", "flac", "opus")
_log = logging.getLogger(__name__)


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        CorpusError: sources that cannot be read, or a target that cannot be written.
    """
    flags = _parser().parse_args(argv)
    from stt.audio.encoding import Encoding

    from .corpus.writing.collection import Options, Order, convert_collections, describe

    target = Path(flags.target)
    is_sdb = target.suffix.lower() == ".sdb"
    encoding = flags.audio_type or ("opus" if is_sdb else "wav")
    if is_sdb and encoding == "opus":
        encoding = "opus packets"
    options = Options(
        encoding=cast(Encoding, encoding),
        bitrate=flags.bitrate,
        sample_rate_hz=flags.sample_rate,
        order=cast(Order, flags.sort),
        labeled=not flags.unlabeled,
        shard_clips=flags.shard_clips,
        absolute_paths=flags.absolute_paths,
        include=tuple(flags.include),
    )
    count = convert_collections(
        flags.sources, target, options, workers=flags.workers, show_progressbar=True
    )
    print(describe(count, target))
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.data_set_tool",
        description=(__doc__ or "").split("\n")[0],
    )
    parser.add_argument("sources", nargs="+", help="collections to read, of any kind")
    parser.add_argument("target", help=".csv, .sdb, .tar, .tar.gz, .tgz, .json or .jsonl to write")
    parser.add_argument(
        "--audio-type",
        choices=_AUDIO_TYPES,
        help="how to encode audio (default: opus in SDB files, else wav)",
    )
    parser.add_argument("--bitrate", type=int, help="of Opus, in bits a second")
    parser.add_argument("--sample-rate", type=_bounded(1000, 768_000), help="to resample to, in Hz")
    parser.add_argument(
        "--sort",
        choices=("shortest", "longest", "as-is"),
        default="shortest",
        help="which clips come first (default: shortest, as upstream's readers expect)",
    )
    parser.add_argument(
        "--shard-clips",
        type=_bounded(0, 1 << 30),
        default=0,
        help="write tar archives of so many clips, NAME-000000.tar and on, as webdataset has them",
    )
    parser.add_argument("--workers", type=_bounded(1, 1024), help="threads that encode")
    parser.add_argument("--unlabeled", action="store_true", help="write no transcripts")
    parser.add_argument("--absolute-paths", action="store_true", help="name audio so in a CSV file")
    parser.add_argument(
        "--include", action="append", default=[], help="a file to put into a tar archive, too"
    )
    return parser


def _bounded(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(text)
        return value

    return number


if __name__ == "__main__":
    main()
