"""What is done with finished runs: compare two, explain one anew, train one again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import RecipeError, RunError, UnknownNameError, UsageError
from deepdojo.places import write_json
from deepdojo.runs import PARTIAL, Run
from deepdojo.session.listener import Listener, Part
from deepdojo.session.start import resumed

if TYPE_CHECKING:
    from deepdojo.scoring.measured import Measured
    from deepdojo.scoring.seeds import SeedsDifference
    from deepdojo.session.train import Session
    from deepdojo.stand_ins.own import OwnCode

__all__ = ["compare_runs", "explain_again", "named_run", "reproduce_run"]


def compare_runs(a: Run, b: Run) -> dict[str, Any]:
    """The paired difference a - b from the rows that both scored. Refuses runs of different held-out rows or
    metrics."""
    for run in (a, b):
        if run.score["value"] is None:
            raise RunError("the run has no score to compare", where=run.id)
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
    variance = difference.rows_sd**2 + (difference.seeds_sd or 0.0) ** 2
    return {
        "a": side(a), "b": side(b), "metric": a.score["metric"], "higher_is_better": a.score["higher_is_better"],
        "difference": difference.value, "low": difference.low, "high": difference.high, "p": difference.p,
        "n": difference.n, "better": (a.id if ahead else b.id) if real else "tie",
        "rows_sd": difference.rows_sd, "seeds_sd": difference.seeds_sd,
        "seeds_share": None if difference.seeds_sd is None or variance == 0 else difference.seeds_sd**2 / variance,
    }  # fmt: skip


def trainings(run: Run) -> list[Run]:
    """The runs of the single seeds, each with predictions of all held-out rows; a run of one seed is that itself."""
    return run.members() if run.group is not None and len(run.group["seeds"]) > 1 else [run]


def paired_difference(a: Run, b: Run) -> SeedsDifference:
    """From predictions and targets in the run folders where the metric is ours, else from the rows' influence."""
    import numpy as np

    from deepdojo.scoring.measured import from_mean
    from deepdojo.scoring.metrics import METRICS
    from deepdojo.scoring.score import score
    from deepdojo.scoring.seeds import paired_seeds
    from deepdojo.session.evaluate import rows_kinds
    from deepdojo.tables import align, read_table

    kinds = rows_kinds(a.contract)
    first = read_table(a.folder / "rows.parquet", kinds)
    ids = first.columns["id"]
    groups = np.array(first.columns["group"]) if a.score["groups"] else None
    truth = [{"id": row["id"], **{t: row[t] for t in a.contract.targets}} for row in first.rows()]

    def measured(run: Run) -> Measured:
        if a.score["metric"] in METRICS:
            return score(run.contract, run.score["metric"], truth, run.predictions(), groups=groups).measured
        table = align(ids, read_table(run.folder / "rows.parquet", kinds))
        return from_mean(np.array(table.columns["influence"]) + run.score["value"])

    return paired_seeds(*([measured(one) for one in trainings(run)] for run in (a, b)), groups=groups)


def side(run: Run) -> dict[str, Any]:
    s, seeds = run.score, run.score.get("seeds") or {}
    return {
        "run": run.id, "model": run.info["model"]["name"] if "model" in run.info else run.info["title"],
        "recipe": run.info.get("recipe"), "score": s["value"], "low": s["low"], "high": s["high"], "n": s["n"],
        "seeds": seeds.get("n", 1), "sd": seeds.get("sd"), **s["cost"],
    }  # fmt: skip


def named_run(name: str, folders: Sequence[Path]) -> Run:
    """The newest finished run of a recipe or model, or the baseline, of that name.

    Args:
        folders: of the project's runs and baselines, the oldest first.

    Raises:
        UnknownNameError: there is none; with the nearest name.
    """
    known: dict[str, Run] = {}
    for run in (Run(folder) for folder in folders):
        if run.finished and run.score["value"] is not None:
            recipe, model = run.info.get("recipe"), run.info.get("model", {}).get("name")
            own = [recipe, model if recipe == "default" else None, run.info.get("name")]
            known |= {str(key): run for key in own if key}
    if name not in known:
        raise UnknownNameError("recipe with a run", name, known)
    return known[name]


