"""`dojo list`: one line each of what there is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from deepdojo.cli import catalogue
from deepdojo.cli.options import Json, option
from deepdojo.cli.output import next_step, out, paragraph, print_json, table
from deepdojo.cli.words import count, metric_name
from deepdojo.errors import UnknownNameError

__all__ = ["listing"]

Kind = Literal["projects", "models", "tasks", "metrics", "layers", "recipes"]
_KINDS = ("projects", "models", "tasks", "metrics", "layers", "recipes")


def listing(
    kind: Annotated[str, option("projects, models, tasks, metrics, layers or recipes.", "Arguments")] = "projects",
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
    else:
        table([(e["name"], str(e.get("summary") or "").rstrip(".")) for e in entries], (kind[:-1], "what it is"),
              last_wraps=kind != "layers")  # fmt: skip
        next_step(f"dojo show {entries[0]['name']}")


def _projects(entries: list[dict[str, Any]]) -> None:
    rows = [(e["name"], e["task"], count(e["rows"]), metric_name(e["metric"] or "–"), e["data"]) for e in entries]
    table(rows, ("project", "task", "rows", "metric", "data"), right=[2])
    if any(e["data"] == "not here" for e in entries):
        paragraph("Data that are not here: dojo show PROJECT says where to get them.", style="dim")
    at_hand = [e["name"] for e in entries if e["data"] in ("bundled", "mirror", "yours")]
    names = [e["name"] for e in entries]
    next_step(f"dojo train {'digits' if 'digits' in names else (at_hand or names)[0]}")
