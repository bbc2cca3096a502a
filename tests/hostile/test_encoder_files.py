"""Damaged files of pre-trained encoders: a specific error, or finite weights."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError
from hostile.test_broken_checkpoints import bounded
from nemo_archive import write_nemo
from whisper_formats import (
    ctranslate2_variables,
    quantised,
    write_ctranslate2,
    write_ggml,
    write_openai,
)

_MUTATIONS = 300
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def ctranslate2(folder: Path) -> Path:
    """Write a small quantised model in the format of CTranslate2; return its path."""
    return write_ctranslate2(folder, quantised(ctranslate2_variables(), "int8"))


def ggml(folder: Path) -> Path:
    """Write a small quantised model in the format of whisper.cpp; return its path."""
    return write_ggml(folder / "ggml.bin", "q5_1")


def openai(folder: Path) -> Path:
    """Write a small model in the format of OpenAI; return its path."""
    return write_openai(folder / "tiny.pt")


def nemo(folder: Path) -> Path:
    """Write a small model in the format of NeMo; return its path."""
    return write_nemo(folder / "small.nemo")


def mutations(content: bytes, seed: int) -> Iterator[bytes]:
    """Yield damaged copies of a file's content."""
    choose = random.Random(seed)
    for _ in range(_MUTATIONS):
        damaged = bytearray(content)
        for _ in range(choose.choice((1, 1, 2, 8))):
            # Most lengths are near the start of a file; in zip files, near the end.
            place = choose.randrange(min(choose.choice((40, 2000, 1 << 30)), len(damaged)))
            place = choose.choice((place, place, len(damaged) - 1 - place))
            kind = choose.randrange(4)
            if kind == 0:
                damaged[place] ^= 1 << choose.randrange(8)
            elif kind == 1:
                value = choose.choice(_INTERESTING).to_bytes(4, "little")
                damaged[place : place + choose.choice((1, 2, 4))] = value
            elif kind == 2:
                del damaged[place : place + choose.randrange(1, 64)]
            else:
                damaged = damaged[: max(1, choose.randrange(len(damaged)))]
        yield bytes(damaged)


@pytest.mark.parametrize("write", [ctranslate2, ggml, openai, nemo])
def test_random_damage(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = write(tmp_path)
    messages = []
    load_source(path)  # so that `bounded` does not measure imports
    with bounded(60):
        for damaged in mutations(path.read_bytes(), seed=1):
            path.write_bytes(damaged)
            try:
                source = load_source(path)
            except CheckpointError as error:
                messages.append(str(error))
            else:
                assert all(np.isfinite(tensor).all() for tensor in source.tensors.values())
    assert len(messages) > _MUTATIONS / 2
    assert not [message for message in messages if "\n" in message]
