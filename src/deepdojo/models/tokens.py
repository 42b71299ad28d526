"""What the text models share: token ids become vectors, and the mask is checked once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepdojo.layers.shapes import ShapeError

__all__ = ["embed_tokens"]


def embed_tokens(model: nn.Module, tokens: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """`model.embedding` of tokens (B, T) as (B, T, D), and `keep` (B, T), which is given back unchanged.

    Rows of no tokens at all (T = 0) are given one step that is not kept, so that kernels which need a step work.
    Raises ShapeError when tokens are not (B, T) or `keep` is not a boolean mask of that shape.
    """
    if tokens.dim() != 2:
        raise ShapeError(f"a text model takes token ids (B, T), got {tuple(tokens.shape)}")
    if keep is not None and (keep.shape != tokens.shape or keep.dtype != torch.bool):
        raise ShapeError(f"keep must be bool {tuple(tokens.shape)}, got {keep.dtype} {tuple(keep.shape)}")
    if tokens.shape[1] == 0:
        tokens = tokens.new_zeros(tokens.shape[0], 1)
        keep = torch.zeros_like(tokens, dtype=torch.bool)
    return model.embedding(tokens), keep  # type: ignore[operator]
