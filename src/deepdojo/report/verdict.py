"""The first sentences of a report: how good, better than the floors or not, and is the difference real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepdojo.report.figures import count, higher_is_better, p_value, unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = ["best_floor", "few_rows", "verdict"]

Json = dict[str, Any]
Words = Callable[..., str]


def best_floor(score: Json) -> Json | None:
    """The baseline with the best score, None if none was run."""
    floors = [b for b in score.get("baselines") or [] if isinstance(b.get("score"), int | float)]
    if not floors:
        return None
    sign = 1 if score.get("higher_is_better", higher_is_better(str(score.get("metric", "")))) else -1
    return max(floors, key=lambda b: sign * b["score"])


def few_rows(score: Json, words: Words) -> str:
    """A word on a very small test set, or nothing."""
    n = score.get("n") or 0
    if not 0 < n < 30:
        return ""
    return words("Only {n} held-out rows: the interval is that wide because so few rows can say so little.", n=n)


def _unscored(score: Json, words: Words) -> str:
    """Held-out rows that were left closed, and what the validation rows say meanwhile."""
    seen = score.get("validation") or {}
    if not isinstance(seen.get("value"), int | float):
        return words("This run has not been scored on held-out rows.")
    metric = str(score.get("metric", ""))
    unit, ends = unit_of(metric), (seen["value"], seen.get("low"), seen.get("high"))
    return words(
        "Not scored on held-out rows; on {n} validation rows its {metric} is {score} {interval}.",
        n=count(seen.get("n")),
        metric=words(metric_title(metric)),
        score=unit.score(*ends),
        interval=unit.interval(*ends),
    )


def _how_good(score: Json, words: Words) -> str:
    metric = str(score.get("metric", ""))
    unit = unit_of(metric)
    value, low, high = (score.get(k) for k in ("value", "low", "high"))
    filled = {
        "score": unit.score(value, low, high),
        "interval": unit.interval(value, low, high),
        "n": count(score.get("n")),
        "metric": words(metric_title(metric)),
    }
    if metric == "accuracy":
        return words("The network is right on {score} {interval} of {n} held-out rows", **filled)
    return words("The network reaches {metric} {score} {interval} on {n} held-out rows", **filled)


def verdict(score: Json, words: Words) -> str:
    """One sentence or two: the score, and what the paired test against the best floor says."""
    if not isinstance(score.get("value"), int | float):
        return _unscored(score, words)
    good, floor = _how_good(score, words), best_floor(score)
    if floor is None:
        return words(
            "{good}. No floor without a network was run beside it, so whether the network is needed is not known.",
            good=good,
        )
    unit = unit_of(str(score.get("metric", "")))
    low, high = floor.get("difference_low"), floor.get("difference_high")
    filled = {
        "good": good,
        "floor": floor.get("title") or floor.get("name"),
        "score": unit.score(floor["score"], floor.get("low"), floor.get("high")),
        "difference": unit.difference(floor.get("difference"), low, high),
        "interval": unit.interval(floor.get("difference"), low, high, sign=True),
        "points": words(" points") if unit.percent else "",
        "p": ", " + p_value(floor.get("p")) if p_value(floor.get("p")) else "",
    }
    sentence = {
        "network": "{good}. It beats the best floor, {floor} ({score}): {difference}{points} {interval}{p}.",
        "baseline": "{good}. A floor without a network is better, {floor} ({score}): "
        "{difference}{points} {interval}{p}.",
    }.get(
        str(floor.get("better")),
        "{good}. It cannot be told from the best floor, {floor} ({score}): {difference}{points} {interval}{p}.",
    )
    return words(sentence, **filled)
