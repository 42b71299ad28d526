"""The kept sizes of models are what building and running them gives; a model that the file lacks is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from deepdojo.contracts import CONTRACTS
from deepdojo.models import MODELS, create_model, fitting
from deepdojo.models import sizes as sizes_module
from deepdojo.models.example_inputs import EXAMPLES, OWN, Example, example_of, reads
from deepdojo.models.sizes import Size, kept_sizes, measure_size, model_size

MAKE = "run `python benchmarks/model_sizes.py --write`"


def test_the_file_holds_every_model_and_no_other():
    assert all(example_of(name) for name in MODELS), "give its protocol a line in models/example_inputs.py"
    assert set(kept_sizes()) == set(MODELS), MAKE


@pytest.mark.parametrize("name", kept_sizes())
def test_the_file_says_what_is_measured(name):
    assert kept_sizes()[name] == measure_size(name), MAKE


def test_counts_are_those_of_formulas_by_hand():
    """For two models, layer by layer; the kernels' formulas are tested in test_model_flops.py."""
    V, D, F, C, T = 20_000, 128, 100, 2, 64
    convs = sum(2 * (T + w - 1) * w * D * F for w in (3, 4, 5))
    assert kept_sizes()["text_cnn"].flops == convs + 2 * 3 * F * C
    assert kept_sizes()["text_cnn"].parameters == V * D + sum(w * D * F + F for w in (3, 4, 5)) + 3 * F * C + C
    assert kept_sizes()["rnn"].flops == 2 * (2 * T * 4 * D * (D + D)) + 2 * 2 * D * C
    assert kept_sizes()["rnn"].parameters == V * D + 2 * (4 * D * 2 * D + 8 * D) + 2 * D * C + C


def test_measuring_changes_no_random_number():
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    measure_size.cache_clear()
    measure_size("mlp")
    assert torch.equal(torch.rand(3), wanted)


def test_a_model_that_the_file_lacks_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(sizes_module, "SIZES_FILE", tmp_path / "sizes.json")
    kept_sizes.cache_clear()
    try:
        assert kept_sizes() == {}
        assert model_size("linear") == Size(70, 40, example_of("linear").says)
        written = sizes_module.write_sizes()
        assert json.loads((tmp_path / "sizes.json").read_text())["linear"]["parameters"] == 70
        assert kept_sizes() == written
    finally:
        kept_sizes.cache_clear()


def test_a_model_without_an_example_has_no_size(monkeypatch):
    monkeypatch.setattr("deepdojo.models.example_inputs.EXAMPLES", ())
    measure_size.cache_clear()
    assert example_of("linear") is None
    assert measure_size("linear") is None
    assert reads("linear", "Classifier", "image")  # nothing is known against it
    measure_size.cache_clear()


def test_a_model_fits_where_the_data_give_what_it_needs():
    assert reads("cnn", "Classifier", "image")
    assert not reads("cnn", "Classifier", "text")
    assert not reads("text_cnn", "Classifier", "image")
    assert not reads("cnn", "TableModel", "record")
    assert reads("mlp", "TableModel", "record")
    assert reads("mlp", "Classifier", "image")


@pytest.mark.parametrize("example", [*EXAMPLES, *OWN.values()], ids=lambda e: e.says)
def test_every_example_is_of_a_protocol_that_there_is(example: Example):
    from deepdojo.models import protocols

    used = any(example.protocol in entry.protocols for entry in MODELS.values())
    assert example.protocol in protocols.__all__ or not used
    assert example.kind in {contract.input_kind for contract in CONTRACTS.values()} | {"image", "text", "record"}
    assert all(each.tensor().shape == (1, *each.shape) for each in example.inputs)


def test_the_example_gives_what_the_tasks_give():
    """The words of `dims` are those of the tasks: a model that fits by the examples has all that it needs."""
    from tests.baselines.floor_rows import made_rows

    from deepdojo.tasks import load_task

    for task_name, contract in CONTRACTS.items():
        task = load_task(task_name)
        fitted = task.fit(made_rows(task_name, 24))
        for name in MODELS:
            if reads(name, task.protocol, contract.input_kind):
                assert name in fitting(fitted.dims(), task.protocol)
            else:
                assert name not in fitting(fitted.dims(), task.protocol)


@pytest.mark.slow
def test_the_command_finds_nothing_to_mend():
    script = Path(__file__).parents[2] / "benchmarks" / "model_sizes.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


IMAGENET = {"in_channels": 3, "height": 224, "width": 224, "num_outputs": 1000}
CIFAR = {"in_channels": 3, "num_outputs": 10}
BASE = {"num_layers": 12, "num_heads": 12}
PUBLISHED = [
    ("resnet", CIFAR, {"blocks": [3], "shortcut": "zeros"}, 0.27e6),
    ("resnet", CIFAR, {"blocks": [5], "shortcut": "zeros"}, 0.46e6),
    ("resnet", CIFAR, {"blocks": [9], "shortcut": "zeros"}, 0.85e6),
    ("resnet_imagenet", IMAGENET, {}, 11_689_512),
    ("resnet_imagenet", IMAGENET, {"blocks": [3, 4, 6, 3]}, 21_797_672),
    ("resnet_imagenet", IMAGENET, {"blocks": [3, 4, 6, 3], "block": "bottleneck", "widths": [256, 512, 1024, 2048]},
     25_557_032),
    ("vit", IMAGENET, {"patch": 16, "model_width": 768, **BASE}, 86_567_656),
    ("bert", {"vocab_size": 30_522, "num_outputs": 2}, {"width": 768, **BASE}, 109_483_778),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "dims", "arguments", "count"), PUBLISHED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_the_named_sizes_have_the_published_parameters(name, dims, arguments, count):
    """He et al. 2015, table 6, to two digits; else to the last one, as torchvision and Transformers count them."""
    from deepdojo.models.flops import parameters

    with torch.device("meta"):
        found = parameters(create_model(name, dims, **arguments))
    assert found == pytest.approx(count, rel=0.02 if name == "resnet" else 0)
    said = MODELS[name].details
    assert all(
        f"{key} = {value}" in said for key, value in arguments.items() if key not in ("shortcut", "blocks", "block")
    )
