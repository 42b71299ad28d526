"""The architectures that can be read, found by `model_type` in config.json, and by our model when one is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn

from deepdojo.errors import RecipeError
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

    def own_head(self, checkpoint: Checkpoint) -> str:
        """The head that a checkpoint holds, by `architectures`; the first one where config.json does not say."""
        named = checkpoint.config.get("architectures") or []
        if not named:
            return self.heads()[0]
        if named[0] not in self.module.HEADS:
            raise RecipeError(
                f"{named[0]} is not read; of {self.model_type} these are: {', '.join(self.module.HEADS)}",
                where=checkpoint.name,
            )
        return self.module.HEADS[named[0]]

    def to_arguments(self, config: Mapping[str, Any], head: str) -> dict[str, Any]:
        return self.module.to_arguments(config, head)

    def from_arguments(self, config: Any, head: str) -> dict[str, Any]:
        return self.module.from_arguments(config, head)

    def entries(self, config: Any, head: str) -> list[Entry]:
        return self.module.entries(config, head)

    def identity(self, entry: Entry) -> tuple[str, ...]:
        """What an entry is, whichever head the file was written with: bare models leave the prefix out."""
        return (entry.ours, *(name.removeprefix(self.prefix) for name in entry.theirs))

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
    if kind not in _FORMATS:
        raise RecipeError(
            f"model_type {kind!r} is not read; these are: {', '.join(_FORMATS)}", where=f"{checkpoint.name}/config.json"
        )
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
