"""After training: held-out predictions, score, floors, verdict, explanations, examples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.data.rowset import ById, with_ids
from deepdojo.errors import RunError
from deepdojo.places import write_json
from deepdojo.runs import Run, write_rejected
from deepdojo.scoring.metrics import METRICS
from deepdojo.session.boxed import class_curves
from deepdojo.session.deciding import threshold_of
from deepdojo.session.evaluate import Judge, table_of, write_predictions, write_rows
from deepdojo.session.examples import collect_examples, worst_rows
from deepdojo.session.floors import Floors
from deepdojo.session.passages import passages_of, samples_of
from deepdojo.session.spoken import spoken_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from deepdojo.contracts import Contract
    from deepdojo.scoring.score import Score
    from deepdojo.session.network import Network
    from deepdojo.session.train import Session
    from deepdojo.tables import Table, TableRows
    from deepdojo.tasks.base import Task

__all__ = ["explain_run", "finish_run", "finish_withheld", "held_out_score"]

WORST = 20
BEST = 12
MOST_SEEN = 1000


def finish_run(session: Session, network: Network) -> None:
    """Everything that reads held-out rows, in this order."""
    dataset, listener = session.dataset, session.listener
    listener.stage("score", "held-out rows")
    found = network.predict(dataset.rows("test"))
    session.usable("test")
    truth, groups = dataset.truth("test"), dataset.groups("test")
    table = table_of(found, network.task.contract)
    judged = session.judge.score(truth, table, groups=groups)
    write_predictions(session.folder, "predictions.parquet", table, network.task.contract)
    write_rows(session.folder, network.task.contract, truth, judged, groups)
    write_rejected(session.folder / "rejected.csv", dataset.rejected)
    _write_classes(session, network.task.contract, truth, table)
    score = head_of(session, judged, groups is not None)
    score |= {
        "others": session.judge.others(truth, table, groups, until=time.monotonic() + 0.1 * session.seconds_left()),
        "validation": network.validation_score(),
        "cost": network.cost(), **threshold_of(network.task),
    }  # fmt: skip
    write_json(session.folder / "score.json", score)
    if session.options.baselines:
        score["baselines"] = run_floors(session, network, judged, groups)
    score["verdict"] = verdict(score)
    write_json(session.folder / "score.json", score)
    _write_what_is_seen(session, network, found, truth)
    score["cost"]["seconds"], score["cost"]["cpu_seconds"] = time.monotonic() - session.started, session.cpu_seconds()
    write_json(session.folder / "score.json", score)


def _write_classes(session: Session, contract: Contract, truth: Sequence[Any], table: Table) -> None:
    """Of boxes: precision over recall of each class."""
    if contract.target_kind == "boxes" and list(table.ids) == [row["id"] for row in truth]:
        boxes = [row[contract.target] for row in truth]
        write_json(session.folder / "classes.json", class_curves(boxes, table.columns[contract.answer]))


def _write_what_is_seen(session: Session, network: Network, found: TableRows, truth: Sequence[Any]) -> None:
    """What the report shows of single rows: samples, explanations, examples."""
    explained: dict[str, Any] = {"items": []}
    if network.task.writes:
        session.listener.stage("write")
        write_json(session.folder / "samples.json", samples(session, network))
    if session.options.explain and network.task.blank:
        session.listener.stage("explain")
        explained = explain(session, network, found, truth)
        write_json(session.folder / "explanations" / "index.json", explained)
    shown = passages(session, network.task, network.model, found, network.hardware.device)
    shown += spoken(session, network.task, network.model, found, truth, network.hardware.device)
    shown += examples_of(session, found, truth, explained)
    write_json(session.folder / "examples.json", shown)


def finish_withheld(session: Session, network: Network) -> None:
    """Where a host keeps the answers: predictions of the test rows, to be sent to him; the score of validation rows."""
    dataset = session.dataset
    session.listener.stage("predict", "test rows, whose answers the host keeps")
    found = network.predict(dataset.rows("test"))
    session.usable("test")
    contract = network.task.contract
    write_predictions(session.folder, "predictions.parquet", table_of(found, contract), contract)
    write_rejected(session.folder / "rejected.csv", dataset.rejected)
    network.write_validation_score("the host of the competition scores predictions.parquet")


def held_out_score(session: Session, network: Network) -> Score:
    """The score alone, as `dojo reproduce` needs it."""
    found = network.predict(session.dataset.rows("test"))
    table = table_of(found, network.task.contract)
    return session.judge.score(session.dataset.truth("test"), table, groups=session.dataset.groups("test"))


def head_of(session: Session, judged: Score, grouped: bool) -> dict[str, Any]:
    return {
        "metric": judged.metric, "value": judged.value, "low": judged.low, "high": judged.high, "n": judged.n,
        "higher_is_better": judged.higher_is_better, "interval": judged.interval,
        "digest": session.dataset.digest("test"), "groups": grouped, "baselines": [],
        "data_share": session.options.share, "replaced": session.own.replaced(), "seed": session.seed,
        "published": [p.model_dump() for p in session.dataset.project.spec.published],
        **({} if session.search is None else {"trials": session.search["trials"]}),
        **signature_of(judged.metric),
    }  # fmt: skip


def signature_of(metric: str) -> dict[str, str]:
    """How others call exactly this metric, where it has such a name."""
    found = METRICS[metric].signature if metric in METRICS else ""
    return {"signature": found} if found else {}


def run_floors(session: Session, network: Network, judged: Score, groups: np.ndarray | None) -> list[dict[str, Any]]:
    """Floors of this split, each compared with the network on the same rows."""
    session.listener.stage("baselines", "without a network, one thread each")
    floors = Floors(
        session.dataset, session.judge, session.runs, train=network.train_rows,
        test=session.dataset.rows("test"), seed=0, share=session.options.share,
    )  # fmt: skip
    floors.start()
    deadline = session.deadline
    until = None if deadline is None else time.monotonic() + 0.6 * max(0.0, deadline - time.monotonic())
    folders = floors.finish(session.listener, deadline=until)
    truth = session.dataset.truth("test")
    return [compared(folder, [judged], session.judge, truth, groups) for folder in folders]


def compared(
    folder: Path,
    judged: Sequence[Score],
    judge: Judge,
    truth: Sequence[dict[str, Any]],
    groups: np.ndarray | None,
) -> dict[str, Any]:
    """One row of score.json's `baselines`: the paired difference network - baseline on the rows that both predicted.

    Args:
        judged: of each seed; a floor has no seeds.
    """
    from deepdojo.scoring.seeds import paired_seeds
    from deepdojo.tables import read_table

    floor = Run(folder)
    table = read_table(folder / "predictions.parquet", judge.contract.predictions)
    other = judge.score(truth, table, groups=groups)
    difference = paired_seeds([one.measured for one in judged], [other.measured], groups=groups)
    real = difference.p < 0.05
    ahead = difference.value > 0 if other.higher_is_better else difference.value < 0
    return {
        "name": floor.info["name"], "title": floor.info["title"], "score": other.value, "low": other.low,
        "high": other.high,
        "better": ("network" if ahead else "baseline") if real else "tie", "difference": difference.value,
        "difference_low": difference.low, "difference_high": difference.high, "p": difference.p,
        "seconds": floor.score["cost"]["seconds"], "run": str(folder.name),
    }  # fmt: skip


def verdict(score: dict[str, Any]) -> str:
    """Does the network beat the best floor, and is the difference real?"""
    from deepdojo.report.figures import p_value, unit_of

    floors = score["baselines"]
    if not floors:
        return "no baseline was trained, so nothing says whether a network is needed here"
    best = (max if score["higher_is_better"] else min)(floors, key=lambda f: f["score"])
    value = unit_of(score["metric"]).score(best["score"], best["low"], best["high"])
    how = f"{best['title']} ({value}), {p_value(best['p'])}".replace("\u00a0", " ")
    if best["better"] == "network":
        return f"beats {how}"
    if best["better"] == "baseline":
        return f"loses to {how}"
    return f"cannot be told from {how}"


def explain(
    session: Session, network: Network, found: Sequence[dict[str, Any]], truth: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    from deepdojo.explain import explain_rows

    deadline = session.deadline
    left = None if deadline is None else max(0.5, 0.6 * (deadline - time.monotonic()))
    return explain_rows(
        network.task, network.model, session.dataset.rows("test"), ById(found),
        device=network.hardware.device, seed=session.seed, truth=ById(truth), time_s=left,
        progress=lambda done, total: session.listener.progress(done, total, "rows"),
    )  # fmt: skip


def samples(session: Session, network: Network) -> list[dict[str, Any]]:
    until = time.monotonic() + 0.3 * session.seconds_left()
    return samples_of(network.task, network.model, seed=session.seed, until=until)


def passages(
    session: Session, task: Task, model: nn.Module, found: Sequence[dict[str, Any]], device: torch.device | str
) -> list[dict[str, Any]]:
    """Of a task whose decisions are as many as its symbols."""
    if not task.contract.host_run:
        return []
    cells = {row["id"]: row for row in found}
    rows = session.dataset.rows("test")
    return passages_of(task, model, rows, cells, device=device, where=lambda key: place_of(session, key))


def spoken(
    session: Session,
    task: Task,
    model: nn.Module,
    found: Sequence[dict[str, Any]],
    truth: Sequence[dict[str, Any]],
    device: torch.device | str,
) -> list[dict[str, Any]]:
    """Of a task whose answer is a sound: some sentences, as they were said and as they are said now."""
    if task.contract.answer_kind != "audio":
        return []
    losses = dict(zip([row["id"] for row in truth], row_losses(session.judge, truth, found).tolist(), strict=True))
    return spoken_of(
        task, model, session.dataset.rows("test"), ById(truth), ById(found), losses, device=device,
        where=lambda key: place_of(session, key),
    )  # fmt: skip


def examples_of(
    session: Session,
    found: Sequence[dict[str, Any]],
    truth: Sequence[dict[str, Any]],
    explained: dict[str, Any],
) -> list[dict[str, Any]]:
    """The worst errors and the explained rows, with their actual content; none where a row is no single decision."""
    contract = session.judge.contract
    if contract.host_run:
        return []
    target, answers, predicted = contract.target, ById(truth), ById(found)
    losses = row_losses(session.judge, truth, found)
    wrong = np.array([contract.met(row, predicted[row["id"]]) is not True for row in truth], dtype=bool)
    why: dict[str, set[str]] = {truth[i]["id"]: {"worst"} for i in worst_rows(losses, wrong, WORST)}
    if contract.input_kind == "image" and contract.target_kind == "texts":  # no caption is plainly right or wrong
        for i in np.argsort(losses, kind="stable")[:BEST]:
            if truth[i]["id"] not in why:
                why[truth[i]["id"]] = {"best"}
    for item in explained.get("items", ()):
        right = contract.met(answers[item["id"]], predicted[item["id"]])
        why.setdefault(item["id"], set()).add("right" if right else "wrong")
    shown = {key: answers.position(key) for key in why}
    return collect_examples(
        ById(session.dataset.rows("test")), why, contract=contract,
        truth={key: truth[at][target] for key, at in shown.items() if at is not None}, predicted=predicted,
        losses={key: float(losses[at]) for key, at in shown.items() if at is not None},
        where={key: place_of(session, key) for key in why},
    )  # fmt: skip


def row_losses(judge: Judge, truth: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> np.ndarray:
    """How wrong each prediction is: -log p of the right class, the absolute error, else what the row costs the
    metric."""
    contract, cells = judge.contract, ById(found)
    target, distribution = contract.target, contract.distribution
    if distribution is not None and contract.target_kind == "label":
        sure = [cells[row["id"]][distribution].get(row[target], 0.0) for row in truth]
        return -np.log(np.maximum(sure, 1e-12))
    if contract.target_kind == "number" and contract.answer_kind == "number":
        return np.array([abs(float(cells[row["id"]][contract.answer]) - float(row[target])) for row in truth])
    return judge.score(truth, table_of([cells[row["id"]] for row in truth], contract)).losses


def place_of(session: Session, key: str) -> str:
    file, line = session.dataset.where(key)
    return file if line is None else f"{file}:{line}"


def seen_rows(run: Run, session: Session) -> ById:
    """Of a model that was trained on all rows: its predictions on some of them, which take the held-out rows' place."""
    from deepdojo.training.predictor import predict_rows

    dataset = session.dataset
    session.listener.say("the model has learned from all rows, so its decisions on some of these are explained")
    ids = [row["id"] for row in dataset.rows("train")]
    some = np.random.default_rng(run.info["seed"]).permutation(len(ids))[:MOST_SEEN]
    session.dataset = dataset.on_split(dataset.project, {ids[i]: "test" for i in sorted(some)})
    return ById(predict_rows(run.task(), run.model(), session.dataset.rows("test")))


