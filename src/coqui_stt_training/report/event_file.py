"""Writer of a TensorBoard event file: `Event` messages in records with checksums.

We use only TensorBoard's messages and its record writer. Its event writer first imports TensorFlow,
and mistakes any folder of that name for it, such as the empty one in a checkout of Coqui STT.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

_SECONDS_BETWEEN_FLUSHES = 20


class EventFile:
    """Writes summaries to a new file in a folder.

    Args:
        folder: folder of the file; created if missing.
        first_step: first step of this file. TensorBoard hides what earlier files have from this
            step on: an interrupted run wrote it after its last checkpoint.
        clock: returns seconds since 1970.

    Raises:
        OSError: the file cannot be created or written.
    """

    def __init__(
        self, folder: Path, first_step: int, clock: Callable[[], float] = time.time
    ) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event = Event
        self._clock = clock
        self._flushed_at = clock()
        folder.mkdir(parents=True, exist_ok=True)
        self._records: Any = RecordWriter(_open_new(folder, int(self._flushed_at)))
        self._write(file_version="brain.Event:2")
        self._write(step=first_step, session_log=SessionLog(status=SessionLog.START))

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add a point to a curve."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self.summary(Summary(value=[Summary.Value(tag=tag, simple_value=value)]), step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        """Add a text."""
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.plugins.text.metadata import create_summary_metadata

        one = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype="DT_STRING", string_val=[markdown.encode()], tensor_shape=one)
        metadata = create_summary_metadata(display_name="", description="")
        value = Summary.Value(tag=f"{tag}/text_summary", metadata=metadata, tensor=tensor)
        self.summary(Summary(value=[value]), step)

    def summary(self, summary: Any, step: int) -> None:
        """Add a `Summary` message."""
        self._write(step=step, summary=summary)
        if self._clock() - self._flushed_at >= _SECONDS_BETWEEN_FLUSHES:
            self.flush()

    def flush(self) -> None:
        """Write buffered events to the file, so that TensorBoard shows them."""
        self._records.flush()
        self._flushed_at = self._clock()

    def close(self) -> None:
        """Write buffered events and close the file."""
        self._records.close()

    def _write(self, **fields: Any) -> None:
        event = self._event(wall_time=self._clock(), **fields)
        self._records.write(event.SerializeToString())


class NoEventFile(EventFile):
    """Writes nothing: for all but one process of a run, and for runs without summaries."""

    def __init__(self) -> None:
        pass

    def summary(self, summary: Any, step: int) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _open_new(folder: Path, second: int) -> BinaryIO:
    number = 0
    while (path := folder / f"events.out.tfevents.{second:010d}.{os.getpid()}.{number}").exists():
        number += 1
    return path.open("xb")
