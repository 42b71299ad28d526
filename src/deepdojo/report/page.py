"""Puts the report of a run together: reads the folder, draws, fills the templates, writes `report.html` atomically."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from deepdojo.places import write_text
from deepdojo.report import boxes, decisions, likeness, sections
from deepdojo.report.comparison import comparison
from deepdojo.report.figures import amount, count, duration, plain, unit_of
from deepdojo.report.metric_facts import metric_title
from deepdojo.report.passages import passages, samples
from deepdojo.report.pictures import Pictures
from deepdojo.report.sounds import Sounds
from deepdojo.report.source import RunFiles, model_name, read_run
from deepdojo.report.speech import spoken
from deepdojo.report.spread import learning_of_several, spread
from deepdojo.report.svg import cut
from deepdojo.report.thresholds import thresholds
from deepdojo.report.tokens import stylesheet
from deepdojo.report.verdict import best_floor, few_rows, verdict
from deepdojo.report.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "write_report"]

Json = dict[str, Any]


@cache
def environment() -> Environment:
    """Our templates; everything that they insert is escaped unless our own SVG module made it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("deepdojo.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "cut": cut,
        "count": count,
        "whole": lambda v: escape(v).replace("held-out", Markup('<span class="whole-word">held-out</span>')),
        "percent": lambda v: f"{v:.3g}" if v is None else f"{100 * v:.3g}\u00a0%",
    }
    return made


def _key_figures(files: RunFiles, words: Words) -> list[tuple[str, str, str]]:
    score = files.score
    if not isinstance(score.get("value"), int | float):
        return []
    metric = str(score.get("metric", ""))
    unit, cost, floor = unit_of(metric), score.get("cost") or {}, best_floor(score)
    low, high = score.get("low"), score.get("high")
    rows = words("{interval} of {n} rows", interval=unit.interval(score["value"], low, high), n=count(score.get("n")))
    found = [(words(metric_title(metric)), unit.score(score["value"], low, high), rows)]
    if floor:
        title = str(floor.get("title") or floor.get("name"))
        found.append((words("best floor"), unit.score(floor["score"], floor.get("low"), floor.get("high")), title))
    if cost.get("seconds") is not None:
        small = (
            words("training {time}", time=duration(cost["train_seconds"]))
            if cost.get("train_seconds") is not None
            else ""
        )
        found.append((words("time"), duration(cost["seconds"]), small))
    if cost.get("parameters") is not None:
        flops = cost.get("forward_flops")
        small = words("{flops} a prediction", flops=amount(flops, "FLOP")) if flops is not None else ""
        found.append((words("parameters"), amount(cost["parameters"]), small))
    return found


def _remarks(files: RunFiles, words: Words) -> list[str]:
    said = []
    share = files.score.get("data_share")
    if isinstance(share, int | float) and share < 1:
        said.append(words("Trained on {share} of the training rows.", share=f"{100 * share:.3g}\u00a0%"))
    said += thresholds(files.score, words)
    trials = files.score.get("trials")
    if isinstance(trials, int):
        said.append(words("Its settings are the best of {n} that were tried on validation rows.", n=trials))
    if files.run.get("kind") == "tracked":
        scored = files.score.get("value") is not None
        said.append(
            words("Trained by another program; scored here on its table of predictions.")
            if scored
            else words("Logged by another program, not scored: it gave no table of predictions.")
        )
        if files.run.get("state") == "failed":
            said.append(words("The program ended by an error."))
    if files.broken:
        said.append(words("Could not be read and is left out here: {names}.", names=", ".join(files.broken)))
    return said


def _stopped(files: RunFiles, words: Words) -> str:
    reasons = {
        "epochs": "Training ended as planned (epochs: {n}).",
        "patience": "Training ended because validation no longer improved (epochs: {n}).",
        "budget": "Training ended because the time was used up (epochs: {n}).",
        "steps": "Training ended after the asked number of steps (epochs: {n}).",
    }
    reason = reasons.get(str(files.run.get("stopped")))
    epochs = files.run.get("epochs") or len(files.epochs)
    return words(reason, n=plain(epochs) if epochs % 1 else f"{epochs:.0f}") if reason else ""


def _opening(files: RunFiles, project: str) -> str:
    """The command that trains the same, with its held-out rows scored and its floors beside it."""
    command = str(files.run.get("command") or "")
    if not command or " --resume" in command:  # from Python, or what says nothing of the project
        run = files.run
        command = f"dojo train {quote(str(run.get('project_path') or project))}"
        command += f" -r {run['recipe']}" if run.get("recipe") not in (None, "", "default") else ""
        command += f" --seed {run['seed']}" if run.get("seed") else ""
    if not files.score.get("baselines"):  # a budget may have ended before them
        command = re.sub(r" --budget[ =]\S+", "", command)
    return command.replace(" --validation-only", "").replace(" --no-baselines", "")


