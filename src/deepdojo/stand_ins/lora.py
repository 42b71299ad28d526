"""`LoRALinear(base, r, alpha)` of the lesson where a network is fine-tuned through narrow matrices.

I inputs, O outputs, r rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.models.lora import Adapter

__all__ = ["lora_linear"]


def lora_linear(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[Adapter]]:
    """Ours is the change alone, beside whatever matrix: the learner's layer gets a base of zeros, and A and B that ours
    has drawn."""
    make = own["LoRALinear"]

    class OwnAdapter(Adapter):
        def __init__(self, in_features: int, out_features: int, rank: int, alpha: float) -> None:
            super().__init__(in_features, out_features, rank, alpha)
            with torch.random.fork_rng(devices=[]):
                base = nn.Linear(in_features, out_features, bias=False, device="cpu")
                nn.init.zeros_(base.weight)
                self.__dict__["own"] = make(base, rank, alpha)  # no part: its weights are ours

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self._bound(x)(x)
            return found

        def product(self) -> Tensor:
            made: Any = self._bound(self.a)
            found: Tensor = made.merge().weight.detach()
            return found

        def _bound(self, like: Tensor) -> nn.Module:
            layer: nn.Module = self.__dict__["own"].to(like.device, like.dtype)
            layer._parameters["A"], layer._parameters["B"] = self.a, self.b
            return layer

    return {"lora_linear": OwnAdapter}
