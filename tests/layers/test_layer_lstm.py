"""The LSTM over padded batches: padding, gaps, carried state. Oracles: a loop over time, and torch's packing."""

from __future__ import annotations

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask, twin
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.errors import RecipeError
from deepdojo.layers import LSTM
from deepdojo.layers.lstm import _run_packed, _run_padded, lstm_reference
from deepdojo.layers.shapes import ShapeError

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
KINDS = pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)])


class _Packed(nn.Module):
    """torch's LSTM over a packed batch."""

    def __init__(self, lstm, lengths):
        super().__init__()
        self.lstm, self.lengths = lstm, lengths

    def forward(self, x):
        packed = pack_padded_sequence(x, torch.tensor(self.lengths), batch_first=True, enforce_sorted=False)
        ys, state = self.lstm(packed)
        return pad_packed_sequence(ys, batch_first=True, total_length=x.shape[1])[0], state


class _Kept(nn.Module):
    def __init__(self, lstm, keep, state=None):
        super().__init__()
        self.lstm, self.keep, self.state = lstm, keep, state

    def forward(self, x):
        return self.lstm(x, self.keep, self.state)


@BOTH
@KINDS
def test_padded_batch_equals_torchs_packed_one(layers, bidirectional, dtype):
    theirs = nn.LSTM(7, 5, layers, bidirectional=bidirectional, batch_first=True)
    ours, theirs = twin(LSTM(7, 5, layers, bidirectional), theirs, dtype)
    lengths = [11, 3, 1, 8]
    assert_equal(_Kept(ours, lengths_mask(lengths, 11)), _Packed(theirs, lengths), [draw(4, 11, 7, dtype=dtype)])


@BOTH
@KINDS
def test_every_mask_equals_the_loop_over_time(layers, bidirectional, dtype):
    torch.manual_seed(0)
    lstm = LSTM(7, 5, layers, bidirectional).to(dtype)
    keep = torch.rand(5, 11, generator=torch.Generator().manual_seed(1)) < 0.6
    keep[1] = False  # nothing at all
    keep[2] = lengths_mask([4], 11)[0].flip(0)  # padding in front
    assert_equal(_Kept(lstm, keep), _Reference(lstm, keep), [draw(5, 11, 7, dtype=dtype)])


class _Reference(_Kept):
    def forward(self, x):
        return lstm_reference(self.lstm, x, self.keep, self.state)


@KINDS
def test_fused_and_packed_ways_agree(layers, bidirectional):
    """The packed way is the one on CUDA; it runs here too."""
    lstm = LSTM(7, 5, layers, bidirectional).double()
    keep = lengths_mask([11, 3, 0, 8], 11)
    x = draw(4, 11, 7).masked_fill(~keep[..., None], 0)
    zeros = torch.zeros(layers * lstm.directions, 4, 5, dtype=torch.float64)
    assert_equal(
        lambda x: _run_padded(lstm, x, keep, (zeros, zeros)), lambda x: _run_packed(lstm, x, keep, (zeros, zeros)), [x]
    )


@KINDS
@pytest.mark.parametrize("masked", [False, True])
def test_carried_state(layers, bidirectional, masked):
    lstm = LSTM(7, 5, layers, bidirectional).double()
    keep = lengths_mask([6, 2, 0], 6) if masked else None
    n = layers * lstm.directions
    state = (draw(n, 3, 5, seed=3), draw(n, 3, 5, seed=4))
    fast, plain = lambda x, h, c: lstm(x, keep, (h, c)), lambda x, h, c: lstm_reference(lstm, x, keep, (h, c))
    assert_equal(fast, plain, [draw(3, 6, 7), *state])


def test_a_sequence_in_two_parts_equals_the_whole():
    lstm = LSTM(7, 5, 2).double()
    x, keep = draw(3, 11, 7), lengths_mask([11, 6, 2], 11)
    whole, (h, c) = lstm(x, keep)
    first, state = lstm(x[:, :4], keep[:, :4])
    second, (h2, c2) = lstm(x[:, 4:], keep[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close((h2, c2), (h, c))


@BOTH
def test_what_stands_in_the_padding_never_matters(dtype):
    lstm = LSTM(7, 5, 2, bidirectional=True).to(dtype)
    keep = lengths_mask([6, 2, 1], 6)
    x = draw(3, 6, 7, dtype=dtype)
    spoiled = x.masked_fill(~keep[..., None], torch.nan)
    results = []
    for values in (x, spoiled):
        lstm.zero_grad()
        ys, _ = lstm(values, keep)
        ys.square().sum().backward()
        results.append((ys.detach(), [p.grad.clone() for p in lstm.parameters()]))
    torch.testing.assert_close(*results)
    assert (results[0][0][~keep] == 0).all()


def test_dropout_between_layers_works_in_training_only():
    torch.manual_seed(0)
    lstm = LSTM(7, 5, 2, dropout=0.5)
    x, keep = draw(3, 6, 7, dtype=torch.float32), lengths_mask([6, 2, 1], 6)
    for mask in (keep, None):
        assert not torch.equal(lstm.train()(x, mask)[0], lstm(x, mask)[0])
        assert torch.equal(lstm.eval()(x, mask)[0], lstm(x, mask)[0])


@pytest.mark.parametrize("shape", [(0, 6, 7), (3, 0, 7)])
def test_nothing_in_nothing_out(shape):
    lstm = LSTM(7, 5, 2, bidirectional=True)
    ys, (h, c) = lstm(torch.zeros(shape), torch.ones(shape[:2], dtype=torch.bool))
    assert ys.shape == (*shape[:2], 10)
    assert h.shape == c.shape == (4, shape[0], 5)


@pytest.mark.usefixtures("production")
def test_wrong_sizes_are_said():
    with pytest.raises(RecipeError, match="sizes must be 1 or more"):
        LSTM(7, 0)
    with pytest.raises(ShapeError, match="expects 7 entries"):
        LSTM(7, 5)(torch.zeros(3, 6, 8))
    with pytest.raises(ShapeError, match=r"keep must be bool \(3, 6\), got torch.bool \(3, 5\)"):
        LSTM(7, 5)(torch.zeros(3, 6, 7), torch.ones(3, 5, dtype=torch.bool))
