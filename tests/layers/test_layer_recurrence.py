"""GRU and Elman layers over padded batches, a learner's cells, chunks. Oracles: a loop over time, torch's packing."""

from __future__ import annotations

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask, twin
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.errors import RecipeError
from deepdojo.layers import GRU, LSTM, RNN, ElmanOutput, elman, gru, replaced
from deepdojo.layers.elman import elman_cell_reference, elman_reference
from deepdojo.layers.gru import gru_reference
from deepdojo.layers.gru_gates import gru_cell_reference
from deepdojo.layers.lstm import lstm_reference
from deepdojo.layers.lstm_gates import lstm_cell_reference
from deepdojo.layers.shapes import ShapeError
from deepdojo.layers.truncated_backpropagation import truncated

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
DEPTHS = pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)])
CELLS = pytest.mark.parametrize("cell", ["gru", "tanh", "relu"])


@pytest.fixture(params=["packed", "padded"])
def way(request, monkeypatch):
    """Batches of few real steps are packed, others run through their padding; here all go one way."""
    for file in (elman, gru):
        monkeypatch.setattr(file, "_FEW", 2.0 if request.param == "packed" else 0.0)
    return request.param


def make(cell, layers=1, bidirectional=False, seed=0):
    torch.manual_seed(seed)
    if cell == "gru":
        return GRU(7, 5, layers, bidirectional)
    return RNN(7, 5, layers, bidirectional, activation=cell)


def make_torchs(cell, layers, bidirectional):
    options = {"num_layers": layers, "bidirectional": bidirectional, "batch_first": True}
    return nn.GRU(7, 5, **options) if cell == "gru" else nn.RNN(7, 5, nonlinearity=cell, **options)


def reference(layer, *arguments):
    return (gru_reference if isinstance(layer, GRU) else elman_reference)(layer, *arguments)


class _Kept(nn.Module):
    """A layer with the rest of its arguments; its parameters count as its own."""

    def __init__(self, layer, keep, call=lambda layer, *arguments: layer(*arguments)):
        super().__init__()
        self.layer, self.keep, self.call = layer, keep, call

    def forward(self, x, state=None):
        return self.call(self.layer, x, self.keep, state)


class _Packed(nn.Module):
    """torch's layer over a packed batch."""

    def __init__(self, layer, lengths):
        super().__init__()
        self.layer, self.lengths = layer, lengths

    def forward(self, x):
        packed = pack_padded_sequence(x, torch.tensor(self.lengths), batch_first=True, enforce_sorted=False)
        ys, state = self.layer(packed)
        return pad_packed_sequence(ys, batch_first=True, total_length=x.shape[1])[0], state


@BOTH
@CELLS
@DEPTHS
@pytest.mark.usefixtures("way")
def test_padded_batch_equals_torchs_packed_one(cell, layers, bidirectional, dtype):
    ours, theirs = twin(make(cell, layers, bidirectional), make_torchs(cell, layers, bidirectional), dtype)
    lengths = [11, 3, 1, 8]
    assert_equal(_Kept(ours, lengths_mask(lengths, 11)), _Packed(theirs, lengths), [draw(4, 11, 7, dtype=dtype)])


@BOTH
@CELLS
@DEPTHS
@pytest.mark.usefixtures("way")
def test_every_mask_and_carried_state_equal_the_loop_over_time(cell, layers, bidirectional, dtype):
    layer = make(cell, layers, bidirectional).to(dtype)
    keep = torch.rand(5, 11, generator=torch.Generator().manual_seed(1)) < 0.6
    keep[1] = False  # nothing at all: the carried state stays
    keep[2] = lengths_mask([4], 11)[0].flip(0)  # padding in front
    state = draw(layers * layer.directions, 5, 5, dtype=dtype)
    for mask in (keep, None):
        ours, plain = _Kept(layer, mask), _Kept(layer, mask, reference)
        assert_equal(ours, plain, [draw(5, 11, 7, dtype=dtype)])
        assert_equal(ours, plain, [draw(5, 11, 7, dtype=dtype), state])


@BOTH
@CELLS
@pytest.mark.usefixtures("way")
def test_what_stands_in_the_padding_never_matters(cell, dtype):
    layer = make(cell, 2, bidirectional=True).to(dtype)
    keep = lengths_mask([6, 2, 1], 6)
    x = draw(3, 6, 7, dtype=dtype)
    results = []
    for values in (x, x.masked_fill(~keep[..., None], torch.nan)):
        layer.zero_grad()
        ys, _ = layer(values, keep)
        ys.square().sum().backward()
        results.append((ys.detach(), [p.grad.clone() for p in layer.parameters()]))
    torch.testing.assert_close(*results)
    assert (results[0][0][~keep] == 0).all()


