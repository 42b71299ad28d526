"""Muon: momentum whose step is made orthogonal, for the matrices inside a network; AdamW for all else.

Legend: R rows, C columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Muon", "orthogonal"]

# Jordan et al. 2024: a quintic that pushes every singular value from (0, 1] to about 1 (0.7 to 1.2) in five rounds.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


def orthogonal(matrices: Float[Tensor, "*many R C"]) -> Float[Tensor, "*many R C"]:
    """U V^T of each matrix U S V^T, nearly: Newton-Schulz, X <- a X + b (X X^T) X + c (X X^T)^2 X, five times.

    Numerics: float32 on a CPU, bfloat16 on CUDA, where it is meant to run so; float64 stays float64.
    Cost: 15 products of R x R by R x C with R <= C, a few per cent of a step of a model that is larger than its batch.

    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks" (kellerjordan.github.io).
    """
    a, b, c = COEFFICIENTS
    low = matrices.is_cuda and matrices.dtype == torch.float32
    x = matrices.bfloat16() if low else matrices
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """One optimizer of two kinds of groups, told apart by `kind`.

    muon: m <- momentum m + g; W <- W - lr (decay W + sqrt(max(1, R / C)) orthogonal(g + momentum m)), with convolution
    kernels (out, in, y, x) as matrices of `out` rows. adamw: Loshchilov & Hutter 2019.

    Args:
        groups: each with `params`, `kind`, `lr`, `weight_decay`; muon's with `momentum`, adamw's with `betas`.
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {"eps": 1e-8})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            with_gradient = [p for p in group["params"] if p.grad is not None]
            if with_gradient:
                (self._muon if group["kind"] == "muon" else self._adamw)(group, with_gradient)

    def _muon(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        momentum, lr = group["momentum"], group["lr"]
        gradients = [p.grad for p in parameters if p.grad is not None]
        buffers = [self._kept(p, "momentum") for p in parameters]
        torch._foreach_mul_(buffers, momentum)
        torch._foreach_add_(buffers, gradients)
        steps = torch._foreach_add(gradients, buffers, alpha=momentum)
        alike: dict[torch.Size, list[int]] = {}
        for i, step in enumerate(steps):
            alike.setdefault(step.flatten(1).shape, []).append(i)
        if group["weight_decay"] > 0:
            torch._foreach_mul_(parameters, 1.0 - lr * group["weight_decay"])
        for (rows, columns), members in alike.items():
            turned = orthogonal(torch.stack([steps[i].flatten(1) for i in members]))
            for i, update in zip(members, turned, strict=True):
                parameters[i].add_(update.view_as(parameters[i]), alpha=-lr * max(1.0, rows / columns) ** 0.5)

    def _adamw(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        from torch.optim.adamw import adamw

        beta1, beta2 = group["betas"]
        for p in parameters:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
        adamw(
            parameters, [p.grad for p in parameters if p.grad is not None],
            [self._kept(p, "exp_avg") for p in parameters], [self._kept(p, "exp_avg_sq") for p in parameters], [],
            [self.state[p]["step"] for p in parameters], fused=parameters[0].device.type in ("cpu", "cuda", "mps"),
            amsgrad=False, beta1=beta1, beta2=beta2, lr=group["lr"], weight_decay=group["weight_decay"],
            eps=group["eps"], maximize=False,
        )  # fmt: skip

    def _kept(self, parameter: Tensor, name: str) -> Tensor:
        state = self.state[parameter]
        if name not in state:
            state[name] = torch.zeros_like(parameter)
        return state[name]
