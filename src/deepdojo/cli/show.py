"""`dojo show NAME`: everything that is known about one thing."""

from __future__ import annotations

import ast
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli import catalogue
from deepdojo.cli.options import Json, option
from deepdojo.cli.output import head, next_step, out, paragraph, print_json, styled, text_width, width
from deepdojo.cli.readme import CHINESE, passages, read_readme
from deepdojo.cli.words import count, duration, metric_name, score_phrase, si, verdict
from deepdojo.errors import DojoError, UnknownNameError
from deepdojo.models.table import is_alias, unknown_model

__all__ = ["show"]

_KINDS = ("project", "task", "metric", "model", "layer", "recipe", "run")


def show(
    name: Annotated[str, option("A project, model, task, metric, layer, recipe or run.", "Arguments")],
    /,
    *,
    kind: Annotated[str | None, option("What it is, where several things have this name.", "What")] = None,
    json: Json = False,
) -> None:
    """Show one project, model, task, metric, layer or run.

    dojo show digits              a project: data, licence, published results
    dojo show cnn --kind recipe   a recipe that is named like its model
    dojo show last                the newest run
    """
    if kind is not None and kind not in _KINDS:
        raise UnknownNameError("kind", kind, _KINDS, where="--kind")
    found = {k: value for k in _KINDS if kind in (None, k) and (value := _find(k, name)) is not None}
    if not found:
        if kind in (None, "model") and is_alias(name):
            raise unknown_model(name)
        raise UnknownNameError(kind or "thing", name, _names(kind), where="dojo show")
    first, facts = next(iter(found.items()))
    others = list(found)[1:]
    if json:
        print_json({"kind": first, **facts, "also": others})
        return
    _print(first, facts)
    for other in others:
        paragraph(f"There is a {other} of that name, too: dojo show {name} --kind {other}", style="dim")
    next_step(_next(first, facts))


def _find(kind: str, name: str) -> dict[str, Any] | None:
    if kind == "run":
        return _run(name)
    if kind == "project":
        folder = catalogue.project_folders().get(name)
        if folder is None and (Path(name) / "project.toml").is_file():
            folder = Path(name)
        return None if folder is None else _project(name, folder)
    entries: list[dict[str, Any]] = getattr(catalogue, f"{kind}s")()
    fitting = [e for e in entries if e["name"] == name]
    if not fitting:
        return None
    if kind == "recipe":
        return {**catalogue.read_toml(Path(fitting[0]["path"])), "name": name, "of": [e["of"] for e in fitting],
                "path": fitting[0]["path"]}  # fmt: skip
    return _model(fitting[0]) if kind == "model" else _task(fitting[0]) if kind == "task" else fitting[0]


def _names(kind: str | None) -> list[str]:
    kinds = [kind] if kind else _KINDS
    names: list[str] = []
    for each in kinds:
        if each == "run":
            from deepdojo.runs import run_folders

            names += [f.name for f in run_folders()] + ["last"]
        else:
            names += [e["name"] for e in getattr(catalogue, f"{each}s")()]
    return names


def _project(name: str, folder: Path) -> dict[str, Any]:
    from deepdojo.contracts import CONTRACTS
    from deepdojo.data.project import stock_recipes

    spec = catalogue.read_toml(folder / "project.toml")
    entry = next((e for e in catalogue.projects() if e["folder"] == str(folder)), {})
    own = [e["name"] for e in catalogue.recipes(folder.name)]
    stock = list(stock_recipes(str(spec["task"]))) if spec.get("task") in CONTRACTS else []
    return {**spec, "name": spec.get("name", name), "rows": entry.get("rows"), "metric": entry.get("metric"),
            "where": entry.get("data"), "recipes": own, "stock_recipes": stock, "folder": str(folder),
            "readme": read_readme(folder)}  # fmt: skip


def _model(entry: dict[str, Any]) -> dict[str, Any]:
    from deepdojo.models import model_fields

    arguments = [
        {"name": f.name, "type": f.type, "required": f.default is None, "default": _value(f.default), "help": f.help}
        for f in model_fields(entry["name"])
    ]
    used = sorted({f"{e['of']}/{e['name']}" for e in catalogue.recipes() if e["model"] == entry["name"]})
    return {**entry, "arguments": arguments, "recipes": used}


def _value(written: str | None) -> Any:
    """A default as JSON has it; as it is written where it is no literal."""
    try:
        return None if written is None else ast.literal_eval(written)
    except ValueError:
        return written


def _task(entry: dict[str, Any]) -> dict[str, Any]:
    from deepdojo.contracts import contract_of
    from deepdojo.scoring.metrics import metrics_for

    return {**entry, "metrics": list(metrics_for(contract_of(entry["name"])))}


def _run(name: str) -> dict[str, Any] | None:
    from deepdojo.runs import find_run

    try:
        run = find_run(name)
    except DojoError:
        return None
    return {"name": run.id, "folder": str(run.folder), **run.info,
            "score": catalogue.read_json(run.folder / "score.json")}  # fmt: skip


