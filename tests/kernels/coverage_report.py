"""How much of the shared corpora is identified: ``python tests/kernels/coverage_report.py [NAMES.txt ...]``.

Files of further names, one a line, demangled, are reported like corpora; a file name that begins with ``cudnn`` or
``cublas`` says where its names come from.

Prints, per corpus and per family, how many names have each field, and how the answers agree with independent
evidence (``evidence.py``); then the largest families of names and the most GPU time that stay unidentified.
"""

from __future__ import annotations

import gzip
import json
import lzma
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

import evidence

from profiler_kit.kernels import KernelIdentity, identify

SHARED = Path(__file__).resolve().parents[3] / "shared"
CORPORA = SHARED / "kernel_names"
TRACES = SHARED / "traces"
FIELDS = ("library", "operation", "pass_", "algorithm", "tensor_cores", "input_dtype", "output_dtype", "layout", "tile")
GPU_CATEGORIES = frozenset(("kernel", "gpu_memcpy", "gpu_memset", "memcpy", "memset"))


@dataclass
class Agreement:
    """How often a field agrees with what a token states."""

    stated: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def compare(self, name: str, told: str | None, answer: str | None) -> None:
        if told is None:
            return
        self.stated += 1
        if answer == told:
            self.right += 1
        elif answer in (None, "unknown"):
            self.missing.append(name)
        else:
            self.wrong.append(f"{told} ≠ {answer}: {name}")

    @property
    def share(self) -> float:
        return self.right / self.stated if self.stated else 1.0


@dataclass
class Coverage:
    """The answers for one corpus."""

    corpus: str
    names: list[str]
    known: Counter[str] = field(default_factory=Counter)
    checks: dict[str, Agreement] = field(default_factory=lambda: defaultdict(Agreement))
    libraries: Counter[str] = field(default_factory=Counter)
    unidentified: list[str] = field(default_factory=list)
    convolutions: int = 0
    identified_convolutions: int = 0
    claimed_passes: list[str] = field(default_factory=list)


def family(name: str) -> str:
    """Group names whose identifiers differ only in numbers."""
    head = re.split(r"[<(]", name.removeprefix("void ").replace("(anonymous namespace)::", ""), maxsplit=1)[0]
    return re.sub(r"\d+", "#", head)[:70]


def corpus_names(path: Path) -> list[str]:
    """Read one corpus: the first column of a compressed table, or a plain list."""
    if path.suffix == ".txt":
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    with lzma.open(path, "rt", encoding="utf-8", errors="replace") as lines:
        return [line.split("\t", 1)[0].rstrip("\n") for line in lines]


def corpora() -> dict[str, list[str]]:
    """Read every shared corpus of names."""
    paths = [*sorted(CORPORA.glob("*.tsv.xz")), *sorted(CORPORA.glob("*.txt"))]
    return {path.name.split(".tsv")[0]: corpus_names(path) for path in paths}


def trace_times() -> dict[str, Counter[str]]:
    """Sum the GPU time (µs) of every name in every shared trace."""
    result: dict[str, Counter[str]] = {}
    for path in sorted(TRACES.rglob("*.json.gz")):
        data = json.loads(gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), strict=False)
        events = data if isinstance(data, list) else data["traceEvents"]
        times: Counter[str] = Counter()
        for event in events:
            if event.get("ph") == "X" and str(event.get("cat", "")).lower() in GPU_CATEGORIES:
                times[event["name"]] += float(event.get("dur", 0))
        result[str(path.relative_to(TRACES))] = times
    return result


def expected_library(corpus: str, name: str) -> str | None:
    if corpus.startswith("cudnn"):
        return "cuDNN"
    return "cuBLAS" if corpus.startswith("cublas") else None


def cover(corpus: str, names: list[str]) -> Coverage:
    """Identify a corpus and compare the answers with the independent evidence."""
    result = Coverage(corpus, names)
    for name in names:
        identity = identify(name)
        result.libraries[identity.library] += 1
        for key in FIELDS:
            result.known[key] += getattr(identity, key) not in ("unknown", None)
        if identity.library == "unknown" or identity.operation == "unknown":
            result.unidentified.append(name)
        _compare(result, name, identity)
    return result


