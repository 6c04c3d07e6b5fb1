"""Seven things that people say about why a convolution is slower than a dense layer, put to the test on this machine.

python examples/folklore.py --seconds 20
"""

from __future__ import annotations

import argparse
import os

# Kineto announces on standard error that it starts and stops; it reads this when torch is imported.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

from profiler_kit.experiments.folklore import try_folklore


def main() -> None:
    parser = argparse.ArgumentParser(description="Put common claims about convolutions and dense layers to the test.")
    parser.add_argument("--seconds", type=float, default=20, help="time for measuring (default: %(default)s)")
    parser.add_argument("--details", action="store_true", help="show every case with its figures and kernels")
    options = parser.parse_args()

    report = try_folklore(seconds=options.seconds)
    if options.details:
        print(report)
        return
    result = report.folklore
    print(f"{result.device}; load {result.load}; {result.rounds} rounds\n")
    for claim in result.claims:
        print(f"{claim.number}. {claim.claim}: {claim.verdict}")
        for case in claim.cases:
            ratio = case.ratio
            print(f"   {ratio.median:7.2f} × ({ratio.low:.2f}–{ratio.high:.2f})  {case.verdict:9}  {case.question}")
        print(f"   {claim.reading}\n")


if __name__ == "__main__":
    main()
