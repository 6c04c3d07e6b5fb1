"""What a kernel's name tells, as one frozen record, and the builder that grammars fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

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


class KernelIdentity(NamedTuple):
    """The facts in a kernel's name; every fact that a token states is listed in ``evidence``.

    A named tuple is the one record that Python makes in a single step; filling the fields one by one, as a frozen
    dataclass does, takes as long as reading some names.

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
    evidence: Mapping[str, str] = MappingProxyType({})
    confidence: str = LOW

    def to_dict(self) -> dict[str, Any]:
        """Give the record under its public keys, ready for JSON.

        Returns:
            Every field in order, ``pass_`` as ``pass`` and the evidence as a plain dictionary.
        """
        return dict(zip(_PUBLIC_KEYS, self, strict=True)) | {"evidence": dict(self.evidence)}

    def __hash__(self) -> int:
        # Dictionaries have no hash; what they prove is in the other fields.
        return hash((*self[:_EVIDENCE], *self[_EVIDENCE + 1 :]))

    def __setattr__(self, key: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {key!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled or deep-copied; the dictionary behind it can.
        return (_restore, (self._replace(evidence=dict(self.evidence))._asdict(),))


_PUBLIC_KEYS: Final = tuple(key.rstrip("_") for key in KernelIdentity._fields)
_EVIDENCE: Final = KernelIdentity._fields.index("evidence")


def _restore(values: dict[str, Any]) -> KernelIdentity:
    return KernelIdentity(**values | {"evidence": MappingProxyType(values["evidence"])})


def _unsaid(operation: str) -> dict[str, Any]:
    """Give every field, in order, as it is where no token speaks of it: None where it cannot apply."""
    values = dict.fromkeys(KernelIdentity._fields) | KernelIdentity._field_defaults | {"operation": operation}
    # Without a container in it, the copies that every name starts from stay out of the garbage collector's sight.
    values["evidence"] = None
    if operation not in ("convolution", "im2col", UNKNOWN):
        values |= {"pass_": None, "algorithm": None}
    if operation not in _ACCUMULATES:
        values["accumulate_dtype"] = None
    if operation not in _HAS_IMAGE_LAYOUT:
        values["layout"] = None
    if operation == "memset":
        values["input_dtype"] = None
    return values


_UNSAID: Final = {operation: _unsaid(operation) for operation in OPERATIONS}


# A field, its value and the token that states it.
Statement: TypeAlias = tuple[str, str | int | None, str]


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
        self.values = _UNSAID[operation].copy()
        self.evidence: dict[str, str] = {}
        if library != UNKNOWN:
            self.values["library"] = library
            self.evidence["library"] = token
        if operation != UNKNOWN:
            self.evidence["operation"] = token
        self.confidence = confidence

    def say(self, key: str, value: str | int | None, token: str) -> None:
        """Record one fact and its proof; the first statement about a field stands (names are read left to right)."""
        if key not in self.evidence:
            self.values[key] = value
            self.evidence[key] = token

    def say_all(self, statements: Iterable[Statement]) -> None:
        """Record several facts as :meth:`say` does."""
        values, evidence = self.values, self.evidence
        for key, value, token in statements:
            if key not in evidence:
                values[key] = value
                evidence[key] = token

    def correct(self, key: str, value: str | int | None, token: str) -> None:
        """Record one fact that a later, stronger token states, in place of what was read before."""
        self.values[key] = value
        self.evidence[key] = token

    def matrix_unit(self, unit: str, token: str) -> None:
        """Record that the kernel runs on a matrix unit."""
        self.values["tensor_cores"], self.values["unit"] = "yes", unit
        self.evidence["tensor_cores"] = self.evidence["unit"] = token

    def freeze(self, name: str, demangled: str | None) -> KernelIdentity:
        """Close the record; nothing may be said afterwards."""
        values, evidence = self.values, self.evidence
        if "tensor_cores" not in evidence and values["operation"] in _NO_MATRIX_PRODUCT:
            values["tensor_cores"] = "no"
            evidence["tensor_cores"] = evidence["operation"]
        if "pass_" in evidence:
            evidence["pass"] = evidence.pop("pass_")
        values["name"], values["demangled"] = name, demangled
        values["evidence"], values["confidence"] = MappingProxyType(evidence), self.confidence
        return KernelIdentity._make(values.values())
