"""Transformers' names of activations, and ours."""

from __future__ import annotations

from deepdojo.errors import RecipeError

__all__ = ["our_activation", "their_activation"]

_OURS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_python": "gelu",
    "relu": "relu",
    "relu2": "relu_squared",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


def our_activation(theirs: str) -> str:
    """Raises RecipeError for one that we do not have."""
    if theirs not in _OURS:
        raise RecipeError(
            f"the activation {theirs!r} is none of ours; known are {', '.join(_OURS)}", where="hidden_act"
        )
    return _OURS[theirs]


def their_activation(ours: str) -> str:
    """The first of Transformers' names for one of ours."""
    return next(theirs for theirs, name in _OURS.items() if name == ours)
