"""Damaged, foreign and malicious files: each gives a specific error, or the same weights."""

from __future__ import annotations

import io
import pickle
import random
import resource
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.errors import CheckpointError
from stt.protobuf import read_fields
from tensorflow_bundle_writer import (
    LSTM,
    MAGIC,
    block,
    entry,
    field,
    header,
    masked_crc,
    random_tensors,
    varint,
    write_bundle,
    write_checkpoint,
    write_table,
)

FIXTURE = Path(__file__).parents[1] / "data/tensorflow_1_15"
INDEX, DATA = "best_dev-41.index", "best_dev-41.data-00000-of-00001"


@contextmanager
def bounded(seconds: float = 5.0) -> Iterator[None]:
    """Fail if the block takes long or much memory, since the files are small."""
    start, memory = time.process_time(), _peak_bytes()
    yield
    assert time.process_time() - start < seconds
    assert _peak_bytes() - memory < 64 << 20


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def fails(path: Path, *parts: str) -> None:
    """Assert that loading fails with an error of one line that contains all parts."""
    with bounded(), pytest.raises(CheckpointError) as caught:
        load_source(path, with_adam=True)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def equal(one: SourceModel, other: SourceModel) -> bool:
    """Return whether two sources have the same weights and optimizer state."""

    def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
        return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)

    if (one.adam is None) != (other.adam is None) or one.step != other.step:
        return False
    if one.adam and other.adam:
        moments = (
            same(one.adam.first_moments, other.adam.first_moments)
            and same(one.adam.second_moments, other.adam.second_moments)
            and one.adam.step == other.adam.step
        )
        if not moments:
            return False
    return one.specification == other.specification and same(one.tensors, other.tensors)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path, random_tensors(4, 5))
    return tmp_path


# Paths that are not checkpoints.


def test_path_that_does_not_exist(tmp_path: Path) -> None:
    fails(tmp_path / "gone", "gone does not exist", "checkpoint directory")


def test_empty_directory(tmp_path: Path) -> None:
    fails(tmp_path, "empty directory")


def test_directory_without_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "alphabet.txt").write_text("a\n")
    fails(tmp_path, "contains no checkpoint")


def test_directory_around_the_checkpoint(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "deepspeech-0.9.3-checkpoint", random_tensors(4, 5))
    fails(tmp_path, "did you mean", "deepspeech-0.9.3-checkpoint")


def _pytorch_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps({}))
        archive.writestr("model/version", "3")
    return content.getvalue()


def _keras_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("model.weights.h5", "")
    return content.getvalue()


