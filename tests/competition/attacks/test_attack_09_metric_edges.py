"""Attack 9: answers of one class, one row on a board, constant and perfect predictions: finite, or a sentence."""

from __future__ import annotations

import json
import math
import random

import pytest

import deepdojo as dd
from tests.competition.attacks.room import Arena, arena, dojo, served

pytestmark = pytest.mark.slow  # eighteen events are hosted

METRICS = {
    "tabular-classification": ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "roc_auc", "ece"),
    "tabular-regression": ("rmse", "mae", "r2"),
}  # fmt: skip


def project(folder, metric: str, rows: int, *, one: bool) -> str | None:
    """A project of numbers or labels with so many test rows, all of one answer where asked; None: it cannot be made."""
    rng, name = random.Random(4), f"{metric}-{rows}-{one}".replace("_", "-").lower()
    labels = metric in METRICS["tabular-classification"]
    for part, count in (("train", 40), ("test", rows)):
        alike = one and part == "test"
        drawn = [rng.choice("12") if labels else f"{rng.gauss(0, 1):.3f}" for _ in range(count)]
        cells = ["1" if labels else "1.5"] * count if alike else drawn
        lines = ["key,x,y", *(f"{part}{i},{rng.random():.4f},{cell}" for i, cell in enumerate(cells))]
        (folder / f"{name}-{part}.csv").write_text("\n".join(lines) + "\n")
    task = "tabular-classification" if labels else "tabular-regression"
    train, test = (folder / f"{name}-{part}.csv" for part in ("train", "test"))
    dd.new(folder / name, train, test=test, target="y", id="key", task=task, metric=metric)
    return name


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    """An event for each metric and kind of answers that can be hosted; what was refused with its sentence."""
    folder = tmp_path_factory.mktemp("edges")
    made, refused = {}, {}
    for metric in (*METRICS["tabular-classification"], *METRICS["tabular-regression"]):
        for rows, one in ((2, False), (40, True)):
            name = project(folder, metric, rows, one=one)
            words = ("--public", "0.5", "--per-day", "1000", "--anyway", "--name", name, "--json")
            code, told, said = dojo(folder, "host", name, *words)
            if code:
                refused[name] = said
            else:
                made[name] = json.loads(told)
    with served(folder) as (port, log, pid):
        yield {name: arena(folder, port, log, pid, told) for name, told in made.items()}, refused


def predictions(event: Arena, metric: str, how: str) -> tuple[bytes, str]:
    """A JSON-lines table: right, wrong, or all alike."""
    lines = []
    for row in event.ids:
        right = event.truth[row]
        if isinstance(right, str):
            label = {"right": right, "wrong": "2" if right == "1" else "1", "alike": "1"}[how]
            share = {"right": 1.0, "wrong": 1.0, "alike": 0.5}[how]
            other = "2" if label == "1" else "1"
            cells = {"label": label, "probabilities": {label: share, other: 1 - share}}
        else:
            cells = {"value": {"right": right, "wrong": right + 1, "alike": 1.5}[how]}
        lines.append(json.dumps({"id": row, **cells}))
    return ("\n".join(lines) + "\n").encode(), "p.jsonl"


def test_attack_09_what_a_metric_cannot_judge_is_a_sentence_when_it_is_hosted(edges):
    events, refused = edges
    assert len(events) >= 12, (sorted(events), refused)
    for name, said in refused.items():
        last = said.strip().splitlines()[-1]
        assert last.startswith("error: "), (name, said)
        assert "Traceback" not in said


@pytest.mark.parametrize("how", ["right", "wrong", "alike"])
def test_attack_09_every_score_is_finite_with_its_interval_or_refused_with_a_sentence(edges, how):
    for name, event in edges[0].items():
        metric = name.split("-")[0]
        token = event.entrant(f"{how} {name}")
        told = event.told(token, *predictions(event, metric, how))
        assert told["state"] in ("scored", "refused"), (name, told)
        if told["state"] == "refused":
            assert told["fault"]["code"] == "bad_file"
            continue
        seen = event.ask("GET", f"/api/v1/submissions/{told['id']}", token=event.host).json
        for part in (seen["plain"], seen["private"]):
            figures = [part[key] for key in ("low", "value", "high")]
            assert all(math.isfinite(each) for each in figures), (name, part)
            assert figures == sorted(figures), (name, part)
            if metric in ("accuracy", "roc", "balanced", "macro", "ece"):
                assert figures[0] >= 0, (name, part)
                assert figures[2] <= 1, (name, part)
        board = event.api("GET", "/board")
        assert board.status == 200
        assert event.ask("GET", f"/{name}/board").status == 200


@pytest.mark.parametrize("share", ["0", "1", "-0.5", "2", "nan", "inf", "1e-9", "0.999999"])
def test_attack_09_a_split_without_public_or_hidden_rows_is_refused_or_has_both(edges, share):
    name = next(iter(edges[0]))
    event = edges[0][name]
    code, said, complaint = dojo(
        event.folder, "host", name, "--public", share, "--anyway", "--name", f"share-{abs(hash(share))}", "--json"
    )
    if code:
        assert (code, complaint.strip().splitlines()[-1].startswith("error: ")) == (2, True)
    else:
        told = json.loads(said)
        assert 0 < told["public_rows"] < told["rows"]["test"]
