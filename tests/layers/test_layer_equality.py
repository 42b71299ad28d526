"""Every layer against torch's own module, loaded with its state dict; every kernel against its plain reference."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from layer_oracles import assert_equal, draw, lengths_mask, twin
from torch import nn

from deepdojo.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Embedding,
    EncoderLayer,
    LayerNorm,
    Linear,
    MultiHeadAttention,
)
from deepdojo.layers.activations import gelu, gelu_reference, softmax, softmax_reference
from deepdojo.layers.attention_dot_product import (
    scaled_dot_product_attention,
    scaled_dot_product_attention_reference,
)
from deepdojo.layers.batch_normalisation import batch_norm, batch_norm_reference
from deepdojo.layers.convolution import conv2d, conv2d_reference
from deepdojo.layers.elman import elman_cell, elman_cell_reference
from deepdojo.layers.fully_connected import linear, linear_reference
from deepdojo.layers.gru_gates import gru_cell, gru_cell_reference
from deepdojo.layers.layer_normalisation import layer_norm, layer_norm_reference
from deepdojo.layers.lstm_gates import lstm_cell, lstm_cell_reference
from deepdojo.layers.pooling import max_pool2d, max_pool2d_reference

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])

MODULES = {
    "linear": (lambda: Linear(7, 5), lambda: nn.Linear(7, 5), (3, 7)),
    "linear, no bias, leading axes": (lambda: Linear(7, 5, bias=False), lambda: nn.Linear(7, 5, bias=False), (2, 3, 7)),
    "conv2d": (lambda: Conv2d(3, 5, 3, padding=1), lambda: nn.Conv2d(3, 5, 3, padding=1), (2, 3, 7, 11)),
    "conv2d, stride": (lambda: Conv2d(3, 5, 3, stride=2), lambda: nn.Conv2d(3, 5, 3, stride=2), (2, 3, 7, 11)),
    "conv2d, dilated": (lambda: Conv2d(3, 5, 3, dilation=2), lambda: nn.Conv2d(3, 5, 3, dilation=2), (2, 3, 7, 11)),
    "conv2d, groups": (
        lambda: Conv2d(6, 9, 3, groups=3, bias=False),
        lambda: nn.Conv2d(6, 9, 3, groups=3, bias=False),
        (2, 6, 5, 7),
    ),
    "conv2d, kernel = image": (lambda: Conv2d(3, 5, 7), lambda: nn.Conv2d(3, 5, 7), (2, 3, 7, 7)),
    "conv1d": (lambda: Conv1d(7, 5, 3, padding=2), lambda: nn.Conv1d(7, 5, 3, padding=2), (2, 7, 11)),
    "conv1d, length 1": (lambda: Conv1d(7, 5, 3, padding=2), lambda: nn.Conv1d(7, 5, 3, padding=2), (2, 7, 1)),
    "batch norm, images": (lambda: BatchNorm2d(3), lambda: nn.BatchNorm2d(3), (5, 3, 7, 2)),
    "batch norm, volumes": (lambda: BatchNorm3d(3), lambda: nn.BatchNorm3d(3), (5, 3, 2, 7, 1)),
    "batch norm, vectors": (lambda: BatchNorm1d(3), lambda: nn.BatchNorm1d(3), (5, 3)),
    "batch norm, sequences": (lambda: BatchNorm1d(3), lambda: nn.BatchNorm1d(3), (5, 3, 7)),
    "layer norm": (lambda: LayerNorm(13), lambda: nn.LayerNorm(13), (2, 3, 13)),
    "lstm": (lambda: LSTM(7, 5), lambda: nn.LSTM(7, 5, batch_first=True), (3, 11, 7)),
    "lstm, two layers, both directions": (
        lambda: LSTM(7, 5, 2, bidirectional=True),
        lambda: nn.LSTM(7, 5, 2, bidirectional=True, batch_first=True),
        (3, 11, 7),
    ),
    "gru": (lambda: GRU(7, 5), lambda: nn.GRU(7, 5, batch_first=True), (3, 11, 7)),
    "gru, two layers, both directions": (
        lambda: GRU(7, 5, 2, bidirectional=True),
        lambda: nn.GRU(7, 5, 2, bidirectional=True, batch_first=True),
        (3, 11, 7),
    ),
    "elman": (lambda: RNN(7, 5), lambda: nn.RNN(7, 5, batch_first=True), (3, 11, 7)),
    "elman, relu, two layers, both directions": (
        lambda: RNN(7, 5, 2, bidirectional=True, activation="relu"),
        lambda: nn.RNN(7, 5, 2, nonlinearity="relu", bidirectional=True, batch_first=True),
        (3, 11, 7),
    ),
    "elman, length 1": (lambda: RNN(7, 5), lambda: nn.RNN(7, 5, batch_first=True), (3, 1, 7)),
    "lstm, length 1": (lambda: LSTM(7, 5), lambda: nn.LSTM(7, 5, batch_first=True), (3, 1, 7)),
}


@BOTH
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", MODULES)
def test_layer_equals_torchs_module(name, mode, dtype):
    make_ours, make_theirs, shape = MODULES[name]
    ours, theirs = twin(make_ours(), make_theirs(), dtype)
    ours.train(mode == "train")
    theirs.train(mode == "train")
    assert_equal(ours, theirs, [draw(*shape, dtype=dtype)])
    for mine, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("name", MODULES)
def test_layer_takes_input_that_is_not_contiguous(name):
    make_ours, make_theirs, shape = MODULES[name]
    ours, theirs = twin(make_ours(), make_theirs())
    x = draw(*reversed(shape)).permute(*reversed(range(len(shape))))
    assert len(shape) == 1 or not x.is_contiguous() or 1 in shape
    assert_equal(ours.eval(), theirs.eval(), [x])


def test_embedding_equals_torchs():
    ours, theirs = twin(Embedding(11, 5), nn.Embedding(11, 5))
    ids = torch.tensor([[3, 0, 3], [10, 1, 2]])
    assert_equal(ours, theirs, [ids])


@BOTH
@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_attention_equals_torchs(cross, masked, dtype):
    ours, theirs = twin(MultiHeadAttention(15, 5), nn.MultiheadAttention(15, 5, batch_first=True), dtype)
    x, memory = draw(3, 7, 15, dtype=dtype), draw(3, 11, 15, dtype=dtype)
    keep = lengths_mask([11, 3, 1] if cross else [7, 3, 1], 11 if cross else 7) if masked else None
    padding = None if keep is None else ~keep
    if cross:
        assert_equal(
            _Call(ours, lambda m, x, y: m(x, y, keep)),
            _Call(theirs, lambda m, x, y: m(x, y, y, key_padding_mask=padding, need_weights=False)[0]),
            [x, memory],
        )
    else:
        assert_equal(
            _Call(ours, lambda m, x: m(x, keep=keep)),
            _Call(theirs, lambda m, x: m(x, x, x, key_padding_mask=padding, need_weights=False)[0]),
            [x],
        )


def test_multi_head_attention_with_a_mask_for_each_query():
    ours, theirs = twin(MultiHeadAttention(15, 5), nn.MultiheadAttention(15, 5, batch_first=True))
    causal = torch.ones(7, 7, dtype=torch.bool).tril()
    assert_equal(
        _Call(ours, lambda m, x: m(x, keep=causal.expand(3, 7, 7))),
        _Call(theirs, lambda m, x: m(x, x, x, attn_mask=~causal, need_weights=False)[0]),
        [draw(3, 7, 15)],
    )


@BOTH
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer_equals_torchs(norm_first, activation, dtype):
    theirs = nn.TransformerEncoderLayer(15, 3, 23, 0.0, activation, norm_first=norm_first, batch_first=True)
    ours, theirs = twin(EncoderLayer(15, 3, 23, 0.0, activation, norm_first), theirs, dtype)
    keep = lengths_mask([7, 3, 1], 7)
    assert_equal(
        _Call(ours, lambda m, x: m(x, keep)),
        _Call(theirs, lambda m, x: m(x, src_key_padding_mask=~keep)),
        [draw(3, 7, 15, dtype=dtype)],
    )


class _Call(nn.Module):
    """A module called in a way of its own; its parameters count as its own."""

    def __init__(self, module, call):
        super().__init__()
        self.module, self.call = module, call

    def forward(self, *inputs):
        return self.call(self.module, *inputs)


KERNELS = {
    "linear": (linear, linear_reference, [(2, 3, 7), (5, 7), (5,)]),
    "conv2d": (
        partial(conv2d, stride=2, padding=3, dilation=2),
        partial(conv2d_reference, stride=2, padding=3, dilation=2),
        [(2, 3, 7, 11), (5, 3, 3, 2), (5,)],
    ),
    "conv2d, groups": (
        partial(conv2d, groups=3),
        partial(conv2d_reference, groups=3),
        [(2, 6, 5, 7), (9, 2, 3, 3), (9,)],
    ),
    "layer norm": (layer_norm, layer_norm_reference, [(2, 3, 13), (13,), (13,)]),
    "softmax": (softmax, softmax_reference, [(3, 7)]),
    "softmax over time": (partial(softmax, dim=1), partial(softmax_reference, dim=1), [(3, 7, 2)]),
    "gelu": (gelu, gelu_reference, [(3, 7)]),
    "lstm cell": (lstm_cell, lstm_cell_reference, [(3, 7), (3, 5), (3, 5), (20, 7), (20, 5), (20,), (20,)]),
    "gru cell": (gru_cell, gru_cell_reference, [(3, 7), (3, 5), (15, 7), (15, 5), (15,), (15,)]),
    "elman cell": (elman_cell, elman_cell_reference, [(3, 7), (3, 5), (5, 7), (5, 5), (5,), (5,)]),
    "elman cell, relu": (
        partial(elman_cell, activation="relu"),
        partial(elman_cell_reference, activation="relu"),
        [(3, 7), (3, 5), (5, 7), (5, 5), (5,), (5,)],
    ),
    "attention": (
        scaled_dot_product_attention,
        scaled_dot_product_attention_reference,
        [(2, 3, 5, 7), (2, 3, 11, 7), (2, 3, 11, 7)],
    ),
    "max pooling": (
        partial(max_pool2d, kernel_size=3, stride=2, padding=1),
        partial(max_pool2d_reference, kernel_size=3, stride=2, padding=1),
        [(2, 3, 7, 11)],
    ),
    "max pooling, one axis": (
        partial(max_pool2d, kernel_size=(1, 2)),
        partial(max_pool2d_reference, kernel_size=(1, 2)),
        [(2, 3, 1, 11)],
    ),
}


@BOTH
@pytest.mark.parametrize("name", KERNELS)
def test_kernel_equals_its_plain_reference(name, dtype):
    fast, plain, shapes = KERNELS[name]
    assert_equal(fast, plain, [draw(*shape, dtype=dtype, seed=i) for i, shape in enumerate(shapes)])


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_equals_its_plain_reference_with_running_statistics(training):
    running = [(torch.full((3,), 0.5, dtype=torch.float64), torch.full((3,), 2.0, dtype=torch.float64)) for _ in "ab"]
    calls = [
        lambda x, w, b, f=f, r=r: f(x, w, b, *r, training)
        for f, r in zip((batch_norm, batch_norm_reference), running, strict=True)
    ]
    assert_equal(*calls, [draw(5, 3, 7), draw(3), draw(3, seed=1)])
    for mine, other in zip(*running, strict=True):
        torch.testing.assert_close(mine, other)
    assert (running[0][0] == 0.5).all() != training


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_of_extreme_numbers_stays_finite(size):
    p = softmax(torch.tensor([[size, 0.0, -size]]))
    torch.testing.assert_close(p, torch.tensor([[1.0, 0.0, 0.0]] if size > 0 else [[0.0, 0.0, 1.0]]))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda: Linear(7, 5), lambda: nn.Linear(7, 5)),
        (lambda: Conv2d(3, 5, 3), lambda: nn.Conv2d(3, 5, 3)),
        (lambda: Embedding(7, 5), lambda: nn.Embedding(7, 5)),
        (
            lambda: LSTM(7, 5, 2, bidirectional=True),
            lambda: nn.LSTM(7, 5, 2, bidirectional=True),
        ),
        (lambda: GRU(7, 5, 2, bidirectional=True), lambda: nn.GRU(7, 5, 2, bidirectional=True)),
        (lambda: RNN(7, 5, 2, bidirectional=True), lambda: nn.RNN(7, 5, 2, bidirectional=True)),
    ],
    ids=["linear", "conv2d", "embedding", "lstm", "gru", "elman"],
)
def test_equal_seeds_give_torchs_initial_weights(ours, theirs):
    states = []
    for make in (ours, theirs):
        torch.manual_seed(3)
        states.append(make().state_dict())
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name])


def test_reset_parameters_draws_anew():
    torch.manual_seed(0)
    for layer in (Linear(7, 5), Conv2d(3, 5, 3), Embedding(7, 5), LSTM(7, 5), MultiHeadAttention(15, 3)):
        before = [p.clone() for p in layer.parameters()]
        layer.reset_parameters()
        assert any(not torch.equal(a, b) for a, b in zip(before, layer.parameters(), strict=True))
