"""What the extras of a training step cost: Muon beside AdamW, the running mean of weights, each change of a batch.

    python benchmarks/step_extras.py                  # one thread; CPU milliseconds, medians of 15

Steps are of the stock networks on drawn data: `cnn` on 128 images of 28 x 28, `decoder` of 1 M parameters on 32
texts of 128 characters. Images that are changed: 128 of 3 x 32 x 32, uint8.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepdojo.models import create_model
from deepdojo.recipes import TrainSection
from deepdojo.training.augment_images import Recolour, Warp, erase, flip_and_shift, recolour, warp
from deepdojo.training.augment_targets import cut_mix, drop_words, mix, smooth
from deepdojo.training.averages import Average
from deepdojo.training.optimizers import build_optimizer

REPEATS = 15


def cpu_ms(call: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """Median CPU milliseconds of `call`; `before` each is not counted."""
    times = []
    for _ in range(REPEATS + 1):
        before()
        began = time.process_time()
        call()
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times[1:])


def steps(name: str, model: nn.Module, loss: Callable[[], Tensor]) -> None:
    def gradients() -> None:
        model.zero_grad(set_to_none=True)
        loss().backward()

    whole = cpu_ms(gradients)
    count = sum(p.numel() for p in model.parameters())
    print(f"{name}, {count:,} parameters: forward and backward {whole:.1f} ms")
    for optimizer in ("adamw", "muon"):
        made = build_optimizer(model, TrainSection(optimizer=optimizer), torch.device("cpu"))
        took = cpu_ms(made.step)
        print(f"  {optimizer:<22}{took:7.2f} ms  {took / whole:6.1%}")
    average = Average(model, 0.999)
    took = cpu_ms(partial(average.update, 100))
    print(f"  {'ema':<22}{took:7.2f} ms  {took / whole:6.1%}")


def changes() -> None:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (128, 3, 32, 32), dtype=torch.uint8)
    classes = torch.randint(0, 10, (128,))
    batch = {"image": images, "label": smooth(classes, 10, 0.05)}
    real = {**batch, "image": images.float()}
    words = torch.randint(2, 9_000, (50, 40))
    print("changes of a batch")
    for name, call in {
        "flip, shift": lambda: flip_and_shift(images, draws, flip=True, shift=4),
        "flip, shift (reflect)": lambda: flip_and_shift(images, draws, flip=True, shift=4, fill="reflect"),
        "rotate, zoom": lambda: warp(images, draws, Warp(10.0, 0.1)),
        "brightness, contrast": lambda: recolour(images, draws, Recolour(0.2, 0.2)),
        "erase": lambda: erase(images, draws, share=0.2),
        "label_smoothing": lambda: smooth(classes, 10, 0.05),
        "mixup": lambda: mix(real, draws, alpha=0.2, through=lambda b: b),
        "cutmix": lambda: cut_mix(batch, draws, alpha=1.0, images=["image"], targets=["label"]),
        "word_dropout (50 x 40)": lambda: drop_words(words, words > 0, draws, share=0.1, unknown=1),
    }.items():
        print(f"  {name:<22}{cpu_ms(call):7.2f} ms")


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, classes = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
    cnn = create_model("cnn", {"in_channels": 1, "height": 28, "width": 28, "num_outputs": 10, "in_features": 784})
    steps("cnn", cnn, lambda: F.cross_entropy(cnn(images), classes))
    decoder = create_model("decoder", {"vocab_size": 65}, num_layers=5)
    texts = torch.randint(0, 65, (32, 129))
    steps("decoder", decoder, lambda: F.cross_entropy(decoder(texts[:, :-1]).flatten(0, 1), texts[:, 1:].flatten()))
    changes()


if __name__ == "__main__":
    main()
