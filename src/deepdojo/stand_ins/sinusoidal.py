"""`sinusoidal_positions(T, D, base)` of the lesson in the place of ours, which is a table in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["sinusoidal_positions"]


def sinusoidal_positions(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Tensor]]:
    """The lesson works in torch's default type. Angles of a long text lose digits in float32, so that type is float64
    while the table is made; the layer rounds it once."""
    make = own["sinusoidal_positions"]

    def table(T: int, D: int, base: float = 10000.0) -> Tensor:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return make(T, D, base)
        finally:
            torch.set_default_dtype(before)

    return {"sinusoidal_positions": table}