GRAPH = field(1, field(1, b"input_node") + field(2, b"Placeholder"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.pt", _pytorch_zip(), "PyTorch file without the dims"),
        ("model.pth", pickle.dumps([1], 2), "Python pickle"),
        ("model.pth", pickle.dumps(0x1950A86A20F9469CFC6C, 2), "what describes it cannot be read"),
        ("model.h5", b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
        ("model.keras", _keras_zip(), "Keras model"),
        ("output_graph.pb", GRAPH, "frozen TensorFlow graph"),
        ("graph", GRAPH, "frozen TensorFlow graph"),
        ("output_graph.pbmm", bytes(600) + b"memmapped_package://.", ".pbmm"),
        ("model.zip", b"PK\x03\x04" + bytes(50), "damaged zip"),
        ("checkpoint.tar.gz", b"\x1f\x8b\x08" + bytes(50), "gzip archive"),
        ("lm.scorer", b"mmap lm http://kheafield.com/code format version 5", "scorer"),
        ("model.bin", b"?" * 50, "no known format"),
        ("model.tflite", b"", "empty (0 bytes)"),
        ("model.tflite", b"\x1c\0\0\0TFLX", "no known format"),
        ("model.safetensors", b"no header", "is none"),
        ("best.index", b"cut of", "cut off"),
    ],
)
def test_files_of_other_kinds(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    fails(tmp_path / name, name, says)


def test_tensorflow_2_and_keras_checkpoints(tmp_path: Path) -> None:
    tensors = random_tensors(4, 5, adam=False)
    tensors["_CHECKPOINTABLE_OBJECT_GRAPH"] = np.int64(0).reshape(())
    write_checkpoint(tmp_path, tensors)
    fails(tmp_path, "TensorFlow 2 or Keras")


def test_saved_model(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(GRAPH)
    fails(tmp_path, "SavedModel")


def test_two_checkpoints_and_nothing_to_choose_by(tmp_path: Path) -> None:
    for name in ("best_dev-1", "train-2"):
        write_bundle(tmp_path / name, random_tensors(4, 5, adam=False))
    fails(tmp_path, "2 checkpoints", "best_dev-1", "train-2", "name one")


def test_two_exports(tmp_path: Path) -> None:
    for name in ("a.tflite", "b.tflite"):
        shutil.copy(FIXTURE / "int8.tflite", tmp_path / name)
    fails(tmp_path, "2 model files", "a.tflite", "b.tflite")


def test_other_checkpoint_is_named_where_the_wanted_one_is_not_there(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint to tell.*best_dev_checkpoint"):
        load_source(checkpoint, "last")


# State files.


def test_state_file_names_what_is_gone(checkpoint: Path) -> None:
    (checkpoint / "best_dev_checkpoint").write_text('model_checkpoint_path: "best_dev-9"')
    fails(checkpoint, "names 'best_dev-9'", "best_dev-41")


@pytest.mark.parametrize("text", ["", "model_checkpoint_path: best_dev-41", "\0" * 100])
def test_state_file_without_a_name(checkpoint: Path, text: str) -> None:
    (checkpoint / "best_dev_checkpoint").write_text(text)
    fails(checkpoint, "best_dev_checkpoint", "damaged")


# Incomplete files.


def test_index_missing(checkpoint: Path) -> None:
    (checkpoint / INDEX).unlink()
    fails(checkpoint / "best_dev-41", "no best_dev-41.index")
    (checkpoint / "best_dev_checkpoint").unlink()
    fails(checkpoint, "no .index file")


def test_shard_missing(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, random_tensors(4, 5), shards=3)
    (tmp_path / "best_dev-41.data-00001-of-00003").unlink()
    fails(tmp_path, "best_dev-41.data-00001-of-00003 is missing", "3 data file(s)")


def test_data_cut_off(checkpoint: Path) -> None:
    file = checkpoint / DATA
    file.write_bytes(file.read_bytes()[:-1])
    fails(checkpoint, DATA, "cut off", "tensor", "again")


def test_data_damaged(checkpoint: Path) -> None:
    file = checkpoint / DATA
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    fails(checkpoint, DATA, "checksum of tensor", "does not match")


def test_index_cut_off(checkpoint: Path) -> None:
    file = checkpoint / INDEX
    content = file.read_bytes()
    for length in (0, 1, 47, 48, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        fails(checkpoint, INDEX, "cut off")


def test_index_damaged(checkpoint: Path) -> None:
    file = checkpoint / INDEX
    content = bytearray(file.read_bytes())
    content[10] ^= 1
    file.write_bytes(content)
    fails(checkpoint, INDEX, "checksum of the block")


# Complete files with impossible content.


def _with(checkpoint: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    tensors = random_tensors(4, 5)
    change(tensors)
    write_checkpoint(checkpoint, tensors)


@pytest.mark.parametrize(
    "name", ["layer_1/weights", "layer_5/bias", f"{LSTM}/kernel", "layer_6/weights"]
)
def test_tensor_missing(checkpoint: Path, name: str) -> None:
    _with(checkpoint, lambda tensors: tensors.__delitem__(name))
    fails(checkpoint, INDEX, f"has no {name}")


def test_checkpoint_of_something_else(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"conv/kernel": np.zeros((3, 3), np.float32)})
    fails(tmp_path, "not a checkpoint of Coqui STT or DeepSpeech")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("layer_1/weights", (493, 4)),
        ("layer_1/weights", (494,)),
        ("layer_1/weights", (20 * 26, 4)),
        ("layer_2/weights", (4, 5)),
        ("layer_2/bias", (1,)),
        ("layer_6/weights", (4, 0)),
        (f"{LSTM}/kernel", (8, 12)),
        (f"{LSTM}/bias", ()),
        ("layer_3/weights/Adam", (4, 5)),
    ],
)
def test_tensor_of_wrong_shape(checkpoint: Path, name: str, shape: tuple[int, ...]) -> None:
    _with(checkpoint, lambda tensors: tensors.update({name: np.zeros(shape, np.float32)}))
    fails(checkpoint, INDEX, name, "has")


def test_layer_norm_in_some_layers_only(checkpoint: Path) -> None:
    _with(
        checkpoint,
        lambda tensors: tensors.update({"layer_2/LayerNorm/beta": np.zeros(4, np.float32)}),
    )
    fails(checkpoint, "layer normalisation in some layers", "LayerNorm/gamma")


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32])
@pytest.mark.parametrize("name", ["layer_3/weights", "layer_3/weights/Adam_1", "learning_rate"])
def test_unsupported_dtype(checkpoint: Path, name: str, dtype: type) -> None:
    _with(checkpoint, lambda tensors: tensors.update({name: tensors[name].astype(dtype)}))
    fails(checkpoint, INDEX, name, np.dtype(dtype).name, "float32 is expected")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_diverged(checkpoint: Path, value: float) -> None:
    def diverge(tensors: dict[str, np.ndarray]) -> None:
        tensors["layer_5/weights"][2, 1] = value

    _with(checkpoint, diverge)
    fails(checkpoint, "layer_5/weights", "NaN or infinite", "earlier checkpoint")


def _rewritten(checkpoint: Path, **changed: bytes) -> None:
    """Rewrite the index of a checkpoint with some entries replaced and valid checksums."""
    items, offset = {b"": header(1)}, 0
    for name, tensor in sorted(random_tensors(4, 5).items()):
        dtype = 9 if tensor.dtype == np.int64 else 1
        items[name.encode()] = entry(dtype, tensor.shape, 0, offset, tensor.tobytes())
        offset += tensor.nbytes
    items |= {name.encode(): message for name, message in changed.items()}
    write_table(checkpoint / INDEX, items)


HUGE = 1 << 62


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (entry(1, (4, 4), 0, 0, bytes(64), size=HUGE), "index is damaged"),
        (entry(1, (HUGE, HUGE), 0, 0, bytes(64)), "layer_2/weights has shape"),
        (entry(1, (4, 4), 0, HUGE, bytes(64)), "cut off"),
        (entry(1, (4, 4), 0, (1 << 64) - 64, bytes(64)), "negative"),
        (entry(1, (-4, -4), 0, 0, bytes(64)), "negative"),
        (entry(1, (4, 4), 7, 0, bytes(64)), "data file 7 of 1"),
        (entry(1, (4, 4), 0, 0, bytes(64), sliced=True), "slices"),
        (entry(99, (4, 4), 0, 0, bytes(64)), "type 99"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "cut off"),
        (b"\xff" * 11, "more than 64 bits"),
        (b"\x0b", "unknown type 3"),
        (b"\x00\x00", "field number 0"),
        (b"", "layer_2/weights has shape []"),
    ],
)
def test_entries_that_lie(checkpoint: Path, message: bytes, says: str) -> None:
    _rewritten(checkpoint, **{"layer_2/weights": message})
    fails(checkpoint, INDEX if "cut off" not in says else "best_dev-41", says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (header(0), "0 data files"),
        (header(HUGE), "data files"),
        (header(1, endianness=1), "big-endian"),
        (b"\x08", "cut off"),
    ],
)
def test_headers_that_lie(checkpoint: Path, content: bytes, says: str) -> None:
    _rewritten(checkpoint, **{"": content})
    fails(checkpoint, INDEX, says)


