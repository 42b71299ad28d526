"""What is done with finished runs: compare two, explain one anew, train one again."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepdojo.errors import RunError
from deepdojo.runs import PARTIAL, Run
from deepdojo.session.listener import Listener
from deepdojo.session.start import resumed

__all__ = ["compare_runs", "explain_again", "reproduce_run"]


def compare_runs(a: Run, b: Run) -> dict[str, Any]:
    """The paired difference a - b from the rows that both scored. Refuses runs of different held-out rows or
    metrics."""
    for key, words in (("project", "projects"), ("metric", "metrics")):
        if a.info[key] != b.info[key]:
            raise RunError(f"the runs have different {words}: {a.info[key]} and {b.info[key]}", where=f"{a.id}, {b.id}")
    if a.score["digest"] != b.score["digest"]:
        raise RunError(
            f"the runs were scored on different held-out rows or labels ({a.score['n']:,} and {b.score['n']:,} rows)",
            where=f"{a.id}, {b.id}", todo="train both on the same data and split",
        )  # fmt: skip
    difference = paired_difference(a, b)
    real = difference.p < 0.05
    ahead = (difference.value > 0) == a.score["higher_is_better"]
    return {
        "a": side(a), "b": side(b), "metric": a.score["metric"], "higher_is_better": a.score["higher_is_better"],
        "difference": difference.value, "low": difference.low, "high": difference.high, "p": difference.p,
        "n": difference.n, "better": (a.id if ahead else b.id) if real else "tie",
    }  # fmt: skip


def paired_difference(a: Run, b: Run) -> Any:
    """From predictions and targets in the run folders where the metric is ours, else from the rows' influence."""
    import numpy as np

    from deepdojo.scoring.measured import paired_influence
    from deepdojo.scoring.metrics import METRICS
    from deepdojo.scoring.score import paired_scores, score
    from deepdojo.session.evaluate import rows_kinds
    from deepdojo.tables import align, read_table

    tables = [read_table(run.folder / "rows.parquet", rows_kinds(run.contract)) for run in (a, b)]
    tables[1] = align(tables[0].columns["id"], tables[1])
    groups = np.array(tables[0].columns["group"]) if a.score["groups"] else None
    if a.score["metric"] in METRICS:
        truth = [{"id": row["id"], **{t: row[t] for t in a.contract.targets}} for row in tables[0].rows()]
        first, second = (
            score(run.contract, run.score["metric"], truth, run.predictions(), groups=groups) for run in (a, b)
        )
        return paired_scores(first, second, groups=groups)
    vectors = [np.array(t.columns["influence"]) for t in tables]
    return paired_influence(vectors[0], vectors[1], a.score["value"], b.score["value"], groups=groups)


def side(run: Run) -> dict[str, Any]:
    s = run.score
    return {
        "run": run.id, "model": run.info["model"]["name"] if "model" in run.info else run.info["title"],
        "recipe": run.info.get("recipe"), "score": s["value"],
        "low": s["low"],
        "high": s["high"], "n": s["n"], **s["cost"],
    }  # fmt: skip


def explain_again(run: Run, listener: Listener, *, offline: bool, trust: bool) -> dict[str, Any]:
    from deepdojo.report import write_report
    from deepdojo.session.finish import explain_run
    from deepdojo.training.precision import using_threads

    session = resumed(run, listener=listener, started=time.monotonic(), trust=trust, offline=offline, budget_s=None)
    listener.stage("explain")
    with using_threads(run.read_json("environment.json")["threads"] or 1):
        explained = explain_run(run, session)
    write_report(run.folder)
    listener.finish()
    return explained


def reproduce_run(run: Run, listener: Listener, *, offline: bool, trust: bool) -> dict[str, Any]:
    """Train again in a temporary folder, with the recorded steps and no clock; compare score and weights bit for
    bit."""
    from safetensors.numpy import load_file

    from deepdojo.session.finish import held_out_score
    from deepdojo.session.network import Network
    from deepdojo.training.schedules import Schedule

    if run.score["value"] is None:
        raise RunError("the run left the held-out rows closed, so there is no score to reproduce", where=run.id)
    session = resumed(run, listener=listener, started=time.monotonic(), trust=trust, offline=offline, budget_s=None)
    threads = run.read_json("environment.json")["threads"]
    with tempfile.TemporaryDirectory(prefix="deepdojo-reproduce-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / f"{run.id}{PARTIAL}"
        folder.mkdir()
        session.folder, session.resume = folder, False
        session.replay = Schedule(**run.info["schedule"])
        session.options = replace(session.options, budget_s=None)
        if threads:
            train = session.recipe.train.model_copy(update={"threads": threads})
            session.recipe = session.recipe.model_copy(update={"train": train})
        session.write_head()
        network = Network.prepare(session)
        network.train()
        judged = held_out_score(session, network)
        ours, theirs = (load_file(f / "model" / "model.safetensors") for f in (folder, run.folder))
        same = ours.keys() == theirs.keys() and all((ours[k] == theirs[k]).all() for k in ours)
    listener.finish()
    return {
        "run": run.id, "model": session.recipe.model.name, "metric": judged.metric, "recorded": run.score["value"],
        "score": judged.value, "same_score": judged.value == run.score["value"], "same_weights": bool(same),
    }  # fmt: skip
