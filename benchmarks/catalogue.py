"""The catalogue, measured: every built-in project with the recipes of its own, three seeds each.

    python benchmarks/catalogue.py                   # whatever is not measured yet; stop it, and it goes on later
    python benchmarks/catalogue.py digits squad      # these projects
    python benchmarks/catalogue.py trec:text_cnn     # this recipe of it
    python benchmarks/catalogue.py --fast            # one seed, default recipes, three minutes a project at most
    python benchmarks/catalogue.py --table           # nothing but the table of what is measured

Each (project, recipe, seed) is one `dojo train` in a process of its own, written to `results/catalogue.jsonl` as it
ends; what stands there is skipped (`--again` measures it anew). `results/catalogue.md` is made of it. Projects whose
data are not here are left out and named. A project that gives folds is trained on all of them. Runs are kept in
`--runs`, so that baselines are fitted once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepdojo.data.project import Project, builtin_projects, find_project
from deepdojo.errors import DojoError
from deepdojo.report.figures import unit_of

RESULTS = Path(__file__).parent / "results"
DOJO = [sys.executable, "-m", "deepdojo.cli"]
FAST = ["--budget", "3m"]
KEPT = ("project", "model", "metric", "higher_is_better", "score", "low", "high", "n", "verdict")
FLOOR = ("name", "title", "score", "low", "high", "better", "p")
Json = dict[str, Any]
HEAD = """# The catalogue, measured

`python benchmarks/catalogue.py` writes this page from `catalogue.jsonl`, where each training stands with its command.
Score: mean over the seeds ± their standard deviation, and in brackets the 95 % interval over held-out rows of the first
seed. Beat, level, lost: how many seeds beat the best baseline, could not be told from it, lost to it (paired,
p < 0.05). Published: the best figure of the same protocol, if there is one. CPU s: median over the seeds, of the whole
command over all processes; the first seed fits the baselines as well. Memory: the largest.

| project | recipe | metric | score | best baseline | beat, level, lost | published | params | CPU s | MB | n | date |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Job:
    """One training."""

    project: str
    recipe: str
    seed: int
    fast: bool

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.project, self.recipe, self.seed)

    def command(self) -> list[str]:
        folds = ["--folds"] if find_project(self.project).spec.split.folds is not None and not self.fast else []
        words = ["train", self.project, "-r", self.recipe, "--seed", str(self.seed), *folds, "--no-explain"]
        return words + (FAST if self.fast else [])


def recipes_of(project: Project) -> list[str]:
    """The default, and those in the project's own folder."""
    own = sorted(path.stem for path in (project.folder / "recipes").glob("*.toml"))
    return list(dict.fromkeys([project.spec.recipe or "default", *own]))


def jobs(wanted: Sequence[str], seeds: Sequence[int], *, fast: bool) -> Iterator[Job]:
    """Seed by seed, so that an early stop has something of every project."""
    asked = [name.partition(":")[::2] for name in wanted] or [(p.name, "") for p in builtin_projects()]
    for seed in [0] if fast else seeds:
        for name, recipe in asked:
            known = recipes_of(find_project(name))
            for chosen in [recipe] if recipe else known[:1] if fast else known:
                yield Job(name, chosen, seed, fast)


