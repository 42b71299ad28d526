"""Architectures, one family a file, named as in the literature, built from `deepdojo.layers`. No loss, data or file.

`create_model(name, **config)` builds one. The table `MODELS`, `model_fields` and `fitting` need no torch. `CNN`, `RNN`
and `Transformer` are the article's three (`article.py`, docs/article-models.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models.table import MODELS, Field, ModelEntry, fitting, model_fields, unknown_model

if TYPE_CHECKING:
    from torch import nn

    from deepdojo.models.article import CNN, RNN, Transformer
    from deepdojo.models.pretrained import from_pretrained, save_pretrained

__all__ = [
    "CNN",
    "MODELS",
    "RNN",
    "Field",
    "ModelEntry",
    "Transformer",
    "create_model",
    "fitting",
    "from_pretrained",
    "model_config",
    "model_fields",
    "save_pretrained",
]

# These need torch, and the table of models does not.
_WITH_TORCH = {
    "CNN": "article",
    "RNN": "article",
    "Transformer": "article",
    "from_pretrained": "pretrained",
    "save_pretrained": "pretrained",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TORCH:
        return getattr(import_module(f"deepdojo.models.{_WITH_TORCH[name]}"), name)
    raise AttributeError(f"module 'deepdojo.models' has no attribute {name!r}")


def create_model(name: str, dims: Mapping[str, Any] = MappingProxyType({}), /, **arguments: Any) -> nn.Module:
    """Builds a model.

    Args:
        name: a name of `MODELS`.
        dims: what the data fix (`task.dims()`): in_channels, height, width, in_features, category_sizes, vocab_size,
            num_outputs. A model takes those that its config names; they may as well stand among the arguments.
        arguments: its config, as in a recipe's [model]; what has no default must be given, here or in `dims`.

    Returns:
        the model in training mode, with its config as `model.config`; initial weights come from torch's global
        generator.

    Raises:
        UnknownNameError: no such model or argument; the nearest name is offered.
        RecipeError: a dimension is missing, an argument has the wrong type or value, or the data and the recipe
            disagree.

    Example:
        >>> model = create_model("cnn", in_channels=1, height=28, width=28, num_outputs=10, channels=[16, 32])
    """
    entry = MODELS.get(name)
    if entry is None:
        raise unknown_model(name)
    return entry.model_class()(config_for(name, entry, dims, arguments))


def model_config(model: nn.Module) -> dict[str, Any]:
    """The config of a model as JSON values: `create_model(name, **model_config(model))` builds its twin."""
    from dataclasses import asdict

    return json.loads(json.dumps(asdict(model.config)))  # type: ignore[call-overload]


def config_for(name: str, entry: ModelEntry, dims: Mapping[str, Any], arguments: Mapping[str, Any]) -> Any:
    """The frozen config of a model, checked. Raises as `create_model`."""
    fields = {field.name: field for field in model_fields(name)}
    for key in arguments:
        if key not in fields:
            raise UnknownNameError(f"argument of {name}", key, fields, where="model")
    values = {key: value for key, value in dims.items() if key in fields}
    for key, value in arguments.items():
        if key in values and _plain(values[key]) != _plain(value):
            raise RecipeError(
                f"{key} = {value!r} contradicts the data, which give {values[key]!r}",
                where="model",
                todo=f"leave {key} out of the recipe",
            )
        values[key] = value
    missing = [field.name for field in fields.values() if field.default is None and field.name not in values]
    if missing:
        if not dims:
            named = ", ".join(f"{field}=..." for field in missing)
            what, them = f"{name} needs {', '.join(missing)}, which the data fix", "it" if len(missing) == 1 else "them"
            raise RecipeError(what, where="model", todo=f"give {them}: create_model({name!r}, {named})")
        given = ", ".join(sorted(dims))
        raise RecipeError(
            f"{name} needs {', '.join(missing)}; the data give {given}",
            where="model",
            todo=f"choose one of {', '.join(fitting(dims)) or 'the models of another task'}",
        )
    return _checked(name, entry.config_class(), values)


def _checked(name: str, config: type, values: Mapping[str, Any]) -> Any:
    """`config(**values)` with every value of its declared type. Lists become tuples; nothing else is converted."""
    from typing import get_type_hints

    from pydantic import TypeAdapter, ValidationError

    hints, checked = get_type_hints(config), {}
    for key, value in values.items():
        try:
            # JSON mode is the strict mode in which a list may stand for a tuple and an int for a float, as in TOML.
            checked[key] = TypeAdapter(hints[key]).validate_json(json.dumps(_plain(value)), strict=True)
        except (ValidationError, TypeError) as error:
            wanted = getattr(hints[key], "__name__", None) if isinstance(hints[key], type) else None
            detail = f"must be {wanted}" if wanted else _first_message(error)
            raise RecipeError(f"{key} of {name} {detail}, got {value!r}", where=f"model.{key}") from error
    return config(**checked)


def _first_message(error: Exception) -> str:
    errors = getattr(error, "errors", None)
    message = errors()[0]["msg"] if errors else str(error)
    return message.removeprefix("Input ")


def _plain(value: Any) -> Any:
    """A value as JSON has it: numpy scalars and tuples become numbers and lists."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value
