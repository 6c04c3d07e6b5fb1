"""Seven things that people say about why a convolution is slower than a dense layer, put to the test on this machine.

python examples/folklore.py --seconds 20
"""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap

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
    width = max(min(shutil.get_terminal_size((100, 24)).columns, 120), 60)
    print(textwrap.fill(f"{result.device}; load {result.load}; {result.rounds} rounds", width))
    for claim in result.claims:
        print("\n" + textwrap.fill(f"{claim.number}. {claim.claim}: {claim.verdict}", width, subsequent_indent="   "))
        for case in claim.cases:
            ratio = case.ratio
            interval = f"({ratio.low:.2f}–{ratio.high:.2f})"
            figures = f"   {ratio.median:7.2f} × {interval:15} {case.verdict:9}  "
            print(textwrap.fill(case.question, width, initial_indent=figures, subsequent_indent=" " * len(figures)))
        print(textwrap.fill(claim.reading, width, initial_indent="   ", subsequent_indent="   "))


if __name__ == "__main__":
    main()
