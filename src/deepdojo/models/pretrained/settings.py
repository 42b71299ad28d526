"""What the formats share: settings of Transformers read with one sentence where ours have none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.errors import RecipeError

__all__ = ["activation_from", "activation_to", "number_of_labels", "refuse"]

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "relu2": "relu_squared",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}


def activation_from(name: str) -> str:
    """Our activation for one of theirs."""
    if name not in _ACTIVATIONS:
        raise RecipeError(
            f"the activation {name!r} is not ours; these are: {', '.join(_ACTIVATIONS)}", where="config.json"
        )
    return _ACTIVATIONS[name]


def activation_to(name: str) -> str:
    """Their activation for one of ours."""
    return next(theirs for theirs, ours in _ACTIVATIONS.items() if ours == name)


def number_of_labels(theirs: Mapping[str, Any]) -> int:
    """How many classes a head has; Transformers' default is 2."""
    if theirs.get("id2label"):
        return len(theirs["id2label"])
    return int(theirs.get("num_labels") or 2)


def refuse(theirs: Mapping[str, Any], **unsupported: Any) -> None:
    """Raises RecipeError where a setting has another value than the one that ours have."""
    for name, allowed in unsupported.items():
        if theirs.get(name, allowed) != allowed:
            raise RecipeError(f"{name} = {theirs[name]!r} is not supported, only {allowed!r}", where="config.json")
