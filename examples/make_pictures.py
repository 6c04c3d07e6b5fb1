"""Draw the README's pictures: the real output of real commands, as SVG.

    python examples/make_pictures.py

Runs the demo, then draws its comparison and the report on one of its traces into examples/pictures/.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURES = Path(__file__).parent / "pictures"
WIDTH = 92


def draw(name: str, shown_as: str, output: str) -> None:
    """Draw a command and its output (with colour codes) into an SVG file."""
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text(f"$ {shown_as}", style="bold green"))
        console.print(Text.from_ansi(output))
        drawn = console.export_svg(title="profiler_kit")
    # rich's picture asks a server for its font; any monospaced one will do, and pictures should not call home.
    picture = re.sub(r"@font-face\s*\{[^}]*\}", "", drawn)
    (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "profiler_kit", *arguments, "--width", str(WIDTH), "--color", "always"]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        comparison = run("demo", "--logdir", folder)
        until = comparison.index("How to read this")
        draw("demo", "profiler-kit demo", comparison[:until].rsplit("\n", 1)[0].rstrip())
        report = run("report", f"{folder}/batch_32", "--rows", "8").replace(folder, "runs/demo")
        draw("report", "profiler-kit report runs/demo/batch_32 --rows 8", report)


if __name__ == "__main__":
    main()
