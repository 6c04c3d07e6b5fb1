"""What cuDNN answers: ranked plans, and which of them PyTorch takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.cudnn.problem import ConvProblem

NUMERICAL_NOTES: Final = (
    "TENSOR_CORE",
    "DOWN_CONVERT_INPUTS",
    "REDUCED_PRECISION_REDUCTION",
    "FFT",
    "NONDETERMINISTIC",
    "WINOGRAD",
    "WINOGRAD_TILE_4x4",
    "WINOGRAD_TILE_6x6",
    "WINOGRAD_TILE_13x13",
    "STRICT_NAN_PROP",
)
"""``cudnnBackendNumericalNote_t`` in its order."""

BEHAVIOR_NOTES: Final = (
    "RUNTIME_COMPILATION",
    "REQUIRES_FILTER_INT8x32_REORDER",
    "REQUIRES_BIAS_INT8x32_REORDER",
    "SUPPORTS_CUDA_GRAPH_NATIVE_API",
    "CUBLASLT_DEPENDENCY",
)
"""``cudnnBackendBehaviorNote_t`` in its order."""

NOTES_SINCE: Final = {"CUBLASLT_DEPENDENCY": 91500}
"""Notes that came after 9.8, the first version that can be asked without a device, and the version they came with."""

KNOBS: Final = (
    "SPLIT_K",
    "SWIZZLE",
    "TILE_SIZE",
    "USE_TEX",
    "EDGE",
    "KBLOCK",
    "LDGA",
    "LDGB",
    "CHUNK_K",
    "SPLIT_H",
    "WINO_TILE",
    "MULTIPLY",
    "SPLIT_K_BUF",
    "TILEK",
    "STAGES",
    "REDUCTION_MODE",
    "CTA_SPLIT_K_MODE",
    "SPLIT_K_SLC",
    "IDX_MODE",
    "SLICED",
    "SPLIT_RS",
    "SINGLEBUFFER",
    "LDGC",
    "SPECFILT",
    "KERNEL_CFG",
    "WORKSPACE",
    "TILE_CGA",
    "TILE_CGA_M",
    "TILE_CGA_N",
    "BLOCK_SIZE",
    "OCCUPANCY",
    "ARRAY_SIZE_PER_THREAD",
    "NUM_C_PER_BLOCK",
    "SPLIT_COLS",
    "TILE_ROWS",
    "TILE_COLS",
    "LOAD_SIZE",
    "CTA_COUNT",
    "STREAM_K",
    "SPLIT_P_SLC",
    "TILE_M",
    "TILE_N",
    "WARP_SPEC_CFG",
    "SWAP_AB",
    "INPUT_TMA_ENABLE",
    "OUTPUT_TMA_ENABLE",
)
"""``cudnnBackendKnobType_t`` in its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One engine with its knobs, as cuDNN's heuristics propose it.

    Attributes:
        engine: The engine's number. It has no published meaning, and the same number means different engines for
            different operations and cuDNN versions.
        knobs: Settings by name (``CUDNN_KNOB_TYPE_…`` without the prefix; ``knob 99`` where the name isn't known);
            ``None`` where they weren't asked for.
        notes: Numerical notes by name: true if cuDNN gives the engine the note, false if it doesn't, ``None`` if this
            version doesn't know the note or didn't say.
        behaviour: Behaviour notes, likewise.
        source: ``heuristics``, or ``fallback`` for the list that PyTorch turns to when nothing else works.
        removed_by: The rule by which PyTorch doesn't take the plan; ``None`` if none does.
        workspace_bytes: Workspace; ``None`` for plans that weren't finalized.
    """

    engine: int
    knobs: Mapping[str, int] | None
    notes: Mapping[str, bool | None]
    behaviour: Mapping[str, bool | None]
    source: str
    removed_by: str | None = None
    workspace_bytes: int | None = None

    @property
    def name(self) -> str:
        """Engine and knobs in a line: ``eng22 TILE_SIZE=6 …``."""
        return " ".join([f"eng{self.engine}", *(f"{knob}={value}" for knob, value in (self.knobs or {}).items())])

    @property
    def true_notes(self) -> tuple[str, ...]:
        """Numerical notes that the engine has."""
        return tuple(name for name, value in self.notes.items() if value)

    @property
    def true_behaviour(self) -> tuple[str, ...]:
        """Behaviour notes that the engine has."""
        return tuple(name for name, value in self.behaviour.items() if value)

    @property
    def split_k(self) -> bool | None:
        """Whether the reduction is split over several blocks; ``None`` if no knob of the plan speaks of it."""
        knobs = self.knobs or {}
        slices = [knobs[name] for name in ("SPLIT_K_SLC", "SPLIT_K") if name in knobs]
        return any(count > 1 for count in slices) if slices else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """cuDNN's answer for one problem on one device.

    Attributes:
        problem: The question.
        device: Key or name of the device that was described.
        cudnn_version: Version of the cuDNN that answered, ``9.28.0``; a prediction holds for it alone.
        plans: Candidates in the order in which PyTorch considers them, up to the end of the list that the chosen one
            is in.
        chosen: Index of the plan that PyTorch takes; ``None`` if there is none.
        error: cuDNN's own reason if it can't answer, or what became of its process.
    """

    problem: ConvProblem
    device: str
    cudnn_version: str
    plans: tuple[Plan, ...] = ()
    chosen: int | None = None
    error: str | None = None

    @property
    def plan(self) -> Plan | None:
        """The plan that PyTorch takes."""
        return None if self.chosen is None else self.plans[self.chosen]

    @property
    def alternatives(self) -> int:
        """Other plans that no rule removed (most of them not finalized, so that some may turn out not to work)."""
        return sum(plan.removed_by is None for plan in self.plans) - (self.chosen is not None)


def prediction_of_json(problem: ConvProblem, device: str, answer: Mapping[str, Any]) -> Prediction:
    """Return the prediction that the worker process wrote."""
    return Prediction(
        problem=problem,
        device=device,
        cudnn_version=version_text(answer["version"]),
        plans=tuple(Plan(**fields) for fields in answer["plans"]),
        chosen=answer["chosen"],
        error=answer["error"],
    )


def version_text(version: int) -> str:
    """Return a version number of cuDNN 9 or later as text: 92800 → ``9.28.0``; of 8 and before: 8204 → ``8.2.4``."""
    if version >= 90000:
        return f"{version // 10000}.{version // 100 % 100}.{version % 100}"
    return f"{version // 1000}.{version // 100 % 10}.{version % 100}"


def notes_of(numbers: list[int] | None, names: tuple[str, ...], version: int) -> dict[str, bool | None]:
    """Return three-valued notes.

    Args:
        numbers: What cuDNN returned; ``None`` if the question failed.
        names: Names of the notes by number.
        version: cuDNN's version number.
    """
    if numbers is None:
        return dict.fromkeys(names)
    said = {name: number in numbers for number, name in enumerate(names)}
    return {name: value if version >= NOTES_SINCE.get(name, 0) else None for name, value in said.items()}
