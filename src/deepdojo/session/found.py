"""Runs that are there already: what a command is about to train is looked up among the project's runs by its record,
and found again instead of trained again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepdojo import __version__
from deepdojo.data.dataset import Dataset
from deepdojo.data.project import CHANGEABLE
from deepdojo.errors import RunError
from deepdojo.recipes import Recipe
from deepdojo.runs import PARTIAL, Run, run_folders
from deepdojo.session.start import Asked

__all__ = ["Facts", "facts_of", "finished_trainings", "unfinished_runs"]

Facts = dict[str, Any]
_SAME = ("project_digest", "task", "metric", "recipe", "model", "task_options", "train", "version")


def facts_of(asked: Asked, dataset: Dataset, recipe: Recipe) -> Facts:
    """All that decides what a training does, beside its seed and its share of the rows.

    Args:
        recipe: the resolved one.
    """
    return _plain({
        "project_digest": asked.project.digest, "task": asked.project.spec.task, "metric": asked.judge.metric,
        "recipe": asked.recipe_name, "model": recipe.model.written(), "task_options": recipe.task,
        "train": recipe.train.model_dump(), "version": __version__, "split": asked.split_changes,
        "files": dataset.files,
    })  # fmt: skip


def finished_trainings(runs: Path, facts: Facts) -> Iterator[tuple[float, int, Run]]:
    """(share, seed, run) of every scored training with these facts, those inside groups too, the oldest first.

    What a clock has cut short, or a search for a learning rate has changed, is not the same training.
    """
    for run in _all(runs):
        if run.group is not None and run.group.get("folds"):
            continue
        for one in run.members() if run.group is not None else [run]:
            if _matches(one, facts) and one.finished and one.info.get("stopped") != "budget" and _scored(one):
                yield float(one.info["options"].get("share", 1.0)), int(one.info["seed"]), one


def unfinished_runs(runs: Path, facts: Facts) -> Iterator[Run]:
    """Runs and groups with these facts that were interrupted, the oldest first."""
    for run in _all(runs):
        if run.folder.name.endswith(PARTIAL) and _matches(run, facts):
            yield run


def _all(runs: Path) -> Iterator[Run]:
    for folder in run_folders([runs]):
        run = Run(folder)
        try:
            if run.info.get("kind", "run") == "run":
                yield run
        except RunError:  # a damaged run is no reason to stop
            continue


def _scored(run: Run) -> bool:
    try:
        return run.score.get("value") is not None
    except RunError:
        return False


def _matches(run: Run, facts: Facts) -> bool:
    try:
        info, data = run.info, run.read_json("data.json")
    except RunError:
        return False
    options = info["options"]
    if options.get("find_lr") or options.get("validation_only") or {"processes", "refit", "search"} & info.keys():
        return False
    split = {k: v for k, v in info.get("overrides", {}).items() if k.startswith(CHANGEABLE)}
    there = {key: info.get(key, {}) for key in _SAME} | {"split": split, "files": data.get("files")}
    return bool(_plain(there) == facts)


def _plain(values: dict[str, Any]) -> Facts:
    """As TOML gives it back: lists for tuples, nothing for None, one kind of number."""

    def shown(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(k): shown(v) for k, v in value.items() if v is not None}
        if isinstance(value, list | tuple):
            return [shown(v) for v in value]
        if hasattr(value, "unwrap"):
            value = value.unwrap()
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    found: Facts = json.loads(json.dumps(shown(values), sort_keys=True, default=str))
    return found