@CELLS
@pytest.mark.usefixtures("way")
def test_the_second_derivative_is_right_too(cell):
    layer, keep = make(cell, 1, bidirectional=True).double(), lengths_mask([6, 2, 1], 6)
    seconds = []
    for call in (layer, lambda *arguments: reference(layer, *arguments)):
        x = draw(3, 6, 7).requires_grad_()
        (gradient,) = torch.autograd.grad(call(x, keep)[0].square().sum(), x, create_graph=True)
        seconds.append(torch.autograd.grad(gradient.square().sum(), [x, *layer.parameters()], allow_unused=True))
    for a, b in zip(*seconds, strict=True):
        torch.testing.assert_close(a, b)


@CELLS
def test_extreme_inputs_stay_finite(cell):
    layer = make(cell, 1, bidirectional=True)
    x = 1e4 * draw(3, 6, 7, dtype=torch.float32).requires_grad_()
    ys, _ = layer(x, lengths_mask([6, 2, 0], 6))
    ys.sum().backward()
    assert torch.isfinite(ys).all()
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


@CELLS
@pytest.mark.usefixtures("way")
def test_dropout_between_layers_works_in_training_only(cell):
    layer = make(cell, 2)
    layer.dropout = 0.5
    x, keep = draw(3, 6, 7, dtype=torch.float32), lengths_mask([6, 2, 1], 6)
    for mask in (keep, None):
        assert not torch.equal(layer.train()(x, mask)[0], layer(x, mask)[0])
        assert torch.equal(layer.eval()(x, mask)[0], layer(x, mask)[0])


@CELLS
@pytest.mark.parametrize("shape", [(0, 6, 7), (3, 0, 7)])
def test_nothing_in_nothing_out(cell, shape):
    ys, h = make(cell, 2, bidirectional=True)(torch.zeros(shape), torch.ones(shape[:2], dtype=torch.bool))
    assert ys.shape == (*shape[:2], 10)
    assert h.shape == (4, shape[0], 5)


def _gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    return gru_cell_reference(x, h, w_ih, w_hh, b_ih, b_hh)


def _elman_cell(x, h, w_ih, w_hh, b_ih, b_hh, activation="tanh"):
    return elman_cell_reference(x, h, w_ih, w_hh, b_ih, b_hh, activation)


@CELLS
def test_a_learners_cell_is_what_runs(cell):
    keep, x = lengths_mask([6, 2, 0], 6), draw(3, 6, 7)
    ours = make(cell, 2, bidirectional=True).double()
    with replaced({"gru_cell": _gru_cell} if cell == "gru" else {"elman_cell": _elman_cell}) as counts:
        theirs = make(cell, 2, bidirectional=True).double()
    assert list(counts.values()) == [1]
    assert theirs.cell in (_gru_cell, _elman_cell)
    assert_equal(_Kept(theirs, keep), _Kept(ours, keep), [x])


def test_elman_output_is_g_of_v_h_plus_c():
    output = ElmanOutput(5, 3, "tanh").double()
    h = draw(2, 11, 5)
    wanted = torch.tanh(h @ output.linear.weight.T + output.linear.bias)
    torch.testing.assert_close(output(h), wanted)
    torch.testing.assert_close(torch.tanh(_without_bend(output)(h)), wanted)


def _without_bend(output):
    plain = ElmanOutput(5, 3).double()
    plain.load_state_dict(output.state_dict())
    return plain


@pytest.mark.parametrize("layer", [GRU, RNN, LSTM])
@pytest.mark.parametrize("masked", [False, True])
def test_chunks_give_the_values_of_the_whole_run(layer, masked):
    layer = layer(7, 5, 2).double()
    x = draw(3, 11, 7)
    keep = lengths_mask([11, 6, 2], 11) if masked else None
    whole, state = layer(x, keep)
    parts = list(truncated(layer, x, 4, keep))
    assert [ys.shape[1] for ys, _ in parts] == [4, 4, 3]
    torch.testing.assert_close(torch.cat([ys for ys, _ in parts], 1), whole)
    torch.testing.assert_close(parts[-1][1], state)


@pytest.mark.parametrize("layer", [GRU, RNN, LSTM])
def test_the_gradient_of_a_chunk_stops_at_its_first_step(layer):
    """And inside the chunk it is that of a run which starts from the carried state as a constant."""
    layer = layer(7, 5).double()
    x = draw(3, 11, 7).requires_grad_()
    chunks = [ys for ys, _ in truncated(layer, x, 4)]
    for place, ys in enumerate(chunks):
        (gradient,) = torch.autograd.grad(ys.square().sum(), x, retain_graph=True)
        reached = (gradient != 0).any(2).any(0)
        assert reached.tolist() == [4 * place <= t < 4 * place + 4 for t in range(11)]
    plain = {GRU: gru_reference, RNN: elman_reference, LSTM: lstm_reference}[type(layer)]
    _, before = plain(layer, x[:, :4].detach())
    before = tuple(s.detach() for s in before) if isinstance(before, tuple) else before.detach()
    again, _ = plain(layer, x[:, 4:8], None, before)
    wanted = torch.autograd.grad(again.square().sum(), [x, *layer.parameters()])
    got = torch.autograd.grad(chunks[1].square().sum(), [x, *layer.parameters()])
    torch.testing.assert_close(got, wanted)


