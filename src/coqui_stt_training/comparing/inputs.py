"""The inputs of a comparison, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checkpoints.loading import digest_source
from ..cli.comparison_flags import ComparisonConfig
from ..cli.config import TrainConfig
from ..cli.flags import Parsed, as_dict, flags_in, parse
from ..cli.spelling import spell_flags
from ..corpus import CorpusFiles, expand_file_list
from ..errors import FlagError
from ..experiments.digest import digest_of
from ..experiments.out_folder import check_out_folder
from ..experiments.trainings import FIXED_FLAGS, NEUTRAL_FLAGS, fixed_flags_problem, missing_files
from .record import RECORD

_FIXED_FOR_WAYS = FIXED_FLAGS | {"test_files"}  # all ways are tested on the same files


@dataclass(frozen=True)
class Way:
    """A way to train.

    Attributes:
        name: name in the output.
        flags: flags of its trainings.
        digest: digest of everything that affects results, except the seed.
    """

    name: str
    flags: Mapping[str, Any]
    digest: str


def check_flags(parsed: Parsed[ComparisonConfig]) -> dict[str, Parsed[TrainConfig]]:
    """Check that the flags are consistent and the folder can be written to; write nothing.

    Returns:
        The flags of each way by its name.

    Raises:
        FlagError: something is wrong; the message lists all problems.
    """
    config, problems, ways = parsed.config, [], {}
    if not config.comparison.out:
        problems.append("no output folder; give --out")
    if problem := fixed_flags_problem("compare", parsed.given):
        problems.append(problem)
    for name, words in config.comparison.words().items():
        try:
            ways[name] = _merged(parsed, words)
        except FlagError as error:
            problems.append(f"--ways {name!r}: {error}")
    for name, way in ways.items():
        problems += [f"{missing} ({name})" for missing in missing_files(way.config.data)]
    if problems:
        raise FlagError("; ".join(problems))
    check_out_folder(config.comparison.out, RECORD, "a comparison")
    return ways


def _merged(parsed: Parsed[ComparisonConfig], words: Sequence[str]) -> Parsed[TrainConfig]:
    """Return the flags of a way: those of the command, overridden by its own."""
    own = flags_in(TrainConfig, words)
    if problem := fixed_flags_problem("compare", own, _FIXED_FOR_WAYS):
        raise FlagError(problem)
    if own & {"help", "config"} or "-h" in words:
        raise FlagError("a way takes only flags of train, without --help and --config")
    flags, names = as_dict(parsed.config), parsed.given - vars(parsed.config.comparison).keys()
    given = {name: flags[name] for name in sorted(names - own - {"dry_run"})}
    return parse(TrainConfig, [*spell_flags(given), *words], program="train", description="")


def read_ways(ways: Mapping[str, Parsed[TrainConfig]]) -> list[Way]:
    """Return the ways with digests of their flags, data and sources.

    Args:
        ways: result of `check_flags`.

    Raises:
        UserError: data or a source cannot be read.
    """
    files, found, sources = CorpusFiles(), [], dict[str, str]()
    for name, parsed in ways.items():
        config, flags = parsed.config, as_dict(parsed.config)
        given = {flag: flags[flag] for flag in sorted(parsed.given)}
        data = [*config.data.train_files, *config.data.dev_files, *config.data.test_files]
        source = config.checkpoints.load_checkpoint_dir
        if source and source not in sources:
            sources[source] = digest_source(source)
        acting = {flag: value for flag, value in given.items() if flag not in NEUTRAL_FLAGS}
        digests = [files.digest(path) for path in expand_file_list(data)]
        found.append(Way(name, given, digest_of([acting, digests, sources.get(source, "")])))
    return found
