"""How large each model is and what one example costs, kept in `sizes.json`, so that listing them needs no torch.

`python benchmarks/model_sizes.py --write` makes the file anew; a model that is not in it is measured when asked for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from deepdojo.errors import DojoError, UnknownNameError
from deepdojo.models.example_inputs import example_of
from deepdojo.models.table import MODELS

__all__ = ["SIZES_FILE", "Size", "kept_sizes", "measure_size", "model_size", "write_sizes"]

SIZES_FILE = Path(__file__).with_name("sizes.json")


@dataclass(frozen=True)
class Size:
    """What a model with its default config costs for one example.

    Attributes:
        parameters: learned numbers.
        flops: operations of one forward pass, a multiply-add is two; None where a kernel ran that no formula counts.
        example: what the example is, as in "for a 3x32x32 image, 10 classes".
    """

    parameters: int
    flops: int | None
    example: str


@cache
def kept_sizes() -> dict[str, Size]:
    """What `sizes.json` holds; nothing where it is missing."""
    if not SIZES_FILE.is_file():
        return {}
    return {name: Size(**entry) for name, entry in json.loads(SIZES_FILE.read_text(encoding="utf-8")).items()}


def model_size(name: str) -> Size | None:
    """The size of a model, from the file or, where that lacks it, measured now.

    Returns:
        None where no example is known for the model's protocol, or the model cannot be built at it.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    kept = kept_sizes().get(name)
    if kept is not None:
        return kept
    try:
        return measure_size(name)
    except DojoError:
        return None


@cache
def measure_size(name: str) -> Size | None:
    """The size of a model, by building it and running it once (imports torch)."""
    example = example_of(name)
    if example is None:
        return None
    import torch

    from deepdojo.models import create_model
    from deepdojo.models.flops import count_flops, parameters

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        model = create_model(name, example.dims).eval()
        return Size(parameters(model), count_flops(lambda: example.run(model)), example.says)


def write_sizes() -> dict[str, Size]:
    """Measure every model and write `sizes.json`; gives what was written."""
    found = {name: size for name in MODELS if (size := measure_size(name)) is not None}
    text = json.dumps({name: asdict(size) for name, size in found.items()}, indent=1)
    SIZES_FILE.write_text(f"{text}\n", encoding="utf-8")
    kept_sizes.cache_clear()
    return found
