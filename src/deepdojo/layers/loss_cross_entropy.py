"""Cross-entropy of scores with classes. Dimensions: V classes or vocabulary, `*B` any leading axes."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError

__all__ = ["cross_entropy", "cross_entropy_reference", "next_token_loss"]


def cross_entropy(
    logits: Float[Tensor, "*B V"],
    targets: Int[Tensor, "*B"] | Float[Tensor, "*B V"],
    label_smoothing: float = 0.0,
    ignored: int = -100,
    weight: Float[Tensor, " V"] | None = None,
    reduction: Literal["mean", "none"] = "mean",
) -> Float[Tensor, ""] | Float[Tensor, "*B"]:
    """-log softmax(logits)[target]: how surprised the model is by the right class; the mean of what counts.

    loss_b = -w_t ((1 - s) log p_t) - s/V sum_v w_v log p_v, p = softmax(logits_b), t = targets_b, s = label_smoothing;
    mean = sum_b loss_b / sum_b w_t. With probabilities q in the place of classes: loss_b = -sum_v w_v q_v log p_v, the
    plain mean.

    Args:
        logits: unnormalised log-probabilities.
        targets: the right classes, or a probability for each.
        label_smoothing: share of the target that is spread evenly over all classes (Szegedy et al. 2015, section 7).
        ignored: a target that does not count, such as padding.
        weight: of each class, where some matter more; None: 1 for all.
        reduction: "none" gives each loss by itself, 0 where ignored.

    Returns: a scalar, or (*B). Where nothing counts the mean is 0 and so is its gradient (torch's own gives NaN).
    Numerics: the largest logit is subtracted before exp, so any finite logits give a finite loss; half precision is to
    be cast to float32 by the caller. Cost: one pass over the logits forward, one backward.
    Source: Good 1952, "Rational decisions", section 8 (the logarithmic score).
    Raises: ShapeError when targets are neither (*B) nor (*B, V), for a class that is not there (on the CPU; a GPU stops
    with its own assertion) and for weights of another length; RecipeError for a smoothing that is no share.
    """
    _require_targets(logits, targets, weight, label_smoothing)
    soft = targets.is_floating_point()
    try:
        losses = F.cross_entropy(
            _rows(logits), _rows(targets) if soft else targets.reshape(-1), weight,
            ignore_index=-100 if soft else ignored, reduction="none" if reduction == "none" else "sum",
            label_smoothing=label_smoothing,
        )  # fmt: skip
    except IndexError:  # the CPU's kernel looks at each class; on a GPU a look from here would wait for the device
        raise _no_such_class(logits, targets, ignored) from None
    if reduction == "none":
        return losses.view(logits.shape[:-1])
    if soft:
        return losses / max(logits[..., 0].numel(), 1)
    total = _total_weight(targets, ignored, weight)
    return losses / total.where(total > 0, 1)


def next_token_loss(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], ignored: int = -100
) -> Float[Tensor, " B"]:
    """The surprise of a language model: the sum over each row's steps of -log softmax(logits)[target].

    Args:
        targets: the token that follows each step; `ignored` where none is asked for.

    Source: Bengio et al. 2003, "A neural probabilistic language model", section 2.
    """
    return cross_entropy(logits, targets, ignored=ignored, reduction="none").sum(1)


def _total_weight(targets: Tensor, ignored: int, weight: Tensor | None) -> Tensor:
    counts = targets != ignored
    return counts.sum() if weight is None else (weight[targets.where(counts, 0)] * counts).sum()


def cross_entropy_reference(
    logits: Float[Tensor, "*B V"],
    targets: Int[Tensor, "*B"],
    label_smoothing: float = 0.0,
    ignored: int = -100,
    weight: Float[Tensor, " V"] | None = None,
) -> Float[Tensor, ""]:
    """`cross_entropy` of classes in plain algebra: the mean of what counts."""
    w = logits.new_ones(logits.shape[-1]) if weight is None else weight
    logp = logits - logits.logsumexp(-1, keepdim=True)
    q = F.one_hot(targets.clamp(min=0), logits.shape[-1]).to(logp)  # (*B, V)
    q = (1 - label_smoothing) * q + label_smoothing / logits.shape[-1]
    counts = (targets != ignored).to(logp)
    losses = -(w * q * logp).sum(-1) * counts
    total = (w[targets.clamp(min=0)] * counts).sum()
    return losses.sum() / (total if total > 0 else 1)


def _rows(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


def _no_such_class(logits: Tensor, targets: Tensor, ignored: int) -> ShapeError:
    V = logits.shape[-1]
    wrong = targets[(targets != ignored) & ((targets < 0) | (targets >= V))]
    return ShapeError(f"cross_entropy of {V} classes takes targets from 0 to {V - 1}, got {int(wrong[0])}")


def _require_targets(logits: Tensor, targets: Tensor, weight: Tensor | None, label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise RecipeError(f"label_smoothing is a share from 0 to 1, got {label_smoothing}", where="cross_entropy")
    if weight is not None and weight.shape != logits.shape[-1:]:
        raise ShapeError(f"weight must be {tuple(logits.shape[-1:])}, one for each class, got {tuple(weight.shape)}")
    wanted = logits.shape if targets.is_floating_point() else logits.shape[:-1]
    if logits.dim() < 1 or targets.shape != wanted:
        raise ShapeError(
            f"cross_entropy of logits {tuple(logits.shape)} takes classes {tuple(logits.shape[:-1])} or probabilities "
            f"{tuple(logits.shape)}, got {tuple(targets.shape)}"
        )
