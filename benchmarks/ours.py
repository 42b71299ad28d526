"""Ours, as a user starts it: `dojo train PROJECT -r RECIPE`, with its log, its live line and its checkpoints.

Left out is what follows training (floors, explanations), and the clock stands still in validation, which nobody else
here does."""

from __future__ import annotations

import argparse
import os
from typing import Any

from gate import Gate

# Workload -> project, recipe, and what it changes.
WORKLOADS: dict[str, tuple[str, ...]] = {
    "fashion_cnn": ("fashion-mnist", "small_cnn"),
    "text_cnn": ("movie-reviews", "text_cnn"),
    "bilstm": ("movie-reviews", "rnn"),
    "credit_mlp": ("credit-default", "mlp"),
    "decoder": (
        "shakespeare",
        "decoder",
        "train.batch_size=16",
        "model.width=192",
        "model.num_layers=6",
        "model.num_heads=6",
        "model.positions=learned",
        "model.norm=layer",
        "model.bias=true",
        "train.final_lr=0",
    ),
}
# What a form changes: the part of a contender's name after the colon.
FORMS: dict[str, list[str]] = {
    "": [],
    "equal_lengths": ["train.lengths=equal"],
}


def run(workload: str, form: str, given: argparse.Namespace, gate: Gate) -> None:
    os.environ["DEEPDOJO_DATA"] = str(given.data)
    os.environ["FORCE_COLOR"] = "1"  # the live line is drawn as on a terminal
    from deepdojo.cli import main, terminal

    class Watched(terminal.TerminalListener):
        def stage(self, name: str, detail: str = "") -> None:
            if name == "train":  # all that ours imports is there: nothing is loaded earlier than in a user's process
                _watch(gate)
            super().stage(name, detail)

    terminal.TerminalListener = Watched  # type: ignore[misc]
    project, recipe, *own = WORKLOADS[workload]
    changes = [
        "train.patience=none",
        f"train.steps={given.steps}",
        f"train.threads={given.threads}",
        *own,
        *FORMS[form],
    ]
    main([
        "train", project, "-r", recipe, *(word for change in changes for word in ("--set", change)), "--runs",
        str(given.runs), "--offline", "--validation-only", "--no-baselines", "--no-explain",
    ])  # fmt: skip


def _watch(gate: Gate) -> None:
    from deepdojo.training.ahead import Ahead
    from deepdojo.training.predictor import Validator
    from worker import count_torch_steps

    validate = Validator.__call__

    def unclocked(self: Validator, *args: Any) -> Any:
        with gate.outside():
            return validate(self, *args)

    take = Ahead.take

    def counted(self: Ahead, index: Any, following: Any = None) -> Any:
        gate.saw(len(index))
        return take(self, index, following)

    Validator.__call__ = unclocked  # type: ignore[method-assign]
    Ahead.take = counted  # type: ignore[method-assign]
    count_torch_steps(gate)