def _next(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == "run":
        return f"dojo report {facts['name']} --open"
    if kind == "project":
        return f"dojo train {facts['name']}"
    if kind == "task":
        return f"dojo train {facts['projects'][0]}" if facts["projects"] else "dojo list projects"
    if kind == "model" and facts["recipes"]:
        return f"dojo show {facts['recipes'][0].rpartition('/')[2]} --kind recipe"
    if kind == "recipe":
        task = facts["of"][0]
        posed = [p["name"] for p in catalogue.projects() if task in (p["task"], p["name"])]
        return f"dojo train {(posed or ['PROJECT'])[0]} -r {facts['name']}"
    return f"dojo list {kind}s"


def _print(kind: str, facts: Mapping[str, Any]) -> None:
    title = facts.get("title") or facts.get("summary") or facts.get("about") or ""
    out(f"{styled(str(facts['name']), 'bold')} · {kind}" + (f" · {facts['task']}" if facts.get("task") else ""))
    if title:
        paragraph(str(title))
    if facts.get("details"):
        out()
        paragraph(str(facts["details"]))
    out()
    lines = {"run": _run_lines, "project": _project_lines, "recipe": _recipe_lines, "model": _model_lines}
    _pairs(lines.get(kind, _other_lines)(facts))
    if facts.get("arguments"):
        _arguments(facts["arguments"])
    for item in facts.get("published") or ():
        if item is facts["published"][0]:
            out()
            head("Published (not re-scored)")
        text = score_phrase(str(item.get("metric") or facts["metric"]), item["score"], None, None, None)
        same = "same protocol" if item.get("protocol") == "same" else "context only"
        paragraph(f"{item.get('model', '')}: {text} ({same}; {item.get('source', '')})", indent=2)

    _readme(facts.get("readme") or {})


def _readme(sections: Mapping[str, str]) -> None:
    chinese = (os.environ.get("LC_ALL") or os.environ.get("LANG") or "").startswith("zh")
    for heading in [CHINESE] if chinese and CHINESE in sections else [name for name in sections if name != CHINESE]:
        out()
        head(heading)
        for verbatim, text in passages(sections[heading]):
            if verbatim:
                out(f"    {text}")
            else:
                paragraph(text, indent=2)


def _pairs(pairs: Mapping[str, Any]) -> None:
    shown = {k: _text(v) for k, v in pairs.items() if v not in (None, "", [], {})}
    wide = max((text_width(k) for k in shown), default=0)
    for key, value in shown.items():
        pad = " " * (wide + 4)
        lines = textwrap.wrap(value, width() - 1 - len(pad), break_long_words=False, break_on_hyphens=False)
        out(f"  {key:<{wide}}  {f'{chr(10)}{pad}'.join(lines)}")


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {_text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _project_lines(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metric": metric_name(str(facts.get("metric") or "–")),
        "rows": count(facts["rows"]) if facts.get("rows") else None,
        "data": facts.get("where"),
        "licence": facts.get("licence"),
        "cite": facts.get("cite"),
        "recipe": facts.get("recipe"),
        "recipes": [*facts.get("recipes", []), *facts.get("stock_recipes", [])],
        "folder": facts.get("folder"),
    }


def _recipe_lines(facts: Mapping[str, Any]) -> dict[str, Any]:
    model = dict(facts.get("model") or {})
    expected = facts.get("expect") or {}
    return {
        "for": facts["of"],
        "model": model.pop("name", None),
        "arguments": model,
        "task": facts.get("task") if isinstance(facts.get("task"), Mapping) else None,
        "train": facts.get("train"),
        "expect": expected,
        "file": facts["path"],
    }


def _run_lines(facts: Mapping[str, Any]) -> dict[str, Any]:
    score, cost = facts["score"], facts["score"].get("cost") or {}
    lines: dict[str, Any] = {"project": facts.get("project"), "recipe": facts.get("recipe"), "seed": facts.get("seed")}
    if score.get("value") is not None:
        metric = str(score["metric"])
        lines["score"] = score_phrase(metric, score["value"], score.get("low"), score.get("high"), score.get("n"))
        better = bool(score.get("higher_is_better", True))
        lines["floor"] = verdict(metric, score.get("baselines") or [], higher_is_better=better)
    costs = (
        (si(cost.get("parameters")), "parameters"),
        (si(cost.get("train_flops")), "training FLOPs"),
        (duration(cost.get("train_seconds")), "training"),
    )
    lines["cost"] = ", ".join(f"{text} {name}" for text, name in costs if text != "–")
    return {**lines, "created": facts.get("created"), "command": facts.get("command"), "folder": facts["folder"]}


def _model_lines(facts: Mapping[str, Any]) -> dict[str, Any]:
    known = facts["parameters"] is not None
    flops = "not counted" if facts["flops"] is None else f"{count(facts['flops'])} in one forward pass"
    return {
        "parameters": count(facts["parameters"]) if known else None,
        "FLOPs": flops if known else None,
        "counted for": facts["example"],
        "tasks": facts["tasks"] or "comes with its task",
        "protocols": facts["protocols"],
        "paper": facts["paper"],
        "file": f"deepdojo/models/{facts['module']}.py",
        "recipes": facts["recipes"],
    }


def _arguments(arguments: Sequence[Mapping[str, Any]]) -> None:
    """Each with its type and default, and what it means below it."""
    out()
    paragraph("Arguments: [model] of a recipe, --set model.NAME=VALUE, or create_model(...)", style="bold")
    for each in arguments:
        default = "" if each["required"] else f" = {_text(each['default']) or '()'}"
        if isinstance(each["default"], (list, tuple)):
            default = f" = [{_text(each['default'])}]"
        paragraph(f"{each['name']}: {each['type']}{default}", indent=2)
        paragraph(each["help"], indent=6, style="dim")


def _other_lines(facts: Mapping[str, Any]) -> dict[str, Any]:
    left_out = ("name", "summary", "title", "about", "published", "module")
    return {k.replace("_", " "): v for k, v in facts.items() if k not in left_out}
