"""SDB files, written as upstream writes them; see `sources/sdb.py` for what is in one."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stt.atomic_file import replacing

from ...errors import CorpusError
from ..sources.sdb import MAGIC, TRANSCRIPT

_MOST_SAMPLE_BYTES = (1 << 32) - 16


class SdbWriter:
    """Writes samples one after another; see `writing_sdb`."""

    def __init__(self, file: BinaryIO, audio_type: str, labeled: bool) -> None:
        self._file = file
        self._labeled = labeled
        self.offsets: list[int] = []
        schema = [{"content": "speech", "mime-type": audio_type}, *([TRANSCRIPT] * labeled)]
        meta = json.dumps({"schema": schema}).encode()
        file.write(MAGIC + struct.pack(">Q", len(meta)) + meta)
        self._samples_place = file.tell()
        file.write(bytes(16))  # how long they are, and how many; known at the end

    def add(self, audio: bytes, transcript: str = "") -> None:
        """Write a sample.

        Raises:
            CorpusError: it does not fit into 4 GB.
        """
        columns = [audio, *([transcript.encode()] * self._labeled)]
        size = sum(4 + len(column) for column in columns)
        if size > _MOST_SAMPLE_BYTES:
            raise CorpusError("a sample of an SDB file has less than 4 GB; cut it")
        self.offsets.append(self._file.tell())
        self._file.write(struct.pack(">I", size))
        for column in columns:
            self._file.write(struct.pack(">I", len(column)))
            self._file.write(column)

    def finish(self) -> None:
        """Write the index."""
        place, count = self._file.tell(), len(self.offsets)
        self._file.write(struct.pack(f">QQ{count}Q", 8 + 8 * count, count, *self.offsets))
        self._file.seek(self._samples_place)
        self._file.write(struct.pack(">QQ", place - self._samples_place - 8, count))


@contextmanager
def writing_sdb(path: str | Path, audio_type: str, labeled: bool = True) -> Iterator[SdbWriter]:
    """Yield a writer; the file is there when all is written, and not before.

    Args:
        path: the file.
        audio_type: of all samples, as SDB files name it.
        labeled: whether with transcripts.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            writer = SdbWriter(file, audio_type, labeled)
            yield writer
            writer.finish()
    except OSError as error:
        raise CorpusError(f"{path}: cannot be written ({error.strerror or error})") from None
