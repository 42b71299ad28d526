"""Lightning. Fastest: `Trainer(barebones=True)` over ready batches. Quick start: as in "Lightning in 15 minutes"."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bare.loop import Batch, Settings, build_optimizer, factor
from gate import Gate
from peers.examples import examples


class Fast(L.LightningModule):
    def __init__(self, net: nn.Module, loss: Any, settings: Settings, steps: int) -> None:
        super().__init__()
        self.net, self.loss, self.settings, self.steps = net, loss, settings, steps

    def training_step(self, batch: Batch, _: int) -> Tensor:
        return self.loss(self.net, *batch)

    def configure_optimizers(self) -> Any:
        optimizer = build_optimizer(self.net, self.settings)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(self.settings, step, self.steps))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip, foreach=True)


class QuickStart(L.LightningModule):
    def __init__(self, net: nn.Module, loss: Any, lr: float) -> None:
        super().__init__()
        self.net, self.loss, self.lr = net, loss, lr

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss = self.loss(self.net, *batch)
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Ready:
    """Batches that are made elsewhere; Lightning takes any iterable."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return self.batches


def run(workload: str, form: str, given: argparse.Namespace, gate: Gate) -> None:
    from worker import count_torch_steps

    torch.set_num_threads(given.threads)
    count_torch_steps(gate)
    module = import_module(f"bare.{workload}")
    if form == "quick":
        data, collate, net = examples(workload, given.data)
        loader = DataLoader(data, batch_size=module.SETTINGS.batch_size, shuffle=True, collate_fn=collate)
        trainer = L.Trainer(max_steps=given.steps, accelerator="cpu")
        trainer.fit(QuickStart(net(), module.loss, module.SETTINGS.lr), train_dataloaders=loader)
        return
    network, batches = module.build(given.data)
    trainer = L.Trainer(barebones=True, max_steps=given.steps, accelerator="cpu", devices=1)
    trainer.fit(Fast(network, module.loss, module.SETTINGS, given.steps), train_dataloaders=Ready(batches))
