"""`dojo board`: who is best, how sure is that, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.catalogue import project_folders, read_toml
from deepdojo.cli.options import Json, Language, RunsFolder, option
from deepdojo.cli.output import answer, clip, next_step, out, paragraph, print_json, quoted, styled, text_width, width
from deepdojo.cli.words import bar, duration, metric_name, metric_unit, plural, score_text, si
from deepdojo.errors import UsageError

__all__ = ["board", "print_board"]

Row = Mapping[str, Any]

# Columns: rank, name, score, interval, bar, share of the rows (where it differs), parameters, FLOPs, time, Pareto mark;
# and the blanks between them.
_GAPS = (2, 2, 1, 2, 1, 2, 1, 1, 1)
_SHARE, _FLOPS = 5, 7
_NAME, _BAR = 20, 13  # what a name keeps when it gives way, and what the bar wants


def board(
    project: Annotated[str, option("A project: its folder or a built-in name; or an event's address.", "Arguments")],
    /,
    *,
    watch: Annotated[bool, option("Of an event: show it again whenever it changes.", "Output")] = False,
    final: Annotated[bool, option("Of an event: the final board, once it is open.", "Output")] = False,
    mine: Annotated[bool, option("Of an event: your team's own submissions.", "Output")] = False,
    choose: Annotated[
        list[str] | None, option("Name those that count at the end; `none` takes it back.", "Output", many=True)
    ] = None,
    html: Annotated[Path | None, option("Also write the board as one HTML page.", "Output")] = None,
    language: Language = "en",
    runs: RunsFolder = None,
    json: Json = False,
) -> None:
    """Show the leaderboard of a project or a competition.

    dojo board digits                     rank, score, interval, cost
    dojo board reviews --html board.html  as a page that needs no network
    dojo board digits --json              as data, one object a row
    dojo board http://room:8000/reviews --watch
    dojo board http://room:8000/reviews --mine    what your team has sent
    dojo board http://room:8000/reviews --choose ID ID
    """
    from deepdojo import api

    if project.startswith(("http://", "https://")):
        from deepdojo.cli.event_board import show_event_board

        if mine or choose is not None:
            from deepdojo.cli.own_submissions import show_own

            show_own(project, choose, json=json)
            return
        part = "private" if final else "public"
        show_event_board(project, watch=watch, json=json, html=html, language=language, part=part)
        return
    given = {"--watch": watch, "--final": final, "--mine": mine, "--choose": choose is not None}
    if any(given.values()):
        raise UsageError("a project's own board has no such thing", where=next(name for name in given if given[name]),
                         todo="give an event's address: http://room:8000/NAME")  # fmt: skip

    rows = api.board(project, runs=runs)
    if html is not None:
        _write_page(html, project, rows, language)
    if json:
        print_json(rows)
        return
    print_board(project, rows)
    if html is not None:
        out(f"\nPage: {html}")
    own = [r for r in rows if r["kind"] == "run" and r.get("rank") is not None]
    if len(own) > 1:
        next_step(f"dojo compare {own[0].get('id') or own[0]['run']} {own[1].get('id') or own[1]['run']}")
    elif own:
        next_step(f"dojo report {own[0].get('id') or own[0]['run']} --open")
    else:
        next_step(f"dojo train {quoted(project)}")


def _write_page(path: Path, project: str, rows: Sequence[Row], language: str) -> None:
    """The board as one HTML file, written atomically."""
    from deepdojo.places import write_text
    from deepdojo.report import board_page

    ranked = [r for r in rows if r.get("rank") is not None]
    about = {**_described(project), "name": project, "runs": sum(r["kind"] == "run" for r in ranked)}
    if rows:
        about |= {key: (ranked or rows)[0][key] for key in ("metric", "higher_is_better", "n")}
    write_text(path, board_page(about, [dict(r) for r in rows], language=language))


def _described(project: str) -> dict[str, str]:
    """Title, task and licence, as its project.toml has them."""
    folder = Path(project) if (Path(project) / "project.toml").is_file() else project_folders().get(project)
    spec = read_toml(folder / "project.toml") if folder is not None else {}
    return {key: str(spec[key]) for key in ("title", "task", "licence") if spec.get(key)}


def print_board(project: str, rows: Sequence[Row]) -> None:
    """The board as text: ranked rows, then those that cannot be compared, then what the signs mean."""
    ranked = [r for r in rows if r.get("note") not in ("other metric", "other held-out rows", "logged, not scored")]
    below = [r for r in rows if r not in ranked]
    scored = [r for r in ranked if r["kind"] != "published"]
    if not scored:
        out(f"{project}: no runs yet.")
    else:
        _print_head(Path(project).name, scored)
    if ranked:
        _print_rows(ranked)
    if below:
        out()
        out(styled("Not scored on these rows, so not ranked here:", "dim"))
        for row in below:
            text = score_text(row["metric"], row["score"], row["low"], row["high"])
            result = f"{metric_name(row['metric'])} {text} of {row['n']:,}: " if row["score"] is not None else ""
            line = f"{clip(str(row['name']), 24)}  {result}{row['note']}"
            out(styled(f"   {clip(line, width() - 4)}", "dim"))
    if scored:
        out()
        if any((row.get("seeds") or 1) > 1 for row in scored):
            paragraph("×3: mean of three seeds; ±: its standard deviation over them.", style="dim")
        searched = next((row for row in scored if row.get("trials")), None)
        if searched is not None:
            n = searched["trials"]
            paragraph(f"of {n}: the best of {n} settings that were tried on validation rows.", style="dim")
        for said in sorted({_own(one) for row in scored for one in row.get("with") or [] if one["count"]}):
            paragraph(said, style="dim")
        paragraph("Equal ranks: the rows cannot tell them apart. ◆: none is better in less time.", style="dim")
    if any(r["kind"] == "published" for r in ranked):
        paragraph("Published results are not re-scored and have no rank.", style="dim")


def _print_head(name: str, scored: Sequence[Row]) -> None:
    first = scored[0]
    unit = ", %" if metric_unit(first["metric"]).percent else ""
    runs = plural(sum(r["kind"] == "run" for r in scored), "run")
    folds = f" in {first['folds']} folds" if first.get("folds") else ""
    answer(
        [
            (name, "bold"),
            (f"{metric_name(first['metric'])}{unit}", ""),
            ("higher is better" if first["higher_is_better"] else "lower is better", ""),
            (f"{runs} scored on {first['n']:,} held-out rows{folds}", ""),
        ]
    )
    out()


def _print_rows(rows: Sequence[Row]) -> None:
    places = _places(rows)
    cells = [_cells(row, rows, places) for row in rows]
    heads = [
        "",
        "",
        "score",
        "95 %, ± seeds" if any(row.get("sd") is not None for row in rows) else "95 %",
        "",
        "data" if any(_part(row) for row in rows) else "",
        "param",
        "FLOPs",
        "time",
        "",
    ]
    sizes = [max(text_width(c[i]) for c in [heads, *cells]) for i in range(len(heads))]
    parts = bool(sizes[_SHARE])
    least = _NAME - 6 if parts else _NAME  # beside the column of shares a name has less room
    spare = width() - 1 - sum(sizes) - sum(_GAPS) + (0 if parts else _GAPS[_SHARE])
    if spare + max(0, sizes[1] - least) < _BAR - 3:  # the bars tell more than the FLOPs
        spare, sizes[_FLOPS] = spare + sizes[_FLOPS] + _GAPS[_FLOPS], 0
    give = max(0, min(sizes[1] - least, _BAR - spare))  # a long name gives way to the bar
    sizes[1], spare = sizes[1] - give, spare + give
    sizes[4] = min(24, spare) if spare >= _BAR - 3 else 0
    if spare < 0:
        sizes[1] = max(10, sizes[1] + spare)
    low, high = _axis(rows)
    out(styled(_join(heads, sizes), "dim"))
    for row, cell in zip(rows, cells, strict=True):
        if sizes[4] and row.get("low") is not None:
            cell[4] = bar(row["low"], row["score"], row["high"], low, high, sizes[4])
        elif sizes[4]:
            cell[4] = bar(row["score"], row["score"], row["score"], low, high, sizes[4]).replace("●", "○")
        line = _join(cell, sizes)
        out(styled(line, "dim") if row["kind"] == "published" else line)
    if sizes[4]:
        ends = [metric_unit(rows[0]["metric"]).number(x, max(0, places - 1)) for x in (low, high)]
        axis = ends[0] + " " * max(1, sizes[4] - len(ends[0]) - len(ends[1])) + ends[1]
        before = sum(sizes[:4]) + sum(_GAPS[:4])
        out(styled(" " * before + axis, "dim"))


def _places(rows: Sequence[Row]) -> int:
    """One number of decimals for the whole column: that of the finest interval, so that columns line up."""
    unit = metric_unit(rows[0]["metric"])
    ends = [(r["score"], r.get("low"), r.get("high")) for r in rows]
    return max(unit.decimals(*e) for e in [e for e in ends if None not in e] or ends)


def _cells(row: Row, rows: Sequence[Row], places: int) -> list[str]:
    unit = metric_unit(row["metric"])
    interval = ""
    if row.get("low") is not None and row.get("high") is not None:
        interval = f"[{unit.number(row['low'], places)}, {unit.number(row['high'], places)}]"
    if row.get("sd") is not None:
        interval += f" ±{unit.number(row['sd'], places + 1)}"
    return [
        "–" if row.get("rank") is None else str(row["rank"]),
        _name(row, rows),
        unit.number(row["score"], places),
        interval,
        "",
        (_part(row) or "100%") if any(_part(r) for r in rows) and row.get("data_share") is not None else "",
        si(row.get("parameters")) if row.get("trained") is None else f"{si(row['trained'])}/{si(row['parameters'])}",
        si(row.get("train_flops")),
        duration(row.get("seconds")).replace(" min", "m").replace(" ", ""),
        "◆" if row.get("pareto") else "",
    ]


def _own(one: Mapping[str, Any]) -> str:
    places = f"{one['count']} place{'s' if one['count'] > 1 else ''}"
    return f"with {one['name']}: its author's own, in {places} ({one['file']}, SHA-256 {one['sha256'][:8]})."


def _name(row: Row, rows: Sequence[Row]) -> str:
    """The recipe, with the number of trials it was chosen from, that of seeds, and the end of a shared id."""
    name, ends = str(row["name"]), ""
    twins = sum((r["name"], _part(r)) == (row["name"], _part(row)) and r["kind"] == "run" for r in rows)
    if row.get("trials"):
        ends += f" of {row['trials']}"
    if (row.get("seeds") or 1) > 1:
        ends += f" ×{row['seeds']}"
    if row["kind"] == "run" and twins > 1:
        ends += " " + str(row.get("id") or row.get("run") or "").rpartition("-")[2]
    return clip(name, 24 - len(ends)) + ends if ends else name


def _part(row: Row) -> str:
    """The share of the training rows where it is not all: `10%`."""
    share = row.get("data_share")
    return f"{100 * share:.2g}%" if share is not None and share < 1 else ""


def _axis(rows: Sequence[Row]) -> tuple[float, float]:
    """The page's axis: the best rows in full, and of the others what does not make their differences invisible."""
    from deepdojo.report.intervals import common_axis

    ranked = sorted((r for r in rows if r.get("rank") is not None), key=lambda r: r["rank"]) or list(rows)
    front = [ranked[0].get(key) for key in ("score", "low", "high")] + [r["score"] for r in ranked[1:2]]
    axis = common_axis(front, [r.get(key) for r in rows for key in ("score", "low", "high")])
    if metric_unit(rows[0]["metric"]).percent:
        return max(0.0, axis.low), min(1.0, axis.high)
    return axis.low, axis.high


def _join(cells: Sequence[str], sizes: Sequence[int]) -> str:
    line = ""
    for i, (cell, size, gap) in enumerate(zip(cells, sizes, (*_GAPS, 0), strict=True)):
        if i in (4, _SHARE, _FLOPS) and not size:
            continue
        text = clip(cell, size) if i != 4 else cell
        blank = " " * (size - text_width(text))
        line += (blank + text if i in (0, 2, 5, 6, 7, 8) else text + blank) + " " * gap
    return line.rstrip()
