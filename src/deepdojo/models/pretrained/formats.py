"""The architectures that can be read, found by `model_type` in config.json, and by our model when one is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import MODELS, config_for
from deepdojo.models.pretrained.checkpoint import Checkpoint
from deepdojo.models.pretrained.tensor_map import Entry

__all__ = ["Format", "format_named", "format_of"]

# model_type -> file of this folder
_FORMATS = {
    "bert": "bert",
    "gpt2": "gpt2",
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
    "resnet": "resnet",
    "vit": "vit",
}


@dataclass(frozen=True)
class Format:
    """One architecture: the module that describes it has

    MODEL_TYPE, MODEL (our name), HEADS (their class -> our head), PREFIX (of the body's tensors, '' for none), IGNORED
    (patterns of tensors that follow from others), to_arguments, from_arguments and entries.
    """

    module: Any

    @property
    def model_type(self) -> str:
        return self.module.MODEL_TYPE

    @property
    def model(self) -> str:
        return self.module.MODEL

    @property
    def prefix(self) -> str:
        return self.module.PREFIX

    def heads(self) -> list[str]:
        """Our heads."""
        return list(dict.fromkeys(self.module.HEADS.values()))

    def declared_head(self, checkpoint: Checkpoint) -> str | None:
        """The head that config.json's `architectures` names, or None where it names nothing."""
        named = checkpoint.config.get("architectures") or []
        named = [named] if isinstance(named, str) else named
        if not named:
            return None
        if named[0] not in self.module.HEADS:
            raise UnknownNameError(
                f"class of {self.model_type}", str(named[0]), self.module.HEADS, where=checkpoint.name
            )
        return self.module.HEADS[named[0]]

    def to_arguments(self, config: Mapping[str, Any], head: str) -> dict[str, Any]:
        return self.module.to_arguments(config, head)

    def from_arguments(self, config: Any, head: str) -> dict[str, Any]:
        return self.module.from_arguments(config, head)

    def entries(self, config: Any, head: str) -> list[Entry]:
        return self.module.entries(config, head)

    def entries_for(self, settings: Mapping[str, Any], head: str) -> list[Entry]:
        """`entries` of the model that has these arguments. Raises RecipeError for arguments that it cannot have."""
        return self.entries(config_for(self.model, MODELS[self.model], {}, settings), head)

    def tables(self) -> tuple[tuple[str, str], ...]:
        """Pairs of tensors that are one where the output table is tied."""
        return getattr(self.module, "TABLES", ())

    def own_to_a_head(self, entry: Entry) -> bool:
        """Whether an entry is the last layer of one use: a classifier's and a tagger's have one name in the file."""
        return entry.theirs[0].startswith(("classifier.", "qa_outputs."))

    def ignored(self, name: str) -> bool:
        return any(re.search(pattern, name) for pattern in self.module.IGNORED)

    def modern(self, name: str) -> str:
        """A tensor's name as today's files have it."""
        return re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", name))


def format_of(checkpoint: Checkpoint) -> Format:
    """The format of a checkpoint, by its model_type. Raises RecipeError for one that is not known."""
    kind = checkpoint.config.get("model_type")
    where = f"{checkpoint.name}/config.json"
    if not isinstance(kind, str):
        raise RecipeError(f"model_type is {kind!r}; these are read: {', '.join(_FORMATS)}", where=where)
    if kind not in _FORMATS:
        raise UnknownNameError("model_type that is read", kind, _FORMATS, where=where)
    return _load(kind)


def format_named(model: nn.Module) -> Format:
    """The format in which a model can be written. Raises RecipeError where Transformers has no counterpart."""
    config = getattr(model, "config", None)
    for kind in _FORMATS:
        found = _load(kind)
        if found.module.writes(config):
            return found
    raise RecipeError(
        f"{type(model).__name__} with these settings has no counterpart in Transformers", where="save_pretrained"
    )


def _load(kind: str) -> Format:
    return Format(import_module(f"deepdojo.models.pretrained.{_FORMATS[kind]}"))
