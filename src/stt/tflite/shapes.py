"""Shape inference: computes the output shapes of operators from their input shapes.

A runtime allocates memory for the shapes that it computes itself, whatever the file declares. So
this finds, before a runtime loads the file, a tensor whose declared shape is wrong, or one that is
doubled forty times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .graph import Graph, Operator, Tensor, TensorType, TFLiteError

Shape = tuple[int, ...]

MAX_COMPUTED_ELEMENTS = 1 << 26  # in all tensors; a model of 16 steps and 2048 units has 2**19


def check_shapes(graph: Graph) -> None:
    """Check that the outputs of every operator have the declared shapes.

    Raises:
        TFLiteError: a shape differs, an operator is unknown or its inputs do not fit, or the graph
            needs more memory than any acoustic model.
    """
    computed = sum(
        tensor.element_count for tensor in graph.tensors if tensor.data is None and tensor.shape
    )
    if computed > MAX_COMPUTED_ELEMENTS:
        raise TFLiteError(
            f"the graph computes {computed} values a step; no acoustic model needs more than "
            f"{MAX_COMPUTED_ELEMENTS}"
        )
    for operator in graph.operators:
        if operator.name not in _RULES:
            raise TFLiteError(
                f"the acoustic model uses the operator {operator.name!r}, unknown here"
            )
        inputs = [graph.tensors[i] if i >= 0 else None for i in operator.inputs]
        declared = [graph.tensors[i].shape for i in operator.outputs]
        try:
            found = _RULES[operator.name](operator, inputs)
        except (ValueError, IndexError, KeyError, AttributeError) as error:
            reason = str(error) if isinstance(error, TFLiteError) else "its inputs do not fit"
            name = graph.tensors[operator.outputs[0]].name if operator.outputs else "nothing"
            raise TFLiteError(f"operator {operator.name}, which makes {name!r}: {reason}") from None
        if found != declared:
            raise TFLiteError(
                f"operator {operator.name} makes the shapes {found} where the file says {declared}"
            )


def _integers(tensor: Tensor) -> list[int]:
    if tensor.type != TensorType.INT32:
        raise TFLiteError(f"{tensor.name!r} should hold whole numbers")
    return [int(value) for value in tensor.array().reshape(-1)]


def _same(_: Operator, inputs: Sequence[Any]) -> list[Shape]:
    (tensor,) = inputs
    return [tensor.shape]


def _broadcast(_: Operator, inputs: Sequence[Any]) -> list[Shape]:
    left, right = inputs
    return [np.broadcast_shapes(left.shape, right.shape)]


def _fully_connected(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    tensor, weight, bias = (*inputs, None)[:3]
    outputs, width = weight.shape
    if weight.data is None or operator.options.get("weights_format"):
        raise TFLiteError("its weights are not a matrix stored in the file")
    if weight.type == TensorType.INT8 and not weight.scales:
        raise TFLiteError("its weights are integers without a scale")
    if weight.type not in (TensorType.INT8, TensorType.FLOAT32):
        raise TFLiteError(f"its weights have the type {weight.type.name}")
    if bias is not None and (bias.shape != (outputs,) or bias.type != TensorType.FLOAT32):
        raise TFLiteError("its bias does not fit its weights")
    if not width or tensor.element_count % width:
        raise TFLiteError(f"an input of shape {list(tensor.shape)} for weights of width {width}")
    if operator.options.get("keep_num_dims"):
        if tensor.shape[-1] != width:
            raise TFLiteError("its input does not fit its weights")
        return [(*tensor.shape[:-1], outputs)]
    return [(tensor.element_count // width, outputs)]


def _concatenation(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    shapes = [tensor.shape for tensor in inputs]
    axis = range(len(shapes[0]))[operator.options.get("axis", 0)]
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1 or len({len(shape) for shape in shapes}) != 1:
        raise TFLiteError("its inputs differ on other axes than the one they are joined on")
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    return [tuple(joined)]


def _reshape(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    source = inputs[0]
    new_shape = operator.options.get("new_shape", ())
    sizes = _integers(inputs[1]) if len(inputs) > 1 else list(new_shape)
    if sizes.count(-1) == 1:
        known = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = source.element_count // known if known else 0
    if min(sizes, default=0) < 0 or math.prod(sizes) != source.element_count:
        raise TFLiteError(f"{list(source.shape)} cannot become {sizes}")
    return [tuple(sizes)]


def _strided_slice(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    source, *bounds = inputs
    begins, ends, strides = (_integers(tensor) for tensor in bounds)
    masks = operator.options
    if masks.get("ellipsis_mask") or masks.get("new_axis_mask"):
        raise TFLiteError("it uses an ellipsis or a new axis")
    shape: list[int] = []
    for axis, (size, begin, end, stride) in enumerate(
        zip(source.shape, begins, ends, strides, strict=True)
    ):
        bit = 1 << axis
        if masks.get("shrink_axis_mask", 0) & bit:
            _ = range(size)[begin]
            continue
        start = None if masks.get("begin_mask", 0) & bit else begin
        stop = None if masks.get("end_mask", 0) & bit else end
        shape.append(len(range(size)[start:stop:stride]))
    return [tuple(shape)]


def _split(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    axis_tensor, source = inputs
    (index,) = _integers(axis_tensor)
    axis, count = range(len(source.shape))[index], operator.options.get("num_splits", 0)
    if count != len(operator.outputs) or not count or source.shape[axis] % count:
        raise TFLiteError(f"{list(source.shape)} cannot be split in {count}")
    part = list(source.shape)
    part[axis] //= count
    return [tuple(part)] * count


def _mean(operator: Operator, inputs: Sequence[Any]) -> list[Shape]:
    source, axes_tensor = inputs
    axes = {range(len(source.shape))[axis] for axis in _integers(axes_tensor)}
    keep = operator.options.get("keep_dims", False)
    return [
        tuple(
            1 if axis in axes else size
            for axis, size in enumerate(source.shape)
            if keep or axis not in axes
        )
    ]


_RULES: Mapping[str, Callable[[Operator, Sequence[Any]], list[Shape]]] = {
    **dict.fromkeys(("LOGISTIC", "RELU", "RSQRT", "SOFTMAX", "TANH"), _same),
    **dict.fromkeys(("ADD", "MAXIMUM", "MINIMUM", "MUL", "SQUARED_DIFFERENCE", "SUB"), _broadcast),
    "CONCATENATION": _concatenation,
    "FULLY_CONNECTED": _fully_connected,
    "MEAN": _mean,
    "RESHAPE": _reshape,
    "SPLIT": _split,
    "STRIDED_SLICE": _strided_slice,
}
