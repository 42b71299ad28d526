"""Linear forecaster: the last value, plus a weight for each step of the past and each number known ahead.

With `kernel` the past is parted into a moving average and the rest, each with weights of its own (DLinear); without it
is NLinear. It is the model that deep forecasters must beat.

Source: Zeng et al. 2023, "Are Transformers effective for time series forecasting?", section 4
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from deepdojo.layers.fully_connected import Linear
from deepdojo.models.checks import require, require_at_least

__all__ = ["ForecastLinear", "ForecastLinearConfig"]


@dataclass(frozen=True)
class ForecastLinearConfig:
    """Arguments of `forecast_linear`."""

    context: int
    """Steps of the past. From the data."""
    horizon: int
    """Steps ahead. From the data."""
    known_channels: int
    """Numbers known of each step ahead. From the data."""
    num_outputs: int
    """Quantiles of each step. From the data."""
    kernel: int = 0
    """Steps of the moving average that is parted from the rest, an odd number, such as 25; 0 parts nothing."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "context", "horizon", "known_channels", "num_outputs")
        require_at_least(self, 0, "kernel")
        require(self.kernel == 0 or self.kernel % 2 == 1, "kernel", f"kernel must be odd, got {self.kernel}")


class ForecastLinear(nn.Module):
    """y = last + W (past - last) + U known + b, a row of W, U and b for each step and quantile.

    All weights start at zero: the first forecast is the last value.
    """

    def __init__(self, config: ForecastLinearConfig) -> None:
        super().__init__()
        self.config = config
        outputs = config.horizon * config.num_outputs
        self.past = Linear(config.context, outputs)
        self.trend = Linear(config.context, outputs) if config.kernel else None
        self.known = Linear(config.known_channels * config.horizon, outputs)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()

    def forward(self, past: Float[Tensor, "B T"], known: Float[Tensor, "B F H"]) -> Float[Tensor, "B H Q"]:
        last = past[:, -1:]
        x = past - last
        y = self.known(known.flatten(1))
        if self.trend is not None:
            half = self.config.kernel // 2
            wide = F.pad(x[:, None], (half, half), mode="replicate")
            trend = F.avg_pool1d(wide, self.config.kernel, 1)[:, 0]
            y, x = y + self.trend(trend), x - trend
        y = y + self.past(x)
        return y.view(-1, self.config.horizon, self.config.num_outputs) + last[:, :, None]
