"""Focal losses: what is answered well already hardly counts, so a few objects are heard among many empty places.

Dimensions: B batch, C classes, y and x axes of a map, `*B` any axes. z a logit, p = 1 / (1 + exp(-z)).
Numerics: everything is written in log-sigmoids, (1 - p)^gamma = exp(gamma · log(1 - p)), so value and gradient stay
finite for logits of any size and any gamma >= 0.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = [
    "heat_map_focal_loss",
    "heat_map_focal_loss_reference",
    "sigmoid_focal_loss",
    "sigmoid_focal_loss_reference",
]


def sigmoid_focal_loss(
    logits: Float[Tensor, "*B"], target: Float[Tensor, "*B"], alpha: float | None = 0.25, gamma: float = 2.0
) -> Float[Tensor, "*B"]:
    """-alpha_t (1 - p_t)^gamma log(p_t), number by number, p_t = p where the target is 1 and 1 - p where it is 0.

    Args:
        logits: z, one yes-or-no question each.
        target: 0 or 1; between them, the two losses are mixed with that share.
        alpha: weight of the yes (the no weighs 1 - alpha), or None for 1 each.
        gamma: how fast easy answers fade; 0 is the weighted cross-entropy.

    The paper sums and divides by the number of yeses (at least 1).
    Source: Lin et al. 2017, "Focal loss for dense object detection", equations 4 and 5.
    """
    _require_same("sigmoid_focal_loss", logits, target)
    yes, no = F.logsigmoid(logits), F.logsigmoid(-logits)  # log p, log (1 - p)
    loss = -target * torch.exp(gamma * no) * yes, -(1 - target) * torch.exp(gamma * yes) * no
    return loss[0] + loss[1] if alpha is None else alpha * loss[0] + (1 - alpha) * loss[1]


def sigmoid_focal_loss_reference(
    logits: Float[Tensor, "*B"], target: Float[Tensor, "*B"], alpha: float | None = 0.25, gamma: float = 2.0
) -> Float[Tensor, "*B"]:
    """`sigmoid_focal_loss` as the paper writes it; for logits of moderate size."""
    p = torch.sigmoid(logits)
    a, b = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)
    return -a * target * (1 - p) ** gamma * p.log() - b * (1 - target) * p**gamma * (1 - p).log()


def heat_map_focal_loss(
    logits: Float[Tensor, "B C y x"], target: Float[Tensor, "B C y x"], alpha: float = 2.0, beta: float = 4.0
) -> Float[Tensor, ""]:
    """CenterNet's loss of a heat map, one number: the sum over all places, over the number of centres (at least 1).

        a centre (target = 1)    -(1 - p)^alpha log p
        elsewhere                -(1 - target)^beta p^alpha log(1 - p)

    The target falls off around a centre like a Gaussian, and near 1 a wrong "centre here" is forgiven by
    (1 - target)^beta: a box from the next cell is nearly as good.

    Args:
        logits: z of the heat map.
        target: 1 exactly at the centres, below 1 elsewhere.
        alpha: how fast easy answers fade.
        beta: how far neighbours of a centre are forgiven.

    Source: Law & Deng 2018 (CornerNet), equation 1; Zhou et al. 2019, "Objects as points", equation 1.
    """
    _require_same("heat_map_focal_loss", logits, target)
    yes, no = F.logsigmoid(logits), F.logsigmoid(-logits)
    centre = target == 1
    loss = torch.where(centre, torch.exp(alpha * no) * yes, (1 - target) ** beta * torch.exp(alpha * yes) * no)
    return -loss.sum() / centre.sum().clamp(min=1)


def heat_map_focal_loss_reference(
    logits: Float[Tensor, "B C y x"], target: Float[Tensor, "B C y x"], alpha: float = 2.0, beta: float = 4.0
) -> Float[Tensor, ""]:
    """`heat_map_focal_loss` as the paper writes it; for logits of moderate size."""
    p = torch.sigmoid(logits)
    at_centres = ((1 - p) ** alpha * p.log())[target == 1].sum()
    elsewhere = ((1 - target) ** beta * p**alpha * (1 - p).log())[target != 1].sum()
    return -(at_centres + elsewhere) / max(1, int((target == 1).sum()))


def _require_same(name: str, logits: Tensor, target: Tensor) -> None:
    if logits.shape != target.shape:
        raise ShapeError(
            f"{name} expects a target of the logits' shape {tuple(logits.shape)}, got {tuple(target.shape)}"
        )
