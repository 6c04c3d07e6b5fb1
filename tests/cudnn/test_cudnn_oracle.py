"""The real library, asked; figures are those of questions put to it through NVIDIA's own Python frontend.

The frontend gives an output without strides in NHWC order, whatever the input's. PyTorch gives the output the input's
format. So two workspaces belong to an input in NCHW: the frontend's own, and that of PyTorch's question, which the
frontend gives too when it is told the output's strides. ``profiler-kit predict`` shows the latter.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import pytest

from profiler_kit.cudnn.description import NoCudnnForDeviceError, Target, target_of_device, target_of_properties
from profiler_kit.cudnn.oracle import Oracle, Rules
from profiler_kit.cudnn.plans import Prediction
from profiler_kit.cudnn.problem import ConvProblem, conv_problem, strides_of
from profiler_kit.cudnn.pytorch_choice import TENSOR_CORES
from profiler_kit.devices import DEVICES, find_device
from tests.predictions import A10G


def conv(dtype: str, memory_format: str, **others) -> ConvProblem:
    given = {"padding": 1, "dtype": dtype, "memory_format": memory_format, **others}
    return conv_problem("fprop", (32, 64, 56, 56), (64, 64, 3, 3), **given)


def on(gpu: str) -> Target:
    return target_of_device(find_device(gpu))


def ask(oracle: Oracle, problem: ConvProblem, gpu: str, **rules) -> Prediction:
    return oracle.predict([(problem, on(gpu))], Rules(**rules))[0]


# cuDNN 9.28.0 through cudnn-frontend 1.32.0: engine and workspace in bytes of the first plan for an input in NCHW with
# the frontend's own output (NHWC), in NCHW with an output in NCHW, and in NHWC.
OF_THE_FRONTEND = {
    ("V100", "float16"): ((1, 12_847_376), (1, 2_304), (1, 25_766_160)),
    ("A100", "float16"): ((22, 12_918_800), (22, 25_763_856), (22, 0)),
    ("A100", "float32"): ((38, 51_527_696), (38, 25_837_584), (46, 25_837_584)),
    ("H100", "float16"): ((62, 12_918_931), (62, 25_763_987), (62, 131)),
    ("B200", "float16"): ((73, 12_918_800), (73, 25_763_856), (73, 0)),
}


@pytest.mark.parametrize(("gpu", "dtype"), OF_THE_FRONTEND)
def test_figures_of_the_frontend(oracle: Oracle, gpu: str, dtype: str) -> None:
    if oracle.version != "9.28.0":
        pytest.skip(f"the figures are cuDNN 9.28.0's, this is {oracle.version}")
    nchw, nhwc = conv(dtype, "NCHW"), conv(dtype, "NHWC")
    mixed = replace(nchw, output_strides=strides_of(nchw.output_shape, "NHWC"))
    plans = [ask(oracle, problem, gpu).plan for problem in (mixed, nchw, nhwc)]
    assert tuple((plan.engine, plan.workspace_bytes) for plan in plans if plan) == OF_THE_FRONTEND[gpu, dtype]


def test_pytorchs_own_output_is_copied_too(oracle: Oracle) -> None:
    mixed = conv("float16", "NCHW")
    mixed = replace(mixed, output_strides=strides_of(mixed.output_shape, "NHWC"))
    output_bytes = 32 * 64 * 56 * 56 * 2
    for gpu in ("A100", "H100", "B200"):
        plans = [ask(oracle, problem, gpu).plan for problem in (mixed, conv("float16", "NCHW"))]
        assert plans[0] is not None
        assert plans[1] is not None
        assert plans[1].workspace_bytes - plans[0].workspace_bytes == output_bytes


def test_without_tf32_tensor_cores_are_removed_and_the_rule_says_so(oracle: Oracle) -> None:
    prediction = ask(oracle, conv("float32", "NCHW", allow_tf32=False), "A100")
    assert prediction.plan is not None
    assert prediction.plan.notes["TENSOR_CORE"] is False
    before = prediction.plans[: prediction.chosen]
    assert before
    assert {plan.removed_by for plan in before} == {TENSOR_CORES}
    if oracle.version == "9.28.0":
        assert prediction.plan.engine == 12
        assert prediction.plan.notes["WINOGRAD"] is True


def test_determinism_removes_plans(oracle: Oracle) -> None:
    problem = conv_problem("wgrad", (32, 64, 56, 56), (64, 64, 3, 3), padding=1, allow_tf32=False)
    strict = ask(oracle, replace(problem, deterministic=True), "A100")
    assert strict.plan is not None
    assert strict.plan.notes["NONDETERMINISTIC"] is False
    assert not any(plan.notes["NONDETERMINISTIC"] and plan.removed_by is None for plan in strict.plans)


def test_a_workspace_limit_passes_plans_over(oracle: Oracle) -> None:
    problem = conv("float16", "NCHW")
    free = ask(oracle, problem, "H100")
    limited = ask(oracle, problem, "H100", workspace_limit_bytes=1_000_000)
    assert free.plan is not None
    assert free.plan.workspace_bytes > 1_000_000
    assert limited.plan is not None
    assert limited.plan.workspace_bytes <= 1_000_000
    assert "limit" in (limited.plans[free.chosen].removed_by or "")


def test_knobs_of_all_candidates_are_read_when_asked_for(oracle: Oracle) -> None:
    problem = conv("float16", "NHWC")
    few, all_of_them = (ask(oracle, problem, "A100", all_knobs=flag) for flag in (False, True))
    assert sum(plan.knobs is not None for plan in few.plans) == 1
    assert all(plan.knobs for plan in all_of_them.plans)
    # The same engine is proposed with several settings: without knobs those plans couldn't be told apart.
    assert len({plan.name for plan in all_of_them.plans}) == len(all_of_them.plans)
    assert len({plan.engine for plan in all_of_them.plans}) < len(all_of_them.plans)


@pytest.mark.parametrize("operation", ["fprop", "dgrad", "wgrad"])
@pytest.mark.parametrize("shapes", [((2, 16, 20, 20), (32, 8, 3, 3), 2), ((2, 8, 6, 12, 12), (16, 8, 3, 3, 3), 1)])
def test_every_device_of_nvidia_gets_an_answer(oracle: Oracle, operation: str, shapes: tuple) -> None:
    x, weight, groups = shapes
    problem = conv_problem(operation, x, weight, padding=1, groups=groups, dtype="float16", memory_format="NHWC")
    targets = [target_of_device(device) for device in DEVICES if device.vendor == "nvidia"]
    answers = oracle.predict([(problem, target) for target in targets])
    assert [answer.device for answer in answers if answer.plan is None] == []


def test_a_device_known_from_a_trace_only(oracle: Oracle) -> None:
    target = target_of_properties(A10G)
    assert target is not None
    assert target.name == "NVIDIA A10G"
    assert target.memory_bandwidth_bytes_per_s is None
    problem = conv("float16", "NHWC")
    of_trace, of_table = oracle.predict([(problem, target), (problem, on("A10"))])
    assert of_trace.plan is not None
    assert of_table.plan is not None
    assert of_trace.plan.engine == of_table.plan.engine


def test_devices_that_cudnn_cannot_be_asked_about() -> None:
    with pytest.raises(NoCudnnForDeviceError, match="MI300X"):
        target_of_device(find_device("MI300X"))
    assert target_of_properties({"name": "AMD Instinct MI300X"}) is None
    assert target_of_properties({"name": "NVIDIA something new"}) is None


def test_cudnns_own_reason_comes_through(oracle: Oracle) -> None:
    unknown = Target("old", {**on("T4").properties, "deviceVer": 350})
    answers = oracle.predict([(conv("float16", "NCHW"), unknown), (conv("float16", "NCHW"), on("T4"))])
    assert answers[0].plan is None
    assert "CUDNN_STATUS" in (answers[0].error or "")
    assert answers[1].plan is not None


def test_equal_questions_get_equal_answers_in_order(oracle: Oracle) -> None:
    problems = [conv("float16", memory_format) for memory_format in ("NCHW", "NHWC", "NCHW")]
    told: list[tuple[int, int]] = []
    answers = oracle.predict([(problem, on("H100")) for problem in problems], None, lambda *done: told.append(done))
    assert answers[0] == answers[2]
    assert [answer.problem.memory_format for answer in answers] == ["NCHW", "NHWC", "NCHW"]
    assert told[-1] == (2, 2)


def test_the_libraries_stay_out_of_this_process(oracle: Oracle) -> None:
    ask(oracle, conv("float16", "NCHW"), "H100")
    mapped = Path("/proc/self/maps").read_text()
    assert "libcudnn" not in mapped
    assert "driver_stand_in" not in mapped
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return  # no driver was there, and none is now
    assert "libcuda.so" in Path("/proc/self/maps").read_text()


def test_questions_stay_out_of_the_log_of_a_recording(
    needs_cudnn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "recording.log"
    for name, value in (("CUDNN_LOGDEST_DBG", str(log)), ("CUDNN_LOGLEVEL_DBG", "3"), ("CUDNN_LOGINFO_DBG", "1")):
        monkeypatch.setenv(name, value)
    with Oracle(1) as one:
        assert ask(one, conv("float16", "NHWC"), "A100").plan is not None
    assert not log.exists()
