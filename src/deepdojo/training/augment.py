"""What a recipe does to training batches: batch -> batch on the device, drawn from a generator that seed and step
decide. `augment_images.py` moves and recolours pictures, `augment_targets.py` softens classes and mixes examples."""

from __future__ import annotations

from collections.abc import Callable

import torch

from deepdojo.errors import RecipeError
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Batch, Task
from deepdojo.training.augment_images import Recolour, Warp, erase, flip_and_shift, recolour, warp
from deepdojo.training.augment_targets import drop_words, mix, smooth

__all__ = ["Augment", "build_augment"]

Augment = Callable[[Batch, torch.Generator], Batch]

IMAGES = ("flip", "shift", "rotate", "zoom", "brightness", "contrast", "erase")
CLASSES = ("label_smoothing", "mixup")


def build_augment(train: TrainSection, task: Task | type[Task]) -> Augment | None:
    """What a recipe asks for, one after another, or None.

    Raises:
        RecipeError: the task has nothing that this could be done to.
    """
    if train.mixup and task.ragged:
        raise RecipeError(
            f"{task.name} has sequences, and two of them cannot be mixed", where="train.mixup", todo="leave it out"
        )
    steps: list[Augment] = []
    for fields, has, what, build in (
        (IMAGES, bool(task.images), "no images", _image_steps),
        (("word_dropout",), bool(task.words()), "no words", _word_steps),
        (CLASSES, bool(task.soft), "no classes", _class_steps),
    ):
        asked = next((name for name in fields if getattr(train, name)), None)
        if asked is None:
            continue
        if not has:
            raise RecipeError(
                f"{task.name} has {what} that this could change", where=f"train.{asked}", todo="leave it out"
            )
        steps += build(train, task)
    if not steps:
        return None

    def augment(batch: Batch, generator: torch.Generator) -> Batch:
        for step in steps:
            batch = step(batch, generator)
        return batch

    return augment


def _image_steps(train: TrainSection, task: Task | type[Task]) -> list[Augment]:
    steps: list[Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = []
    if train.flip or train.shift:
        steps.append(lambda images, draws: flip_and_shift(images, draws, flip=train.flip, shift=train.shift))
    if train.rotate or train.zoom:
        steps.append(lambda images, draws: warp(images, draws, Warp(train.rotate, train.zoom)))
    if train.brightness or train.contrast:
        steps.append(lambda images, draws: recolour(images, draws, Recolour(train.brightness, train.contrast)))
    if train.erase:
        steps.append(lambda images, draws: erase(images, draws, share=train.erase))

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        moved = {}
        for name in task.images:
            moved[name] = batch[name]
            for step in steps:
                moved[name] = step(moved[name], draws)
        return {**batch, **moved}

    return [augment]


def _word_steps(train: TrainSection, task: Task | type[Task]) -> list[Augment]:
    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        dropped = {
            name: drop_words(batch[name], batch[f"{name}_keep"], draws, share=train.word_dropout, unknown=int(unknown))
            for name, unknown in task.words().items()
        }
        return {**batch, **dropped}

    return [augment]


def _class_steps(train: TrainSection, task: Task | type[Task]) -> list[Augment]:
    """Smoothing first: a mixture of smoothed classes is the smoothed mixture. `task` is fitted here, so that the number
    of classes is known; a class of tasks is only asked whether it has any."""

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        assert isinstance(task, Task)
        soft = {name: smooth(batch[name], count, train.label_smoothing) for name, count in task.classes().items()}
        batch = {**batch, **soft}
        return mix(batch, draws, alpha=train.mixup, through=task.prepare) if train.mixup else batch

    return [augment]
