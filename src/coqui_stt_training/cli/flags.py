"""Reads flags from the command line and YAML files into frozen dataclasses.

A command's configuration is a frozen dataclass whose fields are groups; a group is a frozen
dataclass whose fields are flags, declared with `flag`. Only the file of `--config` is read, and
nothing has side effects.

The syntax is upstream's: `--early_stop false`, `--train_files a.csv b.csv`, `--epochs=3`. The older
forms of DeepSpeech are accepted, too: `--early_stop` and `--noearly_stop`.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import textwrap
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from coqui_stt_ctcdecoder.regular_file import read_regular
from stt.misspelling import likely_meant

from ..errors import FlagError, UserError
from .command import ArgumentParser
from .flag import Flag, at_least, at_most, flag, not_negative, positive, probability, share

__all__ = [
    "Parsed",
    "as_dict",
    "at_least",
    "at_most",
    "closest",
    "flag",
    "from_values",
    "not_negative",
    "overlay",
    "parse",
    "positive",
    "probability",
    "share",
]

Config = TypeVar("Config")

_LARGEST_CONFIG_BYTES = 1 << 24


@dataclass(frozen=True)
class Parsed(Generic[Config]):
    """A configuration, and how it was given.

    Attributes:
        config: the configuration.
        given: names of the flags that the command line or the `--config` file set.
        notices: notices about flags without effect, such as those that only TensorFlow needed.
    """

    config: Config
    given: frozenset[str]
    notices: tuple[str, ...]


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows `--epochs N`, although argparse accepts any number of values, which we count."""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        return str(action.metavar or default_metavar)


def parse(
    config_type: type[Config],
    argv: Sequence[str],
    *,
    program: str,
    description: str,
    epilog: str = "",
    tolerated: Sequence[type] = (),
    announce_tolerated: bool = True,
    passed_on: Sequence[type] = (),
) -> Parsed[Config]:
    """Read a command's configuration from its command line.

    Args:
        config_type: the configuration to build.
        argv: the words after the command's name.
        program: the command's name, for `--help`.
        description: what the command does, for `--help`.
        epilog: examples, for the end of `--help`.
        tolerated: configurations of other commands, whose flags are accepted without effect,
            because scripts pass one set of flags to several commands.
        announce_tolerated: whether such flags give a notice.
        passed_on: tolerated configurations that this command passes on to another one; their flags
            give no notice.

    Raises:
        FlagError: everything that is wrong with the flags, in one message.
        SystemExit: after `--help`.
    """
    groups = _groups(config_type)
    flags, elsewhere = _flags_of(config_type), _elsewhere(config_type, tolerated)
    known_flags = {**flags, **elsewhere}
    parser = _argument_parser(groups, elsewhere.values(), program, description, epilog)
    known, unknown = parser.parse_known_args(_spell_out(argv, known_flags))
    problems = _unknown_flags(unknown, flags)

    given: dict[str, Any] = {}
    from_file: dict[str, Any] = {}
    if known.config:
        from_file, file_problems = _read_config_file(Path(known.config[0]), known_flags)
        given.update(from_file)
        problems += file_problems
    from_words = {name: value for name, value in vars(known).items() if name in known_flags}
    given.update(from_words)
    homes = {name: f"{known.config[0]}: " for name in from_file if name not in from_words}
    parsed = _assemble(config_type, given, problems, tolerated, homes)
    acting = {name for config in (config_type, *passed_on) for name in _flags_of(config)}
    idle = sorted(f"--{name}" for name in parsed.given - acting)
    if not idle or not announce_tolerated:
        return parsed
    notice = f"no effect on {program.split('.')[-1]}: {', '.join(idle)}"
    return dataclasses.replace(parsed, notices=(*parsed.notices, notice))


def from_values(
    config_type: type[Config], values: Mapping[str, Any], *, tolerated: Sequence[type] = ()
) -> Parsed[Config]:
    """Build a command's configuration from Python values.

    Args:
        config_type: the configuration to build.
        values: values of flags, by name; a flag whose value is None counts as not given.
        tolerated: see `parse`.

    Raises:
        FlagError: everything that is wrong with the flags, in one message.
    """
    known = {**_flags_of(config_type), **_elsewhere(config_type, tolerated)}
    names = {name: _canonical(name, known) for name in values}
    problems = [
        f"unknown flag {name}{closest(name, known)}"
        for name, known_name in names.items()
        if known_name not in known
    ]
    given = {
        names[name]: value
        for name, value in values.items()
        if names[name] in known and value is not None
    }
    return _assemble(config_type, given, problems, tolerated)


