"""One contender on one workload in a process of its own: `python benchmarks/worker.py CONTENDER WORKLOAD --data DIR`.

training.py starts these and gives them their turns. A contender is `bare`, `ours`, `lightning`, `trainer`,
`keras-torch` or `keras-tensorflow`, with a form after a colon where it is not the fastest one: `lightning:quick`.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path

from gate import Gate


def bare(workload: str, form: str, given: argparse.Namespace, gate: Gate) -> None:
    """The loop of `bare/WORKLOAD.py`; a form is another function of that file."""
    import torch

    torch.set_num_threads(given.threads)
    count_torch_steps(gate)
    module = import_module(f"bare.{workload}")
    getattr(module, f"run_{form}" if form else "run")(given.data, given.steps)


def count_torch_steps(gate: Gate) -> None:
    """Every optimizer of torch's passes the gate after its step: the same for all who use one."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    register_optimizer_step_post_hook(gate.step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contender")
    parser.add_argument("workload")
    parser.add_argument("--data", type=Path, required=True, help="the folder that DEEPDOJO_DATA names")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100, help="that the learning rate is planned for")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where ours leaves its run")
    given = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a framework prints belongs to the log
    gate = Gate(sys.stdin, replies)
    name, _, form = given.contender.partition(":")
    if name == "bare":
        bare(given.workload, form, given, gate)
    elif name == "ours":
        import ours

        ours.run(given.workload, form, given, gate)
    else:
        library, _, backend = name.partition("-")
        module = import_module(f"peers.{library}_loop")
        module.run(given.workload, form, given, gate, *filter(None, [backend]))


if __name__ == "__main__":
    main()
