"""Checkpoints of Hugging Face Transformers, read into our models and written back: one architecture a file.

    model = from_pretrained("folder")                  # or a hub id; the head follows the folder's config.json
    scores = model(tokens)                             # the tensor of scores
    save_pretrained(model, "other_folder")             # what Transformers' from_pretrained reads

Only safetensors is read: a pickled checkpoint can run any code when it is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.models import create_model
from deepdojo.models.pretrained.checkpoint import open_checkpoint, write_checkpoint
from deepdojo.models.pretrained.formats import format_named, format_of
from deepdojo.models.pretrained.holdings import Holdings
from deepdojo.models.pretrained.tensor_map import Entry, ours_from, theirs_from

__all__ = ["from_pretrained", "save_pretrained"]


def from_pretrained(
    folder_or_hub_id: str | Path,
    head: str | None = None,
    *,
    revision: str | None = None,
    dtype: torch.dtype | None = None,
    **arguments: Any,
) -> nn.Module:
    """Our model with the weights of a checkpoint of BERT, GPT-2, Llama, Qwen2, Qwen3, ResNet or ViT.

    Args:
        folder_or_hub_id: a folder with config.json and safetensors, or `owner/name` on the Hugging Face hub
            (`HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE` as there; a folder of that name goes first).
        head: what the model gives; None follows `architectures` in config.json, or the tensors where it is silent.
            With a head that is named here, parts that the file does not hold start with fresh weights, to be trained;
            their size may be given (`num_outputs`). What the file holds of them is taken.
        revision: branch, tag or commit of a hub id.
        dtype: of the weights, a floating one; None keeps float32 and float64 and widens shorter types to float32.
        arguments: of the model's config, over what the checkpoint says (dropout, num_outputs).

    Returns:
        the model in evaluation mode. Called with token ids or images (and `keep`, True = a real token) it returns the
        scores as a tensor. `model.config` is its config.

    Raises:
        RecipeError: another architecture, a setting that ours do not have, a tensor that is missing, unknown or of
            another shape (all are named), or a pickled checkpoint.

    Example:
        >>> model = from_pretrained("checkpoints/tiny-gpt2")  # doctest: +SKIP
    """
    if dtype is not None and not dtype.is_floating_point:
        raise RecipeError(f"dtype must be a floating type, got {dtype}", where="dtype")
    checkpoint = open_checkpoint(folder_or_hub_id, revision)
    kind = format_of(checkpoint)
    if head is not None and head not in kind.heads():
        raise UnknownNameError(f"head of {kind.model_type}", head, kind.heads(), where=checkpoint.name)
    held = Holdings(checkpoint, kind)
    chosen = head or held.own_head
    settings = {**kind.to_arguments(checkpoint.config, chosen), **arguments}
    if held.tied_in_name_only():
        settings["tied"] = False
    entries, fresh = held.split(kind.entries_for(settings, chosen), chosen, named=head is not None)
    with nullcontext() if fresh else _without_numbers():
        model = create_model(kind.model, **settings)
    state = {name: _in_dtype(tensor, dtype) for name, tensor in ours_from(entries, held.tensors).items()}
    _require_shapes(checkpoint.name, model, entries, state)
    model.load_state_dict(state, strict=not fresh, assign=not fresh)
    if fresh and state:
        model.to(next(t.dtype for t in state.values() if t.is_floating_point()))
    return model.eval()


def save_pretrained(model: nn.Module, folder: str | Path) -> None:
    """Writes config.json and model.safetensors, as Transformers reads them. Labels are numbers, for ours have no names.

    Raises: RecipeError where the model, or one of its settings, has no counterpart there.
    """
    kind, config = format_named(model), model.config
    head = getattr(config, "head", None) or next(iter(kind.heads()))
    tensors = theirs_from(kind.entries(config, head), model.state_dict())
    dtype = next(t.dtype for t in tensors.values() if t.is_floating_point())
    theirs = {**kind.from_arguments(config, head), "dtype": str(dtype).removeprefix("torch.")}
    write_checkpoint(Path(folder), theirs, tensors)


@contextmanager
def _without_numbers() -> Iterator[None]:
    """Weights that are about to be replaced cost no memory and no random numbers."""
    with torch.device("meta"):
        yield


def _in_dtype(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone()
    wide = dtype or (torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype)
    return tensor.to(wide, copy=True)  # a copy of its own: the file may be overwritten while the model lives


def _require_shapes(name: str, model: nn.Module, entries: list[Entry], state: dict[str, Tensor]) -> None:
    ours = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    wrong = [
        f"{' + '.join(entry.theirs)} is {tuple(state[entry.ours].shape)} instead of {tuple(ours[entry.ours].shape)}"
        for entry in entries
        if state[entry.ours].shape != ours[entry.ours].shape
    ]
    if wrong:
        raise RecipeError(f"shapes that config.json does not give: {'; '.join(wrong)}", where=name)
