"""How rotary angles are stretched for texts longer than those trained on: one rule a file, chosen by name here.

Dimensions: P planes, half the head width. A speed is the angle by which a plane turns at each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from deepdojo.layers.positions_rotary_linear import linear_speeds
from deepdojo.layers.positions_rotary_llama3 import llama3_speeds
from deepdojo.layers.positions_rotary_ntk import ntk_speeds
from deepdojo.layers.positions_rotary_yarn import yarn_size, yarn_speeds

__all__ = ["RotaryScaling", "ScalingKind"]

ScalingKind = Literal["linear", "ntk", "yarn", "llama3"]


@dataclass(frozen=True)
class RotaryScaling:
    """Which rule, and its numbers.

    Attributes:
        kind: linear (all speeds divided), ntk (the base grows with the text), yarn, llama3.
        factor: how many times longer than trained a text may be.
        trained_length: longest text of the training, steps.
        fast: planes that turn more often than this within the trained length keep their speed (yarn, llama3).
        slow: planes that turn less often than this are divided by the factor (yarn, llama3).
        size: what cos and sin are multiplied with; 0 takes the rule's own (yarn: 0.1·ln(factor) + 1).
        whole_planes: whether yarn rounds the two borders to whole planes.
    """

    kind: ScalingKind
    factor: float
    trained_length: int
    fast: float = 32.0
    slow: float = 1.0
    size: float = 0.0
    whole_planes: bool = True

    @property
    def depends_on_length(self) -> bool:
        """Whether the angles change while a text grows beyond the trained length."""
        return self.kind == "ntk"

    def speeds(self, plain: Float[Tensor, " P"], base: float, steps: int) -> tuple[Float[Tensor, " P"], float]:
        """The speeds for a text of `steps` steps from the plain ones, and the size of cos and sin."""
        size = self.size or 1.0
        if self.kind == "linear":
            return linear_speeds(plain, self.factor), size
        if self.kind == "ntk":
            return ntk_speeds(plain, base, self.factor, self.trained_length, steps), size
        if self.kind == "llama3":
            return llama3_speeds(plain, self.factor, self.trained_length, self.fast, self.slow), size
        speeds = yarn_speeds(plain, base, self.factor, self.trained_length, self.fast, self.slow, self.whole_planes)
        return speeds, self.size or yarn_size(self.factor)
