"""What the sandbox costs: the start of a program in it, and `import torch` inside beside outside, interleaved.

python benchmarks/sandbox.py --pairs 9 --starts 40        # writes results/sandbox.md
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from deepdojo.competition.sandbox import Limits, Sandbox
from deepdojo.competition.sandbox.cgroups import parents
from deepdojo.competition.sandbox.mounts import environment
from deepdojo.competition.sandbox.selftest import examine

_IMPORT = (
    "import time; a, b = time.perf_counter(), time.process_time(); import torch; "
    "print(time.perf_counter() - a, time.process_time() - b)"
)
_COMMAND = [sys.executable, "-c", _IMPORT]
_LIMITS = Limits(memory_bytes=4 << 30)
Times = list[tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "results" / "sandbox.md")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    sandbox = Sandbox(_LIMITS)
    text = page(sandbox, starts(sandbox, asked.starts), imports(sandbox, asked.pairs), self_tests(sandbox), asked, load)
    asked.to.write_text(text, encoding="utf-8")
    print(text)


def starts(sandbox: Sandbox, count: int) -> dict[str, list[float]]:
    """Seconds from the call to the program's start, and of a whole call of /bin/true, with and without a cgroup."""
    found: dict[str, list[float]] = {name: [] for name in ("start", "whole", "start, no cgroup", "whole, no cgroup")}
    for _ in range(count):
        for by, name in ((sandbox, ""), (replace(sandbox, use_cgroup=False), ", no cgroup")):
            begun = time.perf_counter()
            done = by.run(["/bin/true"])
            found[f"whole{name}"].append(time.perf_counter() - begun)
            found[f"start{name}"].append(done.start_s)
    return found


def imports(sandbox: Sandbox, pairs: int) -> dict[str, Times]:
    """(wall, CPU) seconds of `import torch`; the first pair, which reads the files from the disk, is left out."""
    found: dict[str, Times] = {"inside": [], "outside": []}
    for pair in range(pairs + 1):
        inside = sandbox.run(_COMMAND).stdout.decode()
        outside = subprocess.run(_COMMAND, env=environment(), capture_output=True, text=True, check=True).stdout
        for name, printed in (("inside", inside), ("outside", outside)):
            wall, cpu = map(float, printed.split())
            if pair:
                found[name].append((wall, cpu))
    return found


def self_tests(sandbox: Sandbox) -> list[float]:
    found = []
    for _ in range(5):
        begun = time.perf_counter()
        assert examine(sandbox) == []
        found.append(time.perf_counter() - begun)
    return found


def page(
    sandbox: Sandbox, started: dict[str, list[float]], imported: dict[str, Times], tested: list[float],
    asked: argparse.Namespace, load: float,
) -> str:  # fmt: skip
    version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    who = "root, a uid for each run" if os.geteuid() == 0 else "an ordinary user"
    lines = [
        "# What the sandbox costs", "",
        f"`python benchmarks/sandbox.py --pairs {asked.pairs} --starts {asked.starts}`, {datetime.now(UTC):%Y-%m-%d}, "
        f"{os.cpu_count()} CPU cores, {platform.machine()}, of a machine that others share",
        f"(load {load:.1f} at the start), Linux {platform.release().split('-')[0]}, bubblewrap {version}, Python "
        f"{platform.python_version()}, as {who}, "
        f"{'with a control group' if parents() else 'no control group'}. Inside and outside in turn; medians.",
        "", "| start | median ms | smallest | largest | goal |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, seconds in started.items():
        goal = "100" if name == "start" else ""
        lines.append(
            f"| {name} | {_ms(statistics.median(seconds))} | {_ms(min(seconds))} | {_ms(max(seconds))} | {goal} |"
        )
    lines.append(f"| self-test | {_ms(statistics.median(tested))} | {_ms(min(tested))} | {_ms(max(tested))} | 1000 |")
    lines += ["", "| import torch | inside s | outside s | ratio | goal |", "|---|---|---|---|---|"]
    for column, name in enumerate(("wall", "CPU")):
        inside, outside = (statistics.median(each[column] for each in imported[k]) for k in ("inside", "outside"))
        ratios = [a[column] / b[column] for a, b in zip(imported["inside"], imported["outside"], strict=True)]
        lines.append(
            f"| {name} | {inside:.2f} | {outside:.2f} | {inside / outside:.3f} (pairs {min(ratios):.2f} to "
            f"{max(ratios):.2f}) | 1.05 |"
        )
    return "\n".join(lines) + "\n"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


if __name__ == "__main__":
    main()
