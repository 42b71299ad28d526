"""Prototypical loss of a batch in which every example is once the only one that is known of its class.

Dimensions: B examples, D width, C classes, k examples of each.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from deepdojo.layers.loss_triplet import distances
from deepdojo.layers.shapes import ShapeError

__all__ = ["one_shot_losses", "one_shot_losses_reference"]


def one_shot_losses(
    x: Float[Tensor, "B D"], labels: Int[Tensor, " B"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """(sum of the losses of each example, how many it has).

    In turn j the j-th example of each class is what is known of it, c_j, and all others are asked for:
    -log softmax(-|x - c_j|²)[label], over the classes that have a j-th example. With k examples of each class an
    example is asked k - 1 times: k episodes of prototypical networks with one shot, from one forward pass.

    Args:
        labels: the class of each example, in any order; one without another of its class is never asked for.

    Cost: one matrix of all distances, (B, B).
    Source: Snell, Swersky & Zemel 2017, equation 2, with every example as the support once.
    Raises: ShapeError unless there is one label for each example.
    """
    if x.dim() != 2 or labels.shape != x.shape[:1]:
        raise ShapeError(
            f"one_shot_losses takes embeddings (B, D) and labels (B), got {tuple(x.shape)} and {tuple(labels.shape)}"
        )
    turn = _turns(labels)
    nearness = -distances(x, x).square()  # (B, B)
    same = labels[:, None] == labels[None, :]
    total, asked = nearness.new_zeros(len(x)), nearness.new_zeros(len(x))
    for j in range(int(turn.max()) + 1 if len(x) else 0):
        known = (turn == j)[None, :]
        right = same & known
        # A class without a j-th example is no answer in this turn, and its own examples are not asked for.
        asking = right.any(1) & (turn != j)
        logits = nearness.masked_fill(~known, -torch.inf)
        loss = logits.logsumexp(1) - nearness.masked_fill(~right, 0.0).sum(1)
        total = total + torch.where(asking, loss, torch.zeros_like(loss))
        asked = asked + asking.to(asked.dtype)
    return total, asked


def _turns(labels: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """How many examples of its class stand before each one."""
    before: Bool[Tensor, "B B"] = (labels[:, None] == labels[None, :]).tril(-1)
    return before.sum(1)


def one_shot_losses_reference(
    x: Float[Tensor, "B D"], labels: Int[Tensor, " B"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """`one_shot_losses` example by example."""
    members: dict[int, list[int]] = {}
    for i, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(i)
    totals = [x.sum() * 0.0 for _ in range(len(x))]
    counts = [0.0] * len(x)
    for j in range(max((len(m) for m in members.values()), default=0)):
        known = {label: m[j] for label, m in members.items() if len(m) > j}
        for label, at in known.items():
            for i in members[label]:
                if i == at:
                    continue
                nearness = torch.stack([-((x[i] - x[c]) ** 2).sum() for c in known.values()])
                right = list(known).index(label)
                totals[i] = totals[i] + nearness.logsumexp(0) - nearness[right]
                counts[i] += 1
    return torch.stack(totals) if totals else x.sum(1), x.new_tensor(counts)
