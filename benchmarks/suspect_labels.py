"""How many of the labels that `dojo errors RUN --suspect-labels` doubts most are wrong, on ag-news-noisy.

The data give a crowd's labels and the authors' (`gt`). Training, folds and ranking see the crowd's alone; `gt` is read
here, after the ranking.

    python benchmarks/suspect_labels.py                        trains the project's recipe, then judges
    python benchmarks/suspect_labels.py --run last --json      of a run that is there
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys

import numpy as np

from deepdojo import api
from deepdojo.data.dataset import Dataset
from deepdojo.data.project import find_project
from deepdojo.data.sources import locate
from deepdojo.scoring.formulas import wilson

PROJECT = "ag-news-noisy"
FILE = "train_crowd10000.csv.gz"
CLASSES = ("World", "Sports", "Business", "Sci/Tech")
SHOWN = (50, 100, 200, 500, 1000)


def truth() -> dict[int, str]:
    """Line -> the authors' class."""
    project = find_project(PROJECT)
    found = {}
    with locate(project.spec.source, project.folder, offline=True).open(FILE) as file:
        reader = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
        next(reader)
        line = reader.line_num + 1
        for cells in reader:
            found[line] = CLASSES[int(cells[1])]
            line = reader.line_num + 1
    return found


def given(dataset: Dataset) -> dict[int, str]:
    """Line -> the crowd's label, of the rows that were judged."""
    rows = [row for part in ("train", "validation") for row in dataset.rows(part)]
    return {int(dataset.where(row["id"])[1] or 0): row["label"] for row in rows}


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("--run", help="a finished run of the project; default: one is trained")
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    run = options.run or str(api.train(PROJECT, baselines=False, explain=False, report=False, trust=True).folder)
    found = api.errors(run, suspect_labels=True, n=10**9, offline=True)
    right, crowd = truth(), given(api.open_dataset(PROJECT, offline=True, trust=True))
    wrong = {line for line, label in crowd.items() if label != right[line]}
    ranked = np.array([row["line"] in wrong for row in found["rows"]])
    mended = np.array([row["suggested"] == right[row["line"]] for row in found["rows"]])
    result = {
        "run": found["run"], "judged": found["judged"], "wrong": len(wrong), "wrong_share": len(wrong) / len(crowd),
        "estimated": found["wrong"], "suspects": len(ranked), "found": int(ranked.sum()),
        "precision": {k: [float(ranked[:k].mean()), *wilson(int(ranked[:k].sum()), k)] for k in SHOWN
                      if k <= len(ranked)},
        "suggestion_right": {k: float(mended[:k].mean()) for k in SHOWN if k <= len(ranked)},
    }  # fmt: skip
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        return
    print(f"{result['wrong']:,} of {result['judged']:,} labels are wrong ({result['wrong_share']:.1%}); estimated "
          f"{found['wrong']['value']:.1%} [{found['wrong']['low']:.1%}, {found['wrong']['high']:.1%}]")  # fmt: skip
    print(f"{result['suspects']:,} are doubted, {result['found']:,} of them wrong")
    for k, (value, low, high) in result["precision"].items():
        suggested = result["suggestion_right"][k]
        print(
            f"precision at {k:>5,}: {value:.1%} [{low:.1%}, {high:.1%}]; the suggested class is right: {suggested:.1%}"
        )


if __name__ == "__main__":
    main()
