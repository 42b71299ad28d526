"""Comparisons of what is not told by value and gradient: searches that read a model anew, and what is drawn at random.

B batch, N boxes, Y height, X width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from deepdojo.errors import DojoError, RecipeError
from deepdojo.stand_ins.own import Idea
from deepdojo.training.augment_boxes import Drawn, moved_boxes
from deepdojo.training.augment_images import flipped_and_shifted

__all__ = ["COMPARISONS"]

FEW_TOKENS = 6
MOST_WORDS = 100
SEED = 5
PIXELS = 1e-3
"""Boxes agree to this."""


def _searches(idea: Idea, ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, more: Any) -> None:
    """The best text of the first row and its score, of a few tokens: a lesson's search reads all of them anew."""
    model, prompt, count, *_ = args
    more = {name: v[:1] if isinstance(v, Tensor) else v for name, v in more.items()}
    asked = (model, prompt[:1], min(count, FEW_TOKENS))
    (wanted, best), (got, score) = ours(*asked, **more), _called(idea, theirs, asked, more)
    a, b = wanted[0, 0].tolist(), got[0, 0].tolist()
    if a != b or not math.isclose(best[0, 0], score[0, 0], rel_tol=1e-4, abs_tol=1e-4):
        raise _refused(idea, f"writes {b} (score {float(score[0, 0]):.6g}) where the built-in writes {a} "
                             f"({float(best[0, 0]):.6g})")  # fmt: skip


def _pictures(idea: Idea, ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, more: Any) -> None:
    """Where each picture came from is read off a picture of places; the built-in, put there, must give the same."""
    images, fill = args[0], more["fill"]

    def moved(pictures: Tensor) -> Tensor:
        found: Tensor = _called(idea, theirs, (pictures, torch.Generator().manual_seed(SEED)), more)
        return found

    down, right, mirrored = _drawn(moved(_places(images)))
    if not torch.equal(moved(images), flipped_and_shifted(images, down, right, mirrored, fill)):
        raise _refused(idea, "gives another picture than a mirrored and moved one")
    if max(int(down.abs().max()), int(right.abs().max())) > more["shift"]:
        raise _refused(idea, f"moves a picture by more than {more['shift']} pixels")


def _pictures_with_boxes(idea: Idea, ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, _: Any) -> None:
    images, boxes, keep, _, limits = args
    height, width = images.shape[2:]

    def moved(pictures: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        given = (pictures, boxes, keep, torch.Generator().manual_seed(SEED), limits)
        found: tuple[Tensor, Tensor, Tensor] = _called(idea, theirs, given, {})
        return found

    down, right, mirrored = _drawn(moved(_places(images))[0])
    image, found, left = moved(images)
    if not torch.equal(image, flipped_and_shifted(images, down, right, mirrored, limits.fill)):
        raise _refused(idea, "gives another picture than a mirrored and moved one")
    scale = torch.cat([1.0 - 2.0 * mirrored.float(), torch.ones(len(images), 1)], 1)
    offset = 2.0 * torch.cat([right, down], 1) / torch.tensor([width, height])
    wanted, there = moved_boxes(boxes, keep, Drawn(scale, offset), height, width)
    if not torch.equal(left, there) or not torch.allclose(found[left], wanted[left], atol=PIXELS):
        raise _refused(idea, "leaves other boxes on a moved picture than the built-in")


def _places(images: Tensor) -> Tensor:
    """(B, 2, Y, X): of each pixel its row and its column."""
    height, width = images.shape[2:]
    grid = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack(grid).float().expand(len(images), 2, height, width).clone()


def _drawn(places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(down, right, mirrored), (B, 1) each, as the middle of each picture of places tells them."""
    height, width = places.shape[2:]
    y, x = height // 2, width // 2 - 1
    row, first, second = places[:, 0, y, x], places[:, 1, y, x], places[:, 1, y, x + 1]
    mirrored = first > second
    start = torch.where(mirrored, float(width - 1 - x), float(x))
    down, right = (row - y).round().long(), (first - start).round().long()
    return down[:, None], right[:, None], mirrored[:, None]


def _words(idea: Idea, ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, _: Any) -> None:
    """Pieces of the first text's first word and of the longest tokens, alone and behind one another."""
    word, merges = args
    joined = [a + b for a, b in merges[-MOST_WORDS:]]
    for each in (word, b"", *joined, *(a + b for a, b in pairwise(joined))):
        wanted, got = ours(each, merges), _called(idea, theirs, (each, list(merges)), {})
        if list(got) != wanted:
            raise _refused(idea, f"cuts {each!r} into {list(got)} where the built-in has {wanted}")


def _called(idea: Idea, function: Callable[..., Any], args: Any, more: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **more)
    except DojoError:
        raise
    except Exception as error:
        raise _refused(idea, f"stops with {type(error).__name__}: {error}") from None


def _refused(idea: Idea, what: str) -> RecipeError:
    return RecipeError(f"{idea.name} {what}", where=idea.file, todo="compare both, as dojo grade does")


COMPARISONS: dict[str, Callable[[Idea, Callable[..., Any], Callable[..., Any], Any, Any], None]] = {
    "beam_search": _searches, "bpe_encode": _words, "flip_and_shift": _pictures,
    "move_with_boxes": _pictures_with_boxes,
}  # fmt: skip
