"""What a stranger waits for: `dojo train digits`, every `--help`, `dojo list`, imports, the megabytes of an install.

    python benchmarks/first_minute.py                 # in the environment that is measured
    python benchmarks/first_minute.py --imports       # only what imports cost

Seconds are of the whole process, from start to last line, over all its processes (children included); medians of 5
after one call that is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from deepdojo.cli.app import COMMANDS

DOJO = [sys.executable, "-m", "deepdojo.cli"]
IMPORTS = (
    "pass", "import torch", "import deepdojo", "import deepdojo.grader.lessons", "import deepdojo.learn.screen",
    "import deepdojo.grader.grade", "import deepdojo as dd; dd.grade", "import deepdojo as dd; dd.train",
)  # fmt: skip


def timed(arguments: list[str], folder: str) -> tuple[float, float, str]:
    """(wall seconds, CPU seconds of all processes, what was printed)."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run([*DOJO, *arguments], capture_output=True, text=True, cwd=folder, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu, done.stdout


def medians(arguments: list[str], folder: str, *, runs: int) -> tuple[float, float]:
    found = [timed(arguments, folder)[:2] for _ in range(runs + 1)][1:]
    return statistics.median(w for w, _ in found), statistics.median(c for _, c in found)


def print_imports(*, runs: int = 7) -> None:
    """Wall and CPU seconds of a whole `python -c`, memory at its end; medians, after one that is not counted."""
    for text in IMPORTS:
        walls, cpus, size = [], [], 0
        for _ in range(runs + 1):
            before, began = os.times(), time.monotonic()
            code = f"{text}\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            after = os.times()
            walls.append(time.monotonic() - began)
            cpus.append(after.children_user + after.children_system - before.children_user - before.children_system)
            size = int(done.stdout) // 1024
        wall, cpu = statistics.median(walls[1:]), statistics.median(cpus[1:])
        print(f"python -c '{text}': {wall:.2f} s, {cpu:.2f} CPU s, {size} MiB")


def needed_by(name: str) -> set[str]:
    """A distribution and all that it requires here, without extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        wanted = waiting.pop().lower().replace("_", "-")
        if wanted in found:
            continue
        try:
            requirements = metadata.requires(wanted) or []
        except metadata.PackageNotFoundError:  # for another system or an extra
            continue
        found.add(wanted)
        waiting += [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in requirements if "extra ==" not in text]
    return found


def installed_megabytes() -> tuple[float, float, float]:
    """(torch, what torch requires, everything else), with compiled files, without pip and setuptools."""
    torch_needs = needed_by("torch") - {"setuptools"}
    sizes = {"torch": 0, "needed": 0, "other": 0}
    for package in metadata.distributions():
        name = package.metadata["Name"].lower().replace("_", "-")
        if name in ("pip", "setuptools"):
            continue
        kind = "torch" if name == "torch" else "needed" if name in torch_needs else "other"
        paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
        sizes[kind] += sum(path.stat().st_size for path in paths if path.is_file())
    return sizes["torch"] / 1e6, sizes["needed"] / 1e6, sizes["other"] / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", action="store_true")
    if parser.parse_args().imports:
        print_imports()
        return
    with tempfile.TemporaryDirectory() as folder:
        trainings = []
        for number in range(5):
            place = Path(folder) / str(number)
            place.mkdir()
            trainings.append(timed(["train", "digits", "--json"], str(place)))
        score = json.loads(trainings[0][2])
        print(
            f"dojo train digits: {statistics.median(w for w, _, _ in trainings):.1f} s, "
            f"{statistics.median(c for _, c, _ in trainings):.1f} CPU s (medians of 5); accuracy {score['score']:.4f} "
            f"[{score['low']:.4f}, {score['high']:.4f}], n = {score['n']}"
        )
        for name in ["", *COMMANDS]:
            wall, cpu = medians([*name.split(), "--help"], folder, runs=5)
            print(f"dojo {name} --help: {wall:.2f} s, {cpu:.2f} CPU s".replace("  ", " "))
        for arguments in (["list"], ["list", "projects", "--json"], []):
            wall, cpu = medians(arguments, folder, runs=5)
            print(f"dojo {' '.join(arguments)}: {wall:.2f} s, {cpu:.2f} CPU s")
    print_imports()
    torch_mb, needed_mb, other_mb = installed_megabytes()
    print(
        f"installed: torch {torch_mb:.0f} MB, what torch requires {needed_mb:.0f} MB, everything else {other_mb:.0f} MB"
    )


if __name__ == "__main__":
    main()