def kept_examples(run: Run) -> list[dict[str, Any]]:
    """examples.json, where there is one."""
    return run.read_json("examples.json") if (run.folder / "examples.json").is_file() else []


def explain_run(run: Run, session: Session, *, time_s: float | None = None) -> dict[str, Any]:
    """`dojo explain RUN` for a finished run: its own model and task on its own held-out rows.

    Writes the explanations and the rows they belong to: a run trained without them has kept its worst errors alone.
    """
    from deepdojo.explain import explain_rows

    if not run.task().blank:
        raise RunError(
            f"a {run.info['task']} run has no single decisions to explain: each symbol of a text is one", where=run.id,
            todo=f"see the tinted passages of dojo report {run.id}",
        )  # fmt: skip
    if session.refit is not None:
        cells = seen_rows(run, session)
    elif run.score["value"] is None:
        raise RunError("the run left the held-out rows closed, so there is no decision to explain", where=run.id,
                       todo="train without --validation-only")  # fmt: skip
    else:
        cells = ById(run.predictions().rows())
    rows, truth = session.dataset.rows("test"), session.dataset.truth("test")
    explained = explain_rows(
        run.task(), run.model(), with_ids(rows, list(cells)), cells, device="cpu", seed=run.info["seed"],
        truth=ById(truth), time_s=time_s,
        progress=lambda done, total: session.listener.progress(done, total, "rows"),
    )  # fmt: skip
    known = with_ids(truth, list(cells))
    write_json(run.folder / "explanations" / "index.json", explained)
    shown = [entry for entry in kept_examples(run) if entry.get("kind") == "spoken"]
    write_json(run.folder / "examples.json", shown + examples_of(session, cells.rows, known, explained))
    return explained
