"""How a session begins: from a project and a recipe, or from the record of an earlier run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo.consent import consented
from deepdojo.data.check import check
from deepdojo.data.dataset import Dataset, load_dataset
from deepdojo.data.project import CHANGEABLE, Project, find_project
from deepdojo.data.rowset import Parts
from deepdojo.data.twins import TWIN_REASON
from deepdojo.errors import DataError, RunError, UnknownNameError, UsageError
from deepdojo.places import runs_folder
from deepdojo.recipes import Recipe, find_recipe, parse_overrides
from deepdojo.runs import Run, new_run_folder
from deepdojo.session.defaults import resolve
from deepdojo.session.evaluate import Judge
from deepdojo.session.listener import Listener
from deepdojo.session.train import Options, Refit, Session
from deepdojo.stand_ins.own import OwnCode

__all__ = [
    "Asked", "begin", "checked", "code_trusted", "judge_of", "recorded_data", "resumed", "say_chosen", "session_of",
    "spent", "split_changes", "split_of",
]  # fmt: skip

CHECK_BUDGET_S = 0.5
LARGEST_SEED = 2**32 - 1  # what numpy and scikit-learn take


@dataclass(frozen=True)
class Asked:
    """What a command asks for, looked up and checked before any data are read."""

    project: Project
    recipe: Recipe
    recipe_name: str
    judge: Judge
    split_changes: dict[str, Any]
    overrides: dict[str, Any]
    trusted: bool
    origin: dict[str, Any] | None = None
    own: OwnCode = field(default_factory=OwnCode)
    said: str | None = None

    @classmethod
    def of(
        cls,
        project: str | Path,
        recipe: str | None,
        changes: Mapping[str, Any] | Iterable[str] | None,
        seed: int,
        trust: bool,
        own: OwnCode | None = None,
    ) -> Asked:
        """Raises a DojoError for a project, recipe, metric, model or override that does not exist or fit."""
        if not 0 <= seed <= LARGEST_SEED:
            raise UsageError(f"the seed is {seed}; it must lie from 0 to {LARGEST_SEED:,}", where="--seed")
        found = find_project(project)
        overrides = parse_overrides(changes)
        split_changes = {k: v for k, v in overrides.items() if k.startswith(CHANGEABLE)}
        recipe_changes = {k: v for k, v in overrides.items() if k not in split_changes}
        said = None
        if own and recipe is None:
            from deepdojo.session.own_recipe import recipe_taking

            recipe, said = recipe_taking(found, own, recipe_changes)
        path = find_recipe(recipe or found.spec.recipe or "default", found.recipes())
        wanted = Recipe.read(path)
        wanted = wanted.model_copy(update={"task": {**found.spec.options, **wanted.task}}).overridden(recipe_changes)
        origin = None
        if wanted.model.source is not None:
            wanted, origin = going_on(wanted, found.spec.task)
            overrides = {k: v for k, v in overrides.items() if k != "model.from"}
        check_names(wanted, found.spec.task)
        judge = judge_of(found.changed(split_changes), trust)
        return cls(found, wanted, path.stem, judge, split_changes, overrides, code_trusted(found, trust), origin,
                   own or OwnCode(), said)  # fmt: skip

    def load(self, listener: Listener, *, offline: bool, yes: bool, more: Mapping[str, Any] | None = None) -> Dataset:
        """The rows, read and split. `more`: further changes of the split."""
        where = "built in" if self.project.builtin else str(self.project.folder)
        if self.said is not None:
            listener.say(self.said)
        listener.stage("data", f"{self.project.name} ({where})")
        dataset = load_dataset(
            self.project, overrides={**self.split_changes, **(more or {})}, offline=offline, yes=yes,
            trusted=self.trusted, progress=listener.progress,
        )  # fmt: skip
        if dataset.packed is not None:
            listener.say(f"data: {dataset.n:,} rows {dataset.packed}")
        return dataset

    def resolved(self, dataset: Dataset, share: float) -> tuple[Recipe, dict[str, str]]:
        """The recipe with what it leaves open chosen by the number of its training rows, and a sentence for each."""
        return resolve(self.recipe, self.project.spec.task, rows=max(1, round(share * len(dataset.rows("train")))))

    def runs(self, given: str | Path | None) -> Path:
        return runs_folder(self.project.name, None if self.project.builtin else self.project.folder, given)


def begin(
    project: str | Path,
    recipe: str | None,
    *,
    changes: Mapping[str, Any] | Iterable[str] | None,
    seed: int,
    options: Options,
    runs: str | Path | None,
    offline: bool,
    yes: bool,
    trust: bool,
    listener: Listener,
    started: float,
    own: OwnCode | None = None,
) -> Session:
    """Everything up to the run folder: project, recipe, data, check. Faults of any of them are said before training."""
    asked = Asked.of(project, recipe, changes, seed, trust, own)
    dataset = asked.load(listener, offline=offline, yes=yes)
    problems = checked(dataset, listener)
    resolved, chosen = asked.resolved(dataset, options.share)
    say_chosen(chosen, listener)
    split = dataset.project.spec.split
    if split.folds is not None:
        listener.say(f"fold {split.fold} of {split.folds} is held out; --folds holds every row out once")
    folder = new_run_folder(asked.runs(runs), asked.recipe_name)
    return Session(
        dataset, resolved, asked.recipe_name, asked.judge, seed, options, folder, listener, started,
        chosen=chosen, overrides=asked.overrides, problems=problems, origin=asked.origin, own=asked.own,
    )  # fmt: skip


def going_on(recipe: Recipe, task: str) -> tuple[Recipe, dict[str, Any]]:
    """The recipe with the network that its `model.from` holds, and what run.toml says of that."""
    import inspect

    from deepdojo.session.origin import open_origin
    from deepdojo.tasks import load_task

    assert recipe.model.source is not None
    origin = open_origin(recipe.model.source)
    given = inspect.signature(load_task(task).fit).parameters.values()
    options = {p.name: p.default for p in given if p.kind is p.KEYWORD_ONLY}
    return origin.shaped(recipe, options), origin.described()


def say_chosen(chosen: Mapping[str, str], listener: Listener) -> None:
    for what, sentence in chosen.items():
        listener.say(f"{what.replace('_', ' ')}: {sentence}")


def check_names(recipe: Recipe, task: str) -> None:
    """A wrong model name or argument is said before the data are read."""
    from deepdojo.contracts import CONTRACTS
    from deepdojo.models import MODELS, model_fields

    if recipe.model.name == "auto":
        return
    if recipe.model.name not in MODELS:
        raise UnknownNameError("model", recipe.model.name, MODELS, where="model.name")
    known = [field.name for field in model_fields(recipe.model.name)]
    for key in recipe.model.arguments:
        if key not in known:
            raise UnknownNameError(f"argument of {recipe.model.name}", key, known, where=f"model.{key}")
    assert task in CONTRACTS


def checked(dataset: Dataset, listener: Listener) -> list[dict[str, Any]]:
    """The short check inside `dojo train`: warnings are said, errors stop."""
    report = check(dataset, budget_s=CHECK_BUDGET_S)
    for problem in report.problems:
        if problem.level == "error":
            raise DataError(problem.what, where=problem.where, todo=problem.todo)
    warnings = [p for p in report.problems if p.level == "warning"]
    for problem in warnings[:3]:
        where = "" if problem.where in problem.what else f" ({problem.where})"
        listener.say(f"check: {problem.what}{where}")
    if len(warnings) > 3:
        more = f"{len(warnings) - 3} more warning{'s' if len(warnings) > 4 else ''}"
        listener.say(f"check: {more}; see dojo check {dataset.project.name}")
    twins = dataset.twins
    if twins:
        rows = "1 row to learn from is" if twins == 1 else f"{twins:,} rows to learn from are"
        listener.say(f"check: {rows} left out: {TWIN_REASON} ([split] twins)")
    if len(dataset.rejected) > twins:
        unusable = len(dataset.rejected) - twins
        said = "1 row or file was" if unusable == 1 else f"{unusable:,} rows or files were"
        listener.say(f"check: {said} left out; rejected.csv in the run lists {'it' if unusable == 1 else 'them'}")
    if report.seen < report.total:
        listener.say(f"check: saw {report.seen:,} of {report.total:,} rows")
    return [dataclasses.asdict(p) for p in report.problems]


def code_trusted(project: Project, trust: bool) -> bool:
    """Whether the project's own code (reader, metric) may run; True when it has none, or came with the package."""
    spec = project.spec
    names = [
        text.removeprefix("python:") for text in (spec.metric, project.reader) if text and text.startswith("python:")
    ]
    return not names or project.builtin or consented([project.folder / name for name in names], trust=trust)


