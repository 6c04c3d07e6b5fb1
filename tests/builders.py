"""Small Kineto traces with known truth, written event by event. They are made up, never recordings."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any


class TraceBuilder:
    """Collects events and writes them as PyTorch would. Times are in µs, as in the file."""

    def __init__(self, **metadata: Any) -> None:
        self.metadata: dict[str, Any] = {"schemaVersion": 1, **metadata}
        self.events: list[dict[str, Any]] = []
        self._correlations = count(1)

    def event(
        self, category: str, name: str, ts: float, dur: float, *, tid: Any = 1, pid: Any = 10, **args: Any
    ) -> None:
        self.events.append(
            {"ph": "X", "cat": category, "name": name, "pid": pid, "tid": tid, "ts": ts, "dur": dur, "args": args}
        )

    def op(self, name: str, ts: float, dur: float, *, tid: int = 1, **args: Any) -> None:
        self.event("cpu_op", name, ts, dur, tid=tid, **args)

    def annotation(self, name: str, ts: float, dur: float, *, tid: int = 1) -> None:
        self.event("user_annotation", name, ts, dur, tid=tid)

    def kernel(
        self, name: str, ts: float, dur: float, *, launched_at: float | None, tid: int = 1, stream: int = 7
    ) -> None:
        """A kernel, with its launch (1 µs long) unless `launched_at` is None."""
        correlation = next(self._correlations)
        if launched_at is not None:
            self.event("cuda_runtime", "cudaLaunchKernel", launched_at, 1, tid=tid, correlation=correlation)
        self.event(
            "kernel", name, ts, dur, pid=0, tid=stream, device=0, stream=stream, correlation=correlation,
            grid=[4, 1, 1], block=[128, 1, 1],
        )  # fmt: skip

    def graph(self, kernels: list[tuple[str, float, float]], *, launched_at: float, tid: int = 1) -> None:
        """A graph replay: one launch (1 µs long) of several kernels (name, ts, dur)."""
        correlation = next(self._correlations)
        self.event("cuda_runtime", "cudaGraphLaunch", launched_at, 1, tid=tid, correlation=correlation)
        for name, ts, dur in kernels:
            self.event("kernel", name, ts, dur, pid=0, tid=7, device=0, stream=7, correlation=correlation)

    def copy(
        self,
        name: str,
        ts: float,
        dur: float,
        *,
        launched_at: float,
        size: int | None = None,
        tid: int = 1,
        stream: int = 7,
    ) -> None:
        correlation = next(self._correlations)
        self.event("cuda_runtime", "cudaMemcpyAsync", launched_at, 1, tid=tid, correlation=correlation)
        category = "gpu_memset" if name.startswith("Memset") else "gpu_memcpy"
        args = {} if size is None else {"bytes": size}
        self.event(category, name, ts, dur, pid=0, tid=stream, device=0, stream=stream, correlation=correlation, **args)

    def stream_wait(
        self, ts: float, *, recorded_at: float | None = None, waits_for: int | None = None, stream: int = 7
    ) -> None:
        """Have a stream wait for an event of `recorded_at`; `cuda_sync` tells of it if `waits_for` is its stream."""
        record, wait = next(self._correlations), next(self._correlations)
        if recorded_at is not None:
            self.event("cuda_runtime", "cudaEventRecord", recorded_at, 1, correlation=record)
        self.event("cuda_runtime", "cudaStreamWaitEvent", ts, 1, correlation=wait)
        if waits_for is not None:
            told = {"wait_on_stream": waits_for, "wait_on_cuda_event_record_corr_id": record}
            self.event("cuda_sync", "Stream Wait Event", ts, 1, device=0, stream=stream, correlation=wait, **told)

    def write(self, path: Path) -> Path:
        path.write_text(json.dumps({**self.metadata, "traceEvents": self.events}), encoding="utf-8")
        return path
