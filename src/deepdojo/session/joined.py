"""What the trainings of a group say together: one score with both its spreads, one comparison with the floors."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.columns import same
from deepdojo.data.dataset import Dataset
from deepdojo.data.digests import line_of
from deepdojo.data.twins import TWIN_REASON
from deepdojo.errors import RunError, ScoreError
from deepdojo.places import write_json
from deepdojo.runs import Run, write_rejected, write_toml
from deepdojo.scoring.score import Score, from_measured
from deepdojo.scoring.seeds import mean_measured, spread
from deepdojo.session.evaluate import Judge, rows_kinds, write_rows
from deepdojo.session.finish import compared, examples_of, explain_run, head_of, verdict
from deepdojo.session.floors import Floors
from deepdojo.session.start import session_of
from deepdojo.tables import Table, read_table, write_table

if TYPE_CHECKING:
    from deepdojo.session.group import Group
    from deepdojo.session.train import Session

__all__ = ["Judged", "finish_group", "judged_run", "mean_score"]


@dataclass(frozen=True)
class Judged:
    """The predictions of one training (or of all folds of one seed), scored again from its own files."""

    truth: list[dict[str, Any]]
    table: Table
    groups: np.ndarray | None
    score: Score


def judged_run(run: Run, judge: Judge) -> Judged:
    """Raises RunError or ScoreError where files are missing or broken."""
    contract = judge.contract
    rows = read_table(run.folder / "rows.parquet", rows_kinds(contract))
    truth = [{"id": row["id"], **{t: row[t] for t in contract.targets}} for row in rows.rows()]
    groups = np.array(rows.columns["group"]) if run.score["groups"] else None
    table = run.predictions()
    return Judged(truth, table, groups, judge.score(truth, table, groups=groups))


def joined(folds: Sequence[Judged], judge: Judge) -> Judged:
    """The rows of all folds as one table, each predicted by the model that did not see it."""
    truth = [row for fold in folds for row in fold.truth]
    names = folds[0].table.columns
    table = Table({name: [cell for fold in folds for cell in fold.table.columns[name]] for name in names})
    table.columns["fold"] = [float(k) for k, fold in enumerate(folds) for _ in range(len(fold.table))]
    groups = None
    if folds[0].groups is not None:
        groups = np.concatenate([fold.groups for fold in folds if fold.groups is not None])
    return Judged(truth, table, groups, judge.score(truth, table, groups=groups))


def mean_score(parts: Sequence[Judged]) -> Score:
    """The mean over seeds and its interval over rows."""
    first = parts[0].score
    if len(parts) == 1:
        return first
    if any(not _same_rows(part.truth, parts[0].truth) for part in parts):
        raise RunError("the trainings of the run were scored on different rows", todo="train anew")
    measured = mean_measured([part.score.measured for part in parts])
    return from_measured(first.metric, measured, first.higher_is_better, groups=parts[0].groups)


def _same_rows(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def finish_group(group: Group) -> None:
    """score.json, rows.parquet, the floors, explanations and examples of a group whose trainings are all there."""
    plan = group.plan
    leave_out_rejected(group)
    count_own_code(group)
    if group.options.validation_only or next(iter(group.data.values())).withheld:
        write_closed(group)
        return
    group.listener.stage("score", "all trainings")
    parts = [fold_part(group, seed) for seed in plan.seeds] if plan.folds else [
        judged_run(Run(group.folder / m.path), group.judge) for m in plan.members()
    ]  # fmt: skip
    union = everything(group) if plan.folds else next(iter(group.data.values()))
    session = session_like(group, union)
    judged = write_score(group, session, group.folder, parts, seeds=list(plan.seeds))
    score = Run(group.folder).score
    if group.options.baselines:
        folders = fold_floors(group) if plan.folds else plain_floors(group, session)
        told = (group.judge, judged.truth, judged.groups)
        score["baselines"] = [compared(folder, [part.score for part in parts], *told) for folder in folders]
        if not plan.folds:
            for member, part in zip(plan.members(), parts, strict=True):
                add_baselines(Run(group.folder / member.path), [compared(f, [part.score], *told) for f in folders])
    score["verdict"] = verdict(score)
    if plan.folds:
        best = score["seeds"]["shown"] if "seeds" in score else ""
        cells = parts[[plan.place(seed).rstrip("/") for seed in plan.seeds].index(best)].table.rows()
        write_json(group.folder / "examples.json", examples_of(session, cells, judged.truth, {"items": []}))
    elif group.options.explain:
        explain_shown(group, score)
    score["cost"]["seconds"], score["cost"]["cpu_seconds"] = time.monotonic() - group.started, group.cpu_seconds()
    write_json(group.folder / "score.json", score)


def count_own_code(group: Group) -> None:
    """In how many places a learner's code stands is known once a member has been built."""
    counted = Run(group.folder / group.plan.members()[0].path).info.get("with")
    if counted:
        write_toml(group.folder / "run.toml", {**Run(group.folder).info, "with": counted})


