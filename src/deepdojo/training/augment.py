"""What a recipe does to training batches: batch -> batch on the device, drawn from a generator that seed and step
decide. `augment_images.py` moves and recolours pictures, `augment_boxes.py` those with boxes on them,
`augment_sounds.py` plays sounds differently, `augment_targets.py` softens classes and mixes examples."""

from __future__ import annotations

from collections.abc import Callable

import torch

from deepdojo.errors import RecipeError
from deepdojo.layers import current
from deepdojo.recipes import TrainSection
from deepdojo.tasks.base import Batch, Task
from deepdojo.training.augment_boxes import Moves, move_with_boxes
from deepdojo.training.augment_colours import saturate
from deepdojo.training.augment_images import Recolour, Warp, erase, flip_and_shift, flip_up, recolour, warp
from deepdojo.training.augment_sounds import Hearing, hear
from deepdojo.training.augment_targets import cut_mix, drop_words, mix, smooth

__all__ = ["Augment", "build_augment", "draws"]

Augment = Callable[[Batch, torch.Generator], Batch]

IMAGES = (
    "flip", "flip_up", "shift", "rotate", "zoom", "shear", "stretch", "brightness", "contrast", "saturation", "erase",
)  # fmt: skip
WORDS = ("word_dropout",)
SOUNDS = ("speed", "pitch", "time_shift", "noise", "equalise", "time_mask", "frequency_mask")
CLASSES = ("label_smoothing", "mixup", "cutmix")


def draws(seed: int, step: int, part: int = 0) -> torch.Generator:
    """A function of seed, step and micro-batch, so that a resumed training sees the same pictures."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 1_009 + part)


def build_augment(train: TrainSection, task: Task | type[Task]) -> Augment | None:
    """What the task draws and what a recipe asks for, one after another, or None.

    Raises:
        RecipeError: the task has nothing that this could be done to.
    """
    _refuse_what_has_no_meaning(train, task)
    asked = ((IMAGES, _image_steps), (SOUNDS, _sound_steps), (WORDS, _word_steps), (CLASSES, _class_steps))
    steps = [build(train, task) for fields, build in asked if any(getattr(train, name) for name in fields)]
    kind = task if isinstance(task, type) else type(task)
    if kind.draw is not Task.draw:
        steps.insert(0, lambda batch, generator: task.draw(batch, generator))  # type: ignore[call-arg]
    if not steps:
        return None

    def augment(batch: Batch, generator: torch.Generator) -> Batch:
        for step in steps:
            batch = step(batch, generator)
        return batch

    return augment


def _refuse_what_has_no_meaning(train: TrainSection, task: Task | type[Task]) -> None:
    for fields, has, what in (
        ((*IMAGES, "cutmix"), bool(task.images), "no images"),
        (SOUNDS, bool(task.spectra), "no sounds"),
        (WORDS, bool(task.words()), "no words"),
        (CLASSES[:1], bool(task.soft or task.smooths), "no classes"),
        (CLASSES[1:], bool(task.soft), "no classes"),
    ):
        asked = next((name for name in fields if getattr(train, name)), None)
        if asked is not None and not has:
            raise RecipeError(
                f"{task.name} has {what} that this could change", where=f"train.{asked}", todo="leave it out"
            )
    slanting = next((name for name in ("rotate", "shear") if getattr(train, name)), None)
    if slanting is not None and task.boxes:
        raise RecipeError(
            f"boxes of {task.name} stand upright, and would no longer fit what is turned", where=f"train.{slanting}",
            todo="leave it out; train.flip_up mirrors upside down",
        )  # fmt: skip
    if train.mixup and task.ragged:
        raise RecipeError(
            f"{task.name} has sequences, and two of them cannot be mixed", where="train.mixup", todo="leave it out"
        )
    if train.mixup and train.cutmix:
        raise RecipeError("a batch is mixed in one way", where="train.mixup, train.cutmix", todo="set one of the two")


def _image_steps(train: TrainSection, task: Task | type[Task]) -> Augment:
    steps: list[Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = []
    if task.boxes:
        return _with_boxes(train, task)
    if train.flip or train.shift:
        steps.append(lambda images, draws: _moving(train)(
            images, draws, flip=train.flip, shift=train.shift, fill=train.fill
        ))  # fmt: skip
    if train.flip_up:
        steps.append(flip_up)
    if train.rotate or train.zoom or train.shear or train.stretch:
        limits = Warp(train.rotate, train.zoom, train.fill, train.shear, train.stretch)
        steps.append(lambda images, draws: warp(images, draws, limits))
    steps += _in_place(train)

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        moved = {}
        for name in task.images:
            moved[name] = batch[name]
            for step in steps:
                moved[name] = step(moved[name], draws)
        return {**batch, **moved}

    return augment


def _moving(train: TrainSection) -> Callable[..., torch.Tensor]:
    """A learner's flip and crop where the recipe wants both."""
    return current("flip_and_shift", flip_and_shift) if train.flip and train.shift else flip_and_shift


