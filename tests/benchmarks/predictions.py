"""How long 800 predictions take: 200 convolutions, each in two memory formats with TF32 on and off.

python tests/benchmarks/predictions.py
"""

from __future__ import annotations

import random
import resource
import time

from profiler_kit.cudnn.description import target_of_device
from profiler_kit.cudnn.oracle import Oracle
from profiler_kit.cudnn.problem import OPERATIONS, conv_problem
from profiler_kit.devices import find_device

CONVOLUTIONS = 200


def main() -> None:
    random.seed(1)
    target = target_of_device(find_device("H100"))
    questions = []
    for number in range(CONVOLUTIONS):
        channels, filters = random.choice([3, 16, 64, 128, 256]), random.choice([16, 64, 128, 512])
        size, kernel = random.choice([7, 14, 28, 56]), random.choice([1, 3, 5])
        shapes = ((1 + number, channels, size, size), (filters, channels, kernel, kernel))
        operation = OPERATIONS[number % 3]
        questions += [
            (
                conv_problem(operation, *shapes, padding=kernel // 2, memory_format=memory_format, allow_tf32=tf32),
                target,
            )
            for memory_format in ("NCHW", "NHWC")
            for tf32 in (True, False)
        ]
    start = time.perf_counter()
    with Oracle() as oracle:
        ready = time.perf_counter()
        answers = oracle.predict(questions)
        done = time.perf_counter()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    refused = sum(answer.plan is None for answer in answers)
    print(f"cuDNN {oracle.version}: ready in {ready - start:.2f} s, {len(answers)} answers in {done - ready:.2f} s")
    print(f"{spent.ru_utime + spent.ru_stime:.2f} s of CPU time in the workers; {refused} without a plan")


if __name__ == "__main__":
    main()