def _recipe(run: Json) -> str:
    import tomlkit

    parts = {
        key: run[key] for key in ("model", "task", "train", "overrides") if isinstance(run.get(key), dict) and run[key]
    }
    return tomlkit.dumps(parts).strip() if parts else ""


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [pair for k, v in value.items() for pair in _flat(v, f"{name}.{k}" if name else str(k))]
    if isinstance(value, list):
        return [(name, ", ".join(str(v) for v in value))]
    return [(name, str(value))]


_TITLES = {
    "score": "How good, and how sure",
    "learning": "How it learned",
    "errors": "What it gets wrong",
    "why": "Why it decides so",
    "data": "What the data are like",
    "cost": "What it cost",
    "again": "Do it again",
}

# of a language model, whose decisions are as many as the symbols of its text
_WRITTEN_TITLES = {"errors": "What surprises it", "why": "How it writes"}


def _of_tracked(files: RunFiles) -> dict[str, str]:
    """Of a run that another program logged: what it logged; its score and errors where it gave predictions."""
    scored = ("score", "errors") if files.score.get("value") is not None else ()
    return {key: title for key, title in _TITLES.items() if key in (*scored, "learning", "cost")}


def _context(files: RunFiles, words: Words) -> Json:
    """All that the template asks for. What is seen is collected while rows are drawn, so pictures come last."""
    pictures, sounds = Pictures(), Sounds()
    tinted, written = passages(files, words), samples(files, words)
    shown = _TITLES if files.run.get("kind") != "tracked" else _of_tracked(files)
    changed = _WRITTEN_TITLES if tinted or written else {}
    titles = {key: words(changed.get(key, title)) for key, title in shown.items()}
    return {
        "t": words,
        "lang": words.tag,
        "css": stylesheet(),
        "titles": titles,
        "contents": list(titles.items()),
        **_run_itself(files, words),
        **_results(files, words),
        "passages": tinted,
        "samples": written,
        "spoken": spoken(files, pictures, sounds, words),
        "worst": decisions.worst(files, pictures, words, sounds),
        "worst_kind": _kind_of_rows(files.examples),
        "best": decisions.best(files, pictures, words, sounds),
        "explained": decisions.explained(files, pictures, words, sounds),
        "faithful": decisions.faithfulness(files, words),
        "pictures": pictures.definitions(),
    }


def _run_itself(files: RunFiles, words: Words) -> Json:
    """What was trained, how, and how to do it again."""
    run = files.run
    project = str(run.get("project") or files.folder.parent.name)
    return {
        "project": project,
        "project_argument": quote(str(run.get("project_path") or project)),
        "model": model_name(run) or words("network"),
        "run_id": str(run.get("id") or files.folder.name),
        "folds": (run.get("group") or {}).get("folds"),
        "refit": (files.folder / "refit" / "score.json").is_file(),
        "config": _flat(run.get("config") or {}),
        "stopped": _stopped(files, words),
        "replaced": ", ".join(f"{k} × {v}" for k, v in (files.score.get("replaced") or {}).items()),
        "command": str(run.get("command") or ""),
        "closed": bool((run.get("options") or {}).get("validation_only")),
        "opening": _opening(files, project),
        "chosen": run.get("chosen") or {},
        "recipe": _recipe(run),
        "environment": _flat(files.environment),
    }


def _results(files: RunFiles, words: Words) -> Json:
    """How good it is, over all rows."""
    return {
        "verdict": verdict(files.score, words),
        "few": few_rows(files.score, words),
        "remarks": _remarks(files, words),
        "key": _key_figures(files, words),
        "compared": comparison(files, words),
        "spread": spread(files, words),
        "learning": learning_of_several(files, words) if files.trainings else sections.learning(files, words),
        "logged": sections.logged(files, words),
        "confusion": sections.confusion(files, words),
        "calibration": sections.calibration(files, words),
        "regression": sections.regression(files, words),
        "likeness": likeness.rates(files, words),
        "classes": boxes.curves(files.classes, words),
        "data": sections.findings(files, words),
        "cost": sections.cost(files, words),
    }


def _kind_of_rows(examples: Sequence[Json]) -> str:
    """In which form the worst rows are laid out."""
    if any(example.get("boxed") for example in examples):
        return "boxed"
    kinds = [example.get("kind") for example in examples]
    return "images" if "image" in kinds else "texts" if "text" in kinds else "records"


def write_report(run_folder: Path, *, language: str = "en") -> Path:
    """Write `report.html` into a run folder: one page that needs no network and no script to be read.

    Args:
        run_folder: a finished run, or a part of one: what is missing is said in its place.
        language: "en" or "zh".

    Returns:
        The path of the page.

    Raises:
        RunError: `run_folder` is no run.
        UnknownNameError: `language` is neither.
    """
    words = Words(language)
    page = environment().get_template("report.html").render(_context(read_run(Path(run_folder)), words))
    target = Path(run_folder) / "report.html"
    write_text(target, page)
    return target
