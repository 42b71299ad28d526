"""Distillation: a student learns a teacher's probabilities. Dimensions: V classes, `*B` any leading axes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.layers.loss_cross_entropy import cross_entropy
from deepdojo.layers.shapes import ShapeError

__all__ = ["distillation_loss", "distillation_loss_reference"]


def distillation_loss(
    student: Float[Tensor, "*B V"],
    teacher: Float[Tensor, "*B V"],
    targets: Int[Tensor, "*B"] | None = None,
    temperature: float = 2.0,
    alpha: float = 0.5,
    ignored: int = -100,
) -> Float[Tensor, ""]:
    """α T² KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 - α) cross-entropy(student, targets), the mean.

    Args:
        student: logits that learn.
        teacher: logits that stay: no gradient flows into them.
        targets: the right classes; None leaves the second part out and needs α = 1.
        temperature: T; above 1 the teacher's smaller probabilities count for more. T² keeps the gradient's size, which
            falls with 1/T².
        alpha: the teacher's share, 0 to 1.
        ignored: a target that does not count, in neither part.

    Source: Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network", section 2.
    Raises: ShapeError for different shapes; RecipeError for T of 0 or less, a share outside 0 to 1, or no targets with
    α below 1.
    """
    _require(student, teacher, targets, temperature, alpha)
    log_p = torch.log_softmax(teacher.detach() / temperature, -1)
    log_q = torch.log_softmax(student / temperature, -1)
    p = log_p.exp()
    # A class that the teacher rules out (logit -inf) adds nothing, even where the student does, too.
    divergence = (p * (log_p - log_q).masked_fill(p == 0, 0.0)).sum(-1)  # (*B)
    if targets is None:
        return temperature**2 * divergence.sum() / max(divergence.numel(), 1)
    counts = targets != ignored
    soft = divergence.masked_fill(~counts, 0.0).sum() / counts.sum().clamp(min=1)
    return alpha * temperature**2 * soft + (1 - alpha) * cross_entropy(student, targets, ignored=ignored)


def distillation_loss_reference(
    student: Float[Tensor, "*B V"],
    teacher: Float[Tensor, "*B V"],
    targets: Int[Tensor, "*B"],
    temperature: float = 2.0,
    alpha: float = 0.5,
) -> Float[Tensor, ""]:
    """`distillation_loss` in plain algebra, every target counted."""
    p = (teacher.detach() / temperature).exp()
    p = p / p.sum(-1, keepdim=True)
    q = (student / temperature).exp()
    q = q / q.sum(-1, keepdim=True)
    hard = student.exp() / student.exp().sum(-1, keepdim=True)
    soft_loss = (p * torch.log(p / q)).sum(-1).mean()
    hard_loss = -hard.gather(-1, targets.unsqueeze(-1)).log().mean()
    return alpha * temperature**2 * soft_loss + (1 - alpha) * hard_loss


def _require(student: Tensor, teacher: Tensor, targets: Tensor | None, temperature: float, alpha: float) -> None:
    where = "distillation_loss"
    if student.shape != teacher.shape:
        raise ShapeError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must have one shape")
    if temperature <= 0 or not 0 <= alpha <= 1:
        what = f"the temperature is above 0 and alpha a share from 0 to 1, got {temperature} and {alpha}"
        raise RecipeError(what, where=where)
    if targets is None and alpha < 1:
        raise RecipeError("without targets there is only the teacher", where=where, todo="take alpha = 1")