def measured(path: Path) -> dict[tuple[str, str, int], Json]:
    """What stands in the file; of two lines of one training the later one."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {(line["project"], line["recipe"], line["seed"]): line for line in lines}


def run(job: Job, runs: Path) -> Json | str:
    """The line of one training, or why there is none."""
    command = job.command()
    environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*DOJO, *command, "--runs", str(runs), "--json"], capture_output=True, text=True, env=environ, check=False
    )
    if done.returncode != 0:
        return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
    found = json.loads(done.stdout)
    cost = json.loads((Path(found["run"]) / "score.json").read_text("utf-8"))["cost"]
    kept = (
        "project",
        "recipe",
        "model",
        "metric",
        "higher_is_better",
        "score",
        "low",
        "high",
        "n",
        "baselines",
        "verdict",
    )
    return {
        **{name: found[name] for name in kept},
        "recipe": job.recipe,
        "seed": job.seed,
        "parameters": cost["parameters"],
        "cpu_seconds": round(cost.get("cpu_seconds") or found["cpu_seconds"], 1),
        "seconds": round(cost["seconds"], 1),
        "peak_bytes": cost["peak_bytes"],
        "date": time.strftime("%Y-%m-%d"),
        "hardware": f"{os.cpu_count()} CPU cores, {platform.machine()}",
        "command": " ".join(["dojo", *command]),
    }


def table(lines: dict[tuple[str, str, int], Json]) -> str:
    """One row a project and recipe."""
    groups: dict[tuple[str, str], list[Json]] = {}
    for line in sorted(lines.values(), key=lambda line: line["seed"]):
        groups.setdefault((line["project"], line["recipe"]), []).append(line)
    rows = [_row(project, recipe, found) for (project, recipe), found in sorted(groups.items())]
    return HEAD + "\n".join(rows) + "\n"


def _row(project: str, recipe: str, found: Sequence[Json]) -> str:
    first, unit = found[0], unit_of(found[0]["metric"])
    scores = [line["score"] for line in found]
    score = unit.score(statistics.mean(scores), first["low"], first["high"])
    if len(scores) > 1:
        score += f" ± {100 * statistics.stdev(scores):.2f}" if unit.percent else f" ± {statistics.stdev(scores):.2g}"
    score += f" {unit.interval(first['score'], first['low'], first['high'])}"
    cells = [
        project, recipe, first["metric"], score, *_floor(found, unit), _published(project, first, unit),
        f"{first['parameters']:,}", f"{statistics.median(line['cpu_seconds'] for line in found):,.0f}",
        f"{max(line['peak_bytes'] or 0 for line in found) / 1e6:,.0f}", f"{first['n']:,}",
        f"{first['date']}, {first['hardware']}",
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def _floor(found: Sequence[Json], unit: Any) -> tuple[str, str]:
    """The best baseline, and how often the network was ahead of it, level, behind."""
    floors = found[0]["baselines"]
    if not floors:
        return "–", "–"
    best = (max if found[0]["higher_is_better"] else min)(floors, key=lambda floor: floor["score"])
    told = [floor["better"] for line in found for floor in line["baselines"] if floor["name"] == best["name"]]
    return f"{best['title']} {unit.score(best['score'], best['low'], best['high'])}", ", ".join(
        str(told.count(kind)) for kind in ("network", "tie", "baseline")
    )


def _published(project: str, first: Json, unit: Any) -> str:
    spec = find_project(project).spec
    same = [p for p in spec.published if p.protocol == "same" and (p.metric or spec.metric) == first["metric"]]
    if not same:
        return "–"
    best = (max if first["higher_is_better"] else min)(same, key=lambda p: p.score)
    return f"{unit.score(best.score)} ({best.model})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("projects", nargs="*", metavar="PROJECT[:RECIPE]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--fast", action="store_true", help="one seed, the default recipe, three minutes a project at most"
    )
    parser.add_argument("--again", action="store_true", help="measure what is there as well")
    parser.add_argument("--table", action="store_true", help="write the table and stop")
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "deepdojo-catalogue")
    given = parser.parse_args()
    name = "catalogue-fast" if given.fast else "catalogue"
    lines_file, page = RESULTS / f"{name}.jsonl", RESULTS / f"{name}.md"
    failed: dict[str, str] = {}
    for job in [] if given.table else jobs(given.projects, given.seeds, fast=given.fast):
        if job.key in measured(lines_file) and not given.again:
            continue
        print(" ".join(["dojo", *job.command()]), flush=True)
        try:
            found = run(job, given.runs)
        except (DojoError, OSError, ValueError) as error:
            found = str(error)
        if isinstance(found, str):
            failed[f"{job.project}:{job.recipe}"] = found
            print(f"  left out: {found}", flush=True)
            continue
        with lines_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        print(f"  {found['metric']} {found['score']:.4g}, {found['cpu_seconds']:.0f} CPU s", flush=True)
        page.write_text(table(measured(lines_file)), "utf-8")
    page.write_text(table(measured(lines_file)), "utf-8")
    for name, why in failed.items():
        print(f"left out: {name}: {why}")


if __name__ == "__main__":
    main()