def _in_place(train: TrainSection) -> list[Callable[[torch.Tensor, torch.Generator], torch.Tensor]]:
    """What changes a picture and moves nothing in it."""
    steps: list[Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = []
    if train.brightness or train.contrast:
        steps.append(lambda images, draws: recolour(images, draws, Recolour(train.brightness, train.contrast)))
    if train.saturation:
        steps.append(lambda images, draws: saturate(images, draws, share=train.saturation))
    if train.erase:
        steps.append(lambda images, draws: erase(images, draws, share=train.erase))
    return steps


def _with_boxes(train: TrainSection, task: Task | type[Task]) -> Augment:
    """Pictures and the boxes on them by one map."""
    limits = Moves(train.flip, train.flip_up, train.zoom, train.stretch, train.shift, train.fill)
    (image,), (name,), steps = task.images, task.boxes, _in_place(train)

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        changed = dict(batch)
        if limits != Moves(fill=limits.fill):
            moved = current("move_with_boxes", move_with_boxes)
            found = moved(batch[image], batch[name], batch[f"{name}_keep"], draws, limits)
            changed[image], changed[name], changed[f"{name}_keep"] = found
        for step in steps:
            changed[image] = step(changed[image], draws)
        return changed

    return augment


def _sound_steps(train: TrainSection, task: Task | type[Task]) -> Augment:
    limits = Hearing(
        speed=train.speed, pitch=train.pitch, shift=train.time_shift, noise=train.noise, equalise=train.equalise,
        time_mask=train.time_mask, frequency_mask=train.frequency_mask, masks=train.masks,
    )  # fmt: skip

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        heard = {}
        for name in task.spectra:
            heard[name], keep = hear(batch[name].float(), batch.get(f"{name}_keep"), draws, limits)
            if keep is not None:
                heard[f"{name}_keep"] = keep
        return {**batch, **heard}

    return augment


def _word_steps(train: TrainSection, task: Task | type[Task]) -> Augment:
    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        assert isinstance(task, Task)
        dropped = {
            name: drop_words(
                batch[name], batch[f"{name}_keep"], draws, share=train.word_dropout, unknown=int(task.blank_of(name))
            )
            for name in task.words()
        }
        return {**batch, **dropped}

    return augment


def _class_steps(train: TrainSection, task: Task | type[Task]) -> Augment:
    """Smoothing first: a mixture of smoothed classes is the smoothed mixture. `task` is fitted here, so that the number
    of classes is known; a class of tasks is only asked whether it has any."""

    def augment(batch: Batch, draws: torch.Generator) -> Batch:
        assert isinstance(task, Task)
        if task.smooths:
            first = next(iter(batch.values()))
            return {**batch, "label_smoothing": first.new_full((len(first),), train.label_smoothing, dtype=torch.float)}
        soft = {name: smooth(batch[name], count, train.label_smoothing) for name, count in task.classes().items()}
        batch = {**batch, **soft}
        if train.cutmix:
            batch = cut_mix(batch, draws, alpha=train.cutmix, images=task.images, targets=soft)
        return mix(batch, draws, alpha=train.mixup, through=task.prepare) if train.mixup else batch

    return augment
