"""`residual_block(x, p, stride)` of the lesson inside our block. B batch, I channels in, O channels out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.residual_block import ResidualBlock

__all__ = ["residual_block"]


def residual_block(own: Mapping[str, Callable[..., Any]]) -> dict[str, type[ResidualBlock]]:
    """The lesson's block normalises by its batch, as a training does. What a prediction normalises by, the running
    statistics, ours gathers beside it; a prediction is then our block with the weights that the learner's trained."""
    run = own["residual_block"]

    class OwnResidualBlock(ResidualBlock):
        compared_in_training = True

        def __init__(
            self, c_in: int, c_out: int, stride: int = 1, shortcut: str = "projection", preactivation: bool = False,
            activation: str = "relu",
        ) -> None:  # fmt: skip
            widens = c_in != c_out or stride > 1
            _require(preactivation, activation, shortcut if widens else "projection")
            super().__init__(c_in, c_out, stride, shortcut, preactivation, activation)
            self.stride = stride

        def forward(self, x: Tensor) -> Tensor:
            if not self.training:
                return super().forward(x)
            with torch.no_grad():
                super().forward(x)
            return run(x, _parts(self), self.stride)

    return {"ResidualBlock": OwnResidualBlock}


def _parts(block: ResidualBlock) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {"conv1": block.conv1.weight, "conv2": block.conv2.weight}
    norms = [block.norm1, block.norm2]
    if block.shortcut.conv is not None and block.shortcut.norm is not None:
        found["shortcut"] = block.shortcut.conv.weight
        norms.append(block.shortcut.norm)
    for n, norm in enumerate(norms, 1):
        found |= {f"gain{n}": norm.weight, f"shift{n}": norm.bias}
    return found


def _require(preactivation: bool, activation: str, shortcut: str) -> None:
    for wrong, what, setting in (
        (preactivation, "bends after each sum", "model.preactivation=false"),
        (activation != "relu", f"bends by relu, and this recipe by {activation}", "model.activation=relu"),
        (shortcut != "projection", "meets a wider output by a convolution", "model.shortcut=projection"),
    ):
        if wrong:
            raise RecipeError(
                f"residual_block of the lesson {what}", where="residual_block", todo=f"add --set {setting}"
            )
