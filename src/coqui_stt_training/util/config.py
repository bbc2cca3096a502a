"""Upstream's global configuration, for its notebooks and scripts.

    from coqui_stt_training.util.config import Config, initialize_globals_from_args

    initialize_globals_from_args(train_files=["train.csv"], checkpoint_dir="model", epochs=10)
    print(Config.train_files)

Flags have the names, values and checks of the command line. The rest of this package does not read
the global configuration: `train()`, `test()`, `evaluate()` and `export()` pass it on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..bootstrapping.alphabets import choose_alphabet
from ..cli.config import TrainConfig
from ..cli.flags import Parsed, as_dict, from_values, parse
from ..cli.shared_flags import SHARED
from ..corpus import split_auto_input
from ..errors import FlagError
from .augmentations import Augmentation, NormalizeSampleRate, parse_augmentations
from .own_flags import read_own_flags
from .upstream_names import find_upstream_name

N_INPUT = 26  # number of features of a frame
N_CONTEXT = 9  # number of context frames on each side of a frame
_HIDDEN_SIZES = ("n_hidden_1", "n_hidden_2", "n_hidden_3", "n_hidden_5", "n_cell_dim")
_FOLDERS = ("checkpoint_dir", "load_checkpoint_dir", "save_checkpoint_dir")
_ALL_FLAGS = SHARED[::-1]  # in this order: training's value of a shared flag overrides the others
_Kind = TypeVar("_Kind")


class BaseSttConfig:
    """All flags as attributes, and the values that upstream derives from them.

    Setting the attribute of a flag checks its value. `auto_input_dataset` is split at once; other
    files are read only when they are used. The default checkpoint folder is that of early releases:
    `stt/checkpoints` in the user's data folder.

    A script adds its own flags in a dataclass derived from this class, and reads all flags with
    `init_from_argparse`.

    Args:
        flags: values of flags by name; None: the default.

    Raises:
        FlagError: flags are unknown or have wrong values; the message lists all problems.
        CorpusError: `auto_input_dataset` cannot be split.
    """

    def __init__(self, **flags: Any) -> None:
        self._set_flags(flags)
        if self.auto_input_dataset:
            self._split()

    def _set_flags(self, flags: Mapping[str, Any]) -> None:
        values, given = _merge(lambda kind, others: from_values(kind, flags, tolerated=others))
        folder = values["checkpoint_dir"]
        if not any(values[name] for name in _FOLDERS):
            folder = str(_default_folder())
        if folder:  # the default for loading and saving; a script can later change either
            given = (given | set(_FOLDERS)) - {"checkpoint_dir"}
            values |= dict.fromkeys(_FOLDERS, folder)
        self.__dict__["_values"] = values
        self.__dict__["_flags"] = {name: values[name] for name in sorted(given)}

    def _split(self) -> None:
        made = split_auto_input(
            self.auto_input_dataset,
            seed=self.random_seed,
            alphabet_path=self.alphabet_config_path or None,
        )
        files = {"train_files": made.train, "dev_files": made.dev, "test_files": made.test}
        changed = {name: [str(path)] for name, path in files.items()}
        if not self.bytes_output_mode:
            changed["alphabet_config_path"] = str(made.alphabet)  # type: ignore[assignment]
        self._set_flags({**self._flags, "auto_input_dataset": None, **changed})

    @classmethod
    def init_from_argparse(
        cls, args: Sequence[str] | None = None, arg_prefix: str = ""
    ) -> BaseSttConfig:
        """Return the configuration of a command line, by default that of this process.

        Raises:
            FlagError: a flag is wrong, or a prefix is given.
        """
        if arg_prefix:
            raise FlagError(f"flags have no prefix {arg_prefix!r}")
        argv = sys.argv[1:] if args is None else list(args)
        adds_flags = dataclasses.is_dataclass(cls)
        own, argv = read_own_flags(cls, argv) if adds_flags else ({}, argv)
        values, given = _merge(
            lambda kind, others: parse(
                kind,
                argv,
                program=Path(sys.argv[0]).name,
                description="Flags of training, evaluation, export and tuning.",
                tolerated=others,
                passed_on=others,
            )
        )
        config = cls.__new__(cls)
        BaseSttConfig.__init__(config, **{name: values[name] for name in given})
        if adds_flags:
            cls.__init__(config, **own)  # the dataclass's method, which sets only its own fields
        return config

    def __post_init__(self) -> None:
        """Do nothing: `init_from_argparse` has already set the flags of the package."""

    def flags(self) -> dict[str, Any]:
        """Return the flags that were given or set, by name."""
        return dict(self._flags)

    def parsed_as(self, kind: type[_Kind], **changes: Any) -> Parsed[_Kind]:
        """Return the configuration of a command, with its part of the flags and some changes."""
        return from_values(kind, {**self._flags, **changes}, tolerated=_ALL_FLAGS)

    def to_dict(self) -> dict[str, Any]:
        """Return the values of all flags, including defaults."""
        return dict(self._values)

    serialize = to_dict

    def to_json(self) -> str:
        """Return all flags as JSON."""
        return json.dumps(self.to_dict(), indent=4, ensure_ascii=False)

    def __getattr__(self, name: str) -> Any:
        values: dict[str, Any] = self.__dict__.get("_values", {})
        if name in values:
            return values[name]
        if name in _HIDDEN_SIZES and values:
            return values["n_hidden"]
        if name == "session_config":
            return find_upstream_name(__name__, name)
        raise AttributeError(f"there is no flag {name}")

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_values", {}):
            self._set_flags({**self._flags, name: value})
        else:
            super().__setattr__(name, value)

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet: given, of the checkpoint, beside the data, or made from the data.

        Raises:
            FlagError: no alphabet was found.
            UserError: the alphabet is malformed, or the data cannot be read.
        """
        config = self.parsed_as(TrainConfig).config
        beside = Path(self.load_checkpoint_dir or ".", "alphabet.txt")
        known = self.load_checkpoint_dir and beside.is_file()
        of_model = Alphabet(beside) if known else None
        files = [*self.train_files, *self.dev_files, *self.test_files, *self.metrics_files]
        return choose_alphabet(config.alphabet, config.bootstrap, of_model, files)

    @property
    def augmentations(self) -> list[Augmentation]:
        """Resampling to the model's sample rate, if enabled, and the augmentations of `augment`."""
        resampling = [NormalizeSampleRate(self.audio_sample_rate)]
        return [*(resampling if self.normalize_sample_rate else ()),
                *parse_augmentations(self.augment)]  # fmt: skip

    @property
    def n_input(self) -> int:
        """Number of features of a frame."""
        return N_INPUT

    @property
    def n_context(self) -> int:
        """Number of context frames on each side of a frame."""
        return N_CONTEXT

    @property
    def n_hidden_6(self) -> int:
        """Number of output classes: the alphabet's labels and the blank."""
        return self.alphabet.size + 1

    @property
    def audio_window_samples(self) -> int:
        """Number of samples of a feature frame."""
        return int(self.audio_sample_rate * self.feature_win_len // 1000)

    @property
    def audio_step_samples(self) -> int:
        """Number of samples from the start of a feature frame to that of the next."""
        return int(self.audio_sample_rate * self.feature_win_step // 1000)


def _merge(
    read: Callable[[type, tuple[type, ...]], Parsed[Any]],
) -> tuple[dict[str, Any], set[str]]:
    """Return the values of all flags, and the names of those that were given.

    Args:
        read: parses the flags of one configuration class, and tolerates those of the other classes.
    """
    values: dict[str, Any] = {}
    given: set[str] = set()
    for kind in _ALL_FLAGS:
        parsed = read(kind, tuple(other for other in _ALL_FLAGS if other is not kind))
        values |= as_dict(parsed.config)
        given |= parsed.given
    return values, given


def _default_folder() -> Path:
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "stt" / "checkpoints"


class _GlobalConfig:
    """Proxy for the current global configuration."""

    def __getattr__(self, name: str) -> Any:
        return getattr(current(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(current(), name, value)

    def __getitem__(self, name: str) -> Any:
        return current()[name]


Config = _GlobalConfig()
_current: list[BaseSttConfig] = []  # the global configuration; empty until it is initialised


def current() -> BaseSttConfig:
    """Return the global configuration.

    Raises:
        FlagError: the global configuration was not initialised.
    """
    if not _current:
        raise FlagError(
            "the global configuration is not initialized; call "
            "coqui_stt_training.util.config.initialize_globals_from_args(...) first"
        )
    return _current[0]


def initialize_globals_from_args(**override_args: Any) -> None:
    """Set the global configuration from flags; see `BaseSttConfig`."""
    initialize_globals_from_instance(BaseSttConfig(**override_args))


def initialize_globals_from_cli() -> None:
    """Set the global configuration from the command line; see `BaseSttConfig`."""
    initialize_globals_from_instance(BaseSttConfig.init_from_argparse())


def initialize_globals_from_instance(config: BaseSttConfig) -> None:
    """Set the global configuration."""
    _current[:] = [config]


def log_debug(message: object) -> None:
    """Print a message if `log_level` is 0."""
    _log(0, "D ", message)


def log_info(message: object) -> None:
    """Print a message if `log_level` is at most 1, the default."""
    _log(1, "I ", message)


def log_warn(message: object) -> None:
    """Print a message if `log_level` is at most 2."""
    _log(2, "W ", message)


def log_error(message: object) -> None:
    """Print a message if `log_level` is at most 3."""
    _log(3, "E ", message)


def log_progress(message: object) -> None:
    """Print an informational message if progress bars are turned off."""
    if _current and not _current[0].show_progressbar:
        log_info(message)


def prefix_print(prefix: str, message: str) -> None:
    """Print a message with a prefix before each line."""
    print("\n".join(f"{prefix}{line}" for line in message.split("\n")))


def _log(level: int, prefix: str, message: object) -> None:
    if (_current[0].log_level if _current else 1) <= level:
        prefix_print(prefix, str(message))


def create_progressbar(*args: Any, **kwargs: Any) -> Any:
    """Return a bar of the progressbar2 package, which is silent if `show_progressbar` is false.

    Raises:
        FlagError: the package is not installed.
    """
    try:
        import progressbar
    except ImportError:
        raise FlagError("this needs the package progressbar2: pip install progressbar2") from None
    kwargs.setdefault("fd", sys.stdout)
    kind = progressbar.ProgressBar if current().show_progressbar else progressbar.NullBar
    return kind(*args, **kwargs)
