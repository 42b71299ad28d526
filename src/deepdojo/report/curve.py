"""The page of a learning curve: the score at each share of the training rows, the law, what twice the data gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from shlex import quote
from typing import Any

from markupsafe import Markup

from deepdojo.report.curve_words import answer_of, change_of, law_of
from deepdojo.report.figures import count, duration, evenly, unit_of
from deepdojo.report.metric_facts import metric_title
from deepdojo.report.svg import Scale, figure, mark, tag, text, ticks
from deepdojo.report.tokens import stylesheet
from deepdojo.report.words import Words

__all__ = ["curve_page", "late_of", "test_of"]

Json = Mapping[str, Any]
_W, _H = 640.0, 360.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 104.0, 26.0, 56.0
_NEAR = 34.0  # pixels between two labels of the x axis at least
_DODGE = 5.0  # pixels by which the points of the seeds are moved aside


def curve_page(found: Json, *, language: str = "en") -> str:
    """The curve as one self-contained HTML page.

    Args:
        found: as `session.curve_result.curve_result` gives it.
        language: "en" or "zh".

    Raises UnknownNameError for another language.
    """
    from deepdojo.report.page import environment

    words = Words(language)
    unit, metric = unit_of(str(found["metric"])), words(metric_title(str(found["metric"])))
    points, answer = found["points"], found["answer"]
    floor = next((p["floor"]["title"] for p in reversed(points) if p["floor"]), "")
    command = f"dojo curve {quote(str(found['project']))}"
    command += "" if found["recipe"] == "default" else f" -r {quote(str(found['recipe']))}"
    context = {
        "t": words, "lang": words.tag, "css": stylesheet(), "project": found["project"],
        "title": found["title"] or found["project"], "recipe": found["recipe"], "model": found["model"],
        "metric": metric, "percent": unit.percent, "higher": found["higher_is_better"],
        "answer": answer_of(found, words), "law": law_of(found, words), "rows": count(found["rows"]),
        "n": count(found["n"]), "seeds": len(found["seeds"]), "floor": floor, "table": _table(found, unit),
        "chart": _chart(found, unit, metric, words) if points else "", "test": test_of(found, unit, words),
        "bend": "" if found.get("bend_p") is None else f"{found['bend_p']:.2g}", "ahead": _ahead(found, unit),
        "late": late_of(found, words), "command": command, "reason": answer["reason"],
        "change": change_of(answer) if "change" in answer else "",
        "changes": [f"{key} = {value}" for key, value in (found.get("overrides") or {}).items()],
    }  # fmt: skip
    return environment().get_template("curve.html").render(context)


def _table(found: Json, unit: Any) -> list[dict[str, Any]]:
    shown = []
    for p in found["points"]:
        ends = p["score"], p["low"], p["high"]
        places, floor = unit.decimals(*ends), p["floor"]
        seconds = [s["seconds"] for s in p["seeds"] if s.get("seconds") is not None]
        steps = [s["steps"] for s in p["seeds"] if s.get("steps")]
        shown.append({
            "share": _share(p["share"]), "rows": count(p["rows"]), "score": unit.number(p["score"], places),
            "interval": unit.interval(*ends), "sd": "" if p["sd"] is None else unit.number(p["sd"], places + 1),
            "each": ", ".join(unit.number(s["score"], places) for s in p["seeds"]),
            "floor": "" if floor is None else unit.number(floor["score"], places),
            "steps": count(sum(steps) / len(steps)) if steps else "",
            "seconds": duration(sum(seconds) / len(seconds)) if seconds else "",
        })  # fmt: skip
    return shown


def _share(share: float) -> str:
    return f"{100 * share:.3g}\u00a0%"


def test_of(found: Json, unit: Any, words: Words) -> str:
    test = found.get("back_test")
    if test is None:
        return ""
    ends = test["predicted"], test["low"], test["high"]
    sentence = (
        "Back-test: fitted on the {n} shares of at most a fifth, the law foretells {predicted} {interval} at all rows; "
        "seen: {seen}."
    )
    return words(
        sentence, n=test["shares"], predicted=unit.score(*ends), interval=unit.interval(*ends),
        seen=unit.score(test["seen"], *ends[1:]),
    )  # fmt: skip


def _ahead(found: Json, unit: Any) -> list[tuple[str, str, str]]:
    """At twice and ten times the rows: rows, score, interval, where the law is trusted."""
    if found.get("law") is None or found["answer"]["reason"] in ("bent", "back-test"):
        return []
    shown = []
    for factor in (2, 10):
        at = found["law"]["ahead"][f"{factor}x"]
        ends = at["score"], at["low"], at["high"]
        shown.append((count(factor * found["points"][-1]["rows"]), unit.score(*ends), unit.interval(*ends)))
    return shown


def late_of(found: Json, words: Words) -> str:
    if not found["late"]:
        return ""
    shares = sorted({one["share"] for one in found["late"]})
    sentence = (
        "Left out, for the time did not suffice: {n} of {all} trainings ({shares}); the same command goes on with them."
    )
    done = sum(len(point["seeds"]) for point in found["points"])
    return words(sentence, n=len(found["late"]), all=done + len(found["late"]), shares=", ".join(map(_share, shares)))


def _chart(found: Json, unit: Any, metric: str, words: Words) -> Markup:
    """Score over rows, these on a logarithmic axis that reaches to twice the data."""
    points, law = found["points"], found.get("law")
    first, last = points[0]["rows"], points[-1]["rows"]
    x = Scale(math.log(first / 1.15), math.log(2.2 * last), _LEFT, _W - _RIGHT)
    line = [p for p in law["line"] if p[0] <= 2.001 * last] if law else []
    trusted = found["answer"]["reason"] not in ("bent", "back-test")
    y = _height(points, line if trusted else [], found)
    parts = _axes(points, x, y, unit, metric, words)
    if line:
        parts += _law_marks(line, x, y, last, trusted, words)
    ends = _lines(points, x, y, unit, words, parts)
    if law and trusted:
        at = law["ahead"]["2x"]
        said = words("twice the data: {score} {interval}", score=unit.score(at["score"], at["low"], at["high"]),
                     interval=unit.interval(at["score"], at["low"], at["high"]))  # fmt: skip
        place = x(math.log(2 * last))
        parts.append(tag("line", x1=place, x2=place, y1=y(at["low"]), y2=y(at["high"]), class_="range run"))
        parts.append(text(place, y.start + 15, count(2 * last), text_anchor="middle", class_="tick"))
        parts.append(text(place, y.start + 29, "× 2", text_anchor="middle", class_="tick small"))
        parts.append(mark("circle", said, cx=place, cy=y(at["score"]), r=5, class_="dot published"))
    parts += _labels(ends, y)
    return figure(_W, _H, words("{metric} over training rows", metric=metric), *parts, class_="chart whole-curve")


def _height(points: Sequence[Json], line: Sequence[Sequence[float]], found: Json) -> Scale:
    """All means, seeds and floors; of intervals and law what does not make the differences small."""
    shown = [v for p in points for v in (p["score"], *(s["score"] for s in p["seeds"]))]
    shown += [p["floor"]["score"] for p in points if p["floor"]] + [p[1] for p in line]
    low, high = min(shown), max(shown)
    span = (high - low) or abs(high) * 0.1 or 0.1
    ends = [v for p in points for v in (p["low"], p["high"]) if v is not None]
    low, high = (max(min([low, *ends]), low - 0.4 * span), min(max([high, *ends]), high + 0.4 * span))
    best, room = found.get("best"), 0.04 * (high - low)
    low, high = low - room, high + room
    if best is not None:  # an axis does not go beyond what can be reached
        low, high = (low, min(high, best)) if found["higher_is_better"] else (max(low, best), high)
    return Scale(low, high, _H - _BOTTOM, _TOP)


def _axes(points: Sequence[Json], x: Scale, y: Scale, unit: Any, metric: str, words: Words) -> list[Markup]:
    parts, at = [], ticks(y.low, y.high, 5)
    for value, written in zip(at, evenly(at, 100.0 if unit.percent else 1.0), strict=True):
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid"))
        parts.append(text(x.start - 6, y(value) + 4, written, text_anchor="end", class_="tick"))
    parts.append(tag("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="axis"))
    before = math.inf
    for p in reversed(points):  # the largest share keeps its label
        place = x(math.log(p["rows"]))
        if before - place >= _NEAR:
            parts.append(text(place, y.start + 15, count(p["rows"]), text_anchor="middle", class_="tick"))
            parts.append(text(place, y.start + 29, _share(p["share"]), text_anchor="middle", class_="tick small"))
            before = place
    name = words("training rows, and their share of all (logarithmic)")
    parts.append(text((x.start + x.end) / 2, y.start + 47, name, text_anchor="middle", class_="name"))
    parts.append(text(6, 14, metric + (" (%)" if unit.percent else ""), class_="name"))
    return parts


def _law_marks(
    line: Sequence[Sequence[float]], x: Scale, y: Scale, last: float, trusted: bool, words: Words
) -> list[Markup]:
    """The law as a line, solid where it was fitted and dashed beyond; its interval as a band."""

    def at(n: float, value: float) -> str:
        return f"{x(math.log(n)):.1f} {y(min(max(value, y.low), y.high)):.1f}"

    parts = []
    title = words("the power law")
    if trusted:
        around = [(p[0], p[2]) for p in line] + [(p[0], p[3]) for p in reversed(line)]
        path = "M" + "L".join(at(*p) for p in around) + "Z"
        parts.append(mark("path", words("95 % interval of the law"), d=path, class_="area held"))
    inside, beyond = ([p for p in line if p[0] <= last * 1.001], [p for p in line if p[0] >= last * 0.85])
    for some, kind in ((inside, "curve ideal"), (beyond, "curve ideal")):
        if len(some) > 1:
            path = "M" + "L".join(at(p[0], p[1]) for p in some)
            parts.append(mark("path", title, d=path, class_=kind))
    return parts


def _lines(
    points: Sequence[Json], x: Scale, y: Scale, unit: Any, words: Words, parts: list[Markup]
) -> list[tuple[float, float, str, str]]:
    """Floor, seeds and means onto `parts`; gives the labels at their ends: (x, value, words, class)."""
    floors = [p for p in points if p["floor"]]
    ends = []
    for a, b in pairwise(floors):
        places = [(x(math.log(p["rows"])), y(p["floor"]["score"])) for p in (a, b)]
        (x1, y1), (x2, y2) = places
        parts.append(tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="curve train"))
    for p in floors:
        about = f"{p['floor']['title']}, {count(p['rows'])}: {unit.score(p['floor']['score'])}"
        parts.append(
            mark("circle", about, cx=x(math.log(p["rows"])), cy=y(p["floor"]["score"]), r=3, class_="dot train")
        )
    if floors:
        ends.append((x(math.log(2 * points[-1]["rows"])), floors[-1]["floor"]["score"], words("best floor"), "train"))
    for p in points:
        place, ends_of = x(math.log(p["rows"])), (p["score"], p["low"], p["high"])
        if p["low"] is not None:
            low, high = (min(max(v, y.low), y.high) for v in (p["low"], p["high"]))
            parts.append(tag("line", x1=place, x2=place, y1=y(low), y2=y(high), class_="range network"))
        for k, s in enumerate(p["seeds"]):
            about = (
                words("seed {n}", n=s["seed"]) + f", {count(p['rows'])}: {unit.score(s['score'], p['low'], p['high'])}"
            )
            side = _DODGE * (k - (len(p["seeds"]) - 1) / 2) * (1 if len(p["seeds"]) < 7 else 0.3)
            parts.append(mark("circle", about, cx=place + side, cy=y(s["score"]), r=2.4, class_="point"))
        about = f"{_share(p['share'])}, {count(p['rows'])}: {unit.score(*ends_of)} {unit.interval(*ends_of)}"
        parts.append(mark("circle", about, cx=place, cy=y(p["score"]), r=4.5, class_="dot network"))
    ends.append((x(math.log(2 * points[-1]["rows"])), points[-1]["score"], words("network"), "held"))
    return ends


def _labels(ends: Sequence[tuple[float, float, str, str]], y: Scale) -> list[Markup]:
    """Words at the right end, pushed apart where they would meet."""
    parts, before = [], -math.inf
    for place, value, said, kind in sorted(ends, key=lambda e: y(e[1])):
        before = max(y(min(max(value, y.low), y.high)) + 4, before + 15)
        parts.append(text(place + 12, before, said, class_=f"label {kind}"))
    return parts
