"""LoRA: a matrix that stays as it is, and beside it a product of two narrow ones that learns.

    y = W x + b + (α / r) B A x        A (r, I) drawn at random, B (O, r) zero: training begins where the network is

Only A and B learn, and what the rest of the recipe leaves to learn; W gets no gradient, so no step pays for it.
After training W + (α / r) B A takes the place of W (`merge`), so that a run's folder holds a plain network.

Dimensions: I input and O output width, r rank, `*B` any leading axes.
Source: Hu et al. 2022, "LoRA: low-rank adaptation of large language models" (arXiv:2106.09685), section 4.1
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.attention_multi_head import MultiHeadAttention
from deepdojo.layers.fully_connected import Linear
from deepdojo.layers.hook import current
from deepdojo.layers.shapes import ShapeError
from deepdojo.models.part_names import matching

__all__ = ["Adapter", "LowRank", "adapters", "add_lora", "merge_lora"]

PROJECTIONS = ("query", "key", "value")


class Adapter(nn.Module):
    """(α / r) B A x.

    Args:
        in_features: I. out_features: O. rank: r. alpha: α; the product is scaled by α / r.

    Initialisation: A uniform in ±1/√I (Kaiming with a = √5, as in the authors' code and in peft), B zero.
    """

    def __init__(self, in_features: int, out_features: int, rank: int, alpha: float) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, in_features))
        self.b = nn.Parameter(torch.zeros(out_features, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        return x @ self.a.T @ self.b.T * self.scale

    def product(self) -> Float[Tensor, "O I"]:
        """(α / r) B A."""
        return self.b @ self.a * self.scale


class LowRank(nn.Module):
    """Stands where a layer keeps the function by which it multiplies (`apply_linear`), and adds the adapters' part.

    Args:
        apply: the layer's own function of (x, weight, bias).
        rows: of the weight, for which there are adapters: name -> (first row, row after the last).
        made: the adapter of each name.
    """

    def __init__(
        self, apply: Callable[..., Tensor], rows: dict[str, tuple[int, int]], made: dict[str, Adapter]
    ) -> None:
        super().__init__()
        self.apply_linear, self.rows = apply, rows
        self.adapters = nn.ModuleDict(made)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        y = self.apply_linear(x, weight, bias)
        if len(self.rows) == 1 and self.rows.get("whole"):
            return y + self.adapters["whole"](x)
        if len(weight) != sum(end - start for start, end in self.rows.values()):
            raise ShapeError("LoRA inside an attention that looks at another text is not there; name other parts")
        parts = [y[..., start:end] for start, end in self.rows.values()]
        both = zip(self.rows, parts, strict=True)
        return torch.cat([p + self.adapters[name](x) if name in self.adapters else p for name, p in both], -1)


@dataclass(frozen=True)
class _Place:
    """A matrix that can have an adapter: the layer, the name of its weight, and which of its rows."""

    layer: nn.Module
    weight: str
    name: str
    rows: tuple[int, int]


def _places(model: nn.Module) -> Iterator[tuple[str, _Place]]:
    """Every matrix by its name: `layers.0.linear1`, `layers.0.self_attn.query`."""
    for path, layer in model.named_modules():
        if isinstance(layer, MultiHeadAttention):
            D = layer.embed_dim
            for i, name in enumerate(PROJECTIONS):
                yield f"{path}.{name}", _Place(layer, "in_proj_weight", name, (i * D, (i + 1) * D))
        elif isinstance(layer, Linear) and layer.max_norm is None:
            yield path, _Place(layer, "weight", "whole", (0, layer.out_features))


def add_lora(model: nn.Module, *, rank: int, alpha: float, on: Sequence[str]) -> int:
    """Freeze the network and put adapters of a rank on the matrices that `on` names; gives how many.

    Names are those of the network's parts (`models/part_names.py`); an attention has query, key and value.

    Raises:
        UnknownNameError: a name that no matrix has. RecipeError: a rank above the smaller side of a matrix.
    """
    places = dict(_places(model))
    chosen = matching(on, places, where="model.lora_on")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    by_layer: dict[int, list[_Place]] = {}
    for name in places:
        if name in chosen:
            by_layer.setdefault(id(places[name].layer), []).append(places[name])
    for group in by_layer.values():
        _wrap(group, rank, alpha)
    return len(chosen)


def _wrap(group: list[_Place], rank: int, alpha: float) -> None:
    layer = group[0].layer
    weight = getattr(layer, group[0].weight)
    if rank > min(weight.shape):
        raise RecipeError(
            f"a rank of {rank} is above the {min(weight.shape)} that a matrix of {tuple(weight.shape)} has",
            where="model.lora_rank", todo="give a smaller one",
        )  # fmt: skip
    make = current("lora_linear", Adapter)
    made = {p.name: make(weight.shape[1], p.rows[1] - p.rows[0], rank, alpha).to(weight) for p in group}
    D = weight.shape[1]
    attention = isinstance(layer, MultiHeadAttention)
    rows = {name: (i * D, (i + 1) * D) for i, name in enumerate(PROJECTIONS)} if attention else {"whole": group[0].rows}
    own = layer.apply_linear
    layer.apply_linear = LowRank(own, rows, made)  # type: ignore[arg-type]


def adapters(model: nn.Module) -> list[Adapter]:
    """All that are in a network."""
    return [module for module in model.modules() if isinstance(module, Adapter)]


def merge_lora(model: nn.Module) -> None:
    """W + (α / r) B A in the place of W; the adapters go, and the network is a plain one again."""
    for layer in list(model.modules()):
        beside = getattr(layer, "apply_linear", None)
        if not isinstance(beside, LowRank):
            continue
        weight = layer.in_proj_weight if isinstance(layer, MultiHeadAttention) else layer.weight
        assert isinstance(weight, Tensor)
        with torch.no_grad():
            for name, adapter in beside.adapters.items():
                start, end = beside.rows[name]
                assert isinstance(adapter, Adapter)
                weight[start:end] += adapter.product()
        del layer.apply_linear
        layer.apply_linear = beside.apply_linear  # type: ignore[assignment]