def _compare(result: Coverage, name: str, identity: KernelIdentity) -> None:
    checks = result.checks
    checks["library"].compare(name, expected_library(result.corpus, name), identity.library)
    told = evidence.direction(name)
    checks["pass"].compare(name, told, identity.pass_)
    if evidence.tells_no_direction(name) and identity.pass_ != "unknown":
        result.claimed_passes.append(name)
    checks["input_dtype"].compare(name, evidence.input_type(name), identity.input_dtype)
    checks["tensor_cores"].compare(name, evidence.tensor_cores(name), identity.tensor_cores)
    if identity.operation in ("convolution", "layout_transform", "pooling", "normalization"):
        checks["layout"].compare(name, evidence.layout(name), identity.layout)
    if identity.operation == "gemm" or evidence.tile(name):
        tile = "x".join((identity.tile or "").split("x")[:2]) or None
        checks["tile"].compare(name, evidence.tile(name), tile)
    if (
        result.corpus.startswith("cudnn")
        and evidence.CONVOLUTION.search(name)
        and not evidence.NOT_CONVOLUTION.search(name)
    ):
        result.convolutions += 1
        convolution = identity.operation in ("convolution", "im2col") and identity.library == "cuDNN"
        result.identified_convolutions += (
            convolution and identity.algorithm != "unknown" and (told is None or identity.pass_ == told)
        )
        checks["convolution"].compare(
            name, "yes", "yes" if convolution and identity.algorithm != "unknown" else "unknown"
        )


def print_coverage(result: Coverage, examples: int = 4) -> None:
    total = len(result.names)
    print(f"\n{result.corpus}: {total:,} names, {len(result.unidentified)} without library or operation")
    print("  libraries: " + ", ".join(f"{library} {count:,}" for library, count in result.libraries.most_common()))
    print("  known:     " + ", ".join(f"{key.rstrip('_')} {result.known[key] / total:.1%}" for key in FIELDS))
    if result.convolutions:
        print(
            f"  convolutions fully identified: {result.identified_convolutions:,} of {result.convolutions:,} "
            f"({result.identified_convolutions / result.convolutions:.2%})"
        )
    print(f"  passes claimed for names that tell none: {len(result.claimed_passes)}")
    for name in result.claimed_passes[:examples]:
        print(f"      {name[:150]}")
    for key, check in result.checks.items():
        print(
            f"  {key:13} stated by a token {check.stated:6,}  right {check.share:7.2%}  missing {len(check.missing):4}"
            f"  wrong {len(check.wrong):4}"
        )
        for name in [*check.wrong[:examples], *check.missing[:examples]]:
            print(f"      {name[:190]}")


def print_families(results: list[Coverage]) -> None:
    groups = Counter(family(name) for result in results for name in result.unidentified)
    print("\nlargest unidentified families:" if groups else "\nno unidentified families")
    for name, count in groups.most_common(20):
        print(f"  {count:5} {name}")
    known: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        for name in result.names:
            group, identity = re.split(r"[#_:]", family(name))[0], identify(name)
            known[group]["names"] += 1
            for key in FIELDS:
                known[group][key] += getattr(identity, key) not in ("unknown", None)
    print("\nper family (first word): share of names with each field")
    for group, counts in sorted(known.items(), key=lambda item: -item[1]["names"])[:45]:
        shares = " ".join(f"{key.rstrip('_')} {counts[key] / counts['names']:.0%}" for key in FIELDS)
        print(f"  {group:28} {counts['names']:6,}  {shares}")


def print_traces(times: dict[str, Counter[str]]) -> None:
    total: Counter[str] = Counter()
    print("\nGPU time on kernels with a known library and operation:")
    for trace, names in times.items():
        unknown = sum(time for name, time in names.items() if not is_identified(name))
        print(f"  {1 - unknown / max(sum(names.values()), 1e-9):8.3%}  {trace}")
        total.update(names)
    left = {name: time for name, time in total.items() if not is_identified(name)}
    print(f"  {1 - sum(left.values()) / sum(total.values()):8.3%}  all traces; left over:")
    for name, time in sorted(left.items(), key=lambda item: -item[1])[:15]:
        print(f"      {time:12,.0f} µs  {name[:120]}")


def is_identified(name: str) -> bool:
    """Say whether a name has a known library and operation."""
    identity = identify(name)
    return "unknown" not in (identity.library, identity.operation)


def main() -> None:
    if not CORPORA.is_dir():
        print(f"no corpora at {CORPORA}: nothing to report")
        return
    further = {Path(given).name: corpus_names(Path(given)) for given in sys.argv[1:]}
    results = [cover(corpus, names) for corpus, names in (corpora() | further).items()]
    for result in results:
        print_coverage(result)
    print_families(results)
    print_traces(trace_times())


if __name__ == "__main__":
    main()
