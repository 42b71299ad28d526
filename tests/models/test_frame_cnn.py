"""The model that labels frames: padding, lengths, and that the loss learns a text."""

from __future__ import annotations

import pytest
import torch

from deepdojo.errors import RecipeError
from deepdojo.layers.loss_ctc import ctc_greedy, ctc_loss
from deepdojo.models import create_model

F, V = 7, 5
DIMS = {"frame_features": F, "num_outputs": V}
SMALL = {"channels": 16, "blocks": 1}


def _model(**arguments):
    torch.manual_seed(0)
    return create_model("frame_cnn", DIMS, **SMALL | arguments)


@pytest.mark.parametrize("arguments", [{}, {"strides": [1]}, {"strides": [3, 2]}, {"hidden_size": 6, "num_layers": 2}])
@pytest.mark.parametrize("T", [1, 2, 5, 23])
def test_a_row_has_a_frame_for_each_stride_begun_and_padding_changes_nothing(arguments: dict, T: int) -> None:
    model = _model(**arguments).eval()
    stride = 1
    for step in arguments.get("strides", (2, 2)):
        stride *= step
    x = torch.randn(1, T, F, generator=torch.Generator().manual_seed(T))
    alone, keep = model(x)
    assert alone.shape == (1, -(-T // stride), V)
    assert keep.all()
    wide = torch.cat([x, 9.0 * torch.ones(1, 10, F)], 1)
    padded, kept = model(wide, torch.arange(T + 10)[None] < T)
    assert int(kept.sum()) == alone.shape[1]
    torch.testing.assert_close(padded[:, : alone.shape[1]], alone, atol=1e-5, rtol=1e-4)


def test_it_learns_to_write_a_text_of_each_of_two_signals() -> None:
    model = _model(strides=[2], dropout=0.0)
    x = torch.randn(2, 20, F, generator=torch.Generator().manual_seed(3))
    targets = torch.tensor([[1, 2, 2], [4, 3, 1]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        scores, keep = model(x)
        loss = ctc_loss(scores, targets, keep).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    scores, keep = model(x)
    assert ctc_greedy(scores, keep) == targets.tolist()


@pytest.mark.parametrize("arguments", [{"kernel": 4}, {"strides": []}, {"channels": 0}, {"dropout": 1.5}])
def test_sizes_that_mean_nothing_are_refused(arguments: dict) -> None:
    with pytest.raises(RecipeError):
        _model(**arguments)
