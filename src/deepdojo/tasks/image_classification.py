"""Image -> class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.pixels import Pixels
from deepdojo.data.codecs.views import require_views, views_of
from deepdojo.data.rowset import column
from deepdojo.errors import UnknownNameError
from deepdojo.tasks.base import Batch, Example, Piece, Row
from deepdojo.tasks.classification import Classification
from deepdojo.tasks.pictures import STANDARDISE, image_patches, normalised

__all__ = ["ImageClassification", "task"]

AUXILIARY_SHARE = 0.4  # of the loss of a second head in training, as TensorFlow's and PyTorch's examples have it


@dataclass(frozen=True)
class ImageClassification(Classification):
    """One image a row, uint8 until it is on the device, then (x - mean) / spread for each channel, by the training rows
    or by the image itself.

    A new image may be read in several `views`, whose probabilities are averaged (test-time augmentation).

    In training the loss of a model's auxiliary head, where it has one (`AuxiliaryClassifier`), is added, times 0.4.
    """

    pixels: Pixels
    views: tuple[str, ...] = field(default=(), kw_only=True)
    standardise: str = field(default="rows", kw_only=True)

    name: ClassVar[str] = "image-classification"
    protocol: ClassVar[str] = "Classifier"
    images: ClassVar[tuple[str, ...]] = ("image",)
    blank: ClassVar[Mapping[str, float]] = {"image": 0.0}  # after normalisation 0 is the training mean

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        size: int | None = None,
        channels: int | None = None,
        views: list[str] | None = None,
        standardise: str = "rows",
    ) -> Self:
        """
        Args:
            size: height and width in pixels; None keeps a common size of at most 64, else chooses 32 or 64.
            channels: 1 or 3; None looks whether all sampled images are grey.
            views: what is predicted of a new image beside it, of flip and shift, to take the mean.
            standardise: by the mean and spread of the training rows, or of each image: its light and contrast then say
            nothing.
        """
        if standardise not in STANDARDISE:
            raise UnknownNameError("way to standardise", standardise, STANDARDISE, where="task.standardise")
        pixels = Pixels.fit(column(rows, "image"), size=size, channels=channels)
        return cls(cls.fit_labels(rows), pixels, views=require_views(views or ()), standardise=standardise)

    @property
    def while_training(self) -> Self:
        """With the image alone."""
        return replace(self, views=()) if self.views else self

    def dims(self) -> dict[str, Any]:
        p = self.pixels
        return {
            "in_channels": p.channels,
            "height": p.height,
            "width": p.width,
            "in_features": p.channels * p.height * p.width,
            "num_outputs": len(self.labels),
        }

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        image = self.pixels.encode(row["image"])
        if not learn:
            yield from ({"image": view} for view in views_of(image, self.views))
            return
        target = self.target(row)
        if target is not None:
            yield {"image": image, "label": target}

    def prepare(self, batch: Batch) -> Batch:
        return {**batch, "image": normalised(self.pixels, batch["image"], self.standardise)}

    def scores(self, model: nn.Module, batch: Batch) -> Float[Tensor, "B C"]:
        return model(batch["image"])

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        if not (model.training and _has_auxiliary(model)):
            return super().loss(model, batch)
        # Through `forward`, which is what a compiled or a shared model runs.
        scores, auxiliary = model(self.prepare(batch)["image"], auxiliary=True)
        total = self.surprise(scores, batch) + AUXILIARY_SHARE * self.surprise(auxiliary, batch)
        return total, torch.ones_like(total)

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        return image_patches(self.pixels)


def _has_auxiliary(model: nn.Module) -> bool:
    return hasattr(model, "forward_with_auxiliary") and getattr(model, "auxiliary", None) is not None


task = ImageClassification
