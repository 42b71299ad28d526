"""ArcFace: classes as directions, kept apart by an angle. Dimensions: B examples, D width, C classes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.layers.hook import Layer, current
from deepdojo.layers.shapes import ShapeError, require_width

__all__ = ["ArcFace", "arcface_logits", "arcface_logits_reference"]


def arcface_logits(
    cosines: Float[Tensor, "B C"], labels: Int[Tensor, " B"], margin: float = 0.5, scale: float = 64.0
) -> Float[Tensor, "B C"]:
    """scale · cos(θ), and for the right class scale · cos(θ + margin): the right class has to win by an angle.

    Args:
        cosines: cos θ of each example's angle with the centre of each class.
        labels: the right classes.
        margin: radians, 0 to below π.
        scale: the radius of the sphere; softmax of bare cosines could never come near 1.

    Where θ + margin would exceed π, and its cosine rise again, cos θ - margin · sin(margin) goes on in its place, as in
    the authors' code.

    Numerics: cos(θ + m) = cos θ cos m - sin θ sin m needs no arccos, whose slope is infinite at cos θ = ±1; a cosine
    beyond ±1 by rounding counts as ±1, and there the slope of the sine is taken as 0.
    Source: Deng, Guo, Xue & Zafeiriou 2019, "ArcFace", equation 3.
    Raises: ShapeError for labels of another shape, and on the CPU for one that is no class.
    """
    if labels.shape != cosines.shape[:1]:
        raise ShapeError(f"labels must be {tuple(cosines.shape[:1])}, got {tuple(labels.shape)}")
    if labels.device.type == "cpu" and len(labels) and not torch.compiler.is_compiling():
        low, high = (int(label) for label in labels.aminmax())  # elsewhere that would wait for the device
        if low < 0 or high >= cosines.shape[1]:
            wrong = low if low < 0 else high
            raise ShapeError(f"labels run from 0 to {cosines.shape[1] - 1}, got {wrong}")
    right = cosines.gather(1, labels[:, None])
    squared_sine = 1 - right.square()
    on_axis = squared_sine <= torch.finfo(cosines.dtype).eps
    sine = squared_sine.masked_fill(on_axis, 1.0).sqrt().masked_fill(on_axis, 0.0)
    turned = right * math.cos(margin) - sine * math.sin(margin)
    beyond = right <= math.cos(math.pi - margin)
    turned = torch.where(beyond, right - margin * math.sin(margin), turned)
    return scale * cosines.scatter(1, labels[:, None], turned)


def arcface_logits_reference(
    cosines: Float[Tensor, "B C"], labels: Int[Tensor, " B"], margin: float = 0.5, scale: float = 64.0
) -> Float[Tensor, "B C"]:
    """`arcface_logits` by the angle itself, away from ±1."""
    angle = cosines.acos()
    turned = torch.where(
        angle + margin < math.pi, torch.cos(angle + margin), torch.cos(angle) - margin * math.sin(margin)
    )
    right = F.one_hot(labels, cosines.shape[1]).bool()
    return scale * torch.where(right, turned, cosines)


class ArcFace(Layer):
    """Learned class centres and the loss of a batch: cross-entropy of `arcface_logits`. For training only.

    cos θ = x · w_c / (|x| |w_c|). After training embeddings are compared with each other by angle, without the centres.

    Args:
        embedding_dim: D.
        num_classes: C.
        margin: radians.
        scale: see `arcface_logits`.

    Initialisation: centres normal, of deviation 0.01 as in the authors' code (their length does not matter).
    Raises: RecipeError for a size below 1, a margin outside [0, π) or a scale of 0 or less; ShapeError for another
    width.
    """

    def __init__(self, embedding_dim: int, num_classes: int, margin: float = 0.5, scale: float = 64.0) -> None:
        super().__init__()
        if min(embedding_dim, num_classes) < 1:
            raise RecipeError(f"sizes must be 1 or more, got {embedding_dim}, {num_classes}", where="ArcFace")
        if not 0 <= margin < math.pi or scale <= 0:
            raise RecipeError(
                f"the margin is an angle from 0 to below pi and the scale above 0, got {margin} and {scale}",
                where="ArcFace",
            )
        self.embedding_dim, self.num_classes, self.margin, self.scale = embedding_dim, num_classes, margin, scale
        self.weight = nn.Parameter(torch.empty(num_classes, embedding_dim))
        self.make_logits, self.cross_entropy = current("arcface_logits"), current("cross_entropy")
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            self.weight.normal_(0, 0.01)

    def cosines(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """cos θ with each centre, from -1 to 1; an embedding of length 0 gives zeros."""
        require_width("ArcFace", x, self.embedding_dim, rank=2)
        return (F.normalize(x, dim=1) @ F.normalize(self.weight, dim=1).T).clamp(-1, 1)

    def forward(self, x: Float[Tensor, "B D"], labels: Int[Tensor, " B"]) -> Float[Tensor, ""]:
        return self.cross_entropy(self.make_logits(self.cosines(x), labels, self.margin, self.scale), labels)

    def extra_repr(self) -> str:
        return f"{self.embedding_dim}, {self.num_classes}, margin={self.margin}, scale={self.scale}"