def judge_of(project: Project, trust: bool) -> Judge:
    """Raises UnknownNameError or ScoreError for a metric that does not exist or does not fit the task."""
    if not project.metric.startswith("python:"):
        from deepdojo.scoring.metrics import columns_of

        columns_of(project.contract, project.metric)
    if isinstance(project.spec.threshold, str):
        from deepdojo.scoring.thresholds import require_metric

        require_metric(project.spec.threshold)
    return Judge(project.contract, project.metric, project.folder, code_trusted(project, trust))


def resumed(
    run: Run, *, listener: Listener, started: float, trust: bool, offline: bool, budget_s: float | None
) -> Session:
    """The session of a run that was interrupted, on the split that it recorded."""
    dataset = recorded_data(run, trust=trust, offline=offline)
    return session_of(run, dataset, listener=listener, started=started, trust=trust, budget_s=budget_s)


def split_of(run: Run) -> Parts:
    """id -> part, as the run recorded it."""
    from deepdojo.tables import read_table

    split = read_table(run.folder / "split.parquet", {"split": "label"})
    return Parts(zip(split.columns["id"], split.columns["split"], strict=True))


def split_changes(run: Run) -> dict[str, Any]:
    return {k: v for k, v in run.info.get("overrides", {}).items() if k.startswith(CHANGEABLE)}


