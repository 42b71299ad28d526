"""Triplet loss: an example is to lie nearer to its own class than to any other. Dimensions: B examples, D width."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.layers.shapes import ShapeError

__all__ = [
    "batch_hard_triplet_loss",
    "batch_hard_triplet_loss_reference",
    "distances",
    "triplet_loss",
    "triplet_loss_reference",
]


def distances(a: Float[Tensor, "N D"], b: Float[Tensor, "M D"]) -> Float[Tensor, "N M"]:
    """Euclidean distance of every row of `a` to every row of `b`.

    Numerics: by differences, not by |a|² - 2ab + |b|², which loses half the digits for near points; the gradient at
    distance 0 is 0, not NaN. Cost: 3·N·M·D operations.
    """
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


def triplet_loss(
    anchor: Float[Tensor, "B D"],
    positive: Float[Tensor, "B D"],
    negative: Float[Tensor, "B D"],
    margin: float = 0.2,
    squared: bool = True,
) -> Float[Tensor, ""]:
    """Mean of max(d(a, p) - d(a, n) + margin, 0), d the squared Euclidean distance.

    Args:
        anchor, positive, negative: embeddings; p is of a's class, n is not. In the paper they have length 1.
        margin: by how much the negative has to be farther.
        squared: False takes the distance itself, as torch.nn.TripletMarginLoss and Hermans et al. do.

    Without a triplet the loss is 0. Source: Schroff, Kalenichenko & Philbin 2015, "FaceNet", equation 3.
    Raises: ShapeError when the three have different shapes.
    """
    if not anchor.shape == positive.shape == negative.shape:
        got = ", ".join(str(tuple(x.shape)) for x in (anchor, positive, negative))
        raise ShapeError(f"triplet_loss takes three tensors of one shape (B, D), got {got}")
    near, far = ((anchor - other).square().sum(-1) for other in (positive, negative))
    if not squared:
        near, far = _root(near), _root(far)
    return F.relu(near - far + margin).sum() / max(len(anchor), 1)


def triplet_loss_reference(
    anchor: Float[Tensor, "B D"],
    positive: Float[Tensor, "B D"],
    negative: Float[Tensor, "B D"],
    margin: float = 0.2,
    squared: bool = True,
) -> Float[Tensor, ""]:
    """`triplet_loss` triplet by triplet."""
    total = anchor.new_zeros(())
    for a, p, n in zip(anchor, positive, negative, strict=True):
        near, far = (a - p) @ (a - p), (a - n) @ (a - n)
        gap = near - far if squared else near.sqrt() - far.sqrt()
        total = total + torch.clamp(gap + margin, min=0)
    return total / max(len(anchor), 1)


def batch_hard_triplet_loss(
    embeddings: Float[Tensor, "B D"],
    labels: Int[Tensor, " B"],
    margin: float | None = 0.2,
    squared: bool = False,
) -> Float[Tensor, ""]:
    """Mean over anchors of max(farthest of the own class - nearest of the others + margin, 0).

    Args:
        embeddings: a batch that holds several examples of each of several classes.
        labels: the class of each.
        margin: None takes the soft margin log(1 + exp(gap)), which goes on pulling a class together.
        squared: whether distances are squared.

    An example without another of its class, or without one of another class, is no anchor; without any the loss is 0
    and passes no gradient. Source: Hermans, Beyer & Leibe 2017, "In defense of the triplet loss", equation 5.
    Cost: B² distances.
    Raises: ShapeError unless there is one label for each embedding.
    """
    if embeddings.dim() != 2 or labels.shape != embeddings.shape[:1]:
        raise ShapeError(
            f"batch_hard_triplet_loss takes embeddings (B, D) and labels (B), got {tuple(embeddings.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if len(labels) == 0:
        return embeddings.sum()
    d = distances(embeddings, embeddings)
    d = d.square() if squared else d
    same = labels[:, None] == labels
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchors = (same & ~itself).any(1) & (~same).any(1)
    farthest = d.masked_fill(~same | itself, -torch.inf).amax(1)
    nearest = d.masked_fill(same, torch.inf).amin(1)
    gap = (farthest - nearest)[anchors]
    losses = F.softplus(gap) if margin is None else F.relu(gap + margin)
    return losses.sum() / max(len(gap), 1)


def batch_hard_triplet_loss_reference(
    embeddings: Float[Tensor, "B D"],
    labels: Int[Tensor, " B"],
    margin: float | None = 0.2,
    squared: bool = False,
) -> Float[Tensor, ""]:
    """`batch_hard_triplet_loss` anchor by anchor."""
    losses = []
    for i, anchor in enumerate(embeddings):
        d = [(anchor - other).norm() ** (2 if squared else 1) for other in embeddings]
        own = [d[j] for j in range(len(labels)) if j != i and labels[j] == labels[i]]
        others = [d[j] for j in range(len(labels)) if labels[j] != labels[i]]
        if own and others:
            gap = max(own) - min(others)
            losses.append(torch.log1p(torch.exp(gap)) if margin is None else torch.clamp(gap + margin, min=0))
    return torch.stack(losses).mean() if losses else embeddings.sum() * 0.0


def _root(x: Tensor) -> Tensor:
    """√x with a gradient of 0, not infinity, at 0."""
    zero = x == 0
    return x.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)