def _table(content: bytes, compression: int = 0, handle: bytes | None = None) -> bytes:
    """Return a table whose index block is `content`."""
    stored = content + bytes([compression])
    stored += masked_crc(stored).to_bytes(4, "little")
    footer = b"\0\0" + (varint(0) + varint(len(content)) if handle is None else handle)
    return stored + footer + bytes(40 - len(footer)) + MAGIC


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (_table(block({}, 1)), "no header"),
        (_table(block({b"k": varint(0) + varint(HUGE)}, 1)), "block"),
        (_table(block({bytes([i]): varint(0) + varint(40) for i in range(99)}, 1)), "block"),
        (_table(block({}, 1), compression=1), "compressed"),
        (_table(block({}, 1), handle=varint(HUGE) + varint(HUGE)), "reaches to byte"),
        (_table(b"\xff\xff\xff\xff"), "restarts do not fit"),
        (_table(b""), "restarts do not fit"),
        (_table(b"\x05\x01\x00k" + bytes(4) + b"\1\0\0\0"), "past its block"),
        (_table(b"\x00\xff\x7f\x00k" + bytes(4) + b"\1\0\0\0"), "past its block"),
    ],
)
def test_tables_that_lie(checkpoint: Path, table: bytes, says: str) -> None:
    (checkpoint / INDEX).write_bytes(table)
    fails(checkpoint, INDEX, says)


def test_table_of_names_that_grow(checkpoint: Path) -> None:
    """Each name extends the previous one, so a table of kilobytes expands to gigabytes of names."""
    names = b"".join(varint(n) + varint(1) + varint(0) + b"k" for n in range(100_000))
    entries = varint(0) + varint(0) + varint(len(header(1))) + header(1) + names
    content = entries + bytes(4) + (1).to_bytes(4, "little")
    table = content + b"\0" + masked_crc(content + b"\0").to_bytes(4, "little")
    index = block({b"k": varint(0) + varint(len(content))}, 1)
    footer = b"\0\0" + varint(len(table)) + varint(len(index))
    table += index + b"\0" + masked_crc(index + b"\0").to_bytes(4, "little")
    (checkpoint / INDEX).write_bytes(table + footer + bytes(40 - len(footer)) + MAGIC)
    fails(checkpoint, INDEX, "more, or longer, names")


