"""Small events of every kind of prediction, and a whole submission of each in every form: what a fuzzer starts from."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.hosting.solution import write_solution
from deepdojo.competition.worker.judge import Judge
from deepdojo.contracts import MEDIA, contract_of
from deepdojo.data.sounds import encode_sound
from deepdojo.scoring.metrics import columns_of, metric_of
from deepdojo.scoring.submission_files import write_submission
from deepdojo.tables import Table, write_table

TASKS = (
    ("text-classification", "accuracy"), ("text-classification", "log_loss"), ("text-classification", "roc_auc"),
    ("text-classification", "macro_f1"), ("text-classification", "ece"), ("tabular-regression", "rmse"),
    ("tabular-regression", "r2"), ("ordinal-text-classification", "quadratic_kappa"), ("verification", "eer"),
    ("multi-label-classification", "micro_f1"), ("multi-label-classification", "macro_average_precision"),
    ("tagging", "chunk_f1"), ("question-answering", "squad_f1"), ("translation", "bleu"), ("translation", "chrf"),
    ("speech-recognition", "wer"), ("captioning", "cider_d"), ("forecasting", "mase"),
    ("forecasting", "weighted_quantile_loss"), ("detection", "map50"), ("speech-synthesis", "mel_distance"),
)  # fmt: skip
ROWS = 9
LABELS = ("amber", "beige", "coral")
GRADES = ("1", "2", "3")
FORMS = (".csv", ".tsv", ".jsonl", ".parquet", ".zip")


@dataclass(frozen=True)
class Hosted:
    """One event.

    Attributes:
        whole: ending -> a submission without fault; `scores` of the CSV, or of the zip where the cells are files.
    """

    name: str
    private: Path
    judge: Judge
    whole: dict[str, bytes]


def host(folder: Path, task: str, metric: str) -> Hosted:
    """Write the answers, and submissions that say the answers again."""
    contract = contract_of(task)
    names = GRADES if contract.ordered else ("same", "different") if task == "verification" else LABELS
    ids = [f"r{k}" for k in range(ROWS)]
    rows = [
        {"id": ids[k], **{column: _cell(kind, k, names) for column, kind in contract.targets.items()}}
        for k in range(ROWS)
    ]
    private = folder / f"{task}-{metric}"
    private.mkdir(parents=True)
    write_solution(
        private, contract=contract, task=task, metric=metric, rows=rows, public=np.arange(ROWS) % 2 == 0, groups=None,
        labels=list(names) if any(k in ("label", "labels") for k in contract.targets.values()) else None,
        key=b"k" * 32, facts={},
    )  # fmt: skip
    column = columns_of(contract, metric_of(metric))[1]
    kind = contract.predictions[column]
    table = Table({"id": ids, column: [_cell(kind, k, names) for k in range(ROWS)]})
    return Hosted(f"{task}, {metric}", private, Judge(private), _forms(folder, table, column, kind))


def _forms(folder: Path, table: Table, column: str, kind: Any) -> dict[str, bytes]:
    found = {}
    for ending in FORMS:
        path = folder / f"whole{ending}"
        if ending == ".zip":
            write_submission(path, table, {column: kind})
        elif kind in MEDIA and ending != ".parquet":
            continue
        else:
            write_table(path, table, {column: kind})
        found[ending] = path.read_bytes()
    if kind not in MEDIA:  # a zip around Parquet, with a manifest
        kept = io.BytesIO()
        with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("predictions.parquet", found[".parquet"])
            archive.writestr("manifest.json", json.dumps({"who": "ada", "parameters": 3, "seconds": 1.5}))
        found[".parquet.zip"] = kept.getvalue()
    return found


def _cell(kind: str, k: int, names: tuple[str, ...]) -> Any:
    """A cell of each kind for row k, such that every metric has a value on every part."""
    draws = np.random.default_rng(k)
    if kind == "label":
        return names[(k // 2) % len(names)]
    if kind == "labels":
        return [names[k % 3], names[(k + 1) % 3]][: 1 + k % 2]
    if kind == "number":
        return 1.0 + k / 8
    if kind == "distribution":
        return {name: (0.5 if name == names[(k // 2) % len(names)] else 0.25) for name in names}
    if kind == "marginals":
        return {name: float(p) for name, p in zip(names, draws.random(len(names)), strict=True)}
    if kind == "tokens":
        return ["B-PER", "I-PER", "O", "B-LOC"][: 2 + k % 3]
    if kind == "texts":
        return [f"the number {k} answer", f"answer {k}"]
    if kind == "text":
        return f'the number {k} answer, "said" by ü'
    if kind == "vector":
        return np.array([1.0 + k, 2.0, 3.5])
    if kind == "matrix":
        return np.array([[1.0 + k + q / 10, 2.0 + q / 10, 3.5 + q / 10] for q in range(3)])
    if kind == "boxes":
        return [[names[k % 3], 0.9, 4.0, 8.0, 30.0 + k, 42.0], [names[0], 0.4, 1.0, 1.0, 9.0, 9.0]]
    assert kind == "audio", kind
    return encode_sound(0.3 * np.sin(np.arange(1600) * (k + 1) / 20), 8000)


def host_all(folder: Path) -> list[Hosted]:
    """All of `TASKS`."""
    return [host(folder / str(number), task, metric) for number, (task, metric) in enumerate(TASKS)]
