"""Image -> boxes around objects, each with its class and a score.

Legend: B examples in a batch, C classes, N boxes of the fullest picture, Y, X pixels of the model's input, y, x cells
of its output, K boxes kept of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from deepdojo.boxes import SURE, corners_of, iou_of, suppressed
from deepdojo.data.codecs.labels import Labels
from deepdojo.data.codecs.pixels import Pixels
from deepdojo.data.images import decode_image, shown_size
from deepdojo.data.rowset import column
from deepdojo.errors import DataError, RecipeError
from deepdojo.layers import current
from deepdojo.tasks.base import Batch, Example, Part, Piece, Row, Task

__all__ = ["Detection", "task"]

CORE = 0.54
"""Share of a box's sides that its core has: the ellipse in which the network learns its sides (TTFNet's alpha)."""
SIDES_WEIGHT = 5.0
"""Weight of the loss of the sides beside that of the heat map, as in TTFNet."""
MOST = 100
LEAST_SIDE, LARGEST_SIDE, STEP = 64, 320, 8
LOOKED_AT = 512
PATCHES_A_SIDE = 7
VIEWS = (1, 2, 4)


@dataclass(frozen=True)
class Detection(Task):
    """A heat map of centres for each class, and at every cell the distances to the four sides of the box around it.

    All pictures are brought to one size, `pixels`; predicted boxes are in pixels of the original. Training: a cell's
    target is a Gaussian around each centre (the highest of its class); the sides are learned in the boxes' cores, of
    overlapping ones that of the smallest box. Prediction: cells that no neighbour exceeds, then boxes of a class that
    overlap a better one by more than `overlap` go.

    Source: Zhou, Wang & Krähenbühl 2019, "Objects as points"; Liu et al. 2020, "Training-time-friendly network for
    real-time object detection", sections 3.2 to 3.4. Unlike there a box's core weighs 1 in all, not the logarithm of
    its area.
    """

    labels: Labels
    pixels: Pixels
    overlap: float
    least: float
    views: int

    name: ClassVar[str] = "detection"
    protocol: ClassVar[str] = "DenseDetector"
    images: ClassVar[tuple[str, ...]] = ("image",)
    boxes: ClassVar[tuple[str, ...]] = ("boxes",)
    ragged: ClassVar[frozenset[str]] = frozenset({"boxes", "classes"})
    blank: ClassVar[Mapping[str, float]] = {"image": 0.0}  # after normalisation 0 is the training mean

    @classmethod
    def fit(
        cls,
        rows: Sequence[Row],
        *,
        size: int | None = None,
        channels: int | None = None,
        overlap: float = 0.55,
        least: float = 0.02,
        views: int = 1,
    ) -> Self:
        """
        Args:
            size: the longer side of the model's input in pixels; None takes that of the pictures, at most 320. Both
            sides keep the usual ratio; a picture of another ratio is stretched.
            channels: 1 or 3; None looks whether all sampled images are grey.
            overlap: of two boxes of a class that overlap by more than this share (IoU), the better one stays.
            least: boxes of a lower score are not given.
            views: a prediction looks at the picture (1), also at its mirror image (2), also at both upside down (4).
        """
        names = {box[0] for boxes in column(rows, "boxes") for box in boxes}
        if not names:
            raise DataError("no training row has a box", where="boxes", todo="choose another split, or look at the "
                            "annotations")  # fmt: skip
        if views not in VIEWS:
            raise RecipeError(f"expected 1, 2 or 4, got {views}", where="task.views")
        cells = column(rows, "image")
        return cls(Labels.fit(names), Pixels.fit(cells, size=_frame(cells, size), channels=channels), overlap, least,
                   views)  # fmt: skip

    @property
    def while_training(self) -> Detection:
        return replace(self, views=1)

    def dims(self) -> dict[str, Any]:
        p = self.pixels
        return {"in_channels": p.channels, "height": p.height, "width": p.width, "num_outputs": len(self.labels)}

    def encode(self, row: Row, *, learn: bool) -> Iterator[Example]:
        array = decode_image(row["image"])
        image, size = self.pixels.encode(array), np.array(array.shape[:2], dtype=np.float32)
        if learn:
            yield {"image": image, "size": size, "view": 0, **self._boxes(row["boxes"], array.shape[:2])}
            return
        for view in range(self.views):
            yield {"image": _mirrored(image, view), "size": size, "view": view}

    def _boxes(self, cell: Sequence[Any], size: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Boxes in pixels of the model's input, cut at the border; those of unknown classes and without area go."""
        known = [(box, k) for box in cell if (k := self.labels.encode(box[0])) is not None]
        height, width = self.pixels.height, self.pixels.width
        scale = np.array([width / size[1], height / size[0]] * 2)
        corners = np.clip(corners_of([box for box, _ in known]) * scale, 0, [width, height] * 2)
        there = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        classes = np.array([k for _, k in known], dtype=np.int64)
        return {"boxes": corners[there].astype(np.float32), "classes": classes[there]}

    def prepare(self, batch: Batch) -> Batch:
        image = batch["image"]
        if image.dtype != torch.uint8:
            return batch
        mean, std = (
            image.new_tensor(v, dtype=torch.float32).view(1, -1, 1, 1) for v in (self.pixels.mean, self.pixels.std)
        )
        return {**batch, "image": (image.float().div_(255.0)).sub_(mean).div_(std)}

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Focal loss of the heat map + 5 · (1 - GIoU) in the boxes' cores, both summed; the weight is the number of
        boxes, at least 1: a batch's loss is then that of the papers, per object."""
        batch = self.prepare(batch)
        heat, sides = (out.float() for out in model(batch["image"]))
        stride, keep = batch["image"].shape[2] // heat.shape[2], batch["boxes_keep"]
        total = heat.new_zeros(len(heat))
        target = torch.zeros_like(heat)
        if keep.shape[1]:
            cores = _cores(batch["boxes"].float() / stride, keep, heat.shape[2], heat.shape[3])
            target = _heat(cores, batch["classes"], heat.shape[1])
            total = total + SIDES_WEIGHT * _sides_loss(_corners(sides, stride), batch["boxes"].float(), cores)
        centres = (target == 1).sum((1, 2, 3)).clamp(min=1)  # the layer divides by them, and here each picture counts
        total = total + torch.vmap(current("heat_map_focal_loss"))(heat[:, None], target[:, None]) * centres
        return total, keep.sum(1).clamp(min=1).float()

    def predict(self, model: nn.Module, batch: Batch) -> list[Part]:
        """Of each example (K, 6) float64: class, score, x0, y0, x1, y1 in pixels of the original picture."""
        batch = self.prepare(batch)
        image = batch["image"]
        heat, sides = (out.float() for out in model(image))
        height, width = image.shape[2:]
        heat = heat.sigmoid()
        peaks = heat * (heat == F.max_pool2d(heat, 3, 1, 1))
        score, place = peaks.flatten(1).topk(min(MOST, peaks[0].numel()))  # (B, K)
        cells = heat.shape[2] * heat.shape[3]
        corners = _corners(sides, height // heat.shape[2]).flatten(1, 2)  # (B, y·x, 4)
        boxes = corners.gather(1, (place % cells)[..., None].expand(-1, -1, 4))
        boxes = _unmirrored(boxes, batch["view"], width, height)
        y, x = (batch["size"].float() / batch["size"].new_tensor([height, width])).unbind(1)
        boxes = boxes * torch.stack([x, y, x, y], 1)[:, None]
        found = torch.cat([(place // cells)[..., None], score[..., None], boxes], -1).cpu().double().numpy()
        return [
            _within(part[part[:, 1] >= self.least], size)
            for part, size in zip(found, batch["size"].tolist(), strict=True)
        ]

    def decode(self, row: Row, parts: list[Part]) -> dict[str, Any]:
        found = np.concatenate(parts)
        kept = []
        for k in np.unique(found[:, 0]):
            own = found[found[:, 0] == k]
            chosen = current("suppressed", silenced)(own[:, 2:], own[:, 1], self.overlap)
            kept.append(own[chosen] if len(parts) == 1 else _fused(own, chosen, self.overlap, len(parts)))
        best = sorted((box for boxes in kept for box in boxes.tolist()), key=lambda box: -box[1])[:MOST]
        return {"boxes": [[self.labels.decode(int(k)), s, *corners] for k, s, *corners in best]}

    def as_truth(self, row: Row, cells: Mapping[str, Any]) -> Row:
        return {**row, "boxes": [[box[0], 1.0, *box[2:]] for box in cells["boxes"] if box[1] >= SURE]}

    def pieces(self, row: Row, example: Example) -> list[Piece]:
        """Square patches, about seven along the longer side."""
        height, width = self.pixels.height, self.pixels.width
        step = -(-max(height, width) // PATCHES_A_SIDE)
        return [
            Piece(
                [y, x, min(y + step, height), min(x + step, width)],
                {"image": (slice(None), slice(y, y + step), slice(x, x + step))},
            )
            for y in range(0, height, step)
            for x in range(0, width, step)
        ]


def _frame(cells: Sequence[Any], size: int | None) -> tuple[int, int]:
    """(Y, X) of the model's input: the median ratio of up to 512 pictures, sides of whole cells."""
    order = np.random.default_rng(0).permutation(len(cells))[:LOOKED_AT]
    shapes = []
    for i in order:
        try:
            shapes.append(shown_size(cells[int(i)]))
        except DataError:
            continue
    if not shapes:
        raise DataError("none of the training images can be read", todo="look at rejected.csv or run dojo check")
    tall, wide = np.array(shapes, dtype=np.float64).T
    longer = float(size or min(LARGEST_SIDE, max(LEAST_SIDE, np.median(np.maximum(tall, wide)))))
    ratio = float(np.median(tall / wide))
    sides = (longer * min(1.0, ratio), longer * min(1.0, 1 / ratio))
    return tuple(max(STEP, STEP * round(side / STEP)) for side in sides)  # type: ignore[return-value]


def _cores(boxes: Float[Tensor, "B N 4"], keep: Tensor, height: int, width: int) -> Float[Tensor, "B N y x"]:
    """A Gaussian for each box (in cells), 1 at the cell of its centre and 0 outside the core and for padding."""
    axes = []
    for low, high, count in ((boxes[..., 1], boxes[..., 3], height), (boxes[..., 0], boxes[..., 2], width)):
        centre = ((low + high) / 2).floor().clamp(0, count - 1)[..., None]
        radius = ((high - low) / 2 * CORE).floor()[..., None]
        away = torch.arange(count, device=boxes.device) - centre  # (B, N, count)
        axes.append(torch.exp(-0.5 * (away / ((2 * radius + 1) / 6)) ** 2) * (away.abs() <= radius))
    return axes[0][..., :, None] * axes[1][..., None, :] * keep[..., None, None]


def _heat(cores: Float[Tensor, "B N y x"], classes: Int[Tensor, "B N"], count: int) -> Float[Tensor, "B C y x"]:
    """Of each class the highest of its boxes' Gaussians."""
    B, N, y, x = cores.shape
    heat = cores.new_zeros(B, count, y * x)
    at = classes[..., None].expand(B, N, y * x)
    return heat.scatter_reduce(1, at, cores.flatten(2), "amax").view(B, count, y, x)


def _sides_loss(
    predicted: Float[Tensor, "B y x 4"], boxes: Float[Tensor, "B N 4"], cores: Float[Tensor, "B N y x"]
) -> Float[Tensor, " B"]:
    """1 - GIoU, averaged over each box's core with its Gaussian as weight, summed over boxes."""
    area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)[..., None, None].expand_as(cores)
    owner = area.masked_fill(cores == 0, torch.inf).argmin(1)  # (B, y, x): of overlapping cores the smallest box
    weight = cores.gather(1, owner[:, None])[:, 0]
    own = owner[:, None] == torch.arange(boxes.shape[1], device=boxes.device)[:, None, None]  # (B, N, y, x)
    whole = (weight[:, None] * own).sum((2, 3))  # (B, N)
    share = weight / whole.gather(1, owner.flatten(1)).view_as(weight).clamp(min=1e-12)
    target = boxes.gather(1, owner.flatten(1)[..., None].expand(-1, -1, 4)).view_as(predicted)
    return (share * current("giou_loss")(predicted, target)).sum((1, 2))


def _corners(sides: Float[Tensor, "B 4 y x"], stride: int) -> Float[Tensor, "B y x 4"]:
    """The boxes of all cells as x0, y0, x1, y1 in pixels."""
    y, x = (stride * (torch.arange(n, dtype=sides.dtype, device=sides.device) + 0.5) for n in sides.shape[2:])
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y[:, None] - top, x + right, y[:, None] + bottom], -1)


def _mirrored(image: np.ndarray, view: int) -> np.ndarray:
    """View 1 is mirrored left to right, 2 upside down, 3 both."""
    if view & 1:
        image = image[:, :, ::-1]
    return np.ascontiguousarray(image[:, ::-1] if view & 2 else image)


def _unmirrored(
    boxes: Float[Tensor, "B K 4"], view: Int[Tensor, " B"], width: int, height: int
) -> Float[Tensor, "B K 4"]:
    x0, y0, x1, y1 = boxes.unbind(-1)
    across, down = (view & 1).bool()[:, None], (view & 2).bool()[:, None]
    x0, x1 = torch.where(across, width - x1, x0), torch.where(across, width - x0, x1)
    y0, y1 = torch.where(down, height - y1, y0), torch.where(down, height - y0, y1)
    return torch.stack([x0, y0, x1, y1], -1)


def _within(boxes: np.ndarray, size: Sequence[float]) -> np.ndarray:
    """Cut at the picture's border; what has no area then is gone."""
    boxes[:, 2:] = np.clip(boxes[:, 2:], 0, [size[1], size[0]] * 2)
    return boxes[(boxes[:, 4:] > boxes[:, 2:4]).all(axis=1)]


def silenced(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """Indices of the boxes (N, 4) of one class that stay, best first."""
    return suppressed(boxes, scores, overlap, current("iou_of", iou_of))


def _fused(boxes: np.ndarray, chosen: np.ndarray, overlap: float, views: int) -> np.ndarray:
    """Each chosen box with those that it silences: their mean, weighted by score; the score is their sum over the
    number of views, so that what one view alone sees counts less.

    Source: Solovyev, Wang & Gabruseva 2021, "Weighted boxes fusion", section 3.
    """
    iou = current("iou_of", iou_of)(boxes[:, 2:], boxes[chosen][:, 2:])
    of = np.where(iou.max(axis=1) > overlap, iou.argmax(axis=1), -1)
    of[chosen] = np.arange(len(chosen))
    found = boxes[chosen].copy()
    for i in range(len(chosen)):
        own = boxes[of == i]
        found[i, 2:] = np.average(own[:, 2:], axis=0, weights=own[:, 1])
        found[i, 1] = min(1.0, own[:, 1].sum() / views)
    return found


task = Detection