# Random damage: an error, or exactly the same weights.


def _damaged(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(changed[: rng.randrange(len(changed))])
    for _ in range(rng.choice((1, 1, 2, 8))):
        at = rng.randrange(len(changed))
        if kind == 1:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:  # a length or an offset becomes huge
            changed[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)))
        else:
            changed[at : at + rng.randrange(16)] = rng.randbytes(rng.randrange(16))
    return bytes(changed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", [INDEX, DATA])
def test_random_damage_to_a_checkpoint(checkpoint: Path, name: str, seed: int) -> None:
    original = load_source(checkpoint, with_adam=True)
    file = checkpoint / name
    content = file.read_bytes()
    rng = random.Random(seed)
    failures = 0
    with bounded(30):
        for _ in range(150):
            file.write_bytes(_damaged(content, rng))
            try:
                source = load_source(checkpoint, with_adam=True)
            except CheckpointError:
                failures += 1
            else:
                assert equal(source, original)
    assert failures > 100


@pytest.mark.parametrize("name", ["best_dev_checkpoint", "flags.txt", "alphabet.txt"])
def test_random_damage_to_what_lies_beside(checkpoint: Path, name: str) -> None:
    """These files have no checksums: the weights are unchanged, or there is an error."""
    (checkpoint / "flags.txt").write_text('{"audio_sample_rate": 16000, "relu_clip": 20.0}')
    (checkpoint / "alphabet.txt").write_text("a\nb\nc\nd\n")
    original = load_source(checkpoint, with_adam=True)
    content = (checkpoint / name).read_bytes()
    rng = random.Random(5)
    with bounded(30):
        for _ in range(150):
            (checkpoint / name).write_bytes(_damaged(content, rng))
            try:
                source = load_source(checkpoint, with_adam=True)
            except CheckpointError:
                continue
            for tensor_name, tensor in original.tensors.items():
                assert np.array_equal(source.tensors[tensor_name], tensor)


@pytest.mark.parametrize("kind", ["int8", "float16"])
@pytest.mark.parametrize("seed", range(3))
def test_random_damage_to_an_export(tmp_path: Path, kind: str, seed: int) -> None:
    """TFLite files have no checksums: a model that loads must at least be complete and finite."""
    content = (FIXTURE / f"{kind}.tflite").read_bytes()
    file = tmp_path / "model.tflite"
    rng = random.Random(seed)
    for _ in range(40):
        file.write_bytes(_damaged(content, rng))
        with bounded():
            try:
                source = load_source(file, with_adam=True)
            except CheckpointError:
                continue
        shapes = {name: tensor.shape for name, tensor in source.tensors.items()}
        assert shapes == source.specification.tensor_shapes()
        assert all(np.isfinite(tensor).all() for tensor in source.tensors.values())


def test_every_truncation_of_an_exports_tables(tmp_path: Path) -> None:
    content = (FIXTURE / "int8.tflite").read_bytes()
    file = tmp_path / "model.tflite"
    for length in range(8, len(content), 997):
        file.write_bytes(content[:length])
        fails(file)


def test_export_of_more_tables_than_a_model_has(tmp_path: Path) -> None:
    """Half a million graphs in two megabytes are refused before they are unpacked."""
    count = 500_000
    graphs = b"".join((4 * (count - i)).to_bytes(4, "little") for i in range(count))
    # The root table is at byte 20, its vtable at byte 8; its third field, the graphs, at byte 24.
    vtable = b"".join(n.to_bytes(2, "little") for n in (10, 8, 0, 0, 4, 0))
    root = (12).to_bytes(4, "little") + (4).to_bytes(4, "little")
    content = (20).to_bytes(4, "little") + b"TFL3" + vtable + root
    file = tmp_path / "model.tflite"
    file.write_bytes(content + count.to_bytes(4, "little") + graphs)
    fails(file, "outside its weights")


@pytest.mark.parametrize("seed", range(3))
def test_protobuf_reader_ends(seed: int) -> None:
    rng = random.Random(seed)
    with bounded():
        for _ in range(2000):
            message = rng.randbytes(rng.randrange(40))
            try:
                fields = list(read_fields(message, "it", CheckpointError))
            except CheckpointError:
                continue
            assert len(fields) <= len(message)
