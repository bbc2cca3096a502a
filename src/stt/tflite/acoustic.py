"""Extracts the acoustic model and the metadata from a `.tflite` speech-to-text model.

A model for libstt also computes features, with two operators that only libstt has
(`AudioSpectrogram`, `Mfcc`), and stores its metadata as outputs. `acoustic_only` removes both, so
that any TFLite runtime can run the rest; `read_metadata` returns the metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .graph import Graph, Tensor, TensorType, TFLiteError
from .reader import read_graph
from .shapes import check_shapes

INPUTS = ("input_node", "previous_state_c", "previous_state_h")
OUTPUTS = ("logits", "new_state_c", "new_state_h")
_TYPES = frozenset(
    {TensorType.FLOAT32, TensorType.INT32, TensorType.UINT8, TensorType.INT64, TensorType.INT8}
)


@dataclass(frozen=True)
class TFLiteMetadata:
    """The metadata of a `.tflite` model.

    Attributes:
        version: version of the format; now 6.
        sample_rate_hz: sample rate of the audio.
        window_milliseconds: length of one frame.
        step_milliseconds: time from the start of one frame to the next.
        beam_width: default beam width of the decoder.
        alphabet: result of `Alphabet.serialize`.
        language: BCP 47 tag, or empty.
    """

    version: int
    sample_rate_hz: int
    window_milliseconds: int
    step_milliseconds: int
    beam_width: int
    alphabet: bytes
    language: str = ""


def acoustic_only(model: bytes | memoryview) -> bytes:
    """Return a `.tflite` file with only the acoustic graph of another one.

    Its inputs are `input_node` `[1, n_steps, 2 * n_context + 1, 26]`, `previous_state_c` and
    `previous_state_h` `[1, n_hidden]`; its outputs `logits` `[n_steps, classes]` (which are
    probabilities), `new_state_c` and `new_state_h` `[1, n_hidden]`; all float32, in this order.
    The file is written anew from the checked graph: all its offsets, indices, constants and shapes
    are consistent, even if the original file is malicious.

    Args:
        model: contents of a `.tflite` file, upstream's or ours.

    Raises:
        TFLiteError: the file is broken, or not a speech-to-text model.
    """
    from .writer import write_graph  # imported late, since most models are not written anew

    return write_graph(acoustic_graph(read_graph(model)))


def acoustic_graph(graph: Graph) -> Graph:
    """Return the part of a model's graph that computes `OUTPUTS` from `INPUTS`.

    Raises:
        TFLiteError: the graph has no such part, or the part is inconsistent.
    """
    inputs = [graph.input(name) for name in INPUTS]
    outputs = [graph.output(name) for name in OUTPUTS]
    needed = set(outputs)
    operators = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs):
            continue
        operators.append(operator)
        needed.update(index for index in operator.inputs if index >= 0)
        needed.update(operator.outputs)
    foreign = needed & (set(graph.inputs) - set(inputs))
    if foreign:
        names = ", ".join(graph.tensors[index].name for index in sorted(foreign))
        raise TFLiteError(f"the acoustic model needs the input {names}, which is unknown here")

    kept = sorted(needed | set(inputs))
    number = {old: new for new, old in enumerate(kept)} | {-1: -1}
    acoustic = Graph(
        tensors=tuple(graph.tensors[index] for index in kept),
        operators=tuple(
            replace(
                operator,
                inputs=tuple(number[index] for index in operator.inputs),
                outputs=tuple(number[index] for index in operator.outputs),
            )
            for operator in reversed(operators)
        ),
        inputs=tuple(number[index] for index in inputs),
        outputs=tuple(number[index] for index in outputs),
        description=graph.description[:256],
    )
    _check_interface(acoustic)
    for tensor in acoustic.tensors:
        _check_tensor(tensor)
    check_shapes(acoustic)
    return acoustic


def _check_interface(graph: Graph) -> None:
    features, *states = (graph.tensors[index] for index in graph.inputs)
    posteriors, *new_states = (graph.tensors[index] for index in graph.outputs)
    _check_shape(features, (1, None, None, None))
    _check_shape(states[0], (1, None))
    _check_shape(posteriors, (features.shape[1], None))
    for state in (*states, *new_states):
        _check_shape(state, states[0].shape)


def _check_shape(tensor: Tensor, expected: tuple[int | None, ...]) -> None:
    fits = len(tensor.shape) == len(expected) and all(
        size > 0 and wanted in (None, size)
        for size, wanted in zip(tensor.shape, expected, strict=True)
    )
    if not fits or tensor.type != TensorType.FLOAT32:
        text = ", ".join("n" if size is None else str(size) for size in expected)
        raise TFLiteError(
            f"tensor {tensor.name!r} is {tensor.type.name} {list(tensor.shape)}; "
            f"it should be FLOAT32 [{text}]"
        )


def _check_tensor(tensor: Tensor) -> None:
    if tensor.type not in _TYPES:
        raise TFLiteError(f"tensor {tensor.name!r} is {tensor.type.name}, which cannot be run here")
    if tensor.zero_points:
        raise TFLiteError(f"tensor {tensor.name!r} is quantised around a zero point other than 0")
    if not tensor.element_count:
        raise TFLiteError(f"tensor {tensor.name!r} is empty")


def read_metadata(model: bytes | memoryview | Graph) -> TFLiteMetadata:
    """Return the metadata of a `.tflite` model.

    Args:
        model: contents of the file, or the result of `read_graph`.

    Raises:
        TFLiteError: the file is broken, or an output with metadata is missing.
    """
    graph = model if isinstance(model, Graph) else read_graph(model)
    return TFLiteMetadata(
        version=metadata_number(graph, "metadata_version"),
        sample_rate_hz=metadata_number(graph, "metadata_sample_rate"),
        window_milliseconds=metadata_number(graph, "metadata_feature_win_len"),
        step_milliseconds=metadata_number(graph, "metadata_feature_win_step"),
        beam_width=metadata_number(graph, "metadata_beam_width"),
        alphabet=metadata_bytes(graph, "metadata_alphabet"),
        language=metadata_language(graph) or "",
    )


def metadata_number(graph: Graph, name: str) -> int:
    """Return the integer that is the constant value of an output.

    Raises:
        TFLiteError: there is no such output, or it is not one constant int32.
    """
    tensor = graph.constant_output(name)
    if tensor.type != TensorType.INT32 or tensor.element_count != 1:
        raise TFLiteError(f"output {name!r} should be one whole number")
    return int(tensor.array().item())


def metadata_bytes(graph: Graph, name: str) -> bytes:
    """Return the string that is the constant value of an output.

    Raises:
        TFLiteError: there is no such output, or it is not one constant string.
    """
    strings = graph.constant_output(name).strings()
    if len(strings) != 1:
        raise TFLiteError(f"output {name!r} should be one string; it holds {len(strings)}")
    return strings[0]


def metadata_language(graph: Graph) -> str | None:
    """Return the language, or None if the model does not state it.

    Raises:
        TFLiteError: the output with the language is not one constant string.
    """
    name = "metadata_language"
    if not graph.has_output(name):
        return None
    language = metadata_bytes(graph, name).decode("utf-8", errors="replace")
    # Without --export_language, Coqui STT exports the help text of the flag, in angle brackets.
    return None if language.startswith("<") else language