def explain_again(
    run: Run, listener: Listener, *, offline: bool, trust: bool, own: OwnCode | None = None
) -> dict[str, Any]:
    """Decisions explained anew; `own`: a learner's code for this time, kept beside the explanations.

    Raises: UsageError where that is of a training. RecipeError where the explanations never take it.
    """
    from deepdojo.report import write_report
    from deepdojo.session.finish import explain_run
    from deepdojo.training.precision import using_threads

    session = resumed(run, listener=listener, started=time.monotonic(), trust=trust, offline=offline, budget_s=None)
    listener.stage("explain")
    with using_threads(run.read_json("environment.json")["threads"] or 1):
        explained = _explained(run, session, own) if own else explain_run(run, session)
    write_report(run.folder)
    listener.finish()
    return explained


def _explained(run: Run, session: Session, own: OwnCode) -> dict[str, Any]:
    from deepdojo.session.finish import explain_run
    from deepdojo.stand_ins.own import OwnCode

    for idea in own.ideas:
        if idea.kind != "explanation":
            raise UsageError(
                f"{idea.name} is of a training, and this run is trained", where=idea.file,
                todo=f"dojo train {run.info['project']} --with {idea.file}",
            )  # fmt: skip
    both = OwnCode((*session.own.ideas, *own.ideas))
    with both.at_work() as counts:
        explained = explain_run(run, session)
    own.counts = dict(counts)
    unused = [idea for idea in own.ideas if not own.replaced()[idea.name]]
    if unused:
        raise RecipeError(f"no explanation of this run takes {unused[0].name}", where=unused[0].file,
                          todo="see the notes of dojo explain")  # fmt: skip
    own.keep(run.folder)
    explained["with"] = own.written()
    write_json(run.folder / "explanations" / "index.json", explained)
    return explained


def reproduce_run(run: Run, listener: Listener, *, offline: bool, trust: bool) -> dict[str, Any]:
    """Train again in a temporary folder, with the recorded steps and no clock; compare score and weights bit for
    bit. Of several trainings each one; their scores are then means over them."""
    from safetensors.numpy import load_file

    if run.group is not None:
        return reproduce_group(run, listener, offline=offline, trust=trust)
    from deepdojo.session.finish import held_out_score
    from deepdojo.session.network import Network
    from deepdojo.training.schedules import Schedule

    if run.score["value"] is None:
        raise RunError("the run left the held-out rows closed, so there is no score to reproduce", where=run.id)
    session = resumed(run, listener=listener, started=time.monotonic(), trust=trust, offline=offline, budget_s=None)
    threads = run.read_json("environment.json")["threads"]
    with tempfile.TemporaryDirectory(prefix="deepdojo-reproduce-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / f"{run.id.replace('/', '-')}{PARTIAL}"
        folder.mkdir()
        session.folder, session.resume = folder, False
        session.replay = Schedule(**run.info["schedule"])
        session.options = replace(session.options, budget_s=None)
        if threads:
            train = session.recipe.train.model_copy(update={"threads": threads})
            session.recipe = session.recipe.model_copy(update={"train": train})
        if "processes" in run.info:  # bit for bit what they did, where nothing is drawn at random inside the model
            train = session.recipe.train
            shards = train.model_copy(update={"accumulate": train.accumulate * int(run.info["processes"])})
            session.recipe = session.recipe.model_copy(update={"train": shards})
        session.write_head()
        with session.own.at_work():
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


def reproduce_group(run: Run, listener: Listener, *, offline: bool, trust: bool) -> dict[str, Any]:
    from deepdojo.session.group import Plan

    members = Plan.of(run).members()
    found = []
    for number, member in enumerate(members, 1):
        part = Part(listener, f"{member.name} ({number} of {len(members)})")
        found.append(reproduce_run(Run(run.folder / member.path), part, offline=offline, trust=trust))
    listener.finish()
    means = {key: sum(one[key] for one in found) / len(found) for key in ("recorded", "score")}
    same = {key: all(one[key] for one in found) for key in ("same_score", "same_weights")}
    return {**found[0], "run": run.id, **means, **same}