def _assemble(
    config_type: type[Config],
    given: Mapping[str, Any],
    problems: Sequence[str],
    tolerated: Sequence[type],
    homes: Mapping[str, str] = MappingProxyType({}),
) -> Parsed[Config]:
    """Convert values and build the configuration, or raise all problems at once.

    `homes` has the prefixes of messages about flags that come from a file.
    """
    flags = _flags_of(config_type)
    values, wrong = _converted(given, {**flags, **_elsewhere(config_type, tolerated)})
    problems = [*problems, *(f"{homes.get(name, '')}{problem}" for name, problem in wrong.items())]
    if problems:
        raise FlagError("; ".join(problems))
    config, problems = _replaced(config_type(), values)
    if problems:
        raise FlagError("; ".join(problems))
    notices = tuple(
        f"--{name} is not needed: {item.spec.replacement}"
        for name, item in flags.items()
        if item.spec.replacement and values.get(name, item.default) != item.default
    )
    return Parsed(config, frozenset(values), notices)


def _converted(
    given: Mapping[str, Any], flags: Mapping[str, Flag]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the typed values of flags, and the problems of invalid ones."""
    values, problems = {}, {}
    for name, value in given.items():
        try:
            values[name] = flags[name].convert(value)
        except ValueError as error:
            shown = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            problems[name] = f"{f'--{name} {shown}'.rstrip()}: {error}"
    return values, problems


def _replaced(config: Config, values: Mapping[str, Any]) -> tuple[Config, list[str]]:
    """Return a configuration with other values of some flags, and the problems between flags."""
    parts, problems = {}, []
    for name, (_, members) in _groups(type(config)).items():
        own = {item.name: values[item.name] for item in members if item.name in values}
        try:
            parts[name] = dataclasses.replace(getattr(config, name), **own)
        except UserError as error:  # from the group's __post_init__
            problems.append(str(error))
    return dataclasses.replace(config, **parts), problems  # type: ignore[type-var]


def _elsewhere(config_type: type, tolerated: Sequence[type]) -> dict[str, Flag]:
    own = _flags_of(config_type)
    return {
        name: item
        for config in tolerated
        for name, item in _flags_of(config).items()
        if name not in own
    }


def _canonical(name: str, flags: Mapping[str, Flag]) -> str:
    """Return the name of the flag with this alias, or the name itself."""
    return next((known for known, item in flags.items() if name in item.spec.aliases), name)


def flags_in(config_type: type, words: Sequence[str]) -> frozenset[str]:
    """Return the names of the flags in some words of a command line."""
    flags = _flags_of(config_type)
    return frozenset(
        _canonical(word[2:].split("=")[0], flags)
        for word in _spell_out(words, flags)
        if word.startswith("--")
    )


def overlay(config: Config, values: Mapping[str, Any], home: str) -> Config:
    """Return a configuration with other values of some flags.

    Args:
        config: configuration of a command.
        values: values of flags, by name, as read from YAML or JSON.
        home: origin of the values, the prefix of messages.

    Raises:
        FlagError: everything that is wrong with the values, in one message.
    """
    flags = _flags_of(type(config))
    problems = [
        f"unknown flag {name}{closest(name, flags)}" for name in values if name not in flags
    ]
    changes, wrong = _converted({name: values[name] for name in values if name in flags}, flags)
    replaced, conflicts = _replaced(config, changes)
    problems += [*wrong.values(), *conflicts]
    if problems:
        raise FlagError(f"{home}: {'; '.join(problems)}")
    return replaced


def as_dict(config: Any) -> dict[str, Any]:
    """Return the values of all flags of a configuration, by name, as JSON values."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for group in dataclasses.fields(config)
        for name, value in vars(getattr(config, group.name)).items()
    }


def _flags_of(config_type: type) -> dict[str, Flag]:
    return {item.name: item for _, members in _groups(config_type).values() for item in members}


