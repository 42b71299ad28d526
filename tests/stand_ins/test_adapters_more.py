"""As `test_adapters.py`: convolution, pooling, normalisation, losses, schedule, sampling."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from deepdojo.errors import RecipeError
from deepdojo.generation.sampling import sample
from deepdojo.layers import replaced
from deepdojo.layers.batch_normalisation import batch_norm
from deepdojo.layers.convolution import conv2d
from deepdojo.layers.loss_cross_entropy import next_token_loss
from deepdojo.layers.loss_ctc import ctc_loss
from deepdojo.layers.pooling import max_pool2d
from deepdojo.models import create_model
from deepdojo.stand_ins import batch_norm as own_batch_norm
from deepdojo.stand_ins import (
    convolution,
    losses,
    pooling,
    sampler,
    schedule,
)
from deepdojo.training.schedules import cosine
from tests.stand_ins.agreeing import DRAW, agree, normal, prefix


def own_ctc(logits: Tensor, targets: Tensor, frames: Tensor, labels: Tensor, blank: int) -> Tensor:
    logp = logits.log_softmax(-1).transpose(0, 1)
    return nn.functional.ctc_loss(logp, targets, frames, labels, blank, reduction="none")


def own_lm_loss(logits: Tensor, ids: Tensor, keep: Tensor) -> Tensor:
    nll = -logits[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0] * keep[:, 1:]
    return nll.sum() / keep[:, 1:].sum()


def own_conv2d(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    return nn.functional.conv2d(x, weight, bias, stride, padding)


def test_losses() -> None:
    lm = losses.lm_loss({"lm_loss": own_lm_loss})["next_token_loss"]
    targets = torch.randint(0, 5, (3, 4), generator=DRAW)
    targets[0, 2:], targets[1] = -100, -100
    agree(next_token_loss, lm, normal(3, 4, 5), targets, ignored=-100)
    labels, real = torch.tensor([[1, 2, 2], [3, 1, 0], [1, 1, 1]]), prefix(3, 2, 3, steps=3)
    keep = prefix(7, 5, 3, steps=7)  # the last one has no room for its three equal labels
    mean = lambda *args: own_ctc(*args).mean()  # noqa: E731
    for loss in (own_ctc, mean):
        ctc = losses.ctc_loss({"ctc_loss": loss})["ctc_loss"]
        agree(ctc_loss, ctc, normal(3, 7, 4), labels, keep, real, blank=0, zero_infinity=True)


def test_convolution_with_what_the_lesson_leaves_out() -> None:
    own = convolution.conv2d({"conv2d": own_conv2d})["conv2d"]
    x = normal(2, 4, 9, 8)
    for options in ((1, 0, 1, 1), (2, 1, 1, 1), ((2, 1), (1, 2), 1, 1), (1, 2, (2, 1), 1), (2, 1, 1, 2), (1, 1, 1, 4)):
        weight = normal(4, 4 // options[3], 3, 2)
        agree(conv2d, own, x, weight, normal(4), *options)
        agree(conv2d, own, x, weight, None, *options)


class OwnBatchNorm2d(nn.Module):
    def __init__(self, C: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(C)), nn.Parameter(torch.zeros(C))
        self.register_buffer("running_mean", torch.zeros(C))
        self.register_buffer("running_var", torch.ones(C))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var, n = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0), x.numel() / x.shape[1]
            self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * mean.detach()
            self.running_var = (1 - self.momentum) * self.running_var + self.momentum * n / (n - 1) * var.detach()
        x = (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + self.eps)
        return x * self.weight[:, None, None] + self.bias[:, None, None]


@pytest.mark.parametrize("training", [True, False])
def test_batch_normalisation_of_images_sequences_and_rows(training: bool) -> None:
    own = own_batch_norm.batch_norm({"BatchNorm2d": OwnBatchNorm2d})["batch_norm"]
    for shape in ((4, 3, 5, 2), (4, 3, 7), (6, 3)):
        kept = [(torch.zeros(3).double(), torch.ones(3).double()) for _ in range(2)]
        x, weight, bias = normal(*shape), normal(3), normal(3)
        agree(
            lambda x, w, b, kept=kept: batch_norm(x, w, b, *kept[0], training, 0.2, 1e-3),
            lambda x, w, b, kept=kept: own(x, w, b, *kept[1], training, 0.2, 1e-3), x, weight, bias,
        )  # fmt: skip
        torch.testing.assert_close(kept[1], kept[0])


def test_a_schedule_that_starts_at_zero_or_above_it() -> None:
    def at(step: int, peak: float, warmup: int, total: int, floor: float, above: int = 1) -> float:
        if step < warmup:
            return peak * (step + above) / warmup
        f = min(1.0, (step - warmup) / (total - warmup))
        return floor + (peak - floor) * (1 + math.cos(math.pi * f)) / 2

    def from_zero(step: int, peak: float, warmup: int, total: int, floor: float) -> float:
        return at(step, peak, warmup, total, floor, above=0)

    for own in (at, from_zero):
        made = schedule.schedule({"lr_at": own})["schedule"]
        for warmup in (0.0, 0.2):
            for step in range(40):
                given = {"warmup": warmup, "final": 0.1}
                assert made(step, 40, **given) == pytest.approx(cosine(step, 40, **given), abs=1e-12)


def test_a_text_is_drawn_with_the_learners_filter_and_dice() -> None:
    def filter_logits(logits: Tensor, temperature: float, top_k: int | None, top_p: float | None) -> Tensor:
        logits = logits / temperature
        return logits if top_k is None else logits.masked_fill(logits < logits.topk(top_k).values[..., -1:], -math.inf)

    def draw(logits: Tensor, gen: torch.Generator) -> Tensor:
        return torch.multinomial(logits.softmax(-1), 1, generator=gen)[..., 0]

    torch.manual_seed(0)
    model = create_model("decoder", {"vocab_size": 11, "context": 8}, width=8, num_layers=1, num_heads=2).eval()
    prompt, texts = torch.tensor([[1, 2], [3, 4]]), []
    for parts in ({}, sampler.sampler({"filter_logits": filter_logits, "sample": draw})):
        with replaced(parts, building=False) as counts:
            texts.append(sample(model, prompt, 9, temperature=0.8, top_k=4, generator=torch.Generator().manual_seed(1)))
    assert counts == {"filtered": 1, "draw": 1}
    assert torch.equal(texts[0], texts[1])


def own_max_pool2d(x: Tensor, kernel_size: int, stride: int | None = None, padding: int = 0) -> Tensor:
    return nn.functional.max_pool2d(x, kernel_size, stride, padding)


def test_pooling_with_windows_that_are_not_square() -> None:
    own = pooling.max_pool2d({"max_pool2d": own_max_pool2d})["max_pool2d"]
    x = normal(2, 3, 8, 9)
    for options in ((2,), (3, 2, 1), ((2, 2),), ((2, 1),), ((2, 3),), ((4, 2), (2, 1), (2, 1))):
        agree(max_pool2d, own, x, *options)
    with pytest.raises(RecipeError, match="cannot be given"):
        own(x, (2, 1), (1, 1))
