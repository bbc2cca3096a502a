"""A small writer of TensorFlow checkpoints for tests, independent of the reader.

`write_checkpoint` writes the files that upstream writes. The functions below it can also write
unusual files: entries with false values, and tables that are valid but odd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

LSTM = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
MAGIC = bytes.fromhex("57fb808b247547db")
DTYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}

Tensors = Mapping[str, NDArray[Any]]


def random_tensors(
    n_hidden: int,
    n_classes: int,
    *,
    layer_norm: bool = False,
    adam: bool = True,
    inputs: int = 494,
    step: int = 41,
    seed: int = 7,
) -> dict[str, NDArray[Any]]:
    """Return the variables of a training run under upstream's names, with random values."""
    rng = np.random.default_rng(seed)
    hidden = n_hidden
    shapes: dict[str, tuple[int, ...]] = {
        f"{LSTM}/kernel": (2 * hidden, 4 * hidden),
        f"{LSTM}/bias": (4 * hidden,),
    }
    for layer in "12356":
        outputs = n_classes if layer == "6" else hidden
        shapes[f"layer_{layer}/weights"] = (inputs if layer == "1" else hidden, outputs)
        shapes[f"layer_{layer}/bias"] = (outputs,)
        if layer_norm and layer != "6":
            shapes[f"layer_{layer}/LayerNorm/gamma"] = (outputs,)
            shapes[f"layer_{layer}/LayerNorm/beta"] = (outputs,)
    for name in list(shapes) if adam else ():
        shapes[f"{name}/Adam"] = shapes[f"{name}/Adam_1"] = shapes[name]
    tensors: dict[str, NDArray[Any]] = {
        name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()
    }
    tensors["global_step"] = np.int64(step).reshape(())
    tensors["learning_rate"] = np.float32(0.0005).reshape(())
    if adam:
        tensors["beta1_power"] = np.float32(0.9 ** (step + 1)).reshape(())
        tensors["beta2_power"] = np.float32(0.999 ** (step + 1)).reshape(())
    return tensors


def write_checkpoint(
    directory: Path, tensors: Tensors, *, name: str = "best_dev-41", shards: int = 1
) -> Path:
    """Write a checkpoint and the state file that names it; return its prefix."""
    directory.mkdir(parents=True, exist_ok=True)
    write_bundle(directory / name, tensors, shards=shards)
    state = "best_dev_checkpoint" if name.startswith("best_dev") else "checkpoint"
    (directory / state).write_text(f'model_checkpoint_path: "/home/someone/{name}"\n')
    return directory / name


def write_bundle(prefix: Path, tensors: Tensors, *, shards: int = 1) -> None:
    """Write an index and its data files, with the tensors distributed to the files in turn."""
    data = [bytearray() for _ in range(shards)]
    items = {b"": header(shards)}
    for position, (name, tensor) in enumerate(sorted(tensors.items())):
        shard = position % shards
        content = np.ascontiguousarray(tensor).tobytes()
        items[name.encode()] = entry(
            DTYPES[tensor.dtype.name], tensor.shape, shard, len(data[shard]), content
        )
        data[shard] += content
    write_table(Path(f"{prefix}.index"), items)
    for shard, content in enumerate(data):
        Path(f"{prefix}.data-{shard:05d}-of-{shards:05d}").write_bytes(content)


def header(shards: int, endianness: int = 0) -> bytes:
    """Encode a BundleHeaderProto."""
    version = field(3, b"\x08\x01")
    return field(1, shards) + (field(2, endianness) if endianness else b"") + version


def entry(
    dtype: int,
    shape: Sequence[int],
    shard: int,
    offset: int,
    content: bytes,
    *,
    size: int | None = None,
    sliced: bool = False,
) -> bytes:
    """Encode a BundleEntryProto; as in protobuf, fields of value 0 are omitted."""
    dimensions = b"".join(field(2, field(1, n % (1 << 64)) if n else b"") for n in shape)
    crc = masked_crc(content).to_bytes(4, "little")
    numbers = {3: shard, 4: offset, 5: len(content) if size is None else size}
    message = field(1, dtype) + field(2, dimensions)
    message += b"".join(field(number, value) for number, value in numbers.items() if value)
    message += varint(6 << 3 | 5) + crc
    return message + (field(7, b"") if sliced else b"")


def write_table(
    path: Path, items: Mapping[bytes, bytes], *, block_items: int = 1000, restart_items: int = 16
) -> None:
    """Write a LevelDB table."""
    keys = sorted(items)
    table = bytearray()
    handles: dict[bytes, bytes] = {}
    for start in range(0, len(keys), block_items):
        chosen = keys[start : start + block_items]
        handles[chosen[-1]] = _append(table, block({k: items[k] for k in chosen}, restart_items))
    meta = _append(table, block({}, 1))
    index = _append(table, block(handles, 1))
    footer = meta + index
    table += footer + bytes(40 - len(footer)) + MAGIC
    path.write_bytes(table)


def block(items: Mapping[bytes, bytes], restart_items: int) -> bytes:
    """Encode one block; each key is stored without the prefix it shares with the previous key."""
    content, restarts, previous = bytearray(), [], b""
    for position, (key, value) in enumerate(items.items()):
        shared = 0
        if position % restart_items == 0:
            restarts.append(len(content))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        content += varint(shared) + varint(len(key) - shared) + varint(len(value))
        content += key[shared:] + value
        previous = key
    restarts = restarts or [0]
    return bytes(content) + b"".join(n.to_bytes(4, "little") for n in [*restarts, len(restarts)])


def _append(table: bytearray, content: bytes) -> bytes:
    handle = varint(len(table)) + varint(len(content))
    table += content + b"\0" + masked_crc(content + b"\0").to_bytes(4, "little")
    return handle


def masked_crc(content: bytes) -> int:
    """Return LevelDB's masked CRC-32C."""
    crc = google_crc32c.value(content)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def field(number: int, value: int | bytes) -> bytes:
    """Encode a protobuf field of a varint or of bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """Encode an unsigned integer, seven bits in each byte."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
