"""Where a row is called positive, who chose that, and what comes of it on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepdojo.report.figures import count, plain, unit_of
from deepdojo.report.metric_facts import metric_title

__all__ = ["thresholds"]

Words = Callable[..., str]


def thresholds(score: Mapping[str, Any], words: Words) -> list[str]:
    """Sentences for the head of a report; none where rows get the likelier label."""
    chosen = score.get("threshold")
    if not isinstance(chosen, dict):
        return []
    each = ", ".join(plain(value, 2) for value in chosen.get("each") or [chosen["threshold"]])
    filled = {"label": chosen["positive"], "p": each}
    if chosen.get("by"):
        filled |= {"metric": words(metric_title(chosen["by"])), "n": count(chosen["n"])}
        sentence = words(
            "A row is called {label} from a probability of {p} on: there {metric} is best on {n} validation rows.",
            **filled,
        )
    else:
        sentence = words("A row is called {label} from a probability of {p} on, as the project says.", **filled)
    return [" ".join([sentence, *_rates(score, words)])]


def _rates(score: Mapping[str, Any], words: Words) -> list[str]:
    found = []
    for name, sentence in (
        ("sensitivity", "Of the {label} rows held out it finds {score} {interval}."),
        ("specificity", "Of the others it leaves alone {score} {interval}."),
    ):
        rate = (score.get("others") or {}).get(name)
        if isinstance(rate, dict):
            unit = unit_of(name)
            bounds = rate["value"], rate["low"], rate["high"]
            label = score["threshold"]["positive"]
            found.append(words(sentence, label=label, score=unit.score(*bounds), interval=unit.interval(*bounds)))
    return found
