"""The weights that a training goes on from: those of a run or a checkpoint, and narrow matrices beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.models.adopt import adopt
from deepdojo.models.flops import parameters as count_parameters
from deepdojo.models.lora import add_lora
from deepdojo.session.origin import Origin, open_origin
from deepdojo.tasks.base import Task

if TYPE_CHECKING:
    from deepdojo.session.train import Session

__all__ = ["begin_with", "origin_of"]


def origin_of(session: Session) -> Origin | None:
    """What the training goes on from. Raises RunError where that has changed since the run began."""
    source = session.recipe.model.source
    return None if source is None else open_origin(source, recorded=session.origin)


def begin_with(session: Session, task: Task, model: nn.Module) -> None:
    """Give a new network the weights that the recipe goes on from, and adapters where it asks for them; say what is
    new."""
    origin, asked = origin_of(session), session.recipe.model
    if origin is None:
        if asked.lora_rank:
            raise RecipeError(
                "narrow matrices beside a network that has learned nothing would learn little", where="model.lora_rank",
                todo="give --from, or leave it out",
            )  # fmt: skip
        return
    if asked.lora_rank and session.ranks is not None and session.recipe.train.parallel == "fsdp":
        raise RecipeError("narrow matrices need whole ones beside them, and fsdp keeps shares", where="train.parallel")
    fresh = adopt(model, origin.tensors(), answers=origin.same_question(task), where=str(origin.folder))
    said = ", ".join(f"{part} ({count:,})" for part, count in fresh.items()) or "nothing"
    sentence = f"those of {origin.name}, {count_parameters(model) - sum(fresh.values()):,} numbers; new: {said}"
    if asked.lora_rank:
        count = add_lora(model, rank=asked.lora_rank, alpha=asked.lora_alpha, on=asked.lora_on)
        for name, parameter in model.named_parameters():
            if name.split(".")[0] in fresh:
                parameter.requires_grad_(True)
        sentence += f"; {count} matrices learn through narrow ones of rank {asked.lora_rank}"
    session.chosen["weights"] = sentence
    session.listener.say(f"weights: {sentence}")
