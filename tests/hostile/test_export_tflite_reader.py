"""Malicious `.tflite` files: refused quickly and with a reason, whatever they contain."""

import contextlib
import struct
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt.tflite.acoustic import acoustic_graph, acoustic_only, read_metadata
from stt.tflite.graph import Graph, Operator, Tensor, TensorType, TFLiteError, pack_strings
from stt.tflite.reader import read_graph
from stt.tflite.writer import write_graph

F32, I32 = TensorType.FLOAT32, TensorType.INT32


def tiny_model(middle: tuple[Operator, ...] = (), extra: tuple[Tensor, ...] = ()) -> Graph:
    """Return the smallest valid graph: 2 classes, 2 hidden units, 1 step, window `[1, 2]`."""
    weights = np.eye(2, dtype=np.float32)
    tensors = (
        Tensor("input_node", F32, (1, 1, 1, 2)),
        Tensor("previous_state_c", F32, (1, 2)),
        Tensor("previous_state_h", F32, (1, 2)),
        Tensor("weights", F32, (2, 2), weights.tobytes()),
        Tensor("dense", F32, (1, 2)),
        Tensor("logits", F32, (1, 2)),
        Tensor("new_state_c", F32, (1, 2)),
        Tensor("new_state_h", F32, (1, 2)),
        Tensor("alphabet", TensorType.STRING, (1,), pack_strings([b"\x01\0\0\0\x01\0a"])),
        Tensor("metadata_alphabet", TensorType.STRING, (1,)),
        Tensor("shape", I32, (1,), struct.pack("<i", 1)),
        *extra,
    )
    operators = (
        Operator("FULLY_CONNECTED", (0, 3, -1), (4,)),
        *middle,
        Operator("SOFTMAX", (4,), (5,), {"beta": 1.0}),
        Operator("TANH", (1,), (6,)),
        Operator("TANH", (2,), (7,)),
        Operator("RESHAPE", (8, 10), (9,)),
    )
    return Graph(tensors, operators, (0, 1, 2), (5, 6, 7, 9))


MODEL = write_graph(tiny_model())


def try_to_read(content: bytes) -> None:
    for read in (acoustic_only, read_metadata):
        with contextlib.suppress(TFLiteError):
            read(content)


def test_the_tiny_model_itself_is_fine():
    assert read_graph(acoustic_only(MODEL)).operators[0].name == "FULLY_CONNECTED"


@pytest.mark.parametrize("content", [b"", b"TFL3", b"\0" * 100, b"\x08\0\0\0TFL3", MODEL[4:]])
def test_no_model(content):
    with pytest.raises(TFLiteError):
        acoustic_only(content)


def test_every_truncation_is_refused():
    for size in range(len(MODEL)):
        with pytest.raises(TFLiteError):
            read_graph(MODEL[:size])


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_flipped_bytes_are_read_or_refused(data):
    content = bytearray(MODEL)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try_to_read(bytes(content))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_wild_offsets_are_read_or_refused(data):
    content = bytearray(MODEL)
    place = 4 * data.draw(st.integers(0, len(content) // 4 - 1))
    word = data.draw(st.sampled_from([0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFF00, 4, 1]))
    struct.pack_into("<I", content, place, word)
    try_to_read(bytes(content))


def test_a_table_repeated_without_end_is_refused_quickly():
    graph = tiny_model()
    many = tuple(Tensor(f"t{i}", F32, (1,) * 64) for i in range(64))
    content = bytearray(write_graph(replace(graph, tensors=graph.tensors + many)))
    padding = struct.pack("<I", 1 << 22) + b"\0" * (4 << 22)
    start = len(content)
    content += padding
    table = struct.unpack_from("<I", content, 0)[0]
    vtable = table - struct.unpack_from("<i", content, table)[0]
    field = table + struct.unpack_from("<H", content, vtable + 4 + 2 * 1)[0]
    struct.pack_into("<I", content, field, start - field)  # 4 million operator codes
    before = time.perf_counter()
    with pytest.raises(TFLiteError, match="more than"):
        read_graph(bytes(content))
    assert time.perf_counter() - before < 2


def test_doubling_forty_times_is_refused():
    extra = tuple(Tensor(f"x{i}", F32, (1, 2 ** (i + 1))) for i in range(1, 40))
    doubling = [Operator("CONCATENATION", (4, 4), (11,), {"axis": 1})]
    doubling += [
        Operator("CONCATENATION", (10 + i, 10 + i), (11 + i,), {"axis": 1}) for i in range(1, 39)
    ]
    used = Operator("SPLIT", (10, 49), (50, 51), {"num_splits": 2})
    graph = tiny_model((*doubling, used), (*extra, Tensor("a", F32, (1, 2)), Tensor("b", F32, ())))
    graph = replace(
        graph,
        operators=tuple(
            replace(o, inputs=(50,)) if o.name == "SOFTMAX" else o for o in graph.operators
        ),
    )
    with pytest.raises(TFLiteError, match="no acoustic model needs more"):
        acoustic_graph(graph)


def test_a_shape_that_is_not_what_the_operator_makes_is_refused():
    graph = tiny_model(
        (Operator("ADD", (4, 11), (12,)),),
        (
            Tensor("column", F32, (64, 1), bytes(256)),
            Tensor("sum", F32, (1, 2)),  # the operator makes [64, 2]
        ),
    )
    graph = replace(
        graph,
        operators=tuple(
            replace(o, inputs=(12,)) if o.name == "SOFTMAX" else o for o in graph.operators
        ),
    )
    with pytest.raises(TFLiteError, match="makes the shapes"):
        acoustic_graph(graph)


def test_a_graph_that_runs_in_circles_is_refused():
    graph = tiny_model()
    circle = (Operator("TANH", (6,), (7,)), Operator("TANH", (7,), (6,)))
    content = write_graph(replace(graph, operators=graph.operators[:2] + circle))
    with pytest.raises(TFLiteError, match="before it is made"):
        read_graph(content)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "mfccs"}, "has no input 'input_node'"),
        ({"shape": (1, 2)}, "it should be FLOAT32"),
        ({"type": I32}, "it should be FLOAT32"),
        ({"shape": (1, 1, 1, 3)}, "for weights of width 2"),
        ({"shape": (1, 2, 1, 2)}, "it should be FLOAT32"),
        ({"scales": (0.5,), "zero_points": (3,)}, "zero point other than 0"),
    ],
)
def test_a_wrong_interface_is_named(change, reason):
    graph = tiny_model()
    tensors = (replace(graph.tensors[0], **change), *graph.tensors[1:])
    with pytest.raises(TFLiteError, match=reason):
        acoustic_graph(replace(graph, tensors=tensors))


