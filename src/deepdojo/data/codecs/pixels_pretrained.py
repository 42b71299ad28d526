"""How a pre-trained model of images wants its pixels: preprocessor_config.json of its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepdojo.data.codecs.pixels import Pixels
from deepdojo.errors import RecipeError

__all__ = ["read_pretrained_pixels"]

FILE = "preprocessor_config.json"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def read_pretrained_pixels(folder: Path) -> Pixels | None:
    """Height, width, mean and spread of each channel; None where the folder does not say. Mean and spread are those of
    ImageNet where the file leaves them out.

    Raises:
        RecipeError: the file cannot be read, or names no size.
    """
    path = folder / FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        size = values.get("crop_size") or values["size"]
        side = size if isinstance(size, int) else size.get("shortest_edge")
        height, width = (side, side) if side is not None else (size["height"], size["width"])
        mean, std = (
            tuple(map(float, values.get(key) or usual)) for key, usual in (("image_mean", MEAN), ("image_std", STD))
        )
        return Pixels(int(height), int(width), len(mean), mean, std)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecipeError(f"does not say what size images have ({error})", where=str(path)) from None
