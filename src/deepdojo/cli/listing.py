"""`dojo list`: one line each of what there is."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from deepdojo.cli import catalogue
from deepdojo.cli.options import Json, option
from deepdojo.cli.output import next_step, out, paragraph, print_json, table
from deepdojo.cli.words import count, metric_name, si
from deepdojo.errors import UnknownNameError
from deepdojo.grader.words import language

__all__ = ["listing"]

Kind = Literal["projects", "models", "tasks", "metrics", "layers", "recipes", "lessons"]
_KINDS = ("projects", "models", "tasks", "metrics", "layers", "recipes", "lessons")


def listing(
    kind: Annotated[
        str, option("projects, models, tasks, metrics, layers, recipes or lessons.", "Arguments")
    ] = "projects",
    /,
    *,
    json: Json = False,
) -> None:
    """List what there is: projects, models, tasks, metrics.

    dojo list                 all projects, built in and in this folder
    dojo list models          all models, named as in the literature
    dojo list layers --json   as data
    """
    kind = kind if kind.endswith("s") else f"{kind}s"
    if kind not in _KINDS:
        raise UnknownNameError("list", kind, _KINDS, where="dojo list")
    entries: list[dict[str, Any]] = getattr(catalogue, kind)()
    if json:
        print_json(entries)
        return
    if not entries:
        out(f"There are no {kind}.")
        return
    if kind == "projects":
        _projects(entries)
    elif kind == "tasks":
        table([(e["name"], metric_name(e["metric"]), ", ".join(e["projects"]) or "–") for e in entries],
              ("task", "metric", "projects"))  # fmt: skip
        next_step(f"dojo show {entries[0]['name']}", "its columns and metrics")
    elif kind == "recipes":
        table(
            [(e["name"], e["of"], e["model"] or "–", e["about"]) for e in entries], ("recipe", "for", "model", "about")
        )
        next_step(f"dojo show {entries[0]['name']}")
    elif kind == "lessons":
        _lessons(entries)
    elif kind == "models":
        _models(entries)
    elif kind == "layers":
        _layers(entries)
    else:
        rows = [(e["name"], _lines(str(e.get("summary") or ""), _beside(e))) for e in entries]
        table(rows, (kind[:-1], "what it is"), last_wraps=True)
        next_step(f"dojo show {entries[0]['name']}")


def _models(entries: list[dict[str, Any]]) -> None:
    """Grouped by the example that parameters and operations are given for."""
    groups: dict[str | None, list[dict[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["example"], []).append(entry)
    wide = max(len(e["name"]) for e in entries)
    for i, (example, members) in enumerate(groups.items()):
        if i:
            out()
        paragraph(f"For {example}:" if example else "Not counted:", style="bold")
        rows = [
            (f"{e['name']:<{wide}}", f"{si(e['parameters']):>5}", f"{si(e['flops']):>5}",
             _lines(e["summary"], _years(e["paper"]), _fits(e["tasks"])))
            for e in members
        ]  # fmt: skip
        table(rows, ("model", "param", "FLOPs", "what it is, source, tasks"), right=(1, 2), last_wraps=True)
    out()
    paragraph("With default arguments. FLOPs of one forward pass: matrix products, convolutions, attention and "
              "recurrence; a multiply-add is two; sums and look-ups are not counted.", style="dim")  # fmt: skip
    next_step(f"dojo show {entries[0]['name']}", "its arguments")


def _lessons(entries: list[dict[str, Any]]) -> None:
    lang = language()
    rows = [(e["name"], ", ".join(e["functions"]), str(e["minutes"]), e["title"][lang]) for e in entries]
    table(rows, ("lesson", "you write", "min", "title"), right=(2,))
    next_step(f"dojo grade {entries[0]['functions'][0]}.py", "once you have written it")


def _layers(entries: list[dict[str, Any]]) -> None:
    """First what has a lesson's signature of its own, then every layer, then what no project takes."""
    taken = [e for e in entries if not e["absent"]]
    paragraph("Your own code may stand in for all of these: dojo train PROJECT --with FILE.", style="bold")
    rows = [(e["name"], _lines(e["summary"], _beside(e), _role(e))) for e in taken]
    table(rows, ("layer", "what it is, where, source"), last_wraps=True)
    out()
    paragraph("Lessons whose code has no place in a training:", style="bold")
    table([(e["name"], e["absent"]) for e in entries if e["absent"]], ("name", "why"), last_wraps=True)
    next_step(f"dojo show {entries[0]['name']}")


def _role(entry: dict[str, Any]) -> str:
    """What kind of part it is, where it is no layer, and the lesson that teaches it."""
    role = "" if entry["role"] == "layer" else entry["role"]
    lesson = f"lesson {entry['lesson']}" if entry["lesson"] else ""
    wrote = ", ".join(entry["functions"])
    return " · ".join(filter(None, [role, lesson, f"you write {wrote}" if wrote != entry["name"] else ""]))


def _beside(entry: dict[str, Any]) -> str:
    """What a second line says of a layer."""
    return (
        " · ".join(filter(None, [entry["file"].rpartition("/")[2], _years(entry["source"])])) if "file" in entry else ""
    )


def _lines(summary: str, *beside: str) -> str:
    first = re.split(r"\. (?=[A-Z])", summary)[0]
    return "\n".join(filter(None, [first.rstrip("."), *beside]))


def _years(source: str) -> str:
    """Authors and years of a source, without titles and remarks: `Vaswani et al. 2017; Xiong et al. 2020`."""
    bare = re.sub(r'"[^"]*"|\([^)]*\)', "", source)
    parts = (re.match(r"\s*(.*\b(?:1[89]|20)\d\d)\b", part) for part in bare.split(";"))
    return "; ".join(" ".join(part[1].split()) for part in parts if part)


def _fits(tasks: list[str]) -> str:
    return ", ".join(tasks) if tasks else "comes with its task"


def _projects(entries: list[dict[str, Any]]) -> None:
    rows = [(e["name"], e["task"], count(e["rows"]), metric_name(e["metric"] or "–"), e["data"]) for e in entries]
    table(rows, ("project", "task", "rows", "metric", "data"), right=[2])
    if any(e["data"] == "not here" for e in entries):
        paragraph("Data that are not here: dojo show PROJECT says where to get them.", style="dim")
    at_hand = [e["name"] for e in entries if e["data"] in ("bundled", "mirror", "yours")]
    names = [e["name"] for e in entries]
    next_step(f"dojo train {'digits' if 'digits' in names else (at_hand or names)[0]}")