def test_unknown_operators_of_the_acoustic_part_are_refused():
    graph = tiny_model()
    custom = (Operator("Evil", (0,), (4,)), *graph.operators[1:])
    with pytest.raises(TFLiteError, match="'Evil'"):
        acoustic_graph(replace(graph, operators=custom))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": TensorType.FLOAT16}, "FLOAT16, which cannot be run"),
        ({"type": TensorType.RESOURCE}, "RESOURCE, which cannot be run"),
        ({"shape": (1, 0)}, "is empty"),
    ],
)
def test_what_no_runtime_here_computes_is_refused(change, reason):
    graph = tiny_model()
    tensors = tuple(replace(t, **change) if t.name == "dense" else t for t in graph.tensors)
    with pytest.raises(TFLiteError, match=reason):
        acoustic_graph(replace(graph, tensors=tensors))


def test_builtin_operators_unknown_here_are_read_and_not_run():
    content = bytearray(MODEL)
    place = content.index(struct.pack("<i", 25))  # SOFTMAX, in the newer field of the code
    struct.pack_into("<i", content, place, 120)
    graph = read_graph(bytes(content))
    assert "builtin operator 120" in [operator.name for operator in graph.operators]
    with pytest.raises(TFLiteError, match="'builtin operator 120'"):
        acoustic_graph(graph)


def test_operators_of_nothing_are_refused():
    graph = tiny_model()
    lone = Operator("TANH", (), (4,))
    with pytest.raises(TFLiteError, match="TANH lacks inputs"):
        read_graph(write_graph(replace(graph, operators=(lone, *graph.operators[1:]))))


@pytest.mark.parametrize("zero_points", [(1, 2), (1, 2, 3)])
def test_zero_points_that_fit_no_scales_are_refused(zero_points):
    graph = tiny_model()
    odd = Tensor("odd", TensorType.INT8, (4,), bytes(4), (0.5,), 0, zero_points)
    with pytest.raises(TFLiteError, match=f"1 scales and {len(zero_points)} zero points"):
        read_graph(write_graph(replace(graph, tensors=(*graph.tensors, odd))))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x01",
        struct.pack("<3i", 1, 12, 99),
        struct.pack("<4i", 2, 16, 99, 16),
        struct.pack("<i", 1 << 30),
        struct.pack("<i", -1),
    ],
)
def test_broken_strings_are_refused(text):
    with pytest.raises(TFLiteError):
        Tensor("metadata_alphabet", TensorType.STRING, (1,), text).strings()


def test_constants_that_overlap_are_refused():
    """A file of a few bytes must not stand for gigabytes of weights."""
    small = [Tensor(f"small{i}", F32, (16,), bytes([i]) * 64) for i in (1, 2, 3)]
    big = Tensor("big", F32, (4096,), b"\7" * 16384)
    graph = tiny_model()
    content = bytearray(write_graph(replace(graph, tensors=(*graph.tensors, big, *small))))
    target = content.index(struct.pack("<I", 16384) + b"\7" * 64)
    for tensor in small:
        vector = content.index(struct.pack("<I", 64) + tensor.data)
        for field in range(0, vector, 4):
            if field + struct.unpack_from("<I", content, field)[0] == vector:
                struct.pack_into("<I", content, field, target - field)
    with pytest.raises(TFLiteError, match="overlap"):
        read_graph(bytes(content))