def _groups(config_type: type) -> dict[str, tuple[str, list[Flag]]]:
    """Return the title and the flags of each group, by the group's field."""
    groups = {}
    for name, group_type in typing.get_type_hints(config_type).items():
        kinds = typing.get_type_hints(group_type)
        members = [
            Flag(
                item.name,
                kinds[item.name],
                item.default_factory()
                if item.default_factory is not dataclasses.MISSING
                else item.default,
                item.metadata["flag"],
            )
            for item in dataclasses.fields(group_type)
        ]
        title = (group_type.__doc__ or name).strip().splitlines()[0].rstrip(".")
        groups[name] = (title, members)
    return groups


def _argument_parser(
    groups: Mapping[str, tuple[str, list[Flag]]],
    elsewhere: Iterable[Flag],
    program: str,
    description: str,
    epilog: str,
) -> argparse.ArgumentParser:
    parser = ArgumentParser(
        prog=program,
        usage=f"{program} [--config FILE.yaml] [--FLAG VALUE ...] ...",
        description=textwrap.fill(description, shutil.get_terminal_size().columns - 2),
        epilog=epilog,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=_HelpFormatter,
    )
    parser.add_argument(
        "--config",
        nargs=1,
        default=None,
        metavar="FILE.yaml",
        help="YAML file of flags, `name: value`; the command line wins",
    )
    for title, members in groups.values():
        group = parser.add_argument_group(title)
        for item in members:
            group.add_argument(
                f"--{item.name}",
                *(f"--{alias}" for alias in item.spec.aliases),
                dest=item.name,
                nargs="*",
                action="extend" if item.spec.repeatable else "store",
                metavar=item.metavar,
                help=_help_text(item),
            )
    for item in elsewhere:
        action = "extend" if item.spec.repeatable else "store"
        parser.add_argument(f"--{item.name}", nargs="*", action=action, help=argparse.SUPPRESS)
    return parser


def _help_text(item: Flag) -> str:
    text = item.spec.help
    if item.spec.replacement:
        text = f"accepted for old scripts; {item.spec.replacement}"
    elif item.default not in ("", ()):
        default = str(item.default).lower() if item.kind is bool else item.default
        text += f" (default: {default})"
    return text.replace("%", "%%")


def _spell_out(argv: Sequence[str], flags: Mapping[str, Flag]) -> list[str]:
    """Turn DeepSpeech's `--noearly_stop` into `--early_stop false`."""
    words: list[str] = []
    for word in argv:
        name = word.removeprefix("--no")
        if word.startswith("--no") and name in flags and flags[name].kind is bool:
            words += [f"--{name}", "false"]
        else:
            words.append(word)
    return words


def _unknown_flags(unknown: Sequence[str], flags: Mapping[str, Flag]) -> list[str]:
    problems = []
    for word in unknown:
        if word.startswith("--"):
            problems.append(f"unknown flag {word.split('=')[0]}{closest(word[2:], flags)}")
        elif not problems:  # otherwise it is the value of an unknown flag
            problems.append(f"unexpected argument {word!r}; values must follow a flag")
    return problems


def closest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown flag, with the most similar known one."""
    meant = likely_meant(name.split("=")[0], known)
    return f", did you mean --{meant}?" if meant else "; see --help"


def _read_config_file(path: Path, flags: Mapping[str, Flag]) -> tuple[dict[str, Any], list[str]]:
    import yaml  # slow to import, and only needed for --config

    try:
        loaded = yaml.safe_load(read_regular(path, _LARGEST_CONFIG_BYTES).decode())
    except OSError as error:
        raise FlagError(f"--config {path}: {error.strerror or error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FlagError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from None
    if loaded is None:
        return {}, []
    if not isinstance(loaded, dict):
        raise FlagError(f"--config {path} must contain `name: value` lines")
    aliases = {alias: name for name, item in flags.items() for alias in item.spec.aliases}
    values, problems = {}, []
    for key, value in loaded.items():
        name = aliases.get(str(key), str(key))
        if name not in flags:
            problems.append(f"{path}: unknown flag {key}{closest(name, flags)}")
        elif value is not None:
            values[name] = value
    return values, problems
