"""Hugging Face Trainer. Fastest: ready batches, the fused optimizer, nothing logged, shown or saved. Quick start: as in
the Trainer's guide, `Trainer(model, TrainingArguments(...), train_dataset=..., data_collator=...)`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from bare.loop import Batch, build_optimizer, factor
from gate import Gate
from peers.examples import examples


class WithLoss(nn.Module):
    """The network as the Trainer wants it: named inputs come in, the loss goes out."""

    def __init__(self, net: nn.Module, loss: Any) -> None:
        super().__init__()
        self.net, self.loss = net, loss

    def forward(self, inputs: Tensor, labels: Tensor, lengths: Tensor | None = None) -> dict[str, Tensor]:
        more = () if lengths is None else (lengths,)
        return {"loss": self.loss(self.net, inputs, *more, labels)}


def named(batch: Batch) -> dict[str, Tensor]:
    return dict(zip(("inputs", "labels") if len(batch) == 2 else ("inputs", "lengths", "labels"), batch, strict=True))


class Ready:
    """Batches that are made elsewhere."""

    def __init__(self, batches: Iterator[Batch], steps: int) -> None:
        self.batches, self.steps = batches, steps

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        return map(named, self.batches)


class Fast(Trainer):
    ready: Ready

    def get_train_dataloader(self) -> Any:
        return self.ready


def run(workload: str, form: str, given: argparse.Namespace, gate: Gate) -> None:
    from worker import count_torch_steps

    torch.set_num_threads(given.threads)
    count_torch_steps(gate)
    module = import_module(f"bare.{workload}")
    settings = module.SETTINGS
    place = given.runs / "trainer"
    if form == "quick":
        data, collate, net = examples(workload, given.data)
        arguments = TrainingArguments(
            output_dir=str(place), learning_rate=settings.lr, per_device_train_batch_size=settings.batch_size,
            max_steps=given.steps, use_cpu=True, report_to="none",
        )  # fmt: skip
        Trainer(
            WithLoss(net(), module.loss), arguments, train_dataset=data,
            data_collator=lambda rows: named(tuple(collate(rows))),
        ).train()  # fmt: skip
        return
    network, batches = module.build(given.data)
    arguments = TrainingArguments(
        output_dir=str(place), max_steps=given.steps, per_device_train_batch_size=settings.batch_size, use_cpu=True,
        max_grad_norm=settings.clip, logging_strategy="no", save_strategy="no", report_to="none", disable_tqdm=True,
        logging_nan_inf_filter=False,
    )  # fmt: skip
    optimizer = build_optimizer(network, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(settings, step, given.steps))
    trainer = Fast(WithLoss(network, module.loss), arguments, train_dataset=[0], optimizers=(optimizer, schedule))
    trainer.ready = Ready(batches, given.steps)
    trainer.train()
