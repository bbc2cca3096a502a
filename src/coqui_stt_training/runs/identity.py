"""The identity of a run: two commands with the same data and the same start are the same run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ..bootstrapping.similar_labels import AUTO
from ..checkpoints.loading import digest_source
from ..checkpoints.state_file import Which
from ..cli.config import AlphabetFlags, CheckpointFlags
from ..cli.data_flags import DataFlags
from ..cli.training_flags import BootstrapFlags
from ..corpus import Clip, ClipSet, CorpusFiles
from ..corpus.clip_table import ClipTable
from ..errors import CheckpointError, CorpusError, FlagError

# Names of the parts of an identity, for the log.
_NAMES = {
    "train": "the training data",
    "dev": "the validation data",
    "alphabet": "the alphabet",
    "source": "the model to start from (--load_checkpoint_dir)",
    "load_train": "--load_train",
    "bootstrap": "the bootstrapping flags (--drop_source_layers and the like)",
}
_DIGEST = "sha256:"
_UNREADABLE = ""
_MOST_DIGESTED = 100_000


def run_identity(
    data: DataFlags,
    alphabet: AlphabetFlags,
    checkpoints: CheckpointFlags,
    bootstrap: BootstrapFlags,
    files: CorpusFiles | None = None,
    unlabelled: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the identity of a run, as JSON values.

    Args:
        data: the data flags.
        alphabet: the alphabet flags.
        checkpoints: flags that say where to load from and save to.
        bootstrap: flags that say which layers to take from the source.
        files: reads the corpus files.
        unlabelled: collections without transcripts.

    Raises:
        CorpusError: a data or alphabet file cannot be read.
        FlagError: there is no table of `--map_alphabet`.
    """
    return {
        "train": [
            *_digests(data.train_files, files),
            data.limit_train,
            *_shares([*data.train_files, *unlabelled], files),
            *_digests(unlabelled, files, labelled=False),
        ],
        "dev": [*_digests(data.dev_files, files), data.limit_dev],
        "alphabet": [
            *_digests(filter(None, [alphabet.alphabet_config_path]), files),
            alphabet.bytes_output_mode,
        ],
        "source": _source_digest(checkpoints) if is_apart(checkpoints) else None,
        "load_train": checkpoints.load_train,
        "bootstrap": [
            bootstrap.drop_source_layers,
            bootstrap.map_shared_characters,
            bootstrap.extend_alphabet,
            *_label_map(bootstrap.map_alphabet, files),
        ],
    }


def _label_map(map_alphabet: str, files: CorpusFiles | None) -> list[str]:
    if map_alphabet in ("", AUTO):
        return [map_alphabet] if map_alphabet else []
    if not Path(map_alphabet).is_file():
        raise FlagError(
            f"--map_alphabet {map_alphabet}: no such file; give a table of characters, or {AUTO}"
        )
    return _digests([map_alphabet], files)


def digest_of_clips(sets: Iterable[ClipSet]) -> str:
    """Return a digest of the rows of sets: their audio, transcripts and lengths."""
    digest = hashlib.sha256()
    for one in sets:
        clips: Sequence[Clip] = one.clips
        if isinstance(clips, ClipTable):  # of very many clips, all lengths and some transcripts
            digest.update(clips.numbers.tobytes() + clips.seconds.tobytes())
            clips = clips[:: -(-len(clips) // _MOST_DIGESTED) or 1]
        for clip in clips:
            known = (clip.source, clip.transcript, clip.duration_seconds, clip.size_bytes)
            digest.update(repr(known).encode())
    return digest.hexdigest()


def is_apart(flags: CheckpointFlags) -> bool:
    """Whether the model to start from is elsewhere than in the folder to save to."""
    if not flags.load_dir:
        return False
    return Path(flags.load_dir).resolve() != Path(flags.save_dir).resolve()


def describe_differences(
    kept: Mapping[str, Any], now: Mapping[str, Any], flags: CheckpointFlags
) -> list[str]:
    """Return descriptions of the differences between the identities of a run and of a command."""
    return [
        name
        for key, name in _NAMES.items()
        if not (
            _is_same_source(kept.get(key), now[key], flags)
            if key == "source"
            else kept.get(key) == now[key]
        )
    ]


def _is_same_source(kept: object, now: object, flags: CheckpointFlags) -> bool:
    """Compare the contents; for runs that were recorded without digests, the names."""
    if isinstance(kept, str) and not kept.startswith(_DIGEST):
        return is_apart(flags) and kept == Path(flags.load_dir).resolve().name
    return kept == now or (kept is not None and now == _UNREADABLE)


def _source_digest(flags: CheckpointFlags) -> str | None:
    if flags.load_train == "init":
        return None
    try:
        return _DIGEST + digest_source(flags.load_dir, cast(Which, flags.load_train))
    except CheckpointError:
        # A resumed run no longer needs it; a new run reports what is wrong with it.
        return _UNREADABLE


def _shares(paths: Sequence[str], files: CorpusFiles | None) -> list[float]:
    """Return the shares of the training files, 0 for none; empty if no file has a share."""
    shares = files.shares if files else {}
    return [shares.get(path, 0.0) for path in paths] if shares else []


def _digests(
    paths: Iterable[str], files: CorpusFiles | None, *, labelled: bool = True
) -> list[str]:
    digests, problems = [], []
    for path in paths:
        try:
            digests.append((files or CorpusFiles()).digest(path, labelled=labelled))
        except CorpusError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError("\n".join(problems))
    return digests
