"""What there is to list and show, read from TOML and sources alone: no torch, no data, so that it is instant."""

from __future__ import annotations

import ast
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from deepdojo.errors import ProjectError

__all__ = [
    "CATALOGUE",
    "layers",
    "lessons",
    "metrics",
    "models",
    "project_folders",
    "project_names",
    "projects",
    "read_toml",
    "recipes",
    "runs_beside",
    "tasks",
    "tasks_of",
]

CATALOGUE = Path(__file__).parents[1] / "catalogue"


def read_toml(path: Path) -> dict[str, Any]:
    """Raises ProjectError naming the file when it is no TOML or no text."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"is no valid TOML: {error}", where=str(path)) from None


def project_folders() -> dict[str, Path]:
    """Project name -> folder: those in this folder and right below it, then the built-in ones."""
    here = Path.cwd()
    found: dict[str, Path] = {}
    own = [here / "project.toml", *sorted(here.glob("*/project.toml"))]
    for path in [*own, *sorted((CATALOGUE / "projects").glob("*/project.toml"))]:
        if path.is_file():
            found.setdefault(path.parent.name, path.parent)
    return found


def project_names() -> list[str]:
    """Names that PROJECT accepts here."""
    return list(project_folders())


def projects() -> list[dict[str, Any]]:
    """One entry a project: name, title, task, rows (as a run has counted them), metric, licence, data, folder."""
    from deepdojo.contracts import CONTRACTS

    entries = []
    for name, folder in project_folders().items():
        try:
            spec = read_toml(folder / "project.toml")
        except ProjectError as fault:
            spec = {"title": str(fault)}
        task = str(spec.get("task", "–"))
        contract = CONTRACTS.get(task)
        entries.append(
            {
                "name": name,
                "title": spec.get("title", ""),
                "task": task,
                "rows": spec.get("rows") or _counted_rows(name, folder),
                "metric": spec.get("metric") or (contract.metric if contract else None),
                "licence": spec.get("licence"),
                "data": _where_data(spec),
                "folder": str(folder),
            }
        )
    return entries


def _where_data(spec: Mapping[str, Any]) -> str:
    """`bundled` with us or a dependency, `yours`, `mirror` (it is there), `download`, or `not here`."""
    source = spec.get("source") or {}
    mirror = os.environ.get("DEEPDOJO_DATA")
    if source.get("dependency") or spec.get("availability") == "bundled":
        return "bundled"
    if source.get("path") and not source.get("mirror"):  # else it names code of a sibling
        return "yours"
    if mirror and source.get("mirror") and (Path(mirror).expanduser() / str(source["mirror"])).is_dir():
        return "mirror"
    files = source.get("files")
    urls = isinstance(files, Mapping) and any(isinstance(f, Mapping) and f.get("url") for f in files.values())
    if urls or source.get("url"):
        return "download"
    return "not here" if source.get("mirror") or spec.get("availability") == "mirror" else "yours"


def _counted_rows(name: str, folder: Path) -> int | None:
    """All rows as the newest run counted them."""
    for run in reversed(list(runs_beside(name, folder))):
        rows = read_json(run / "data.json").get("rows")
        if isinstance(rows, Mapping):
            return sum(n for n in rows.values() if isinstance(n, int))
    return None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def runs_beside(name: str, folder: Path) -> Iterator[Path]:
    """Runs of a project, oldest first, where `dojo train` puts them by default."""
    from deepdojo.places import runs_folder

    place = runs_folder(name, None if _built_in(folder) else folder)
    yield from _runs_in(place)


def _runs_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        files = [p for p in folder.glob("*/run.toml") if p.is_file()]
        yield from (p.parent for p in sorted(files, key=lambda p: p.stat().st_mtime))


def _built_in(folder: Path) -> bool:
    return folder.parent == CATALOGUE / "projects"


def recipes(project: str | None = None) -> list[dict[str, Any]]:
    """One entry a recipe: name, task or project, model, about, path."""
    entries = []
    paths = [(p.parent.name, p) for p in sorted((CATALOGUE / "recipes").glob("*/*.toml"))]
    for name, folder in project_folders().items():
        paths += [(name, p) for p in sorted((folder / "recipes").glob("*.toml"))]
    for owner, path in paths:
        spec = read_toml(path)
        model = spec.get("model") or {}
        entry = {"name": path.stem, "of": owner, "model": model.get("name"), "about": spec.get("about", "")}
        entries.append({**entry, "path": str(path)})
    return [e for e in entries if project is None or e["of"] == project]


def models() -> list[dict[str, Any]]:
    """One entry a model: name, summary, paper, parameters, flops and the example that they are for, tasks, protocols,
    module. Torch is imported only where `models/sizes.json` lacks a model."""
    from deepdojo.models import MODELS
    from deepdojo.models.sizes import model_size

    entries = []
    for name, entry in MODELS.items():
        size = model_size(name)
        sizes = {key: getattr(size, key, None) for key in ("parameters", "flops", "example")}
        said = _fields(entry, "summary", "details", "paper")
        entries.append(
            {"name": name, **said, **sizes, "tasks": tasks_of(name), **_fields(entry, "protocols", "module")}
        )
    return entries


def tasks_of(model: str) -> list[str]:
    """The tasks that a model fits: it meets their protocol, and their kind of input gives all that it needs."""
    from deepdojo.contracts import CONTRACTS
    from deepdojo.models.example_inputs import reads

    found = {name: _protocol(name) for name in CONTRACTS}
    return [name for name, asked in found.items() if asked and reads(model, asked, CONTRACTS[name].input_kind)]


@cache
def _protocol(task: str) -> str | None:
    """What the class of a task says of its `protocol`, read from the source without torch."""
    path = Path(__file__).parents[1] / "tasks" / f"{task.replace('-', '_')}.py"
    if not path.is_file():
        return None
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "protocol":
            return str(node.value.value) if isinstance(node.value, ast.Constant) else None
    return None


def tasks() -> list[dict[str, Any]]:
    """One entry a task: name, its columns, default metric, and the projects that pose it."""
    from deepdojo.contracts import CONTRACTS

    posed: dict[str, list[str]] = {}
    for project in projects():
        posed.setdefault(project["task"], []).append(project["name"])
    return [
        {
            "name": name,
            "inputs": dict(contract.inputs),
            "targets": dict(contract.targets),
            **({"hints": dict(contract.hints)} if contract.hints else {}),
            "predictions": dict(contract.predictions),
            **({"host_run": True} if contract.host_run else {}),
            "metric": contract.metric,
            "projects": posed.get(name, []),
        }
        for name, contract in CONTRACTS.items()
    ]


def metrics() -> list[dict[str, Any]]:
    """One entry a metric: name, summary, direction, unit, goal, and which column kinds it compares."""
    from deepdojo.scoring.metrics import METRICS

    wanted = ("summary", "higher_is_better", "unit", "goal", "truth", "predicted", "signature")
    return [{"name": name, **_fields(entry, *wanted)} for name, entry in METRICS.items()]


def layers() -> list[dict[str, Any]]:
    """One entry for everything that a learner's own code may stand in for: name, role, summary, source, module, file;
    the lesson that teaches it and what one writes there, where there is one; and why no project takes it, if so."""
    from deepdojo.layers import LAYERS, layer_sources, layer_summaries
    from deepdojo.stand_ins import STAND_INS

    taught, sources = _taught(), layer_sources()
    ideas = {each.idea: each for each in STAND_INS}
    entries: list[dict[str, Any]] = [
        {"name": name, "role": "loss" if LAYERS[name].startswith("loss_") else "layer", "summary": text,
         "source": sources[name], "module": LAYERS[name], "file": f"deepdojo/layers/{LAYERS[name]}.py"}
        for name, text in layer_summaries().items()
    ]  # fmt: skip
    for each in STAND_INS:
        if each.idea not in LAYERS:
            place = f"deepdojo/stand_ins/{each.file or 'table'}.py"
            parts = ", ".join(each.parts)
            entries.append({
                "name": each.idea, "role": each.kind, "summary": f"Stands in for {parts}." if parts else "",
                "source": "", "module": each.file or "table", "file": place,
            })  # fmt: skip
    for entry in entries:
        idea = ideas.get(entry["name"])
        entry["lesson"] = None if idea is None else next((taught[n] for n in idea.names if n in taught), None)
        entry["functions"] = [entry["name"]] if idea is None else list(idea.names)
        entry["absent"] = idea.absent if idea is not None else ""
    return entries


def _taught() -> dict[str, str]:
    """Function -> the lesson in which it is written."""
    from deepdojo.grader.lessons import all_lessons

    return {name: each.id for each in all_lessons() for name in each.names}


def lessons() -> list[dict[str, Any]]:
    """One entry a lesson: name, title, minutes, needs, functions, stands_in_for, folder."""
    from deepdojo.grader.lessons import all_lessons

    return [
        {"name": each.id, "title": each.title.as_json(), "minutes": each.minutes, "needs": list(each.needs),
         "functions": list(each.names), "stands_in_for": list(each.stands_in_for), "folder": str(each.folder)}
        for each in all_lessons()
    ]  # fmt: skip


def _fields(entry: Any, *names: str) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in names if hasattr(entry, name)}
    return {k: list(v) if isinstance(v, (tuple, frozenset, set)) else v for k, v in values.items()}
