"""cuDNN's backend API through ctypes: descriptors, and the attributes that a convolution's plans need.

Only the worker process imports this module, because loading cuDNN here would bring its libraries (and, where there is
no driver, a stand-in for one) into a process that may use a GPU later.

The numbers are those of ``cudnn_graph.h``, which cuDNN keeps from release to release; the sections named below are of
the cuDNN documentation, "Backend API".
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

_MESSAGE_BYTES: Final = 4096


class Kind(IntEnum):
    """``cudnnBackendDescriptorType_t``."""

    CONVOLUTION = 1
    ENGINE = 2
    ENGINE_CONFIG = 3
    ENGINE_HEURISTICS = 4
    EXECUTION_PLAN = 5
    KNOB_CHOICE = 7
    CONVOLUTION_FORWARD = 10
    CONVOLUTION_BACKWARD_FILTER = 11
    CONVOLUTION_BACKWARD_DATA = 12
    OPERATION_GRAPH = 15
    TENSOR = 17
    DEVICE_PROPERTIES = 38


class Type(IntEnum):
    """``cudnnBackendAttributeType_t``."""

    DATA_TYPE = 1
    BOOLEAN = 2
    INT64 = 3
    FLOAT = 4
    DOUBLE = 5
    CONVOLUTION_MODE = 7
    HEURISTIC_MODE = 8
    KNOB_TYPE = 9
    NUMERICAL_NOTE = 11
    DESCRIPTOR = 15
    BEHAVIOR_NOTE = 19
    CHAR = 24


class Attribute(IntEnum):
    """``cudnnBackendAttributeName_t``."""

    CONVOLUTION_COMPUTE_TYPE = 100
    CONVOLUTION_MODE = 101
    CONVOLUTION_DILATIONS = 102
    CONVOLUTION_STRIDES = 103
    CONVOLUTION_POST_PADDINGS = 104
    CONVOLUTION_PRE_PADDINGS = 105
    CONVOLUTION_SPATIAL_DIMENSIONS = 106
    HEURISTICS_MODE = 200
    HEURISTICS_OPERATION_GRAPH = 201
    HEURISTICS_RESULTS = 202
    HEURISTICS_DEVICE = 204
    CONFIG_ENGINE = 300
    CONFIG_KNOB_CHOICES = 302
    PLAN_CONFIG = 401
    PLAN_WORKSPACE_BYTES = 402
    PLAN_DEVICE = 407
    KNOB_TYPE = 600
    KNOB_VALUE = 601
    OPERATIONS = 801
    TENSOR_ALIGNMENT = 900
    TENSOR_DATA_TYPE = 901
    TENSOR_DIMENSIONS = 902
    TENSOR_STRIDES = 903
    TENSOR_ID = 906
    TENSOR_VIRTUAL = 907
    ENGINE_INDEX = 1301
    ENGINE_NUMERICAL_NOTES = 1303
    ENGINE_BEHAVIOR_NOTES = 1305
    DEVICE_JSON = 2702


class BackendError(Exception):
    """cuDNN refused a call.

    Args:
        status: ``cudnnStatus_t``.
        message: cuDNN's own words.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Descriptor:
    """One backend descriptor; :meth:`Library.descriptor` makes them."""

    def __init__(self, library: Library, kind: Kind) -> None:
        self._library = library
        self.pointer = ctypes.c_void_p()
        library.check(library.api.cudnnBackendCreateDescriptor(int(kind), ctypes.byref(self.pointer)))

    def destroy(self) -> None:
        """Free it."""
        self._library.api.cudnnBackendDestroyDescriptor(self.pointer)

    def set(self, attribute: int, kind: Type, values: Sequence[Any]) -> None:
        """Set an attribute to one or more values of one type."""
        array = _array(kind, values)
        self._library.check(
            self._library.api.cudnnBackendSetAttribute(
                self.pointer, int(attribute), int(kind), ctypes.c_int64(len(array)), ctypes.byref(array)
            )
        )

    def finalize(self) -> None:
        """Have cuDNN check it and fix it."""
        self._library.check(self._library.api.cudnnBackendFinalize(self.pointer))

    def integers(self, attribute: Attribute, kind: Type, most: int) -> list[int]:
        """Return an attribute of at most so many numbers."""
        array = _array(kind, [0] * most)
        count = ctypes.c_int64()
        self._get(attribute, kind, most, count, array)
        return list(array[: count.value])

    def integer(self, attribute: Attribute, kind: Type) -> int:
        """Return an attribute of one number."""
        library = self._library
        value, place = library.numbers[kind]
        library.check(library.get(self.pointer, int(attribute), int(kind), library.one, library.count_place, place))
        return int(value.value)

    def descriptors(self, attribute: Attribute, made: Sequence[Descriptor]) -> Sequence[Descriptor]:
        """Fill descriptors that were made for it with what an attribute refers to, and return those filled."""
        array = _array(Type.DESCRIPTOR, made)
        count = ctypes.c_int64()
        self._get(attribute, Type.DESCRIPTOR, len(made), count, array)
        return made[: count.value]

    def count(self, attribute: Attribute, kind: Type) -> int:
        """Return how many elements an attribute has."""
        count = ctypes.c_int64()
        self._get(attribute, kind, 0, count, None)
        return count.value

    def _get(self, attribute: Attribute, kind: Type, most: int, count: ctypes.c_int64, array: Any) -> None:
        place = None if array is None else ctypes.byref(array)
        self._library.check(
            self._library.api.cudnnBackendGetAttribute(
                self.pointer, int(attribute), int(kind), ctypes.c_int64(most), ctypes.byref(count), place
            )
        )