def recorded_data(run: Run, *, trust: bool, offline: bool) -> Dataset:
    """The run's rows on its own split. Raises RunError where the data have changed since."""
    project = run.project()
    dataset = load_dataset(
        project, split_of=split_of(run), offline=offline, overrides=split_changes(run),
        trusted=code_trusted(project, trust),
    )  # fmt: skip
    data = run.read_json("data.json")
    if not isinstance(data, dict) or not {"files", "check"} <= data.keys():
        raise RunError("data.json of the run is damaged", where=run.id, todo="train anew")
    recorded = data["files"]
    if recorded != dataset.files:
        changed = sorted(k for k in {*recorded, *dataset.files} if recorded.get(k) != dataset.files.get(k))
        raise RunError(
            f"the data have changed since the run began ({', '.join(changed[:3])})", where=run.id, todo="train anew"
        )
    return dataset


def session_of(
    run: Run, dataset: Dataset, *, listener: Listener, started: float, trust: bool, budget_s: float | None
) -> Session:
    """The session that the run's own record describes."""
    info, project = run.info, dataset.project
    recipe = Recipe.parse(
        {"model": info["model"], "task": info.get("task_options", {}), "train": info["train"]},
        where=f"{run.id}/run.toml",
    )
    options = Options(**{**info["options"], **({"budget_s": budget_s} if budget_s else {})})
    judge = Judge(project.contract, info["metric"], project.folder, code_trusted(project, trust))
    return Session(
        dataset, recipe, info["recipe"], judge, info["seed"], options, run.folder, listener, started - spent(run),
        chosen=dict(info.get("chosen", {})), overrides=dict(info.get("overrides", {})),
        problems=run.read_json("data.json")["check"], resume=True,
        refit=Refit(**info["refit"]) if "refit" in info else None, origin=info.get("from"),
        search=info.get("search"), pieces_from=info.get("pieces_from"),
        own=run.own_code(trust=trust),
    )  # fmt: skip


def spent(run: Run) -> float:
    """Seconds that the run had used when it was interrupted, by its last logged line."""
    lines = run.metrics()
    return float(lines[-1]["seconds"]) if lines and not run.finished else 0.0
