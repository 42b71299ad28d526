"""`dojo curve`: how good with how few rows, and would twice as many help?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, Language, Offline, RunsFolder, Trust, Yes, option, parse_duration
from deepdojo.cli.output import answer, next_step, out, paragraph, print_json, quoted, styled, text_width, width
from deepdojo.cli.words import bar, metric_name, metric_unit, network_name, plural
from deepdojo.errors import UsageError

__all__ = ["curve", "parse_shares"]

_BAR = (12, 34)  # columns of the drawing, at least and at most


def curve(
    project: Annotated[str, option("A project: its folder or a built-in name.", "Arguments")],
    /,
    *,
    recipe: Annotated[
        str | None, option("A recipe by name, or a TOML file; default: the project's own choice.", "What", short="-r")
    ] = None,
    set: Annotated[list[str] | None, option("Change a field, train.lr=3e-4; can be repeated.", "What")] = None,
    shares: Annotated[str, option("Per cent of the training rows, with commas.", "What")] = "1,2,5,10,20,50,100",
    seeds: Annotated[int, option("Trainings at each share.", "What")] = 3,
    seed: Annotated[int, option("The first seed.", "What")] = 0,
    budget: Annotated[
        str | None, option("Longest time, like 30m; what does not fit is left out, not cut.", "How far")
    ] = None,
    no_baselines: Annotated[bool, option("Skip the floor without a network.", "How far")] = False,
    language: Language = "en",
    runs: RunsFolder = None,
    offline: Offline = False,
    yes: Yes = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Train on growing shares of the rows: would more help?

    dojo curve digits                          1 to 100 %, three seeds each
    dojo curve reviews -r text_cnn --shares 5,20,100 --budget 30m
    dojo curve digits --seeds 5                two seeds more: the rest is found
    dojo curve digits --json                   points, law and answer as data
    """
    from deepdojo.cli.terminal import TerminalListener

    wanted = parse_shares(shares)
    seconds = None if budget is None else parse_duration(budget)
    listener = TerminalListener()
    with listener.kept():
        from deepdojo import api

        found = api.curve(
            project, recipe, set=set, shares=wanted, seeds=seeds, seed=seed, budget=seconds,
            baselines=not no_baselines, runs=runs, language=language, offline=offline, yes=yes, trust=trust,
            listener=listener,
        )  # fmt: skip
    if json:
        print_json(found)
        return
    print_curve(found)
    next_step(f"dojo board {quoted(project)}", "every share in its row")


def parse_shares(text: str) -> list[float]:
    """`5,20,100` as fractions. Raises UsageError for what is no per cent."""
    try:
        values = [float(part.strip().removesuffix("%")) / 100 for part in text.split(",") if part.strip()]
    except ValueError:
        values = []
    if not values or not all(0 < value <= 1 for value in values):
        raise UsageError(
            f"{text!r} are no shares", where="--shares", todo="give per cents above 0 and up to 100: --shares 5,20,100"
        )
    return values


def print_curve(found: Mapping[str, Any]) -> None:
    """The answer, then a line a share with its interval drawn, then the law."""
    from deepdojo.report.curve import late_of, test_of
    from deepdojo.report.curve_words import answer_of, law_of
    from deepdojo.report.words import Words

    words, points = Words("en"), found["points"]
    name = network_name(found["recipe"], found["model"])
    answer([(str(found["project"]), "bold"), (name, ""), (plural(found["rows"], "training row"), ""),
            (f"{len(found['seeds'])} seeds at each share", "")])  # fmt: skip
    out()
    paragraph("Would twice the data help? " + _plain(answer_of(found, words)), style="bold")
    if points:
        out()
        _print_points(found)
    said = [law_of(found, words), test_of(found, metric_unit(found["metric"]), words)]
    for sentence in filter(None, [*said, late_of(found, words)]):
        paragraph(_plain(sentence), style="dim")
    out()
    out(f"Page: {_short(Path(found['page']))}")


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def _print_points(found: Mapping[str, Any]) -> None:
    from deepdojo.report.intervals import common_axis

    points, unit = found["points"], metric_unit(found["metric"])
    ends = [(p["score"], p["low"], p["high"]) for p in points]
    places = max(unit.decimals(*e) for e in ends)
    floor = next((p["floor"]["title"] for p in reversed(points) if p["floor"]), "")
    head = ["share", "rows", metric_name(found["metric"]) + (", %" if unit.percent else ""), "95 %", "± seeds"]
    head += ["floor"] if floor else []
    rows = []
    for p in points:
        cells = [f"{100 * p['share']:.3g}%", f"{p['rows']:,}", unit.number(p["score"], places)]
        interval = "" if p["low"] is None else f"[{unit.number(p['low'], places)}, {unit.number(p['high'], places)}]"
        cells += [interval, "" if p["sd"] is None else unit.number(p["sd"], places + 1)]
        if floor:
            cells.append("" if p["floor"] is None else unit.number(p["floor"]["score"], places))
        rows.append(cells)
    sizes = [max(text_width(line[i]) for line in [head, *rows]) for i in range(len(head))]
    room = min(_BAR[1], width() - 1 - sum(sizes) - 2 * len(sizes))
    axis = common_axis([v for e in ends for v in e])
    out(styled(_line(head, sizes), "dim"))
    for cells, p in zip(rows, points, strict=True):
        low, high = (p["score"] if p[key] is None else p[key] for key in ("low", "high"))
        drawn = bar(low, p["score"], high, axis.low, axis.high, room) if room >= _BAR[0] else ""
        out(f"{_line(cells, sizes)}  {drawn}".rstrip())
    if floor:
        paragraph(f"floor: {floor}, on the same rows.", style="dim")


def _line(cells: list[str], sizes: list[int]) -> str:
    return "  ".join(" " * (size - text_width(cell)) + cell for cell, size in zip(cells, sizes, strict=True))


def _short(path: Path) -> str:
    """Relative where that is shorter."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
