"""Degenerate and hostile runs, and the table of all made runs. Run with FOLDER to draw them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from report_cases import passengers, progression, reviews, verses
from report_runs import HOSTILE, curve, data, digits, dump, floor, parquet, photos, run_toml

LONG_LABEL = "a label that goes on and on " * 11


def hostile(folder: Path) -> Path:
    """Two hundred classes, labels of 300 characters and of HTML, one epoch, no floor."""
    rng = np.random.default_rng(6)
    classes = [HOSTILE, LONG_LABEL, "标签" * 150, *(f"class {i}" for i in range(197))]
    truth = rng.integers(0, 200, 2000)
    guess = np.where(rng.random(2000) < 0.6, truth, rng.integers(0, 5, 2000))
    run_toml(
        folder,
        project=HOSTILE,
        task="image-classification",
        metric="accuracy",
        recipe="r",
        model="m",
        command=f"dojo train '{HOSTILE}'",
        stopped="epochs",
        epochs=1,
        best_epoch=1,
        chosen={"x": HOSTILE},
    )
    parquet(
        folder / "rows.parquet",
        [{"id": str(i), "label": classes[t]} for i, t in enumerate(truth)],
        {"id": "VARCHAR", "label": "VARCHAR"},
    )
    parquet(
        folder / "predictions.parquet",
        [
            {"id": str(i), "label": classes[g], "probabilities": {classes[g]: 0.8, classes[4]: 0.2}}
            for i, g in enumerate(guess)
        ],
        {"id": "VARCHAR", "label": "VARCHAR", "probabilities": "MAP(VARCHAR, DOUBLE)"},
    )
    curve(folder, "accuracy", 1, best=1, start=0.1, end=0.6, losses=(5.3, 2.0))
    dump(
        folder,
        "data.json",
        data(
            (9000, 1000, 2000),
            classes,
            [{"kind": HOSTILE, "where": HOSTILE, "what": HOSTILE, "todo": HOSTILE, "level": HOSTILE}],
        ),
    )
    dump(folder, "environment.json", {"device": HOSTILE})
    dump(
        folder,
        "score.json",
        {
            "metric": "accuracy",
            "value": 0.6,
            "low": 0.58,
            "high": 0.62,
            "n": 2000,
            "higher_is_better": True,
            "baselines": [],
            "published": [
                {"model": HOSTILE, "score": 0.7, "source": "javascript:alert(1)", "note": HOSTILE, "protocol": "same"}
            ],
        },
    )
    examples = [
        {
            "id": HOSTILE,
            "kind": "image",
            "image": "http://evil.example/a.png",
            "truth": LONG_LABEL,
            "predicted": HOSTILE,
            "top": [[HOSTILE, 0.8]],
            "loss": 9.0,
            "why": ["worst", "wrong"],
            "where": HOSTILE,
        },
        {
            "id": "x",
            "kind": "record",
            "record": {HOSTILE: HOSTILE, "n": None},
            "truth": "a",
            "predicted": "a",
            "top": None,
            "loss": 1.0,
            "why": ["right"],
            "where": "",
        },
    ]
    dump(folder, "examples.json", examples)
    dump(
        folder,
        "explanations/index.json",
        {
            "rows_n": 2,
            "summary": [],
            "items": [
                {
                    "id": "x",
                    "method": HOSTILE,
                    "kind": "record",
                    "pieces": [HOSTILE, "n"],
                    "scores": [1.0, -0.5],
                    "evidence": 0.0,
                }
            ],
        },
    )
    return folder


def tiny(folder: Path) -> Path:
    """Three held-out rows, all right, and nothing beside score and predictions."""
    run_toml(
        folder,
        project="tiny",
        task="text-classification",
        metric="accuracy",
        recipe="linear",
        model="linear",
        stopped="epochs",
        epochs=2,
        best_epoch=2,
    )
    rows = [{"id": str(i), "label": "ab"[i % 2]} for i in range(3)]
    parquet(folder / "rows.parquet", rows, {"id": "VARCHAR", "label": "VARCHAR"})
    parquet(folder / "predictions.parquet", rows, {"id": "VARCHAR", "label": "VARCHAR"})
    dump(
        folder,
        "score.json",
        {
            "metric": "accuracy",
            "value": 1.0,
            "low": 0.438,
            "high": 1.0,
            "n": 3,
            "higher_is_better": True,
            "baselines": [floor("majority", "majority class", 0.667, 0.3, "tie", 0.333, 1.0)],
        },
    )
    return folder


def bare(folder: Path) -> Path:
    """Only run.toml; a metrics file cut off; a broken score."""
    run_toml(folder, project="bare", task="text-classification", metric="accuracy", recipe="linear")
    (folder / "metrics.jsonl").write_text('{"kind": "epo', encoding="utf-8")
    (folder / "score.json").write_text("{", encoding="utf-8")
    return folder


RUNS = {f.__name__: f for f in (digits, photos, reviews, passengers, progression, verses, hostile, tiny, bare)}

if __name__ == "__main__":
    from deepdojo.report import write_report

    for name, make in RUNS.items():
        print(write_report(make(Path(sys.argv[1]) / name), language=sys.argv[2] if len(sys.argv) > 2 else "en"))
