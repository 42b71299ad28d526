"""What the trainings of a curve say together: the score at each share, the law of the error, what twice the data would
give. Plain values, as curve.json and `--json` have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepdojo.runs import Run
from deepdojo.scoring.power_law import BackTest, PowerLaw, back_test, bend_p, fit_power_law
from deepdojo.scoring.score import Score
from deepdojo.scoring.seeds import spread
from deepdojo.session.curve import Curve
from deepdojo.session.joined import judged_run, mean_score

__all__ = ["curve_result"]

Json = dict[str, Any]
HARDLY = 0.05
"""Twice the data that would take away less than this share of the error is hardly worth gathering."""
SIGNIFICANT = 0.05


def curve_result(curve: Curve) -> Json:
    """Points, law and answer. Raises RunError where a run of it is broken."""
    asked, judge = curve.asked, curve.asked.judge
    points, scores = [], []
    for share in curve.shares:
        runs = [curve.found[share, seed] for seed in curve.seeds if (share, seed) in curve.found]
        if runs:
            point, score = _point(curve, share, runs)
            points.append(point)
            scores.append(score)
    _floors(points, judge.higher_is_better)
    recipe, _ = asked.resolved(curve.dataset, 1.0)
    found: Json = {
        "project": asked.project.name, "title": asked.project.spec.title, "task": asked.project.spec.task,
        "recipe": asked.recipe_name, "model": recipe.model.name, "overrides": asked.overrides,
        "metric": judge.metric, "higher_is_better": judge.higher_is_better, "seeds": list(curve.seeds),
        "rows": len(curve.dataset.rows("train")), "n": len(curve.dataset.truth("test")), "points": points,
        "late": [{"share": share, "seed": seed} for share, seed in curve.late],
    }  # fmt: skip
    return found | _law(points, scores)


def _point(curve: Curve, share: float, runs: Sequence[Run]) -> tuple[Json, Score]:
    parts = [judged_run(run, curve.asked.judge) for run in runs]
    score = mean_score(parts)
    values = [part.score.value for part in parts]
    seeds = [
        {"seed": run.info["seed"], "score": value, "run": run.id, "seconds": run.score["cost"]["train_seconds"],
         "steps": run.info.get("steps"), "epochs": run.info.get("epochs")}
        for run, value in zip(runs, values, strict=True)
    ]  # fmt: skip
    floors: list[Json] = next((run.score["baselines"] for run in runs if run.score.get("baselines")), [])
    return {
        "share": share, "rows": curve.rows[share], "score": score.value, "low": score.low, "high": score.high,
        "n": score.n, "sd": spread(values), "seeds": seeds, "floors": floors,
    }, score  # fmt: skip


def _floors(points: Sequence[Json], higher: bool) -> None:
    """At each share the floor that is best on the largest one: one kind of model, as the network is one."""
    largest: list[Json] = next((p["floors"] for p in reversed(points) if p["floors"]), [])
    name = max(largest, key=lambda f: f["score"] if higher else -f["score"])["name"] if largest else None
    for point in points:
        floor = next((f for f in point.pop("floors") if f["name"] == name), None)
        keys = ("name", "title", "score", "low", "high")
        point["floor"] = None if floor is None else {key: floor.get(key) for key in keys}


def errors_of(points: Sequence[Json], scores: Sequence[Score]) -> tuple[float, list[list[float]]] | None:
    """The metric's best value, and each seed's distance to it; None where the metric has none.

    A score that is best of all has no logarithm, so of a metric between bounds it counts as half a row's error.
    """
    if not scores:
        return None
    first = scores[0]
    low, high = first.measured.bounds
    best = high if first.higher_is_better else low
    if not np.isfinite(best):
        return None
    least = (high - low) * 0.5 / max(1, first.n) if np.isfinite(high - low) else 0.0
    return best, [[max(abs(best - one["score"]), least) for one in point["seeds"]] for point in points]


@dataclass(frozen=True)
class _Scale:
    """Between a metric's values and their distances from the best one; none is worse than the metric's worst."""

    best: float
    sign: float
    most: float

    @classmethod
    def of(cls, score: Score, best: float) -> _Scale:
        low, high = score.measured.bounds
        return cls(best, -1.0 if score.higher_is_better else 1.0, high - low)

    def score(self, error: float) -> float:
        return self.best + self.sign * min(error, self.most)


def _law(points: Sequence[Json], scores: Sequence[Score]) -> Json:
    none: Json = {"best": None, "law": None, "back_test": None, "bend_p": None}
    distances = errors_of(points, scores)
    if distances is None:
        return none | {"answer": {"verdict": "unknown", "reason": "no best value" if points else "nothing trained"}}
    best, errors = distances
    rows = [float(point["rows"]) for point in points]
    law = fit_power_law(rows, errors)
    if law is None:
        return none | {"best": best, "answer": {"verdict": "unknown", "reason": "too few shares"}}
    test, p = back_test(rows, errors), bend_p(rows, errors)
    scale = _Scale.of(scores[0], best)
    return {
        "best": best, "law": _as_json(law, rows, scale), "back_test": _test_json(test, scale), "bend_p": p,
        "answer": _answer(law, test, p, rows, scale),
    }  # fmt: skip


def _as_json(law: PowerLaw, rows: Sequence[float], scale: _Scale) -> Json:
    """The law as numbers, and as the scores that it gives along the curve and beyond."""
    path = np.exp(np.linspace(np.log(min(rows)), np.log(10 * max(rows)), 41))
    line = [[float(n), *_scores(law.at(float(n)), scale)] for n in path]
    ahead = {f"{k}x": dict(zip(("score", "low", "high"), _scores(law.at(k * max(rows)), scale), strict=True))
             for k in (1, 2, 10)}  # fmt: skip
    return {
        "a": law.a, "b": law.b, "b_low": law.b_low, "b_high": law.b_high, "freedom": law.freedom, "line": line,
        "ahead": ahead,
    }  # fmt: skip


def _scores(errors: tuple[float, float, float], scale: _Scale) -> tuple[float, float, float]:
    value, low, high = (scale.score(e) for e in errors)
    return (value, *sorted((low, high)))  # type: ignore[return-value]


def _test_json(test: BackTest | None, scale: _Scale) -> Json | None:
    if test is None:
        return None
    value, low, high = _scores((test.predicted, test.low, test.high), scale)
    seen = scale.score(test.seen)
    return {"shares": test.shares, "predicted": value, "low": low, "high": high, "seen": seen, "holds": test.holds}


def _answer(law: PowerLaw, test: BackTest | None, p: float | None, rows: Sequence[float], scale: _Scale) -> Json:
    """Would twice the data help? yes, hardly, or unknown with the reason; `change` is of the error, -0.1 a tenth less.

    yes: the interval of b is above 0. hardly: twice the data would take away less than 5 % of the error at most. The
    law is not asked where the curve is bent or the back-test failed.
    """
    most = max(rows)
    change, low, high = law.change(2.0)
    now, then = _scores(law.at(most), scale), _scores(law.at(2 * most), scale)
    found = {
        "rows": int(2 * most), "change": change, "change_low": low, "change_high": high,
        "now": now[0], "score": then[0], "low": then[1], "high": then[2],
    }  # fmt: skip
    if p is not None and p < SIGNIFICANT:
        return {"verdict": "unknown", "reason": "bent", **found}
    if test is not None and not test.holds:
        return {"verdict": "unknown", "reason": "back-test", **found}
    if low > -HARDLY:
        return {"verdict": "hardly", "reason": "flat", **found}
    if law.b_low > 0:
        return {"verdict": "yes", "reason": "falls", **found}
    return {"verdict": "unknown", "reason": "wide", **found}
