"""Captions from an exported model: the same cells as torch's, with attention, without, with descriptors."""

from __future__ import annotations

import pytest
import torch
from tests.baselines.floor_rows import hidden, made_rows
from tests.interop.exporting import exported, same_cells

from deepdojo.models import create_model
from deepdojo.tasks import load_task

SMALL = {"widths": [4, 6], "embedding_width": 8, "hidden_size": 8, "attention_width": 6}


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [{"attention": "soft"}, {"attention": "none"}, {"attention": "soft", "descriptors": 3}]
)
def test_a_captioner_of_two_graphs_writes_the_same_captions(tmp_path, more):
    rows = made_rows("captioning", 24)
    task = load_task("captioning").fit(rows, size=32)
    torch.manual_seed(0)
    network = create_model("show_and_tell", task.dims(), **SMALL, **more).eval()
    task.prime(network, [])
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point() and "colours" not in name:
                value.mul_(2).add_(0.3 * torch.rand_like(value))
    found = exported(task, "show_and_tell", network, hidden(rows, "captioning"), tmp_path / "x", **SMALL, **more)
    assert [graph["method"] for graph in found.info["graphs"]] == ["encode", "decode"]
    assert all(graph["difference"] < 1e-5 for graph in found.info["graphs"])
    same_cells(found, task, network, hidden(made_rows("captioning", 7, seed=1), "captioning"))
