"""Posteriors of an acoustic model on a set of clips, stored in a file.

The file is an uncompressed NumPy archive: `probs` float32 `[frames of all clips, classes]`,
`lengths` int64 `[clips]`, `transcripts` text `[clips]`, `alphabet` its 32-byte digest.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.scorer import alphabet_hash
from stt.atomic_file import replacing

from ..errors import DecodeError


@dataclass(frozen=True)
class PosteriorSet:
    """Posteriors and reference transcripts of some clips.

    Attributes:
        probs: for each clip, float32 `[frames, classes]`; rows sum to one, and the blank is last.
        transcripts: reference transcript of each clip.
    """

    probs: list[NDArray[np.float32]]
    transcripts: list[str]

    def padded(self) -> tuple[NDArray[np.float32], list[int]]:
        """Return one zero-padded batch `[clips, frames, classes]`, and each clip's frame count."""
        lengths = [len(rows) for rows in self.probs]
        batch = np.zeros((len(lengths), max(lengths), self.probs[0].shape[1]), np.float32)
        for target, rows in zip(batch, self.probs, strict=True):
            target[: len(rows)] = rows
        return batch, lengths


def save_posteriors(path: Path, posteriors: PosteriorSet, alphabet: Alphabet) -> None:
    """Write posteriors to a file, atomically.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(
            file,
            probs=np.concatenate(posteriors.probs),
            lengths=np.asarray([len(rows) for rows in posteriors.probs], np.int64),
            transcripts=np.asarray(posteriors.transcripts, dtype=np.str_),
            alphabet=np.frombuffer(alphabet_hash(alphabet), np.uint8),
        )


def load_posteriors(path: Path, alphabet: Alphabet) -> PosteriorSet:
    """Read what `save_posteriors` wrote.

    Raises:
        DecodeError: the file cannot be read, is damaged, or is from a model with another alphabet.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            probs, lengths = arrays["probs"], arrays["lengths"]
            transcripts, digest = arrays["transcripts"], arrays["alphabet"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DecodeError(
            f"posteriors {path}: {error}; delete the file to compute them again"
        ) from None
    if digest.tobytes() != alphabet_hash(alphabet):
        raise DecodeError(
            f"posteriors {path} were computed with a model that has another alphabet; delete the "
            "file to compute them again"
        )
    fits = (
        probs.ndim == 2
        and probs.dtype == np.float32
        and probs.shape[1] == alphabet.size + 1
        and lengths.shape == transcripts.shape
        and transcripts.dtype.kind == "U"
        and lengths.size > 0
        and lengths.dtype == np.int64
        and lengths.min() > 0
        and lengths.sum() == len(probs)
    )
    if not fits:
        raise DecodeError(f"posteriors {path} are damaged; delete the file to compute them again")
    ends = np.cumsum(lengths)
    return PosteriorSet(np.split(probs, ends[:-1]), [str(text) for text in transcripts])
