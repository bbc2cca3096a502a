"""Reads the pickle of a PyTorch file as a description of tensors, without running it.

A pickle is a program for a small stack machine. This machine knows the instructions that describe
plain values: dicts, lists, tuples, texts, numbers, and tensors as views of storages. Classes and
functions of Python are never looked up: they are an error that names them, or, if the caller wants
that, become descriptions with their name, arguments and state.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_DICT = "collections OrderedDict"
_TENSOR = "torch._utils _rebuild_tensor_v2"
_PARAMETER = "torch._utils _rebuild_parameter"
_STORAGE_PREFIX = "torch "
_STORAGE_SUFFIX = "Storage"
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
    "BINUNICODE8", "SHORT_BINSTRING", "BINSTRING",
}  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_SET": list
}  # fmt: skip
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = ("PROTO", "FRAME", "STOP")
_MOST_DIMENSIONS = 64  # NumPy's limit


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names: `module name`."""

    name: str


# NumPy's type of the values of each kind of storage; bfloat16, which NumPy lacks, as uint16.
STORAGE_TYPES: Mapping[str, np.dtype[Any]] = {
    f"{kind}Storage": np.dtype(stored)
    for kind, stored in (
        ("Float", "<f4"), ("Half", "<f2"), ("BFloat16", "<u2"), ("Double", "<f8"), ("Long", "<i8"),
        ("Int", "<i4"), ("Short", "<i2"), ("Char", "i1"), ("Byte", "u1"), ("Bool", "?"),
    )
}  # fmt: skip
FLOAT_STORAGES = ("FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage")


@dataclass(frozen=True)
class Storage:
    """A block of values that tensors are views of.

    Attributes:
        kind: PyTorch's name of its type, such as `HalfStorage`.
        key: key of the record in the file that holds its values.
        values: number of values.
    """

    kind: str
    key: str
    values: int


