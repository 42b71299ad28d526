"""The answer of a learning curve in one sentence, for page and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.report.figures import count, unit_of
from deepdojo.report.metric_facts import metric_title
from deepdojo.report.words import Words

__all__ = ["answer_of", "law_of"]

_ANSWERS = {
    "falls": "Yes: with {rows} rows, twice as many, {metric} would be about {score} {interval} instead of {now} "
    "(the error changes by {change}).",
    "flat": "Hardly: with {rows} rows, twice as many, the error would change by {change}, so {metric} would stay "
    "near {now}.",
    "wide": "No telling: with {rows} rows, twice as many, the error would change by {change}, and that interval holds "
    "both nothing and something worth having.",
    "bent": "No telling: no power law fits, because the curve is bent (p = {p}), so what it promises beyond its last "
    "point is not to be trusted.",
    "back-test": "No telling: no power law fits, for the law of the small shares foretold {predicted} {foretold} at "
    "all rows, and {seen} was seen.",
    "too few shares": "No telling: a law needs three shares with a score, and there are {points}.",
    "no best value": "No telling: the metric has no best value, so there is no error for a law to follow.",
    "nothing trained": "No telling: nothing has been trained yet.",
}


def answer_of(found: Mapping[str, Any], words: Words) -> str:
    """Would twice the data help? One sentence with its interval.

    Args:
        found: as `session.curve_result.curve_result` gives it.
    """
    answer, metric = found["answer"], str(found["metric"])
    sentence = _ANSWERS[answer["reason"]]
    unit = unit_of(metric)
    filled: dict[str, object] = {"metric": words(metric_title(metric)), "points": len(found["points"])}
    if "rows" in answer:
        ends = answer["low"], answer["high"]
        filled |= {
            "rows": count(answer["rows"]), "change": change_of(answer), "score": unit.score(answer["score"], *ends),
            "interval": unit.interval(answer["score"], *ends), "now": unit.score(answer["now"], *ends),
        }  # fmt: skip
    if found.get("bend_p") is not None:
        filled["p"] = f"{found['bend_p']:.2g}"
    test = found.get("back_test")
    if test is not None:
        ends = test["low"], test["high"]
        filled |= {
            "predicted": unit.score(test["predicted"], *ends), "seen": unit.score(test["seen"], *ends),
            "foretold": unit.interval(test["predicted"], *ends),
        }  # fmt: skip
    return words(sentence, **filled)


def change_of(answer: Mapping[str, Any]) -> str:
    """`−12 % [−18, −5]`"""
    value, low, high = (f"{100 * answer[key]:+.0f}" for key in ("change", "change_low", "change_high"))
    return f"{value}\u00a0% [{low}, {high}]".replace("-", "\u2212").replace("+0]", "0]").replace("\u22120]", "0]")


def law_of(found: Mapping[str, Any], words: Words) -> str:
    """The law with its uncertainty; empty where none was fitted."""
    law = found.get("law")
    if law is None:
        return ""
    return words(
        "error = {a} · rows^−b with b = {b} [{low}, {high}]",
        a=f"{law['a']:.3g}", b=f"{law['b']:.3f}", low=f"{law['b_low']:.3f}", high=f"{law['b_high']:.3f}",
    ).replace("[-", "[\u2212").replace("= -", "= \u2212")  # fmt: skip
