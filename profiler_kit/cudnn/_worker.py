"""The process that loads cuDNN: one JSON request a line in, one answer a line out.

First it says whether the machine has a driver, and is told which libraries to load; then it answers questions until its
input ends. Everything that cuDNN and the loader print goes to standard error, which the parent keeps apart.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from profiler_kit.cudnn._backend import Attribute, BackendError, Descriptor, Kind, Library, Type
from profiler_kit.cudnn.plans import BEHAVIOR_NOTES, KNOBS, NUMERICAL_NOTES, notes_of
from profiler_kit.cudnn.problem import ConvProblem
from profiler_kit.cudnn.pytorch_choice import erratum, removed_by

FIRST_DEVICELESS_VERSION = 90800
HEURISTIC_MODES = {"instant": 0, "B": 1, "fallback": 2}
DATA_TYPES = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 9}
CROSS_CORRELATION = 1
ALIGNMENT_BYTES = 32
"""What PyTorch finds of a tensor of its own: it looks no further (``getAlignment`` in Conv_v8.cpp)."""

MOST_PLANS = 512

OPERATIONS = {
    "fprop": (Kind.CONVOLUTION_FORWARD, 700),
    "dgrad": (Kind.CONVOLUTION_BACKWARD_DATA, 706),
    "wgrad": (Kind.CONVOLUTION_BACKWARD_FILTER, 712),
}
"""Kind of operation and the first of its attributes; alpha, beta and the convolution are the first three."""

TENSOR_PLACES = {"fprop": (703, 704, 705), "dgrad": (709, 710, 711), "wgrad": (715, 716, 717)}
"""Attributes of weight, input and output (or their gradients) by operation."""


Notes = tuple[dict[str, bool | None], dict[str, bool | None]]
"""Numerical and behaviour notes of an engine."""


class Session:
    """Answers questions with a loaded cuDNN.

    Args:
        library: The library.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self._devices: dict[str, Descriptor] = {}
        # Filled anew for every candidate: making them is much of the work of reading one.
        self._engine = [Descriptor(library, Kind.ENGINE)]
        self._choices = [Descriptor(library, Kind.KNOB_CHOICE) for _ in KNOBS]

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request: ``device`` (cuDNN's JSON), ``problem``, and the fields of ``Rules``."""
        answer: dict[str, Any] = {"version": self.library.version, "plans": [], "chosen": None, "error": None}
        try:
            device = self._device(request["device"])
            with self.library.scope():
                self._plans(ConvProblem.of_json(request["problem"]), device, request, answer)
        except BackendError as error:
            answer["error"] = str(error)
        return answer

    def _device(self, description: dict[str, Any]) -> Descriptor:
        text = json.dumps(description)
        if text not in self._devices:
            device = Descriptor(self.library, Kind.DEVICE_PROPERTIES)
            device.set(Attribute.DEVICE_JSON, Type.CHAR, text.encode() + b"\0")
            device.finalize()
            self._devices[text] = device
        return self._devices[text]

    def _plans(self, problem: ConvProblem, device: Descriptor, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Fill in the plans and the choice, list by list as PyTorch does."""
        graph = self._graph(problem)
        known: dict[int, Notes] = {}
        refusals: list[str] = []
        for source, mode in (("heuristics", request["heuristics"]), ("fallback", "fallback")):
            try:
                configs = self._configs(graph, device, HEURISTIC_MODES[mode])
            except BackendError as error:
                refusals.append(str(error))
                continue
            for config in configs:
                plan = self._plan(config, source, problem, request["device"]["deviceVer"], known)
                if answer["chosen"] is None and plan["removed_by"] is None:
                    plan |= self._finalized(config, device, request["workspace_limit_bytes"])
                    plan["knobs"] = self._knobs(config)
                    if plan["removed_by"] is None:
                        answer["chosen"] = len(answer["plans"])
                elif request["all_knobs"]:
                    plan["knobs"] = self._knobs(config)
                answer["plans"].append(plan)
            if answer["chosen"] is not None:
                return
        if not answer["plans"]:
            answer["error"] = refusals[0] if refusals else "cuDNN proposes no plan"

    def _graph(self, problem: ConvProblem) -> Descriptor:
        """Describe the operation."""
        make = self.library.descriptor
        convolution = make(Kind.CONVOLUTION)
        compute = "float64" if problem.dtype == "float64" else "float32"
        convolution.set(Attribute.CONVOLUTION_SPATIAL_DIMENSIONS, Type.INT64, [len(problem.stride)])
        convolution.set(Attribute.CONVOLUTION_COMPUTE_TYPE, Type.DATA_TYPE, [DATA_TYPES[compute]])
        convolution.set(Attribute.CONVOLUTION_MODE, Type.CONVOLUTION_MODE, [CROSS_CORRELATION])
        convolution.set(Attribute.CONVOLUTION_PRE_PADDINGS, Type.INT64, problem.padding)
        convolution.set(Attribute.CONVOLUTION_POST_PADDINGS, Type.INT64, problem.padding)
        convolution.set(Attribute.CONVOLUTION_STRIDES, Type.INT64, problem.stride)
        convolution.set(Attribute.CONVOLUTION_DILATIONS, Type.INT64, problem.dilation)
        convolution.finalize()
        kind, first = OPERATIONS[problem.operation]
        scalar = Type.DOUBLE if problem.dtype == "float64" else Type.FLOAT
        operation = make(kind)
        operation.set(first, scalar, [1.0])
        operation.set(first + 1, scalar, [0.0])
        operation.set(first + 2, Type.DESCRIPTOR, [convolution])
        for place, tensor in self._tensors(problem).items():
            operation.set(place, Type.DESCRIPTOR, [tensor])
        operation.finalize()
        graph = make(Kind.OPERATION_GRAPH)
        graph.set(Attribute.OPERATIONS, Type.DESCRIPTOR, [operation])
        graph.finalize()
        return graph

    def _tensors(self, problem: ConvProblem) -> dict[int, Descriptor]:
        """Describe the tensors; the key is the operation's attribute for each."""
        w, x, y = TENSOR_PLACES[problem.operation]
        given = {
            x: ("x", problem.input_shape, problem.input_strides),
            w: ("w", problem.weight_shape, problem.weight_strides),
            y: ("y", problem.output_shape, problem.output_strides),
        }
        tensors = {}
        for place, (name, shape, strides) in given.items():
            tensor = self.library.descriptor(Kind.TENSOR)
            tensor.set(Attribute.TENSOR_DATA_TYPE, Type.DATA_TYPE, [DATA_TYPES[problem.dtype]])
            tensor.set(Attribute.TENSOR_DIMENSIONS, Type.INT64, shape)
            tensor.set(Attribute.TENSOR_STRIDES, Type.INT64, strides)
            tensor.set(Attribute.TENSOR_ID, Type.INT64, [ord(name)])
            tensor.set(Attribute.TENSOR_ALIGNMENT, Type.INT64, [ALIGNMENT_BYTES])
            tensor.set(Attribute.TENSOR_VIRTUAL, Type.BOOLEAN, [False])
            tensor.finalize()
            tensors[place] = tensor
        return tensors

    def _configs(self, graph: Descriptor, device: Descriptor, mode: int) -> list[Descriptor]:
        """Ask the heuristics."""
        heuristics = self.library.descriptor(Kind.ENGINE_HEURISTICS)
        heuristics.set(Attribute.HEURISTICS_OPERATION_GRAPH, Type.DESCRIPTOR, [graph])
        heuristics.set(Attribute.HEURISTICS_MODE, Type.HEURISTIC_MODE, [mode])
        heuristics.set(Attribute.HEURISTICS_DEVICE, Type.DESCRIPTOR, [device])
        heuristics.finalize()
        count = min(heuristics.count(Attribute.HEURISTICS_RESULTS, Type.DESCRIPTOR), MOST_PLANS)
        made = [self.library.descriptor(Kind.ENGINE_CONFIG) for _ in range(count)]
        return list(heuristics.descriptors(Attribute.HEURISTICS_RESULTS, made))

    def _plan(
        self, config: Descriptor, source: str, problem: ConvProblem, capability: int, known: dict[int, Notes]
    ) -> dict[str, Any]:
        """Read what a candidate is; ``known`` are the notes of engines that were met for the same operation."""
        (engine,) = config.descriptors(Attribute.CONFIG_ENGINE, self._engine)
        number = engine.integer(Attribute.ENGINE_INDEX, Type.INT64)
        if number not in known:
            known[number] = self._notes(engine)
        notes, behaviour = known[number]
        return {
            "engine": number,
            "knobs": None,
            "notes": notes,
            "behaviour": behaviour,
            "source": source,
            "removed_by": removed_by(notes, problem) or erratum(number, problem, self.library.version, capability),
            "workspace_bytes": None,
        }

    def _notes(self, engine: Descriptor) -> Notes:
        version = self.library.version
        numerical = _asked(
            lambda: engine.integers(Attribute.ENGINE_NUMERICAL_NOTES, Type.NUMERICAL_NOTE, len(NUMERICAL_NOTES))
        )
        behaviour = _asked(
            lambda: engine.integers(Attribute.ENGINE_BEHAVIOR_NOTES, Type.BEHAVIOR_NOTE, len(BEHAVIOR_NOTES))
        )
        return notes_of(numerical, NUMERICAL_NOTES, version), notes_of(behaviour, BEHAVIOR_NOTES, version)

    def _knobs(self, config: Descriptor) -> dict[str, int]:
        knobs = {}
        for choice in config.descriptors(Attribute.CONFIG_KNOB_CHOICES, self._choices):
            number = choice.integer(Attribute.KNOB_TYPE, Type.KNOB_TYPE)
            name = KNOBS[number] if number < len(KNOBS) else f"knob {number}"
            knobs[name] = choice.integer(Attribute.KNOB_VALUE, Type.INT64)
        return knobs

    def _finalized(self, config: Descriptor, device: Descriptor, limit: int | None) -> dict[str, Any]:
        """Try to finalize a plan, and say what came of it."""
        plan = self.library.descriptor(Kind.EXECUTION_PLAN)
        try:
            plan.set(Attribute.PLAN_CONFIG, Type.DESCRIPTOR, [config])
            plan.set(Attribute.PLAN_DEVICE, Type.DESCRIPTOR, [device])
            plan.finalize()
            workspace = plan.integer(Attribute.PLAN_WORKSPACE_BYTES, Type.INT64)
        except BackendError as error:
            return {"removed_by": f"doesn't finalize: {error}"}
        over = limit is not None and workspace > limit
        return {"workspace_bytes": workspace, "removed_by": "workspace over the limit" if over else None}


def _asked(question: Callable[[], list[int]]) -> list[int] | None:
    try:
        return question()
    except BackendError:
        return None


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1", mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _load(told: dict[str, Any]) -> dict[str, Any] | Session:
    """Load what the parent says; return a session, or what is wrong."""
    try:
        if told["stand_in"] is not None:
            # The name that it was linked with (its soname) now answers for the driver in this process.
            ctypes.CDLL(told["stand_in"], mode=ctypes.RTLD_GLOBAL)
        library = Library(Path(told["library"]))
    except OSError as error:
        return {"problem": "load", "message": str(error)}
    except AttributeError as error:
        return {"problem": "old", "message": str(error)}
    if library.version < FIRST_DEVICELESS_VERSION:
        return {"problem": "old", "message": str(library.version)}
    return Session(library)


def main() -> None:
    """Serve the parent until its end of the pipe closes."""
    # What cuDNN or a library of it prints on standard output would otherwise land between two answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _say(answers, {"driver": _has_driver()})
    session = _load(json.loads(sys.stdin.readline() or '{"library": "", "stand_in": null}'))
    if not isinstance(session, Session):
        _say(answers, session)
        return
    _say(answers, {"version": session.library.version})
    for line in sys.stdin:
        _say(answers, session.answer(json.loads(line)))


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
