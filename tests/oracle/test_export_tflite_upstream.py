"""Our exports of upstream's models are equivalent to upstream's own exports."""

import json

import numpy as np
import pytest
from flatbuffers import flexbuffers

from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from export_support import (
    LITERT_TOLERANCE,
    ORACLE,
    genuine,
    litert_step,
    needs_oracle,
    runtime_features,
    stream,
    upstream_deployment,
)
from stt.tflite.acoustic import acoustic_only, read_metadata
from stt.tflite.reader import read_graph

pytestmark = needs_oracle

KINDS = ("float", "quant")
# The checkpoint of each of our exports, and upstream's export of the same weights.
PAIRS = [
    ("cpu_n64", "cpu_n64_float"),
    ("cpu_n64", "cpu_n64_quant"),
    ("cudnn_n64", "cpu_n64_quant"),
    ("bytes_n64", "bytes_n64_quant"),
]


def ours(kind: str, checkpoint: str = "cpu_n64") -> bytes:
    return tflite_model(upstream_deployment(checkpoint), quantize=kind == "quant")


def dump(kind: str) -> dict:
    return json.loads((ORACLE / "tflite" / f"cpu_n64_{kind}.dump.json").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_interface_is_upstreams(kind):
    """libstt finds tensors by name and does not check their types and shapes."""
    graph, upstream = read_graph(ours(kind)), dump(kind)
    for role in ("inputs", "outputs"):
        found = {}
        for index in getattr(graph, role):
            tensor = graph.tensors[index]
            found[tensor.name] = (tensor.type.name, list(tensor.shape))
        expected = {name: (kind_, shape) for _, name, kind_, shape in upstream[role]}
        expected["mfccs"] = ("FLOAT32", [1, 26]) if role == "outputs" else None
        expected = {name: what for name, what in expected.items() if what}
        assert found == expected
        assert list(found) == list(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_operators_are_upstreams_and_in_its_order(kind):
    upstream = dump(kind)
    found = [operator.name for operator in read_graph(ours(kind)).operators]
    expected = [operator["op"] for operator in upstream["operators"]]
    assert sorted(found) == sorted(expected)
    first, last = expected.index("FULLY_CONNECTED"), expected.index("SOFTMAX")
    start = found.index("FULLY_CONNECTED")
    assert found[start : start + last - first + 1] == expected[first : last + 1]


@pytest.mark.parametrize("kind", KINDS)
def test_operator_versions_and_options_are_upstreams(kind):
    def facts(model: bytes) -> set:
        return {
            (operator.name, operator.version, str(operator.options), flexbuffer(operator))
            for operator in read_graph(model).operators
        }

    def flexbuffer(operator) -> str:
        options = operator.custom_options
        return str(flexbuffers.GetRoot(bytearray(options)).Value) if options else ""

    assert facts(ours(kind)) == facts(genuine(f"cpu_n64_{kind}"))


@pytest.mark.parametrize(("checkpoint", "upstream"), PAIRS)
def test_constants_are_upstreams_to_the_bit(checkpoint, upstream):
    def constants(model: bytes) -> list:
        return sorted(
            (tensor.type, tensor.shape, tensor.scales, bytes(tensor.data))
            for tensor in read_graph(model).tensors
            if tensor.data is not None and tensor.element_count > 2
        )

    model = ours(upstream.rpartition("_")[2], checkpoint)
    assert constants(model) == constants(genuine(upstream))
    assert read_metadata(model) == read_metadata(genuine(upstream))


@pytest.mark.parametrize("clip", ["LDC93S1", "newhome"])
@pytest.mark.parametrize(("checkpoint", "upstream"), PAIRS)
def test_probabilities_are_those_of_libstt_with_upstreams_export(checkpoint, upstream, clip):
    pytest.importorskip("ai_edge_litert", reason="the [litert] extra is not installed")
    name, _, kind = upstream.rpartition("_")
    step = litert_step(acoustic_only(ours(kind, checkpoint)))
    found = stream(step, runtime_features(f"{clip}.wav"), 64)
    expected = np.load(ORACLE / f"libstt/probs_{name}.npz")[f"{kind}__{clip}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=LITERT_TOLERANCE[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_every_metadata_output_is_made_by_an_operator(kind):
    """Otherwise libstt crashes."""
    graph = read_graph(ours(kind))
    made = {index for operator in graph.operators for index in operator.outputs}
    assert made >= set(graph.outputs)