@pytest.mark.usefixtures("production")
def test_wrong_sizes_are_said():
    with pytest.raises(RecipeError, match="GRU: sizes must be 1 or more"):
        GRU(7, 0)
    with pytest.raises(RecipeError, match="activation must be tanh or relu, got gelu"):
        RNN(7, 5, activation="gelu")
    for layer in (GRU(7, 5), RNN(7, 5)):
        with pytest.raises(ShapeError, match="expects 7 entries"):
            layer(torch.zeros(3, 6, 8))
        with pytest.raises(ShapeError, match=r"keep must be bool \(3, 6\), got torch.bool \(3, 5\)"):
            layer(torch.zeros(3, 6, 7), torch.ones(3, 5, dtype=torch.bool))
    with pytest.raises(RecipeError, match="a chunk has 1 step or more, got 0"):
        next(truncated(GRU(7, 5), torch.zeros(3, 6, 7), 0))
    with pytest.raises(RecipeError, match="can't be cut"):
        next(truncated(GRU(7, 5, bidirectional=True), torch.zeros(3, 6, 7), 2))


@pytest.mark.parametrize("cell", [lstm_cell_reference, gru_cell_reference])
def test_a_shut_door_keeps_the_memory(cell):
    """Forget gate open and input gate shut, or z = 1: the memory goes through a step unchanged, bit for bit."""
    gates = 4 if cell is lstm_cell_reference else 3
    w_ih, w_hh = torch.zeros(gates * 5, 7), draw(gates * 5, 5, dtype=torch.float32)
    bias = torch.zeros(gates * 5)
    bias[5:10] = 1e4
    if gates == 4:
        bias[:5] = -1e4
    memory = (draw(3, 5, dtype=torch.float32),) * (gates - 2)
    new = cell(draw(3, 7, dtype=torch.float32), *memory, w_ih, w_hh, bias, torch.zeros(gates * 5))
    assert torch.equal(new[1] if gates == 4 else new, memory[-1])


WRONG_STATES = {
    "layers": lambda n: torch.zeros(n + 1, 3, 5),
    "one row for the whole batch": lambda n: torch.zeros(n, 1, 5),
    "width": lambda n: torch.zeros(n, 3, 4),
    "rank": lambda n: torch.zeros(3, 5),
}


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("wrong", WRONG_STATES.values(), ids=WRONG_STATES)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("layer", [GRU, RNN, LSTM])
def test_a_state_of_another_shape_is_refused_and_never_stretched(layer, masked, wrong):
    """The kernels read past the end of a smaller one (a crash), or spread one row over the batch."""
    keep = lengths_mask([4, 2, 1], 4) if masked else None
    built, state = layer(7, 5), wrong(1)
    for run in (built, lambda *arguments: (lstm_reference if layer is LSTM else reference)(built, *arguments)):
        with pytest.raises(ShapeError, match=r"h of the state must be \(1, 3, 5\), got \("):
            run(torch.zeros(3, 4, 7), keep, (state, state) if layer is LSTM else state)


@pytest.mark.usefixtures("production")
def test_a_state_of_another_kind_is_one_sentence():
    x, h = torch.zeros(3, 4, 7), torch.zeros(1, 3, 5)
    with pytest.raises(
        ShapeError, match=r"LSTM: state must be a tuple \(h, c\) of tensors \(1, 3, 5\), got \(1, 3, 5\)"
    ):
        LSTM(7, 5)(x, None, h)
    with pytest.raises(ShapeError, match="got a tuple of 1"):
        LSTM(7, 5)(x, None, (h,))
    with pytest.raises(ShapeError, match=r"c of the state must be \(1, 3, 5\), got \(2, 3, 5\)"):
        LSTM(7, 5)(x, None, (h, torch.zeros(2, 3, 5)))
    for layer in (GRU, RNN):
        with pytest.raises(ShapeError, match=r"state must be one tensor \(1, 3, 5\), got a tuple of 2"):
            layer(7, 5)(x, None, (h, h))
        with pytest.raises(ShapeError, match=r"must be torch.float32 on cpu as the input is, got torch.float64 on cpu"):
            layer(7, 5)(x, None, h.double())


@pytest.mark.parametrize("layer", [GRU, RNN, LSTM])
@pytest.mark.parametrize("masked", [False, True])
def test_a_learners_dropout_is_what_stands_between_the_layers(layer, masked):
    seen = []

    def dropout(x, p, training):
        seen.append((p, training))
        return 0 * x

    x, keep = draw(3, 6, 7), lengths_mask([6, 2, 1], 6) if masked else None
    with replaced({"dropout": dropout}) as counts:
        layer(7, 5, 1, True, 0.5), layer(7, 5, 2)  # nothing to drop between, or nothing to be dropped
        assert counts == {"dropout": 0}
        theirs = layer(7, 5, 2, True, 0.5).double()
    ys, _ = theirs(x, keep)
    assert seen == [(0.5, True)]
    again, _ = theirs(2 * x, keep)
    assert torch.equal(ys, again)  # zeros reach the second layer, whatever the input
