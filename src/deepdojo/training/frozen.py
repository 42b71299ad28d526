"""What a recipe keeps from learning, and how fast the rest learns at which depth."""

from __future__ import annotations

from torch import nn

from deepdojo.errors import RecipeError
from deepdojo.models.part_names import depths, matching
from deepdojo.recipes import TrainSection

__all__ = ["freeze", "rate_shares"]


def freeze(model: nn.Module, train: TrainSection) -> None:
    """Keep the parts that `train.freeze` names from learning.

    A module all of whose weights are frozen, by whatever hand, stays in evaluation mode whatever `train()` says: the
    batch statistics that its weights were learned with stay theirs, and dropout inside it, which is there for weights
    that learn, is off. A module without weights of its own (a dropout between two layers) goes with what holds it.

    Raises:
        UnknownNameError: a name that nothing has. RecipeError: nothing would be left to learn.
    """
    parameters = dict(model.named_parameters())
    for name in matching(train.freeze, parameters, where="train.freeze"):
        parameters[name].requires_grad_(False)
    if not any(parameter.requires_grad for parameter in parameters.values()):
        raise RecipeError(
            "all parts are frozen, so nothing could be learned", where="train.freeze", todo="leave one out"
        )
    for module in model.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()
            module.train = _stay  # type: ignore[method-assign, assignment]


def _stay(mode: bool = True) -> None:
    """In the place of a frozen module's `train`."""


def rate_shares(model: nn.Module, decay: float) -> dict[int, float]:
    """The learning rate of each parameter, by its identity, as a share of the recipe's: decay to the power of the
    number of layers above it (`models/part_names.py`: depths)."""
    found, deepest = depths(model)
    return {id(parameter): decay ** (deepest - found[name]) for name, parameter in model.named_parameters()}