def leave_out_rejected(group: Group) -> None:
    """What any training could not read is left out everywhere, and listed once."""
    for member in group.plan.members():
        import csv

        with (group.folder / member.path / "rejected.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["reason"] == TWIN_REASON:  # of this member's fold alone
                    continue
                for dataset in group.data.values():
                    dataset.reject(row["id"], row["reason"])
    first = next(iter(group.data.values()))
    write_rejected(group.folder / "rejected.csv", first.rejected)
    data = Run(group.folder).read_json("data.json")
    parts = ("train", "validation", "test")
    tested = sum(len(dataset.rows("test")) for dataset in group.data.values())
    rows = {"folds": tested} if group.plan.folds else {part: len(first.rows(part)) for part in parts}
    write_json(group.folder / "data.json", {**data, "rows": rows, "rejected": len(first.rejected)})
    member_run = Run(group.folder / group.plan.members()[0].path)
    write_json(group.folder / "environment.json", member_run.read_json("environment.json"))
    if group.plan.folds:
        fold_of = {row["id"]: str(k) for k, dataset in group.data.items() for row in dataset.rows("test")}
        table = Table({"id": list(fold_of), "fold": list(fold_of.values())})
        write_table(group.folder / "split.parquet", table, {"fold": "label"})


def everything(group: Group) -> Dataset:
    """All rows as held-out ones."""
    first = group.data[0]
    return first.on_split(first.project, dict.fromkeys(first.split_of, "test"))


def session_like(group: Group, dataset: Dataset) -> Session:
    """A session of the group's first member on other parts of the rows."""
    run = Run(group.folder / group.plan.members()[0].path)
    session = session_of(run, dataset, listener=group.listener, started=group.started, trust=group.trust, budget_s=None)
    session.options = group.options
    return replace(session, group=group.folder, started=group.started)


def fold_part(group: Group, seed: int) -> Judged:
    """All folds of one seed; where there are several seeds they have a folder of their own, which is a run too."""
    runs = [Run(group.folder / m.path) for m in group.plan.members() if m.seed == seed]
    part = joined([judged_run(run, group.judge) for run in runs], group.judge)
    if len(group.plan.seeds) > 1:
        folder = group.folder / group.plan.place(seed)
        plan = replace(group.plan, seeds=(seed,), refit=False)
        info = {**Run(group.folder).info, "seed": seed, "group": plan.as_toml()}
        write_toml(folder / "run.toml", {**info, "id": f"{group.id}/seeds/{seed}"})
        for name in ("data.json", "environment.json"):
            write_json(folder / name, Run(group.folder).read_json(name))
        write_score(group, session_like(group, everything(group)), folder, [part], seeds=[seed])
    return part


def write_score(group: Group, session: Session, folder: Path, parts: Sequence[Judged], *, seeds: list[int]) -> Judged:
    """score.json (without floors) and rows.parquet of the mean over `parts`; predictions.parquet where it is one."""
    plan, judge = group.plan, group.judge
    mean, first = mean_score(parts), parts[0]
    write_rows(folder, judge.contract, first.truth, mean, first.groups)
    if len(parts) == 1:
        kinds: dict[str, Any] = {**judge.contract.predictions, "fold": "number"}
        write_table(folder / "predictions.parquet", first.table, kinds)
    runs = [Run(group.folder / m.path) for m in plan.members() if m.seed in seeds]
    score = head_of(session, mean, first.groups is not None) | {
        "seed": seeds[0], "others": others(group, parts), "cost": cost(group, runs, len(seeds)),
        "validation": validation(session, runs) if not plan.folds else mean_validation(runs),
    }  # fmt: skip
    score |= thresholds(runs)
    if plan.folds:
        score["digest"] = fold_digest(first)
        score["folds"] = {"n": plan.folds, "members": [about(run) for run in runs]}
    if len(seeds) > 1:
        score["seeds"] = seeds_of(group, parts, seeds)
    write_json(folder / "score.json", score)
    return replace(first, score=mean)


def seeds_of(group: Group, parts: Sequence[Judged], seeds: list[int]) -> dict[str, Any]:
    """The spread over seeds, and which of them answers for all: the one with the best validation score, then the
    first."""
    places = [Run(group.folder / group.plan.place(seed)) for seed in seeds]
    values = [part.score.value for part in parts]
    members = [
        {**about(run), "low": part.score.low, "high": part.score.high} for run, part in zip(places, parts, strict=True)
    ]
    return {"n": len(seeds), "sd": spread(values), "members": members, "shown": shown(places).folder.relative_to(
        group.folder).as_posix()}  # fmt: skip


def shown(runs: Sequence[Run]) -> Run:
    """The run with the best validation score; of equal ones the first."""
    sign = 1 if runs[0].score["higher_is_better"] else -1
    return max(runs, key=lambda run: sign * run.score["validation"]["value"])


def thresholds(runs: Sequence[Run]) -> dict[str, Any]:
    """Each training chose a threshold of its own: their median, and all of them."""
    found = [run.score["threshold"] for run in runs if "threshold" in run.score]
    if len(found) < len(runs):
        return {}
    each = [one["threshold"] for one in found]
    return {"threshold": {**found[0], "threshold": float(np.median(each)), "each": each}}


def about(run: Run) -> dict[str, Any]:
    """One training in one line, for score.json and `--json`."""
    s, fold = run.score, run.info.get("overrides", {}).get("split.fold")
    return {
        "run": run.id, "seed": run.info["seed"], **({} if fold is None else {"fold": fold}), "score": s["value"],
        "low": s["low"], "high": s["high"], "n": s["n"], "validation": s["validation"]["value"],
        "best_epoch": run.info.get("best_epoch"), "seconds": s["cost"]["seconds"],
        "cpu_seconds": s["cost"]["cpu_seconds"],
    }  # fmt: skip


def cost(group: Group, runs: Sequence[Run], seeds: int) -> dict[str, Any]:
    """What one seed costs on average, all its folds together; `seconds` and `cpu_seconds` are of the whole command."""
    costs = [run.score["cost"] for run in runs]

    def total(key: str) -> float | None:
        values = [c[key] for c in costs]
        return None if any(v is None for v in values) else sum(values) / seeds

    return {
        "parameters": costs[0]["parameters"], "trained": costs[0].get("trained"), "train_flops": total("train_flops"),
        "forward_flops": costs[0]["forward_flops"], "seconds": time.monotonic() - group.started,
        "cpu_seconds": group.cpu_seconds(), "train_seconds": total("train_seconds"),
        "peak_bytes": max(c["peak_bytes"] for c in costs),
        "inference_ms": float(np.median([c["inference_ms"] for c in costs])),
    }  # fmt: skip


def others(group: Group, parts: Sequence[Judged]) -> dict[str, dict[str, float]]:
    """All further metrics of the contract that are defined on these rows, as means over seeds, while there is time."""
    from deepdojo.scoring.metrics import metrics_for
    from deepdojo.scoring.score import score

    found, judge = {}, group.judge
    until = None if group.deadline is None else time.monotonic() + 0.1 * (group.deadline - time.monotonic())
    for name in metrics_for(judge.contract):
        if name == judge.metric or (until is not None and time.monotonic() > until):
            continue
        try:
            again = [
                replace(part, score=score(judge.contract, name, part.truth, part.table, groups=part.groups))
                for part in parts
            ]
        except ScoreError:
            continue
        mean = mean_score(again)
        found[name] = {"value": mean.value, "low": mean.low, "high": mean.high}
    return found


def validation(session: Session, runs: Sequence[Run]) -> dict[str, Any]:
    """The mean over seeds on the validation rows, which all of them share."""
    truth, parts = session.dataset.truth("validation"), []
    for run in runs:
        table = run.predictions("validation")
        there = set(table.columns["id"])
        known = [row for row in truth if row["id"] in there]
        parts.append(Judged(known, table, None, session.judge.score(known, table)))
    mean = mean_score(parts)
    return {"value": mean.value, "low": mean.low, "high": mean.high, "n": mean.n}


def mean_validation(runs: Sequence[Run]) -> dict[str, Any]:
    """Over folds the validation rows overlap, so their mean has no interval."""
    values = [run.score["validation"] for run in runs]
    return {"value": float(np.mean([v["value"] for v in values])), "low": None, "high": None,
            "n": sum(v["n"] for v in values)}  # fmt: skip


def fold_digest(part: Judged) -> str:
    """SHA-256 over the sorted ids, targets and folds of all rows: other folds are another protocol."""
    folds = dict(zip(part.table.columns["id"], part.table.columns["fold"], strict=True))
    lines = sorted(line_of({**row, "fold": int(folds[row["id"]])}) for row in part.truth)
    return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


def write_closed(group: Group) -> None:
    """score.json of seeds that leave the held-out rows closed."""
    runs = [Run(group.folder / m.path) for m in group.plan.members()]
    session = session_like(group, next(iter(group.data.values())))
    closed = dict(runs[0].score)
    values = [run.score["validation"]["value"] for run in runs]
    closed |= {
        "validation": validation(session, runs), "cost": cost(group, runs, len(runs)),
        "seeds": {"n": len(runs), "sd": None, "members": [about(run) for run in runs],
                  "shown": shown(runs).folder.relative_to(group.folder).as_posix()},
    }  # fmt: skip
    closed["validation"]["sd"] = spread(values)
    write_json(group.folder / "score.json", closed)


def add_baselines(run: Run, baselines: list[dict[str, Any]]) -> None:
    """A member has the floors of the group, compared with its own score."""
    score = {**run.score, "baselines": baselines}
    write_json(run.folder / "score.json", score | {"verdict": verdict(score)})


def plain_floors(group: Group, session: Session) -> list[Path]:
    """Floors of the one split that all seeds share; with --share of the first seed's rows."""
    group.listener.stage("baselines", "without a network, one thread each")
    if group.options.share < 1:
        group.listener.say(f"baselines: on the rows of seed {session.seed}")
    floors = Floors(
        session.dataset, group.judge, group.runs, train=session.train_rows(), test=session.dataset.rows("test"), seed=0,
        share=group.options.share,
    )  # fmt: skip
    floors.start()
    return floors.finish(group.listener, deadline=floors_end(group))


def floors_end(group: Group) -> float | None:
    if group.deadline is None:
        return None
    now = time.monotonic()
    return now + 0.6 * max(0.0, group.deadline - now)


def fold_floors(group: Group) -> list[Path]:
    """Floors of each fold, joined as the network's predictions are."""
    from deepdojo.session.fold_floors import FoldFloors

    sessions = {k: session_like(group, dataset) for k, dataset in group.data.items() if k is not None}
    return FoldFloors(group, sessions).finish(deadline=floors_end(group))


def explain_shown(group: Group, score: dict[str, Any]) -> None:
    """Decisions of the training with the best validation score."""
    from deepdojo.training.precision import using_threads

    run = Run(group.folder / score["seeds"]["shown"])
    session = session_of(
        run, next(iter(group.data.values())), listener=group.listener, started=group.started, trust=group.trust,
        budget_s=None,
    )  # fmt: skip
    group.listener.stage("explain", f"seed {run.info['seed']}, the best on validation rows")
    left = None if group.deadline is None else max(0.5, 0.6 * (group.deadline - time.monotonic()))
    with using_threads(run.read_json("environment.json")["threads"] or 1):
        explain_run(run, session, time_s=left)
