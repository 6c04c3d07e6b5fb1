"""``python -m profiler_kit``."""

import sys

from profiler_kit.cli import main

if __name__ == "__main__":
    sys.exit(main())
