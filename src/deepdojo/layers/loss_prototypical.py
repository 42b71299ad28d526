"""Prototypical loss: a class is the mean of the few examples that are known of it.

Dimensions: N known examples, Q that are asked for, C classes, D width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.layers.loss_cross_entropy import cross_entropy
from deepdojo.layers.loss_triplet import distances
from deepdojo.layers.shapes import ShapeError

__all__ = ["prototypes", "prototypical_logits", "prototypical_loss", "prototypical_loss_reference"]


def prototypes(support: Float[Tensor, "N D"], labels: Int[Tensor, " N"], num_classes: int) -> Float[Tensor, "C D"]:
    """The mean embedding of each class. Source: Snell, Swersky & Zemel 2017, equation 1.

    Raises: ShapeError unless there is one label for each example, and one example for each class.
    """
    if support.dim() != 2 or labels.shape != support.shape[:1]:
        raise ShapeError(
            f"prototypes takes embeddings (N, D) and labels (N), got {tuple(support.shape)} and {tuple(labels.shape)}"
        )
    counts = torch.bincount(labels, minlength=num_classes)
    if len(counts) != num_classes or not bool((counts > 0).all()):
        raise ShapeError(f"each of {num_classes} classes needs a known example, got {counts.tolist()} of them")
    sums = support.new_zeros(num_classes, support.shape[1]).index_add(0, labels, support)
    return sums / counts[:, None].to(support.dtype)


def prototypical_logits(query: Float[Tensor, "Q D"], centres: Float[Tensor, "C D"]) -> Float[Tensor, "Q C"]:
    """-|query - centre|²: the softmax of it is the probability of each class. Source: Snell et al. 2017, equation 2."""
    return -distances(query, centres).square()


def prototypical_loss(
    support: Float[Tensor, "N D"],
    support_labels: Int[Tensor, " N"],
    query: Float[Tensor, "Q D"],
    query_labels: Int[Tensor, " Q"],
    num_classes: int,
) -> Float[Tensor, ""]:
    """Mean of -log softmax(-|query - prototypes|²)[label]: queries are to lie next to the mean of their class.

    Args:
        support: embeddings of an episode's known examples, at least one of each class.
        support_labels: their classes, 0 to C - 1.
        query: embeddings of the examples that are asked for; without any the loss is 0.
        query_labels: their classes.
        num_classes: C, the classes of the episode.

    Source: Snell, Swersky & Zemel 2017, "Prototypical networks for few-shot learning", algorithm 1.
    """
    return cross_entropy(prototypical_logits(query, prototypes(support, support_labels, num_classes)), query_labels)


def prototypical_loss_reference(
    support: Float[Tensor, "N D"],
    support_labels: Int[Tensor, " N"],
    query: Float[Tensor, "Q D"],
    query_labels: Int[Tensor, " Q"],
    num_classes: int,
) -> Float[Tensor, ""]:
    """`prototypical_loss` query by query."""
    centres = [support[support_labels == c].mean(0) for c in range(num_classes)]
    losses = []
    for x, label in zip(query, query_labels.tolist(), strict=True):
        nearness = torch.stack([-((x - centre) ** 2).sum() for centre in centres])
        losses.append(nearness.logsumexp(0) - nearness[label])
    return torch.stack(losses).mean()
