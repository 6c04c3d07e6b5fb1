"""How long it takes to identify every kernel name of the shared corpora: ``python tests/benchmarks/identify.py``."""

from __future__ import annotations

import lzma
import time
from pathlib import Path

from profiler_kit.kernels import identify

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "kernel_names"
WANTED = 90_000


def distinct_names() -> list[str]:
    """Give ``WANTED`` distinct names: those of the corpora, then the same cut short by one character."""
    names: dict[str, None] = {}
    for path in sorted(CORPORA.glob("*.tsv.xz")):
        with lzma.open(path, "rt", encoding="utf-8", errors="replace") as lines:
            names.update(dict.fromkeys(line.split("\t", 1)[0] for line in lines))
    for name in list(names):
        if len(names) == WANTED:
            break
        names[name[:-1]] = None
    return list(names)


HOSTILE = {
    "24,000 characters": "void at::native::elementwise_kernel<" + "at::native::Functor<float>, " * 860 + ">(int)",
    "a long run of types": "sm80_xmma_gemm_" + "f16" * 8000,
    "24,000 characters mangled": "_ZN" + "3abc" * 6000 + "E",
    "deep mangled pointers": "_Z1f" + "P" * 24000 + "i",
    "nested enable_if": "std::enable_if<" * 1500 + "x",
    "a million brackets": "at::native::k<" + "<" * 1_000_000,
}


def measure_hostile() -> None:
    for label, name in HOSTILE.items():
        times = []
        for number in range(5):
            fresh = f"{name}{number}"
            start = time.perf_counter()
            identify(fresh)
            times.append(time.perf_counter() - start)
        print(f"{label}: {min(times) * 1e3:.2f} ms")


def main() -> None:
    measure_hostile()
    if not CORPORA.is_dir():
        print(f"no corpora at {CORPORA}: nothing to measure")
        return
    names = distinct_names()
    for label in ("distinct", "repeated"):
        wall, cpu = time.perf_counter(), time.process_time()
        for name in names:
            identify(name)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        each = cpu / len(names) * 1e6
        print(f"{len(names):,} {label} names: {cpu:.2f} s of CPU, {wall:.2f} s of wall time, {each:.1f} µs a name")


if __name__ == "__main__":
    main()
