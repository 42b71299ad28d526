"""The weights of one network for another that has the same trunk: what fits is taken, answers that do not are new."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.models.part_names import HEADS

__all__ = ["adopt"]

MOST_NAMED = 3


def adopt(model: nn.Module, tensors: Mapping[str, Tensor], *, answers: bool, where: str) -> dict[str, int]:
    """Copy `tensors` into the model's trunk, and into those of its heads that they fit.

    Args:
        tensors: a state dict, of a network with heads of its own.
        answers: whether the last layer answers the same question, so that it may be taken too.
        where: where the tensors come from, for errors.

    Returns:
        the parts (`models/part_names.py`: HEADS) that keep the weights that they were built with, and how many numbers
        each has.

    Raises:
        RecipeError: a tensor of the trunk is missing there or has another shape; three are named with both shapes.
    """
    own = model.state_dict()
    lacking = {name for name, value in own.items() if name not in tensors or tensors[name].shape != value.shape}
    asked = () if answers else ("head", "auxiliary")
    fresh = {part for name in (*lacking, *own) if (part := name.split(".")[0]) in (HEADS if name in lacking else asked)}
    fresh &= {name.split(".")[0] for name in own}
    wrong = sorted(name for name in lacking if name.split(".")[0] not in fresh)
    if wrong:
        more = f", and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        said = "; ".join(_shapes(name, own[name], tensors.get(name)) for name in wrong[:MOST_NAMED])
        raise RecipeError(f"the weights do not fit this network: {said}{more}", where=where)
    taken = {name: tensors[name] for name in own if name.split(".")[0] not in fresh}
    with torch.no_grad():
        for name, value in taken.items():
            own[name].copy_(value)
    sizes = {
        part: [v.numel() for n, v in model.named_parameters() if n.split(".")[0] == part] for part in sorted(fresh)
    }
    return {part: sum(numbers) for part, numbers in sizes.items() if numbers}


def _shapes(name: str, own: Tensor, other: Tensor | None) -> str:
    there = "is not there" if other is None else f"is {tuple(other.shape)} there"
    return f"{name} {there} and {tuple(own.shape)} here"
