"""The board as a table with its intervals drawn on one axis, and as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deepdojo.competition.cost import COSTS
from deepdojo.competition.server.page_pareto import cost_text, pareto_view
from deepdojo.competition.server.page_words import PageWords
from deepdojo.report.figures import Unit, count, evenly, unit_of
from deepdojo.report.intervals import Axis, axis_ticks, bar, common_axis, head
from deepdojo.report.metric_facts import metric_title

__all__ = ["PAGE", "board_csv", "board_view", "quoted"]

PAGE = 1000
_FORMULA = (*"=+-@\t\r\n", *"＝＋－＠")  # some spreadsheets take the wide signs of East Asia for the narrow ones
Row = dict[str, Any]


def board_view(board: Mapping[str, Any], words: PageWords, page: int = 1, cost: str = "") -> Row:
    """What the template of the table needs.

    Args:
        board: of `Service.board`.
        page: which thousand rows, from 1.
        cost: one of `COSTS`, for the picture of score against cost.
    """
    rows: Sequence[Row] = board["rows"]
    metric = str(board["metric"])
    unit, axis = unit_of(metric), _axis(rows, board["published"])
    places = axis_ticks(axis)
    labels = evenly(places, 100 if unit.percent else 1)
    start = (max(1, page) - 1) * PAGE
    tints = _tints(rows)
    private, stated = board["part"] == "private", _stated(rows)
    name, higher = words(metric_title(metric)), bool(board.get("higher_is_better", True))
    shown = [
        _line(row, axis, unit, words, tint=tint, tied=tied, private=private)
        | {"costs": [(key, cost_text(key, row[key])) for key in stated], "pareto": bool(row.get("pareto"))}
        for row, (tint, tied) in list(zip(rows, tints, strict=True))[start : start + PAGE]
    ]
    published = [_published(row, axis, unit) for row in board["published"]] if start == 0 else []
    n = max((row["n"] for row in rows), default=0)
    return {
        "board": board, "rows": shown, "published": published, "axis": head(axis, labels, places),
        "metric": name, "stated": stated, "percent": unit.percent, "private": private, "n": n,
        "so_far": private and not board["closed"],
        "pareto": pareto_view(rows, unit, words, name, higher=higher, wanted=cost) if start == 0 else {"costs": []},
        "page": page, "pages": max(1, -(-len(rows) // PAGE)), "total": len(rows),
        "beyond": any(not axis.holds(row["value"]) for row in [*rows, *board["published"]]),
    }  # fmt: skip


def _stated(rows: Sequence[Row]) -> list[str]:
    """The costs that some entry states: only these have a column."""
    return [name for name in COSTS if any(row.get(name) is not None for row in rows)]


def _axis(rows: Sequence[Row], published: Sequence[Row]) -> Axis:
    """The upper half decides; a lower one that would make its differences invisible lies beyond the edge."""
    upper = rows[: max(3, len(rows) // 2)]
    ends = [row[name] for row in upper for name in ("value", "low", "high")]
    lower = [row[name] for row in rows[len(upper) :] for name in ("value", "low", "high")]
    others = lower + [row["value"] for row in published] + [row.get("public_value") for row in rows]
    return common_axis(ends, others, reach=3.0)


def _tints(rows: Sequence[Row]) -> list[tuple[bool, bool]]:
    """(tinted, tied) of each row: neighbours of one rank share a band, two bands that touch differ. Rows that are no
    neighbours may share a rank: they are tied without a band."""
    shared = Counter(row["rank"] for row in rows if row["rank"] is not None)
    found: list[tuple[bool, bool]] = []
    start, before = 0, False
    while start < len(rows):
        end = start + 1
        while end < len(rows) and rows[end]["rank"] is not None and rows[end]["rank"] == rows[start]["rank"]:
            end += 1
        before = end - start > 1 and not before
        found += [(before, shared[rows[start]["rank"]] > 1)] * (end - start)
        start = end
    return found


def _line(row: Row, axis: Axis, unit: Unit, words: PageWords, *, tint: bool, tied: bool, private: bool) -> Row:
    value, low, high = row["value"], row["low"], row["high"]
    score, interval = unit.score(value, low, high), unit.interval(value, low, high)
    part = "final" if private else "public"
    final, public = words("final"), words("public")
    about = f"{row['team']}, {final if private else public}: {score} {interval}"
    before = row.get("public_value") if private else None
    earlier = None if before is None else (before, f"{row['team']}, {public}: {unit.score(before, low, high)}")
    told = {
        "rank": row["rank"], "team": row["team"], "tint": tint, "tied": tied, "interval": interval,
        "number": unit.number(value, unit.decimals(value, low, high)), "part": part,
        "bar": bar(axis, value, low, high, about, kind=part, earlier=earlier),
        "n": count(row["n"]), "submissions": count(row["submissions"]), "moved": row["moved"],
    }  # fmt: skip
    if private:
        told["public_rank"] = row.get("public_rank")
        told["public_value"] = unit.score(row.get("public_value"), low, high)
        told["shift"] = _shift(row, words)
    return told


def _shift(row: Row, words: PageWords) -> tuple[str, str, str]:
    """(sign, class, words) of how far a team has moved from its public to its private rank."""
    before, now = row.get("public_rank"), row["rank"]
    if before is None or now is None:
        return "–", "", words("not known")
    if before == now:
        return "=", "", words("the same rank")
    places = abs(before - now)
    if now < before:
        return f"▲ {places}", "good", words("{n} up", n=places)
    return f"▼ {places}", "bad", words("{n} down", n=places)


def _published(row: Row, axis: Axis, unit: Unit) -> Row:
    number = unit.number(row["value"], unit.decimals(row["value"], None, None))
    drawn = bar(axis, row["value"], None, None, f"{row['team']}: {number}", kind="published")
    source = str(row.get("source") or "")
    return {**row, "number": number, "bar": drawn, "source": source,
            "link": source if source.startswith(("https://", "http://")) else ""}  # fmt: skip


def quoted(cell: object) -> object:
    """A text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> list[object]:
    return ["" if row.get(name) is None else quoted(row[name]) for name in names]


def board_csv(board: Mapping[str, Any]) -> str:
    """The board's rows as CSV, then published results, which have no rank; times in UTC."""
    names = ["rank", "team", "value", "low", "high", "n", "submissions", "moved", *COSTS, "pareto", "kind", "source"]
    if board["part"] == "private":
        names += ["public_rank", "public_value"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    for row in board["rows"]:
        moved = datetime.fromtimestamp(row["moved"], UTC).isoformat(timespec="seconds")
        writer.writerow(
            _cells({**row, "moved": moved, "pareto": " ".join(row.get("pareto", ())), "kind": "entry"}, names)
        )
    for row in board.get("published", ()):
        writer.writerow(_cells({**row, "kind": "published, not re-scored"}, names))
    return out.getvalue()
