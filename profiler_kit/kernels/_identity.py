"""What a kernel's name tells, as one frozen record, and the builder that grammars fill."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN: Final = "unknown"
HIGH: Final = "high"
MEDIUM: Final = "medium"
LOW: Final = "low"

LIBRARIES: Final = frozenset(
    [
        "cuDNN",
        "cuBLAS",
        "CUTLASS",
        "ATen",
        "Triton",
        "NCCL",
        "RCCL",
        "MIOpen",
        "CK",
        "Tensile",
        "rocBLAS",
        "cuFFT",
        "FlashAttention",
        "cub",
        "oneDNN",
        "MKL",
    ]
) | {"other", UNKNOWN}
OPERATIONS: Final = frozenset(
    [
        "convolution",
        "gemm",
        "gemv",
        "layout_transform",
        "fft",
        "pooling",
        "normalization",
        "softmax",
        "activation",
        "reduction",
        "elementwise",
        "attention",
        "rnn",
        "communication",
        "copy",
        "memset",
        "im2col",
        "dropout",
        "other",
        "unknown",
    ]
)
PASSES: Final = frozenset(("fprop", "dgrad", "wgrad", UNKNOWN))
ALGORITHMS: Final = frozenset(
    [
        "implicit_gemm",
        "precomputed_implicit_gemm",
        "explicit_gemm",
        "winograd",
        "winograd_nonfused",
        "fft",
        "direct",
        "depthwise",
        "grouped_direct",
        "first_layer",
        "unknown",
    ]
)
ROLES: Final = frozenset(("main", "helper", "layout_transform", "reduce"))
DTYPES: Final = frozenset(["f64", "f32", "tf32", "bf16", "f16", "fp8", "fp4", "i8", "i32", "unknown"])

# Work that no library runs on matrix units: it has no matrix product in it.
_NO_MATRIX_PRODUCT: Final = frozenset(
    [
        "layout_transform",
        "pooling",
        "normalization",
        "softmax",
        "activation",
        "reduction",
        "elementwise",
        "communication",
        "copy",
        "memset",
        "im2col",
        "dropout",
        "gemv",
    ]
)
_ACCUMULATES: Final = frozenset(
    [
        "convolution",
        "gemm",
        "gemv",
        "attention",
        "rnn",
        "reduction",
        "normalization",
        "softmax",
        "pooling",
        "fft",
        "unknown",
        "other",
    ]
)
_HAS_IMAGE_LAYOUT: Final = frozenset(
    ["convolution", "pooling", "normalization", "layout_transform", "im2col", "unknown"]
)


@dataclass(frozen=True, slots=True)
class KernelIdentity:
    """The facts in a kernel's name; every fact that a token states is listed in ``evidence``.

    ``"unknown"`` means that the name does not tell, ``None`` that the question does not apply to this kernel
    (or, for the fields from ``tile`` on, that no token speaks of it).

    Attributes:
        name: The name as it was given.
        demangled: Its demangled form, if it was mangled.
        library: The library the kernel belongs to.
        operation: What is computed.
        pass_: fprop, dgrad or wgrad; ``to_dict`` calls it ``pass``. Outside convolutions only where a token names it.
        algorithm: The family of convolution algorithms.
        role: main, helper, layout_transform or reduce.
        tensor_cores: yes, no or unknown; matrix units of AMD GPUs and of CPUs count.
        unit: The matrix unit when ``tensor_cores`` is yes: tensor core, MFMA, WMMA or AMX.
        input_dtype: The type in which inputs enter the multiplication: f32 data rounded to TF32 is tf32.
        accumulate_dtype: The type of the accumulator.
        output_dtype: The type that is written.
        layout: The layout that is read; where the kernel writes the other one, the evidence says so.
        tile: Output tile and, if named, its depth: ``128x128x32``.
        stages: Depth of the software pipeline.
        cluster: Thread-block cluster, ``2x1x1``, or ``dynamic``.
        warps: Warps (or ``warpgroups``) along M, N and K.
        alignment: Elements to which the input must be aligned.
        transposes: The operands' transposes as named: ``tn``.
        split_k: How the K dimension is shared: split_k, segment_k, stream_k, or off where the name says so.
        epilogue: What is fused after the product: ``bias_gelu``.
        design_arch: The architecture the kernel was designed for, never the device's.
        evidence: Field (as in ``to_dict``) to the token that proves it.
        confidence: high: a token seen in the libraries or documented says so; medium: by the grammar's logic;
            low: only the family was recognised.
    """

    name: str
    demangled: str | None = None
    library: str = UNKNOWN
    operation: str = UNKNOWN
    pass_: str | None = UNKNOWN
    algorithm: str | None = UNKNOWN
    role: str = "main"
    tensor_cores: str = UNKNOWN
    unit: str | None = None
    input_dtype: str | None = UNKNOWN
    accumulate_dtype: str | None = UNKNOWN
    output_dtype: str | None = UNKNOWN
    layout: str | None = UNKNOWN
    tile: str | None = None
    stages: int | None = None
    cluster: str | None = None
    warps: str | None = None
    alignment: int | None = None
    transposes: str | None = None
    split_k: str | None = None
    epilogue: str | None = None
    design_arch: str | None = None
    evidence: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    confidence: str = LOW

    def to_dict(self) -> dict[str, Any]:
        """Give the record under its public keys, ready for JSON.

        Returns:
            Every field in order, ``pass_`` as ``pass`` and the evidence as a plain dictionary.
        """
        result = {_PUBLIC_KEY.get(key, key): getattr(self, key) for key in _FIELDS}
        result["evidence"] = dict(self.evidence)
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled or deep-copied; the dictionary behind it can.
        values = [getattr(self, key) for key in _FIELDS]
        values[_FIELDS.index("evidence")] = dict(self.evidence)
        return (_restore, (values,))


_FIELDS: Final = tuple(f.name for f in fields(KernelIdentity))
_PUBLIC_KEY: Final = {"pass_": "pass"}


def _restore(values: list[Any]) -> KernelIdentity:
    state = dict(zip(_FIELDS, values, strict=True))
    state["evidence"] = MappingProxyType(state["evidence"])
    return _assemble(state)


def _assemble(values: Mapping[str, Any]) -> KernelIdentity:
    """Make a record from the fields that are not at their default.

    The constructor of a frozen dataclass checks itself on every field, which takes longer than reading most names.
    """
    identity = object.__new__(KernelIdentity)
    for key, put, default in _SLOTS:
        put(identity, values.get(key, default))
    return identity


_SLOTS: Final = tuple((f.name, getattr(KernelIdentity, f.name).__set__, f.default) for f in fields(KernelIdentity))


class Facts:
    """The facts that a grammar has read from one name so far.

    Args:
        library: The kernel's library.
        operation: What it computes.
        token: The token that proves both.
        confidence: How sure the grammar is of them.
    """

    __slots__ = ("confidence", "evidence", "values")

    def __init__(self, library: str, operation: str, token: str, confidence: str = HIGH) -> None:
        self.values: dict[str, Any] = {"library": library, "operation": operation}
        self.evidence: dict[str, str] = {}
        if library != UNKNOWN:
            self.evidence["library"] = token
        if operation != UNKNOWN:
            self.evidence["operation"] = token
        self.confidence = confidence

    def say(self, key: str, value: str | int | None, token: str) -> None:
        """Record one fact and its proof; the first statement about a field stands (names are read left to right)."""
        if key not in self.values:
            self.values[key] = value
            self.evidence[key] = token

    def correct(self, key: str, value: str | int | None, token: str) -> None:
        """Record one fact that a later, stronger token states, in place of what was read before."""
        self.values[key] = value
        self.evidence[key] = token

    def matrix_unit(self, unit: str, token: str) -> None:
        """Record that the kernel runs on a matrix unit."""
        self.correct("tensor_cores", "yes", token)
        self.correct("unit", unit, token)

    def freeze(self, name: str, demangled: str | None) -> KernelIdentity:
        """Close the record: fields that cannot apply to this operation become None."""
        values = self.values
        operation = values["operation"]
        if operation not in ("convolution", "im2col", UNKNOWN):
            values.setdefault("pass_", None)
            values.setdefault("algorithm", None)
        if operation not in _ACCUMULATES:
            values.setdefault("accumulate_dtype", None)
        if operation not in _HAS_IMAGE_LAYOUT:
            values.setdefault("layout", None)
        if operation == "memset":
            values.setdefault("input_dtype", None)
        if operation in _NO_MATRIX_PRODUCT and "tensor_cores" not in values:
            values["tensor_cores"] = "no"
            self.evidence["tensor_cores"] = self.evidence["operation"]
        if "pass_" in self.evidence:
            self.evidence["pass"] = self.evidence.pop("pass_")
        values["name"], values["demangled"] = name, demangled
        values["evidence"], values["confidence"] = MappingProxyType(self.evidence), self.confidence
        return _assemble(values)
