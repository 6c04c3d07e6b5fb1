"""Two runs compared: books, matching, noise, and changes of selection, on made-up and real runs."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from profiler_kit.analysis.runs import step_noise
from profiler_kit.analysis.runs.run_diff import NO_LAYER, PER_STEP, WHOLE, RunDiff, diff_runs
from profiler_kit.formats import read_trace
from profiler_kit.report.diff import diff_facts, diff_sections
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder
from tests.conftest import SHARED

TABLE = SHARED / "oracle" / "totals.tsv"
REFERENCE = list(csv.DictReader(TABLE.open(), delimiter="\t")) if TABLE.is_file() else []

INDEXED = (
    "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x128x16_stage4_tensor16x8x8"
)
NHWC = "cutlass_tensorop_f16_s16816fprop_optimized_f16_128x128_32x5_nhwc_align8"
TRANSFORM = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(p)"


def run(path: Path, steps: list[dict[str, float]], *, layer: str = "conv", contiguous: bool = True) -> Trace:
    """A run with one convolution in each step; the durations of its kernels and of a copy in µs."""
    b = TraceBuilder(baseTimeNanoseconds=0)
    strides = [[192, 64, 8, 1] if contiguous else [192, 1, 24, 3], [27, 9, 3, 1]]
    arguments = {
        "Input Dims": [[2, 3, 8, 8], [4, 3, 3, 3]], "Input Strides": strides, "Input type": ["float", "float"],
        "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "1"],
    }  # fmt: skip
    for number, lengths in enumerate(steps):
        at = 1000.5 * number
        b.annotation(f"ProfilerStep#{number + 3}", at, 900)
        b.annotation(f"layer: {layer} (Conv2d) #1", at + 1, 100)
        b.op("aten::conv2d", at + 2, 90, **arguments)
        b.op("aten::relu", at + 200, 50, **{"Input Dims": [[2, 4, 8, 8]]})
        for place, (name, length) in enumerate(lengths.items()):
            if name.startswith("Memcpy"):
                b.copy(name, at + 600, length, launched_at=at + 300, size=64)
            else:
                launched = at + (210 if name == "relu" else 5 + place)
                b.kernel(name, at + 100 + 100 * place, length, launched_at=launched)
    return read_trace(b.write(path))


def assert_closed(result: RunDiff) -> None:
    for table in (result.layers, result.operators, result.kernels):
        assert table["a_ns"].sum() == pytest.approx(result.a_ns, abs=0.5)
        assert table["b_ns"].sum() == pytest.approx(result.b_ns, abs=0.5)
        assert table["difference_ns"].sum() == pytest.approx(result.b_ns - result.a_ns, abs=0.5)


def test_a_run_against_itself_is_the_same(tmp_path: Path) -> None:
    trace = run(tmp_path / "a.json", [{INDEXED: 50.25, "relu": 5}, {INDEXED: 51, "relu": 6}])
    result = diff_runs(trace, trace)
    assert_closed(result)
    for table in (result.layers, result.operators, result.kernels, result.quantities):
        assert set(table["verdict"]) == {step_noise.SAME}
    assert len(result.selections) == 0
    assert (result.basis, result.step_counts) == (PER_STEP, (2, 2))


def test_a_change_of_selection_is_called_out(tmp_path: Path) -> None:
    before = [{TRANSFORM: 4 + 0.1 * n, INDEXED: 40 + 0.1 * n, "relu": 5 + n} for n in range(4)]
    after = [{NHWC: 25 + 0.1 * n, "relu": 8 - n, "Memcpy HtoD (Pageable -> Device)": 3} for n in range(4)]
    a = run(tmp_path / "a.json", before)
    b = run(tmp_path / "b.json", after, contiguous=False)
    result = diff_runs(a, b)
    assert_closed(result)
    (change,) = result.selections.to_dict("records")
    assert (change["layer"], change["operator"], change["pass"]) == ("conv", "aten::conv2d", "forward")
    assert change["a_words"] == "implicit gemm NHWC (cuDNN, tensor cores) + 1 layout transform"
    assert change["b_words"] == "implicit gemm NHWC (CUTLASS, tensor cores)"
    assert (change["a_kernels"], change["b_kernels"]) == ((INDEXED, TRANSFORM), (NHWC,))
    assert change["verdict"] == step_noise.FASTER
    operators = result.operators.set_index("operator")
    conv = operators.loc["aten::conv2d"]
    assert (conv["a_ns"], conv["b_ns"]) == (pytest.approx(44_300), pytest.approx(25_150))
    assert operators.loc["aten::relu", "verdict"] == step_noise.SAME
    kernels = result.kernels.set_index("name")["verdict"]
    assert kernels[TRANSFORM] == step_noise.ONLY_IN_A
    assert kernels["Memcpy HtoD (Pageable -> Device)"] == step_noise.ONLY_IN_B
    layers = result.layers.set_index("layer")
    assert layers.loc["conv", "difference_ns"] == pytest.approx(25_150 - 44_300)
    assert layers.loc[NO_LAYER, "a_ns"] == pytest.approx(6_500)


def test_a_renamed_layer_is_matched_by_its_problem(tmp_path: Path) -> None:
    a = run(tmp_path / "a.json", [{INDEXED: 50}] * 2)
    b = run(tmp_path / "b.json", [{INDEXED: 60}] * 2, layer="module.conv")
    result = diff_runs(a, b)
    row = result.operators.iloc[0]
    assert (row["layer"], row["b_layer"], row["difference_ns"]) == ("conv", "module.conv", 10_000)
    layer = result.layers.iloc[0]
    assert (layer["layer"], layer["b_layer"], layer["verdict"]) == ("conv", "module.conv", step_noise.SLOWER)


def test_runs_of_different_length_are_compared_by_step(tmp_path: Path) -> None:
    a = run(tmp_path / "a.json", [{INDEXED: 50}] * 3)
    b = run(tmp_path / "b.json", [{INDEXED: 50}] * 5)
    result = diff_runs(a, b)
    assert (result.a_ns, result.b_ns, result.step_counts) == (50_000, 50_000, (3, 5))
    assert result.steps["b_step"].tolist() == [3, 4, 5, 6, 7]
    assert result.steps["a_step"].isna().sum() == 2


def test_without_steps_nothing_is_judged(tmp_path: Path) -> None:
    traces = []
    for number, length in enumerate((50, 90)):
        b = TraceBuilder()
        b.op("aten::relu", 0, 20)
        b.kernel("relu", 30, length, launched_at=5)
        traces.append(read_trace(b.write(tmp_path / f"{number}.json")))
    result = diff_runs(*traces)
    assert_closed(result)
    assert (result.basis, result.a_ns, result.b_ns) == (WHOLE, 50_000, 90_000)
    assert result.operators["verdict"].tolist() == [step_noise.NOT_JUDGED]
    assert result.kernels["noise_ns"].isna().all()


def test_what_is_outside_of_steps_is_stated(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.annotation("ProfilerStep#1", 0, 100)
    b.kernel("inside", 10, 20, launched_at=5)
    b.kernel("outside", 210, 30, launched_at=205)
    b.kernel("unlaunched", 310, 40, launched_at=None)
    trace = read_trace(b.write(tmp_path / "t.json"))
    result = diff_runs(trace, trace)
    assert (result.a_ns, result.outside_ns) == (20_000, (70_000, 70_000))


def test_a_step_that_the_recording_cut_counts_for_nothing(tmp_path: Path) -> None:
    """The profiler opens a step after the last one and closes it at once; here a kernel is launched in it too."""
    traces = []
    for name, length in (("a", 10), ("b", 20)):
        b = TraceBuilder()
        for number in range(4):
            b.annotation(f"ProfilerStep#{number}", 100 * number, 90 if number < 3 else 9)
            if number < 3:
                b.op("aten::relu", 100 * number + 1, 50)
            b.kernel("k", 100 * number + 10, length, launched_at=100 * number + 5)
        traces.append(read_trace(b.write(tmp_path / f"{name}.json")))
    result = diff_runs(*traces)
    assert_closed(result)
    assert (result.step_counts, result.cut_steps) == ((3, 3), (1, 1))
    assert (result.a_ns, result.b_ns, result.outside_ns) == (10_000, 20_000, (10_000, 20_000))
    host = result.quantities.set_index("quantity").loc["step, on the host"]
    assert (host["a_ns"], host["b_ns"]) == (90_000, 90_000)


def test_how_much_of_both_is_the_same_work(tmp_path: Path) -> None:
    one = run(tmp_path / "a.json", [{INDEXED: 30, "relu": 10}])
    b = TraceBuilder()
    b.annotation("ProfilerStep#0", 0, 100)
    b.op("aten::softmax", 1, 50)
    b.kernel("softmax", 20, 7, launched_at=5)
    other = read_trace(b.write(tmp_path / "b.json"))
    assert diff_runs(one, one).matched == (1.0, 1.0)
    assert diff_runs(one, other).matched == (0.0, 0.0)
    facts = dict(diff_facts(diff_runs(one, other)))
    assert facts["in common"].startswith("only 0% and 0% of the time")
    assert "in common" not in dict(diff_facts(diff_runs(one, one)))


def test_noise_is_seldom_called_a_change_and_a_change_is_found(tmp_path: Path) -> None:
    """200 kernels drawn from the same distribution in both runs, and one that is a third slower in B."""
    random = np.random.default_rng(7)
    traces = []
    for side in range(2):
        b = TraceBuilder(baseTimeNanoseconds=0)
        for step in range(6):
            b.annotation(f"ProfilerStep#{step}", 1e5 * step, 9e4)
            for kernel in range(200):
                length = random.normal(100, 5)
                b.kernel(
                    f"k{kernel}", 1e5 * step + 200 * kernel + 1, float(f"{length:.3f}"), launched_at=1e5 * step + kernel
                )
            slow = random.normal(100 * (1 + side / 3), 5)
            b.kernel("slow", 1e5 * step + 70_000, float(f"{slow:.3f}"), launched_at=1e5 * step + 400)
        traces.append(read_trace(b.write(tmp_path / f"{side}.json")))
    result = diff_runs(*traces)
    verdicts = result.kernels.set_index("name")["verdict"]
    assert verdicts.pop("slow") == step_noise.SLOWER
    changes = verdicts[verdicts != step_noise.WITHIN_NOISE]
    assert len(changes) <= 3  # 0.2 expected


def test_the_t_test_by_hand() -> None:
    """A: 10, 12, 14; B: 20, 20, 26. Means 12 and 22, variances 4 and 12, so the error is sqrt(4/3 + 12/3) = 2.309,
    with (16/3)² / ((4/3)²/2 + 4²/2) = 3.2 degrees of freedom, of which 3 are used: t is 3.182 at 95 %."""
    means, variances = [], []
    for values in ([10, 12, 14], [20, 20, 26]):
        found = step_noise.mean_and_variance(np.zeros(3, int), np.arange(3), np.array(values), 1, 3)
        means.append(found[0][0])
        variances.append(found[1])
    assert means == [12, 22]
    assert [float(v[0]) for v in variances] == [4, 12]
    noise = step_noise.noise(np.array([10.0]), (variances[0], variances[1]), (3, 3), np.array([True]))
    assert float(noise[0]) == pytest.approx(3.182 * (16 / 3) ** 0.5, rel=2e-4)


@pytest.mark.parametrize(
    ("steps", "t"),
    [(2, 4.303), (3, 2.776), (6, 2.228), (11, 2.086), (16, 2.042)],
)
def test_the_points_of_t_are_those_of_printed_tables(steps: int, t: float) -> None:
    """Two sides that spread alike have 2 (steps - 1) degrees of freedom; with variances of steps / 2 the error is 1."""
    spread = np.array([steps / 2])
    noise = step_noise.noise(np.array([1.0]), (spread, spread), (steps, steps), np.array([True]))
    assert float(noise[0]) == pytest.approx(t, abs=6e-4)


def test_many_differences_of_a_table_ask_for_more_each() -> None:
    """Four rows with 4 degrees of freedom and error 1. At 5 %, 3.75 %, 2.5 % and 1.25 % t is 2.776, 3.0 or so, 3.495
    and 4.315: with one difference of 4 and three of 0.1, it would need 4.315; with two of 4, 3.495 is enough."""
    spread, both = np.full(4, 1.5), np.ones(4, dtype=bool)
    for differences, point, changes in (([4, 0.1, 0.1, 0.1], 4.315, 0), ([4, -4, 0.1, 0.1], 3.495, 2)):
        values = np.array(differences)
        noise = step_noise.noise(values, (spread, spread), (3, 3), both)
        assert noise == pytest.approx(np.full(4, point), abs=2e-3)
        found = step_noise.verdicts(values, noise, both, both)
        assert sum(verdict in (step_noise.SLOWER, step_noise.FASTER) for verdict in found) == changes


@pytest.mark.parametrize("steps", [2, 3, 10])
@pytest.mark.parametrize("rows", [1, 50])
@pytest.mark.parametrize("skewed", [False, True])
def test_tables_of_equal_things_seldom_name_a_change(steps: int, rows: int, skewed: bool) -> None:
    """1,000 tables: about 50 of them may name one; 79 would be four standard deviations more than that."""
    random = np.random.default_rng(steps * 100 + rows)
    shape, both = (1000, 2, steps, rows), np.ones(rows, dtype=bool)
    times = random.lognormal(3, 0.3, shape) if skewed else random.normal(100, 5, shape)
    means, spread = times.mean(axis=2), times.var(axis=2, ddof=1)
    false = 0
    for mean_ns, variance in zip(means, spread, strict=True):
        difference = mean_ns[1] - mean_ns[0]
        noise = step_noise.noise(difference, (variance[0], variance[1]), (steps, steps), both)
        false += bool((np.abs(difference) > noise).any())
    assert false < 79


def test_three_steps_against_three_find_a_clear_change() -> None:
    """36, 26, 25 ms against 19, 18.5, 19 ms would take luck; 29, 28, 28.5 against these is beyond doubt."""
    means, variances = [], []
    for values in ([29.0, 28.0, 28.5], [19.0, 18.5, 19.0]):
        means.append(np.array([np.mean(values)]))
        variances.append(np.array([np.var(values, ddof=1)]))
    difference, there = means[1] - means[0], np.array([True])
    noise = step_noise.noise(difference, (variances[0], variances[1]), (3, 3), there)
    assert step_noise.verdicts(difference, noise, there, there).tolist() == [step_noise.FASTER]


def test_few_steps_say_how_little_they_tell(tmp_path: Path) -> None:
    a = run(tmp_path / "a.json", [{INDEXED: 50.125}, {INDEXED: 70}, {INDEXED: 90}])
    b = run(tmp_path / "b.json", [{INDEXED: 60.125}, {INDEXED: 75}, {INDEXED: 95}])
    (note,) = diff_sections(diff_runs(a, b), 5)[0].notes
    assert note.startswith("3 and 3 steps tell only larger changes (device busy: above ")
    assert note.endswith("record more (active=10).")
    one = run(tmp_path / "c.json", [{INDEXED: 50}])
    (note,) = diff_sections(diff_runs(a, one), 5)[0].notes
    assert note == "3 and 1 steps tell nothing of noise, so nothing is judged; record more (active=10)."


def test_a_step_without_the_row_counts_as_nothing() -> None:
    row, step, ns = np.array([0, 0, 1]), np.array([0, 0, 1]), np.array([3, 5, 6])
    means, variances = step_noise.mean_and_variance(row, step, ns, 2, 2)
    assert (means.tolist(), variances.tolist()) == ([4, 3], [32, 18])


def test_whole_microseconds_are_not_more_exact_than_that(tmp_path: Path) -> None:
    """5 µs in every step against 6 µs in every step: both may have been 5.5."""
    traces = []
    for length in (5, 6):
        b = TraceBuilder()
        for number in range(3):
            b.annotation(f"ProfilerStep#{number}", 100 * number, 90)
            b.kernel("k", 100 * number + 10, length, launched_at=100 * number + 5)
        traces.append(read_trace(b.write(tmp_path / f"{length}.json")))
    assert diff_runs(*traces).kernels["verdict"].tolist() == [step_noise.WITHIN_NOISE]


def _in_steps(path: Path) -> pd.DataFrame:
    """GPU activity launched in profiler steps, from plain JSON."""
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    complete = [event for event in events if event.get("ph") == "X"]
    steps = [(e["ts"], e["ts"] + e["dur"]) for e in complete if e["name"].startswith("ProfilerStep#")]
    calls = [e for e in complete if e["cat"] == "cuda_runtime" and "correlation" in e.get("args", {})]
    launch = {e["args"]["correlation"]: e["ts"] for e in calls}
    rows: list[tuple[str, int]] = []
    for event in complete:
        at = launch.get(event.get("args", {}).get("correlation"))
        on_gpu = event["cat"] in ("kernel", "gpu_memcpy", "gpu_memset")
        if on_gpu and at is not None and any(start <= at < end for start, end in steps):
            rows.append((event["name"], event["dur"]))
    return pd.DataFrame(rows, columns=["name", "us"]).assign(steps=len(steps))


def test_the_real_pair_against_plain_json(shared: Path) -> None:
    paths = [shared / "traces" / f"hta_trace_diff_{which}.pt.trace.json.gz" for which in ("control", "test")]
    result = diff_runs(*(read_trace(path) for path in paths))
    assert_closed(result)
    kernels = result.kernels.set_index("name")
    for path, side, total in zip(paths, "ab", (result.a_ns, result.b_ns), strict=True):
        raw = _in_steps(path)
        assert total == pytest.approx(raw["us"].sum() / 6 * 1000)
        sums = raw.groupby("name")["us"].sum() / 6 * 1000
        assert kernels[f"{side}_ns"][kernels[f"{side}_calls"] > 0].to_dict() == pytest.approx(sums.to_dict())
    assert result.outside_ns == (0, 56_517_000)
    words = result.selections.set_index("problem")[["a_words", "b_words"]]
    row = words.loc["(1024,1705) × (1024,1705)"]
    assert "tensor cores" in row["a_words"]
    assert "tensor cores" not in row["b_words"]
    assert kernels.loc["Memcpy DtoD (Device -> Device)", "verdict"] == step_noise.SLOWER


def test_the_same_recording_of_two_machines_has_closed_books(shared: Path) -> None:
    names = ["v100_resnet50_train_2021_schema", "v100dgx_resnet50_train_memory"]
    traces = [read_trace(shared / "traces" / f"{name}.pt.trace.json.gz") for name in names]
    result = diff_runs(*traces)
    assert_closed(result)
    assert result.step_counts == (6, 6)


@pytest.mark.skipif(not REFERENCE, reason="the shared reference figures are not here (shared/ beside the repository)")
@pytest.mark.parametrize("place", range(len(REFERENCE)), ids=[row["file"] for row in REFERENCE])
def test_books_close_on_every_shared_trace(place: int) -> None:
    """Each against the next one, which is another model, and against itself with other kernel times."""
    rows = [REFERENCE[place], REFERENCE[(place + 1) % len(REFERENCE)]]
    trace, other = (read_trace(SHARED / "traces" / row["file"]) for row in rows)
    lengths = np.random.default_rng(place).integers(0, 90_000, len(trace.kernels))
    changed = dataclasses.replace(trace, kernels=trace.kernels.assign(duration_ns=lengths))
    us = [sum(float(row[f"{kind}_us"]) for kind in ("kernel", "copy", "memset")) for row in rows]
    changed_us = us[0] - float(rows[0]["kernel_us"]) + lengths.sum() / 1000
    for one, two, expected in ((trace, other, us), (trace, changed, [us[0], changed_us])):
        result = diff_runs(one, two)
        assert_closed(result)
        sides = zip("ab", result.step_counts, result.of, (result.a_ns, result.b_ns), result.outside_ns, strict=True)
        for (side, steps, of, mean_ns, outside_ns), total_us in zip(sides, expected, strict=True):
            in_steps = mean_ns * (steps if result.basis == PER_STEP else 1)
            if of == "GPU":
                assert in_steps + outside_ns == pytest.approx(total_us * 1000, abs=80, rel=2e-6)
                if result.basis == PER_STEP:
                    assert result.steps[f"{side}_device_ns"].sum() == pytest.approx(in_steps, abs=0.5)


@pytest.fixture(scope="module")
def cpu_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, Trace]:
    torch = pytest.importorskip("torch")
    import profiler_kit as pk

    torch.manual_seed(0)
    traces = []
    for name in ("contiguous_format", "channels_last"):
        layout = getattr(torch, name)
        model = torch.nn.Sequential(torch.nn.Conv2d(8, 16, 3, padding=1), torch.nn.ReLU()).to(memory_format=layout)
        images = torch.randn(2, 8, 24, 24).to(memory_format=layout)
        folder = tmp_path_factory.mktemp(name)
        options: dict[str, Any] = {"tensorboard": False, "cpu_kernels": True, "measure_peaks": False}
        with pk.profile(model, folder, warmup=1, active=3, repeat=1, **options) as prof, torch.no_grad():
            for _ in range(4):
                model(images)
                prof.step()
        traces.append(read_trace(prof.trace_paths[-1]))
    return traces[0], traces[1]


def test_contiguous_against_channels_last_on_the_cpu(cpu_runs: tuple[Trace, Trace]) -> None:
    result = diff_runs(*cpu_runs)
    assert_closed(result)
    assert result.of == ("host operators", "host operators")
    for table in (result.layers, result.operators):
        conv = table[table["layer"] == "0"].iloc[0]
        assert conv["b_layer"] is None
        assert conv["a_calls"] > 0
        assert conv["b_calls"] > 0
    own = result.steps["a_host_ns"].mean()
    assert result.quantities.set_index("quantity").loc["step, on the host", "a_ns"] == pytest.approx(own)
    if not len(cpu_runs[0].cpu_kernels):
        pytest.skip("the kernels of the CPU's libraries cannot be recorded here")
    changes = result.selections[result.selections["operator"] == "aten::conv2d"]
    assert changes["layer"].tolist() == ["0"]
    transforms = [
        sum("reorder" in name for name in changes[f"{side}_kernels"].iloc[0]) for side in "ab"
    ]  # fmt: skip
    assert transforms[0] > transforms[1]
