"""What the catalogue's recipes have reached, written where a reader of the recipe finds it: its [expect] table.

    python benchmarks/expectations.py            # of every recipe in a project's own folder that catalogue.jsonl knows
    python benchmarks/expectations.py --check    # names those whose table says something else

Figures come from `results/catalogue.jsonl`: mean and standard deviation over seeds, CPU seconds of the whole command
(median). A table of more trainings stays. A stock recipe belongs to many projects and has no such table.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import tomlkit

from catalogue import RESULTS, measured
from deepdojo.data.project import find_project

Json = dict[str, Any]


def expectations() -> dict[Path, Json]:
    """Recipe file -> its [expect] table."""
    groups: dict[tuple[str, str], list[Json]] = {}
    for line in measured(RESULTS / "catalogue.jsonl").values():
        groups.setdefault((line["project"], line["recipe"]), []).append(line)
    found = {}
    for (project, recipe), lines in sorted(groups.items()):
        path = find_project(project).folder / "recipes" / f"{recipe}.toml"
        if path.is_file():
            found[path] = _table(project, recipe, lines)
    return found


def _table(project: str, recipe: str, lines: list[Json]) -> Json:
    scores = [line["score"] for line in lines]
    table: Json = {"metric": lines[0]["metric"], "score": _short(statistics.mean(scores), 4)}
    if len(scores) > 1:
        table["spread"] = _short(statistics.stdev(scores), 2)
    return table | {
        "n": len(scores),
        "seconds": round(statistics.median(line["cpu_seconds"] for line in lines)),
        "hardware": "CPU seconds, one of 2 shared cores",
        "command": f"python benchmarks/catalogue.py {project}:{recipe}",
    }


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args()
    for path, table in expectations().items():
        text = path.read_text("utf-8")
        document = tomlkit.parse(text)
        before = dict(document.get("expect") or {})
        if before == table or before.get("n", 0) > table["n"]:
            continue
        print(f"{path.parent.parent.name}:{path.stem}: {table['score']} over {table['n']}")
        if not given.check:
            document.pop("expect", None)
            path.write_text(tomlkit.dumps(document).rstrip() + "\n\n[expect]\n" + tomlkit.dumps(table), "utf-8")


if __name__ == "__main__":
    main()
