"""Checkpoints of Hugging Face Transformers, read into our models and written back: one architecture a file.

    model = from_pretrained("folder")                  # or a hub id; the head follows the folder's config.json
    scores = model(tokens)                             # the tensor of scores
    save_pretrained(model, "other_folder")             # what Transformers' from_pretrained reads

Only safetensors is read: a pickled checkpoint can run any code when it is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.models import create_model
from deepdojo.models.pretrained.checkpoint import Checkpoint, open_checkpoint, write_checkpoint
from deepdojo.models.pretrained.formats import Format, format_named, format_of
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
        head: what the model gives; None follows `architectures` in config.json. A head that the checkpoint does not
            hold starts with fresh weights, to be trained: then its size may be given (`num_outputs`).
        revision: branch, tag or commit of a hub id.
        dtype: of the weights; None keeps float32 and float64 and widens shorter types to float32.
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
    checkpoint = open_checkpoint(folder_or_hub_id, revision)
    kind = format_of(checkpoint)
    own = kind.own_head(checkpoint)
    head = head or own
    if head not in kind.heads():
        raise RecipeError(
            f"{kind.model_type} has no head {head!r}", where=checkpoint.name, todo=f"take {', '.join(kind.heads())}"
        )
    settings = {**kind.to_arguments(checkpoint.config, head), **arguments}
    fresh = head != own
    with nullcontext() if fresh else _without_numbers():
        model = create_model(kind.model, **settings)
    entries = kind.entries(model.config, head)
    if fresh:
        held = {kind.identity(entry) for entry in kind.entries(_with_head(model.config, own), own)}
        entries = [entry for entry in entries if kind.identity(entry) in held and not kind.own_to_a_head(entry)]
    tensors = _renamed(kind, checkpoint, entries)
    _require_all(checkpoint, kind, entries, tensors, fresh)
    state = {name: _in_dtype(tensor, dtype) for name, tensor in ours_from(entries, tensors).items()}
    _require_shapes(checkpoint, model, entries, state)
    model.load_state_dict(state, strict=not fresh, assign=not fresh)
    if fresh and state:
        model.to(next(t.dtype for t in state.values() if t.is_floating_point()))
    return model.eval()


def save_pretrained(model: nn.Module, folder: str | Path) -> None:
    """Writes config.json and model.safetensors, as Transformers reads them.

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


def _with_head(config: Any, head: str) -> Any:
    from dataclasses import replace

    return replace(config, head=head) if hasattr(config, "head") else config


def _renamed(kind: Format, checkpoint: Checkpoint, entries: list[Entry]) -> Mapping[str, Tensor]:
    """The file's tensors under the names of today: old ones say gamma and beta, and bare models leave the prefix."""
    found = {kind.modern(name): name for name in checkpoint.names()}
    wanted = {name for entry in entries for name in entry.theirs}
    prefix = kind.prefix
    if prefix and not any(name.startswith(prefix) for name in found):
        found = {prefix + name if prefix + name in wanted else name: old for name, old in found.items()}
    elif prefix and not any(name.startswith(prefix) for name in wanted):
        found = {name.removeprefix(prefix): old for name, old in found.items()}
    return checkpoint.lazily(found)


def _require_all(
    checkpoint: Checkpoint, kind: Format, entries: list[Entry], tensors: Mapping[str, Tensor], fresh: bool
) -> None:
    wanted = {name for entry in entries for name in entry.theirs}
    missing = sorted(wanted - set(tensors))
    unknown = [] if fresh else sorted(n for n in set(tensors) - wanted if not kind.ignored(n))
    if missing or unknown:
        said = [f"{what}: {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
        raise RecipeError(
            f"the tensors of {checkpoint.name} are not those of a {kind.model_type} with its config.json; "
            + "; ".join(said),
            where=checkpoint.name,
        )


def _in_dtype(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.clone()
    wide = dtype or (torch.float32 if tensor.dtype in (torch.float16, torch.bfloat16) else tensor.dtype)
    return tensor.to(wide, copy=True)  # a copy of its own: the file may be overwritten while the model lives


def _require_shapes(checkpoint: Checkpoint, model: nn.Module, entries: list[Entry], state: dict[str, Tensor]) -> None:
    ours = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    wrong = [
        f"{' + '.join(entry.theirs)} is {tuple(state[entry.ours].shape)} instead of {tuple(ours[entry.ours].shape)}"
        for entry in entries
        if state[entry.ours].shape != ours[entry.ours].shape
    ]
    if wrong:
        raise RecipeError(f"shapes that config.json does not give: {'; '.join(wrong)}", where=checkpoint.name)
