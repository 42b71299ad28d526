"""torch's compiler is not loaded where nothing is compiled, and works as before where something is."""

from __future__ import annotations

import subprocess
import sys

import torch

from deepdojo.compiler import without_compiler
from deepdojo.models.flops import count_flops
from deepdojo.recipes import TrainSection
from deepdojo.training.optimizers import build_optimizer

TRAINED = """
import sys
import torch
from deepdojo.cli import main
try:
    main(["train", "digits", "--no-baselines", "--no-explain", "--set", "train.steps=3", "--runs", sys.argv[1]])
except SystemExit as end:
    assert not end.code, end.code
print("torch._dynamo" in sys.modules)
"""


def test_a_training_does_not_load_it(tmp_path):
    done = subprocess.run([sys.executable, "-c", TRAINED, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("False")


def test_steps_are_those_of_torch():
    for name, kind, options in (
        ("adamw", torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.01, "fused": True}),
        ("sgd", torch.optim.SGD, {"lr": 1e-3, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "fused": True}),
        ("adadelta", torch.optim.Adadelta, {"lr": 1e-3, "rho": 0.95, "eps": 1e-6, "weight_decay": 0.01}),
    ):
        results = []
        for ours in (True, False):
            torch.manual_seed(0)
            model = torch.nn.Linear(7, 5, bias=False)
            train = TrainSection(optimizer=name, lr=1e-3, weight_decay=0.01)
            made = build_optimizer(model, train, torch.device("cpu")) if ours else kind(model.parameters(), **options)
            for _ in range(3):
                made.zero_grad()
                model(torch.randn(3, 7)).square().sum().backward()
                made.step()
            assert type(made).__name__ == kind.__name__
            results.append(model.weight.detach())
        assert torch.equal(*results), name


def test_what_is_compiled_afterwards_is_compiled():
    layer, x = torch.nn.Linear(7, 5), torch.randn(3, 7)
    with without_compiler():
        optimizer = torch.optim.AdamW(layer.parameters())
        optimizer.zero_grad()
    assert count_flops(lambda: layer(x)) == 2 * 3 * 7 * 5
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    assert torch.equal(torch.compile(layer, backend=backend)(x), layer(x))
    assert len(graphs) == 1
    torch.optim.AdamW(layer.parameters()).zero_grad()
    assert hasattr(torch.optim.Optimizer.zero_grad.__wrapped__, "__dynamo_disable")