@dataclass(frozen=True)
class TensorView:
    """A tensor as a view of a storage; its offset and strides are in values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(eq=False, repr=False)
class Described:
    """An object whose class was not looked up.

    Attributes:
        name: name of the class or function: `module name`.
        arguments: arguments of the call that would create the object.
        state: state that would be set after that, usually the attributes; None: none.
    """

    name: str
    arguments: Any
    state: Any = None

    def __repr__(self) -> str:
        """Return the name alone: arguments can refer to each other very often."""
        return f"<{self.name}>"


@dataclass(frozen=True)
class Pickled:
    """The content of a pickle.

    Attributes:
        value: dicts, lists, numbers, texts, `TensorView`s and, if wanted, `Described`.
        storages: storages of the tensors, by key.
        size_bytes: size of the pickle; other data may follow it.
    """

    value: Any
    storages: Mapping[str, Storage]
    size_bytes: int


class PickledCodeError(ValueError):
    """A pickle asks for classes or functions; the message names them."""


def read_pickle(content: bytes, *, describes: bool = False) -> Pickled:
    """Return the content of a pickle.

    Args:
        content: the pickle, which other data may follow.
        describes: whether objects other than plain values and tensors become `Described`.

    Raises:
        PickledCodeError: there are such objects, and `describes` is not set.
        ValueError: the pickle is cut off, damaged, or has instructions that PyTorch does not write.
    """
    machine, stream = _Machine(), io.BytesIO(content)
    try:
        for instruction, argument, _ in pickletools.genops(stream):
            machine.run(instruction.name, argument)
        value = machine.stack.pop()
    except (IndexError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"it does not make sense ({error})") from None
    if machine.foreign and not describes:
        raise PickledCodeError(", ".join(sorted(machine.foreign)[:6]))
    return Pickled(value, machine.storages, stream.tell())


class _Machine:
    """The stack machine that reads a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.foreign: set[str] = set()
        self.storages: dict[str, Storage] = {}

    def run(self, instruction: str, argument: Any) -> None:
        """Carry out one instruction."""
        stack = self.stack
        if instruction in _NOTHING:
            return
        if instruction in _LITERALS:
            stack.append(argument)
        elif instruction in _CONSTANTS:
            stack.append(_CONSTANTS[instruction])
        elif instruction in _EMPTY:
            stack.append(_EMPTY[instruction]())
        elif instruction in _TUPLES:
            stack.append(tuple(self._several(_TUPLES[instruction])))
        elif instruction in ("BINPUT", "LONG_BINPUT"):
            self.memory[argument] = stack[-1]
        elif instruction == "MEMOIZE":
            self.memory[len(self.memory)] = stack[-1]
        elif instruction in ("BINGET", "LONG_BINGET"):
            stack.append(self.memory[argument])
        else:
            self._run_rarer(instruction, argument)

    def _run_rarer(self, instruction: str, argument: Any) -> None:
        stack = self.stack
        if instruction == "MARK":
            stack.append(_MARK)
        elif instruction == "POP":
            stack.pop()
        elif instruction == "TUPLE":
            stack.append(tuple(self._marked()))
        elif instruction in ("SETITEM", "SETITEMS"):
            items = self._marked() if instruction == "SETITEMS" else self._several(2)
            _fill(stack[-1], items)
        elif instruction in ("APPEND", "APPENDS", "ADDITEMS"):
            items = self._several(1) if instruction == "APPEND" else self._marked()
            if isinstance(stack[-1], list):
                stack[-1].extend(items)
        elif instruction == "GLOBAL":
            stack.append(self._global(argument))
        elif instruction == "STACK_GLOBAL":
            module, name = self._several(2)
            stack.append(self._global(f"{module} {name}"))
        elif instruction == "BINPERSID":
            storage = _storage(stack.pop())
            self.storages[storage.key] = storage
            stack.append(storage)
        elif instruction in ("REDUCE", "NEWOBJ"):
            called, arguments = self._several(2)
            stack.append(_rebuild(called, arguments))
        elif instruction == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], Described):  # for a dict of tensors, the state is metadata
                stack[-1].state = state
        else:
            raise ValueError(f"PyTorch writes no instruction {instruction}")

    def _several(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("its stack is empty")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def _marked(self) -> list[Any]:
        taken: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            taken.append(value)
        return taken[::-1]

    def _global(self, name: str) -> Global:
        is_storage = name.startswith(_STORAGE_PREFIX) and name.endswith(_STORAGE_SUFFIX)
        if not is_storage and name not in (_DICT, _TENSOR, _PARAMETER):
            self.foreign.add(name.replace(" ", "."))
        return Global(name)


def _fill(target: Any, items: list[Any]) -> None:
    """Add keys and values to a dict, but for keys that are tuples.

    Nothing that is read here has such keys, and to hash deeply nested ones overflows the C stack.
    """
    if isinstance(target, dict):
        pairs = zip(items[::2], items[1::2], strict=True)
        target.update((key, value) for key, value in pairs if not isinstance(key, tuple))


def _storage(identity: Any) -> Storage:
    word, kind, key, _, values, *view = identity
    if word != "storage" or type(key) is not str or type(values) is not int or any(view):
        raise ValueError("a storage is not described as PyTorch does")
    return Storage(kind.name.removeprefix(_STORAGE_PREFIX), key, values)


def _rebuild(called: Any, arguments: Any) -> Any:
    """Return the result of a call if the function is known, else a description of the call."""
    name = called.name
    if name == _DICT:
        return {}
    if name == _PARAMETER:
        return arguments[0]
    if name != _TENSOR:
        return Described(name, arguments)
    storage, offset, shape, strides = arguments[:4]
    numbers = (offset, *shape, *strides)
    if (
        not isinstance(storage, Storage)
        or not len(shape) == len(strides) <= _MOST_DIMENSIONS
        or any(type(number) is not int or number < 0 for number in numbers)
    ):
        raise ValueError("a tensor is not described as PyTorch does")
    return TensorView(storage, offset, tuple(shape), tuple(strides))
