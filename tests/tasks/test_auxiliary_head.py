"""The auxiliary head of a classifier of images is trained with the rest, and only there."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from deepdojo.models import create_model
from deepdojo.tasks import load_task
from deepdojo.training.store import Store


def made(model_name, **arguments):
    """(task, model, a batch of six images of two classes)."""
    draw = np.random.default_rng(0)
    rows = [
        {"id": str(i), "image": draw.integers(0, 255, size=(8, 8), dtype=np.uint8), "label": "ab"[i % 2]}
        for i in range(6)
    ]
    task = load_task("image-classification").fit(rows)
    torch.manual_seed(0)
    model = create_model(model_name, task.dims(), **arguments)
    store = Store.pack(task, rows, learn=True)
    return task, model, store.cut(torch.arange(6), torch.device("cpu"))


def plain_loss(task, model, batch):
    return F.cross_entropy(model(task.prepare(batch)["image"]), batch["label"], reduction="none")


def test_its_loss_counts_0_4_in_training_and_its_weights_learn():
    task, model, batch = made("inception", width_multiplier=0.1, auxiliary=True, dropout=0.0)
    total, weight = task.loss(model.train(), batch)
    scores, auxiliary = model.forward_with_auxiliary(task.prepare(batch)["image"])
    wanted = [F.cross_entropy(each, batch["label"], reduction="none") for each in (scores, auxiliary)]
    torch.testing.assert_close(total, wanted[0] + 0.4 * wanted[1])
    assert torch.equal(weight, torch.ones(6))
    total.sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if name.startswith("auxiliary.head"):
            assert parameter.grad.abs().sum() > 0, name


def test_in_evaluation_the_logits_alone_count():
    task, model, batch = made("inception", width_multiplier=0.1, auxiliary=True)
    model.eval()
    assert torch.equal(task.loss(model, batch)[0], plain_loss(task, model, batch))


def test_models_without_one_have_the_loss_that_they_had():
    for name, arguments in (("inception", {"width_multiplier": 0.1, "dropout": 0.0}), ("cnn", {"channels": [3]})):
        task, model, batch = made(name, **{"convs": [1], **arguments} if name == "cnn" else arguments)
        model.train()
        assert torch.equal(task.loss(model, batch)[0], plain_loss(task, model, batch)), name


def test_a_wrapped_model_is_called_and_not_gone_around():
    """A compiled or shared model runs its own `forward`; a method of the model inside would leave it out."""
    task, model, batch = made("inception", width_multiplier=0.1, auxiliary=True)
    calls = []

    class Wrapper(nn.Module):
        auxiliary, forward_with_auxiliary = model.auxiliary, None

        def forward(self, *args, **kwargs):
            calls.append(kwargs)
            return model(*args, **kwargs)

    task.loss(Wrapper().train(), batch)
    assert calls == [{"auxiliary": True}]
