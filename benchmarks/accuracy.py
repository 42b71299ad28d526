"""Held-out scores of built-in projects, mean of several seeds, beside the best baseline of the same rows.

    python benchmarks/accuracy.py fashion-mnist --seeds 3
    python benchmarks/accuracy.py movie-reviews -r text_cnn --folds 10 --seeds 3
    python benchmarks/accuracy.py breast-cancer titanic --seeds 3

One line for each run while it works, then one line of means for each project. With folds the score of a seed is that of
all rows, each predicted once. Runs are kept under `--runs` (default: ./runs), so an interrupted call goes on where it
was. CPU seconds are those of the whole command, children included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def one(project: str, arguments: list[str], runs: Path) -> dict[str, Any]:
    """`dojo train`, or what an earlier call left of the same command."""
    kept = runs / "benchmark" / ("_".join([project, *arguments]).replace("/", "-").replace(" ", "") + ".json")
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    command = [
        sys.executable,
        "-m",
        "deepdojo.cli",
        "train",
        project,
        "--runs",
        str(runs / project),
        "--json",
        *arguments,
    ]
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    after = os.times()
    result = json.loads(done.stdout)
    result["wall_s"] = time.monotonic() - began
    result["cpu_s"] = after.children_user + after.children_system - before.children_user - before.children_system
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result), encoding="utf-8")
    return result


def weighted(results: list[dict[str, Any]]) -> float:
    return sum(r["score"] * r["n"] for r in results) / sum(r["n"] for r in results)


def measure(project: str, options: argparse.Namespace) -> None:
    recipe = ["-r", options.recipe] if options.recipe else []
    scores, cpu, wall, rows = [], [], [], 0
    lost = 0
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        results = []
        for fold in range(options.folds) if options.folds else [None]:
            extra = [] if fold is None else ["--set", f"split.fold={fold}", "--no-explain"]
            extra += [] if options.folds is None or seed == options.first_seed else ["--no-baselines"]
            result = one(project, [*recipe, "--seed", str(seed), *extra], options.runs)
            results.append(result)
            where = "" if fold is None else f" fold {fold}"
            score, wall_s, cpu_s = result["score"], result["wall_s"], result["cpu_s"]
            print(
                f"{project} seed {seed}{where}: {score:.4f}, {wall_s:.0f} s, {cpu_s:.0f} CPU s; {result['verdict']}",
                flush=True,
            )
        scores.append(weighted(results))
        rows = sum(r["n"] for r in results)
        cpu.append(sum(r["cpu_s"] for r in results))
        wall.append(sum(r["wall_s"] for r in results))
        lost += sum("baseline" in [b["better"] for b in r["baselines"]] for r in results)
    spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
    print(
        f"{project}: mean {statistics.mean(scores):.4f} +- {spread:.4f} over {len(scores)} seeds, "
        f"n = {rows:,} held-out rows; {statistics.mean(wall):.0f} s, {statistics.mean(cpu):.0f} CPU s a seed; "
        f"significantly below a baseline: {lost} runs"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="+")
    parser.add_argument("-r", "--recipe")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--folds", type=int)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    for project in options.projects:
        measure(project, options)


if __name__ == "__main__":
    main()
