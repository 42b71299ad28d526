"""What tasks share that compare pictures: a network gives each a place, and near places are one name.

Legend: B examples in a batch, C channels, Y and X image axes, D width of a place, G pictures of a gallery, V views.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.data.codecs.labels import Labels
from deepdojo.data.codecs.pixels import Pixels
from deepdojo.data.rowset import column, counts_of
from deepdojo.errors import DataError, RecipeError
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, ClassBatching, Example, Part, Piece, Row, Task

__all__ = ["MetricLearning"]

PATCHES_A_SIDE = 7
VIEWS = ("plain", "mirrored", "moved")
MOST_COMPARED = 32
QUARTERS = 4
BLUR_PX, SPREAD_PX = 3.0, 5.0
"""Deviations of the Gaussians over which light is taken away, and over which its spread is measured."""


@dataclass(frozen=True)
class MetricLearning(Task):
    """The likeness of two pictures is -|f(a) - f(b)|², of places f that a network gives them.

    Training rows are pictures with names; held-out rows ask about pictures whose names may be new. The loss is that of
    prototypical networks with one shot (`one_shot_losses`), or, where the model has centres of the names, that of
    ArcFace. Losses between examples are of a batch, not of an example alone.
    """

    labels: Labels
    families: Labels
    pixels: Pixels
    each: int
    hard: float
    rotations: bool
    views: str
    light: bool

    protocol: ClassVar[str] = "Embedder"
    images: ClassVar[tuple[str, ...]] = ("image",)
    ragged: ClassVar[frozenset[str]] = frozenset({"near"})
    blank: ClassVar[Mapping[str, float]] = {"image": 0.0}  # after normalisation 0 is the training mean
    shares: ClassVar[bool] = True

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        size: int | None = None,
        channels: int | None = None,
        each: int = 4,
        hard: float = 0.0,
        rotations: bool = False,
        views: str = "plain",
        light: bool = False,
    ) -> Self:
        """
        Args:
            size: height and width in pixels; None keeps a common size of at most 64, else chooses 32 or 64.
            channels: 1 or 3; None looks whether all sampled images are grey.
            each: pictures of each name in a training batch.
            hard: share of the training batches whose names come from as few families as have enough of them.
            rotations: learn each picture also turned by a quarter, a half and three quarters, as other names.
            views: how a picture is looked at when it is compared: plain; mirrored: also left to right; moved: also by
                one pixel to each side. The places of its views are averaged.
            light: take local brightness and contrast away, for pictures under different lights.
        """
        if views not in VIEWS:
            raise RecipeError(f"views is {views!r}", where="task.views", todo=f"take one of {', '.join(VIEWS)}")
        if each < 2 or not 0 <= hard <= 1:
            raise RecipeError("a batch takes at least 2 pictures of a name, and hard is a share", where="task.each")
        counts = counts_of(rows, "label")
        labels = Labels.fit(name for name, count in counts.items() if count >= 2)
        if len(labels) < 2:
            raise DataError(
                f"{len(labels)} of the {len(counts)} names to learn from has two pictures or more, and two must have",
                where="label", todo="give more pictures of each name",
            )  # fmt: skip
        families = Labels.fit(cell for cell in column(rows, "family") if cell) if "family" in rows[0] else Labels(())
        pixels = Pixels.fit(column(rows, "image"), size=size, channels=channels)
        if rotations and pixels.height != pixels.width:
            raise RecipeError("a quarter turn needs square pictures", where="task.rotations", todo="give task.size")
        return cls(labels, families, pixels, each, hard, rotations, views, light)

    def dims(self) -> dict[str, Any]:
        p = self.pixels
        return {
            "in_channels": p.channels, "height": p.height, "width": p.width,
            "num_outputs": len(self.labels) * (QUARTERS if self.rotations else 1),
        }  # fmt: skip

    @property
    def class_batches(self) -> ClassBatching:
        return ClassBatching("label", self.each, "family" if len(self.families) > 1 else None, self.hard)

    # ----- rows to examples

    @abstractmethod
    def compared(self, row: Row) -> list[Any]:
        """The pictures that a row's own is compared with; of a row to learn from none."""

    @abstractmethod
    def chosen(self, row: Row) -> tuple[list[Any], int]:
        """At most 32 of them, the right one first where one is right, and how many are right: for the loss."""

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        image = self.pixels.encode(row["image"])
        if not learn:
            for picture in (image, *map(self.pixels.encode, self.compared(row))):
                yield {"image": picture}
            return
        if self.compared(row):
            near, right = self.chosen(row)
            yield {"image": image, "near": np.stack([self.pixels.encode(cell) for cell in near]), "right": right}
            return
        label = self.labels.encode(row["label"])
        if label is None:
            raise DataError(f"it is the only picture of {row['label']!r}: there is nothing to compare it with")
        family = self.families.encode(row.get("family") or "") or 0
        turns = range(QUARTERS) if self.rotations else (0,)
        for turn in turns:
            turned = np.ascontiguousarray(np.rot90(image, turn, (1, 2)))
            yield {"image": turned, "label": label * len(turns) + turn, "family": family * len(turns) + turn}

    def parts_needed(self, row: Row) -> list[tuple[Any, Any]]:
        return [(_key(cell), cell) for cell in (row["image"], *self.compared(row))]

    def encode_shared(self, cell: Any) -> Example:
        return {"image": self.pixels.encode(cell)}

    def prepare(self, batch: Batch) -> Batch:
        found = dict(batch)
        for name in ("image", "near"):
            if name in batch and batch[name].dtype == torch.uint8:
                found[name] = self._real(batch[name])
        return found

    def _real(self, image: Tensor) -> Tensor:
        """uint8 (..., C, Y, X) -> normalised float."""
        real = image.float().div_(255.0)
        if self.light:
            flat = without_light(real.flatten(0, -4))
            return flat.view(real.shape)
        mean = torch.tensor(self.pixels.mean, device=image.device).view(-1, 1, 1)
        std = torch.tensor(self.pixels.std, device=image.device).view(-1, 1, 1)
        return real.sub_(mean).div_(std)

    # ----- losses and places

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        batch = self.prepare(batch)
        if "near" in batch:
            total = self._of_questions(model, batch)
            return total, torch.ones_like(total)
        image, label, centres = batch["image"], batch["label"], getattr(model, "centres", None)
        if centres is None:
            return current("one_shot_losses")(model(image).float(), label)
        cosines = model(image, cosines=True).float()
        logits = centres.make_logits(cosines, label, centres.margin if model.training else 0.0, centres.scale)
        total = current("cross_entropy")(logits, label, reduction="none")
        return total, torch.ones_like(total)

    def _of_questions(self, model: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        near, keep = batch["near"], batch["near_keep"]
        place = model(batch["image"]).float()  # (B, D)
        if near.stride(0) == 0:  # one row's, under many changes of its own picture: an explanation
            near = near[:1]
        others = model(near.flatten(0, 1)).float().view(len(near), keep.shape[1], -1)  # (B, G, D)
        likeness = -(others - place[:, None]).square().sum(-1)
        return self.surprise(likeness, keep, batch["right"])

    @abstractmethod
    def surprise(self, likeness: Float[Tensor, "B G"], keep: Tensor, right: Tensor) -> Float[Tensor, " B"]:
        """How little a row's likenesses say what is right."""

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """The place of each picture, (D,) float64: the mean over its views."""
        image = batch["image"]
        views = [image]
        if self.views == "mirrored":
            views.append(image.flip(-1))
        elif self.views == "moved":
            wide = F.pad(image, (1, 1, 1, 1), mode="replicate")
            y, x = image.shape[-2:]
            views += [wide[..., 1 + v : 1 + v + y, 1 + h : 1 + h + x] for v, h in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        places = [model(view).float().cpu().double() for view in views]
        return list(torch.stack(places).mean(0).numpy())

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Square patches of the row's own picture, about seven a side."""
        height, width = self.pixels.height, self.pixels.width
        step = max(1, -(-max(height, width) // PATCHES_A_SIDE))
        return [
            Piece(
                [y, x, min(y + step, height), min(x + step, width)],
                {"image": (slice(None), slice(y, y + step), slice(x, x + step))},
            )
            for y in range(0, height, step)
            for x in range(0, width, step)
        ]


def likeness_of(place: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(D,), (G, D) -> (G,): minus the squared distance; 0 is the largest."""
    return -np.square(others - place).sum(axis=-1)


def without_light(image: Float[Tensor, "B C Y X"]) -> Float[Tensor, "B C Y X"]:
    """(log x - its Gaussian mean) / its Gaussian deviation: what is left of a picture in 0..1 under any smooth light.

    Source: Jobson, Rahman & Woodell 1997 (retinex: the logarithm minus that of the surround); division by the local
    deviation as in Jarrett et al. 2009, section 3.1.
    """
    x = torch.log1p(255.0 * image)
    x = x - _blurred(x, BLUR_PX)
    spread = (_blurred(x.square(), SPREAD_PX) + 1e-6).sqrt()
    return x / (spread + 0.01)


def _blurred(x: Tensor, sigma: float) -> Tensor:
    """Gaussian mean with the border repeated, up to three deviations."""
    reach = round(3 * sigma)
    steps = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    weights = torch.exp(-steps.square() / (2 * sigma**2))
    weights = weights / weights.sum()
    b, c, y, w = x.shape
    flat = F.pad(x.reshape(b * c, 1, y, w), (reach, reach, reach, reach), mode="replicate")
    flat = F.conv2d(F.conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
    return flat.view(b, c, y, w)


def _key(cell: Any) -> Any:
    """Equal for equal pictures: the name of a file, or the content."""
    if isinstance(cell, np.ndarray):
        return hashlib.sha256(f"{cell.shape}".encode() + np.ascontiguousarray(cell).tobytes()).digest()
    return cell.name if not getattr(cell, "inline", True) else id(cell)
