"""Reader of the curves in TensorBoard event files that `event_file.py` wrote.

Like in TensorBoard, points that an interrupted run wrote after its last checkpoint are hidden: a
file that starts at a step replaces the points of earlier files from this step on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("<Q")
_CHECKSUM_BYTES = 4
_LARGEST_RECORD_BYTES = 1 << 24
_LARGEST_FILE_BYTES = 1 << 31

Curves = dict[str, list[tuple[float, float]]]


def read_curves(folder: Path) -> Curves:
    """Return the points (step, value) of each curve in a folder, by increasing step.

    A file is read up to its first broken record, such as the end of a file that is being written.
    """
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        for event in _events(file):
            if event.session_log.status == event.session_log.START:
                for points in found.values():
                    for step in [step for step in points if step >= event.step]:
                        del points[step]
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, {})[event.step] = value.simple_value
    return {
        tag: [(float(step), value) for step, value in sorted(points.items())]
        for tag, points in found.items()
        if points
    }


def _events(file: Path) -> Iterator[Any]:
    from google.protobuf.message import DecodeError
    from tensorboard.compat.proto.event_pb2 import Event

    for record in _records(file):
        try:
            yield Event.FromString(record)
        except DecodeError:
            return


def _records(file: Path) -> Iterator[bytes]:
    if not file.is_file() or file.stat().st_size > _LARGEST_FILE_BYTES:
        return
    with file.open("rb") as stream:
        while len(head := stream.read(_LENGTH.size + _CHECKSUM_BYTES)) == 12:
            (length,) = _LENGTH.unpack_from(head)
            if length > _LARGEST_RECORD_BYTES:
                return
            record = stream.read(length)
            if len(record) < length or len(stream.read(_CHECKSUM_BYTES)) < _CHECKSUM_BYTES:
                return
            yield record