class Library:
    """A loaded cuDNN.

    Args:
        path: ``libcudnn.so.9``; the libraries that it loads lie beside it.
    """

    def __init__(self, path: Path) -> None:
        self.api = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        self.api.cudnnGetVersion.restype = ctypes.c_size_t
        self.api.cudnnGetErrorString.restype = ctypes.c_char_p
        self.version: int = self.api.cudnnGetVersion()
        self.get = self.api.cudnnBackendGetAttribute
        # Reading single numbers is most of the work of a question: what that needs is made once.
        self.one, count = ctypes.c_int64(1), ctypes.c_int64()
        self.count_place = ctypes.byref(count)
        values = {kind: _of(kind)() for kind in (Type.INT64, Type.KNOB_TYPE)}
        self.numbers = {kind: (value, ctypes.byref(value)) for kind, value in values.items()}
        self._made: list[Descriptor] = []

    def check(self, status: int) -> None:
        """Raise an error unless the status is success."""
        if status == 0:
            return
        name = (self.api.cudnnGetErrorString(status) or b"").decode(errors="replace")
        buffer = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self.api.cudnnGetLastErrorString(buffer, ctypes.c_size_t(_MESSAGE_BYTES))
        said = " ".join(buffer.value.decode(errors="replace").split())
        raise BackendError(status, f"{name}: {said}" if said and said != name else name)

    def descriptor(self, kind: Kind) -> Descriptor:
        """Make a descriptor that lives until the end of :meth:`scope`."""
        made = Descriptor(self, kind)
        self._made.append(made)
        return made

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Destroy, at the end, the descriptors that are made inside."""
        before = len(self._made)
        try:
            yield
        finally:
            # Newest first: a descriptor may refer to older ones.
            while len(self._made) > before:
                self._made.pop().destroy()


_CTYPES: Final[dict[Type, Any]] = {
    Type.BOOLEAN: ctypes.c_bool,
    Type.INT64: ctypes.c_int64,
    Type.FLOAT: ctypes.c_float,
    Type.DOUBLE: ctypes.c_double,
    Type.CHAR: ctypes.c_char,
}


def _of(kind: Type) -> Any:
    """Return the C type of an attribute's type; enumerations are ``int``."""
    return _CTYPES.get(kind, ctypes.c_int)


def _array(kind: Type, values: Sequence[Any]) -> Any:
    if kind is Type.CHAR:
        return (ctypes.c_char * len(values)).from_buffer_copy(bytes(values))
    if kind is Type.DESCRIPTOR:
        return (ctypes.c_void_p * len(values))(*(one.pointer for one in values))
    return (_of(kind) * len(values))(*values)
