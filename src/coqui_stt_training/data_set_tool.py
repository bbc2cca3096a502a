"""Write collections of clips as another one: CSV with audio files, SDB, tar, or a JSONL manifest.

    python -m coqui_stt_training.data_set_tool train.csv more.sdb all.sdb
    python -m coqui_stt_training.data_set_tool --audio-type flac --shard-clips 1000 cv.tsv cv.tar
    python -m coqui_stt_training.data_set_tool --augment overlay[source=noise.sdb] a.csv noisy.sdb

The last argument is the target; its suffix determines the format. To continue after an
interruption, run the same command again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from .cli.command import ArgumentParser, command
from .errors import FlagError

if TYPE_CHECKING:
    from .augmentation.written import ChangedOnce
    from .batches.audio_source import AudioSource

_AUDIO_TYPES = ("wav", "flac", "opus")
_CHECKED_RATE_HZ = 16000  # sample rate at which sources are test-read


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        CorpusError: a source cannot be read, or the target cannot be written.
    """
    flags = _parser().parse_args(argv)
    from stt.audio.encoding import Encoding

    from .corpus.writing.collection import convert_collections, describe
    from .corpus.writing.options import Options, Order

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
        changes=tuple(flags.augment and [*flags.augment, f"random seed {flags.random_seed}"]),
    )
    count = convert_collections(
        flags.sources,
        target,
        options,
        workers=flags.workers,
        show_progressbar=True,
        change=_change(flags.augment, flags.random_seed) if flags.augment else None,
    )
    print(describe(count, target))
    return 0


def _change(augment: list[str], seed: int) -> ChangedOnce:
    """Return the object that augments clips.

    Raises:
        FlagError: an augmentation cannot be applied to audio files, or a library is missing; one
            error lists all problems.
        CorpusError: a source of noise cannot be read.
    """
    from stt.frontends.waveform import Waveform

    from .augmentation.needs import find_problems
    from .augmentation.specification import parse_augmentations, settle_domains
    from .augmentation.written import ChangedOnce, find_inaudible
    from .batches.audio_source import open_sources

    augmentations = settle_domains(parse_augmentations(augment), on_hidden=False)
    problems = find_inaudible(augmentations)
    if problems := problems or list(find_problems(augmentations, Waveform())):
        raise FlagError("; ".join(problems))
    opened = open_sources(augmentations, _CHECKED_RATE_HZ, check=True)

    def sources(rate_hz: int) -> Mapping[str, AudioSource]:
        return {name: replace(source, rate_hz=rate_hz) for name, source in opened.items()}

    return ChangedOnce(augmentations, seed, sources)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.data_set_tool",
        description=(__doc__ or "").split("\n")[0],
    )
    parser.add_argument("sources", nargs="+", help="collections to read, in any format")
    parser.add_argument(
        "target", help="file to write: .csv, .sdb, .tar, .tar.gz, .tgz, .json or .jsonl"
    )
    parser.add_argument(
        "--audio-type",
        choices=_AUDIO_TYPES,
        help="audio encoding (default: opus in SDB files, else wav)",
    )
    parser.add_argument("--bitrate", type=int, help="bit rate of Opus in bits per second")
    parser.add_argument(
        "--sample-rate", type=_bounded(1000, 768_000), help="resample to this rate in Hz"
    )
    parser.add_argument(
        "--sort",
        choices=("shortest", "longest", "as-is"),
        default="shortest",
        help="order of the clips (default: shortest first, as upstream's readers expect)",
    )
    parser.add_argument(
        "--shard-clips",
        type=_bounded(0, 1 << 30),
        default=0,
        help=(
            "write tar archives of N clips each, NAME-000000.tar and so on, as webdataset reads "
            "them"
        ),
    )
    parser.add_argument(
        "--augment",
        action="append",
        default=[],
        help="augment each clip permanently, as --augment of train does; may be repeated",
    )
    parser.add_argument(
        "--random-seed", type=int, default=4568, help="seed of --augment (default: 4568)"
    )
    parser.add_argument("--workers", type=_bounded(1, 1024), help="threads that encode audio")
    parser.add_argument("--unlabeled", action="store_true", help="leave out transcripts")
    parser.add_argument(
        "--absolute-paths", action="store_true", help="write absolute paths into a CSV file"
    )
    parser.add_argument(
        "--include", action="append", default=[], help="file to add to a tar archive"
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
