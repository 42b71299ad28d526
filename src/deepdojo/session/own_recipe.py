"""Which recipe a learner's own code is trained in, where none is named: the first that takes it. Nothing is read or
trained for that: models are made without memory, and of tasks their source is asked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from deepdojo.data.project import Project, builtin_projects
from deepdojo.errors import DojoError, RecipeError
from deepdojo.recipes import Recipe, TrainSection
from deepdojo.session.defaults import resolve
from deepdojo.stand_ins.own import OwnCode
from deepdojo.stand_ins.table import STAND_INS

__all__ = ["recipe_taking"]

ROWS = 1000  # for what a recipe leaves to the number of rows; which parts it takes doesn't depend on that


def recipe_taking(project: Project, own: OwnCode, changes: Mapping[str, Any]) -> tuple[str, str | None]:
    """(the recipe's name, a sentence where it is not the project's own choice).

    Raises:
        RecipeError: no recipe of the project takes the code; a project that has one is named.
    """
    default = project.spec.recipe or "default"
    names = ", ".join(idea.name for idea in own.ideas)
    for name, recipe in _recipes(project, changes):
        if takes(recipe, project.spec.task, own):
            said = f"recipe: {name} (the first of {project.name} that takes {names})"
            return name, None if name == default else said
    raise RecipeError(
        f"no recipe of {project.name} takes {names}, so that code of yours would not run",
        where=own.ideas[0].file, todo=_advice(project, own),
    )  # fmt: skip


def _advice(project: Project, own: OwnCode) -> str:
    known = {each.idea: each.example for each in STAND_INS}
    for idea in own.ideas:
        if known.get(idea.name):
            return f"try dojo train {known[idea.name]} --with {idea.file}"
    for other in builtin_projects():
        for name, recipe in _recipes(other, {}):
            if other.name != project.name and takes(recipe, other.spec.task, own):
                chosen = "" if name == (other.spec.recipe or "default") else f" -r {name}"
                return f"try dojo train {other.name}{chosen} --with {own.ideas[0].file}"
    return "see dojo list layers"


def _recipes(project: Project, changes: Mapping[str, Any]) -> Iterator[tuple[str, Recipe]]:
    """The project's own choice first."""
    default, known = project.spec.recipe or "default", project.recipes()
    for name in dict.fromkeys([default, *known]):
        try:
            recipe = Recipe.read(known[name]).overridden(changes)
            yield name, resolve(recipe, project.spec.task, rows=ROWS)[0]
        except (DojoError, KeyError):
            continue  # a recipe that does not read, or that the changes do not fit: training says so if it is named


def takes(recipe: Recipe, task: str, own: OwnCode) -> bool:
    """Whether each of the learner's files has something in it that this recipe takes."""
    counts = _counts(recipe, task, own)
    files = {idea.file for idea in own.ideas}
    return all(any(counts[p] for i in own.ideas if i.file == file for p in i.parts) for file in files)


def _counts(recipe: Recipe, task: str, own: OwnCode) -> dict[str, int]:
    """How often each part is taken by a model at its example's sizes, and by what trains it."""
    from deepdojo.layers import ELSEWHERE
    from deepdojo.layers.hook import replaced
    from deepdojo.training.schedules import lr_factor

    train = recipe.train
    called = _called_by(task) | _moved_by(task, train) | ({"lora_linear"} if recipe.model.lora_rank else set())
    try:
        with replaced({part: None if part in ELSEWHERE else made for part, made in own.parts.items()}) as counts:
            _build(recipe)
            lr_factor(train.schedule, 0, 10, warmup=train.warmup, final=train.final_lr)
    except (DojoError, RuntimeError, NotImplementedError):
        return dict.fromkeys(own.parts, 0)  # the code lacks something, or the recipe does not fit the example
    called |= {"attention_rollout"} if _explains(task) and recipe.model.name in ("vit", "transformer") else set()
    optimizer = {"adamw": "adam"}.get(train.optimizer, train.optimizer)
    return {p: n + (p in called or p == optimizer) for p, n in counts.items()}


def _build(recipe: Recipe) -> None:
    import torch

    from deepdojo.models import create_model
    from deepdojo.models.example_inputs import example_of

    example = example_of(recipe.model.name)
    if example is not None:
        with torch.device("meta"):
            create_model(recipe.model.name, example.dims, **recipe.model.arguments)


def _moved_by(task: str, train: TrainSection) -> set[str]:
    """Which augmentation a recipe asks for that a lesson has."""
    from deepdojo.tasks import load_task

    kind = load_task(task)
    if not (kind.images and train.flip and train.shift):
        return set()
    if not kind.boxes:
        return {"flip_and_shift"}
    return set() if train.zoom or train.stretch or train.flip_up else {"move_with_boxes"}


def _explains(task: str) -> bool:
    from deepdojo.tasks import load_task

    return bool(load_task(task).blank)


def _called_by(task: str) -> set[str]:
    """What the task takes when it is at work, by its source: loss and decoding."""
    from deepdojo.tasks import load_task

    kind = load_task(task)
    text = "".join(inspect.getsource(inspect.getmodule(each) or each) for each in kind.__mro__[:-1]
                   if each.__module__.startswith("deepdojo."))  # fmt: skip
    found = set(re.findall(r'current\("(\w+)"', text))
    found |= {"beam_search"} if "current_beam_search(" in text else set()
    found |= {"bpe_encode"} if 'tokens: str = "bpe"' in text else set()
    found |= {"mel_filters"} if "LogMel." in text else {"mel_filters", "stft"} if "MelFrames." in text else set()
    found |= {"integrated_gradients", "deletion_auc"} if kind.blank else set()
    return found | ({"filtered", "draw"} if kind.writes else set())
