"""The one pickle in a PyTorch file, read as a description of tensors and not run.

A pickle is a program for a small machine with a stack. This one knows the instructions that
describe plain values: dicts, lists, tuples, texts, numbers, and tensors by the storage they lie in.
What a pickle otherwise asks for, any class or function of Python, is never looked up: the error
names it, or, where that is wanted, it is described: by what name, with which arguments and state.
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


# How the values of each kind of storage lie in a file; NumPy has no name for those of bfloat16.
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
    """Where values of tensors lie.

    Attributes:
        kind: PyTorch's name of their type, such as `HalfStorage`.
        key: of the file's record that has them.
        values: how many there are.
    """

    kind: str
    key: str
    values: int


@dataclass(frozen=True)
class TensorView:
    """A tensor as a part of a storage; strides and the offset count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(eq=False, repr=False)
class Described:
    """An object of a class that was not looked up.

    Attributes:
        name: of the class or function: `module name`.
        arguments: that it would be called with.
        state: what it would be given after that, usually its attributes; None: nothing.
    """

    name: str
    arguments: Any
    state: Any = None

    def __repr__(self) -> str:
        """Return the name alone: arguments can refer to each other very often."""
        return f"<{self.name}>"


@dataclass(frozen=True)
class Pickled:
    """What a pickle describes.

    Attributes:
        value: dicts, lists, numbers, texts, `TensorView`s and, where wanted, `Described`.
        storages: those that tensors lie in, by their keys.
        size_bytes: of the pickle; more may follow it.
    """

    value: Any
    storages: Mapping[str, Storage]
    size_bytes: int


class PickledCodeError(ValueError):
    """A pickle asks for classes or functions; the message names them."""


def read_pickle(content: bytes, *, describes: bool = False) -> Pickled:
    """Return what a pickle describes.

    Args:
        content: the pickle, and anything behind it.
        describes: what it asks for, beyond plain values and tensors, becomes `Described`.

    Raises:
        PickledCodeError: it needs more than plain values and tensors, and `describes` is not set.
        ValueError: it is cut off, damaged, or has instructions that PyTorch does not write.
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
    """A stack and a memory."""

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
            if isinstance(stack[-1], Described):  # of a dict of tensors it is their versions
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
    """Return what a call would, of the few that are known, or a description of it."""
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
