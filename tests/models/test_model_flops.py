"""Operations against the formula: products, convolutions, the kernels that torch's counter misses, unknown ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepdojo.layers import GRU, LSTM, RNN, Conv2d, EncoderLayer, Linear
from deepdojo.models import create_model
from deepdojo.models.flops import count_flops, parameters

B, T, I, H = 5, 11, 7, 3


def both(layer, x):
    """Operations of the forward, and of forward and backward with a gradient for the input too."""
    x = x.requires_grad_()
    return count_flops(lambda: layer(x)), count_flops(lambda: _first(layer(x)).sum().backward())


def _first(out):
    return out if isinstance(out, torch.Tensor) else out[0]


def test_products_and_convolutions_are_exact():
    assert both(Linear(I, H), torch.randn(B, T, I)) == (2 * B * T * I * H, 3 * 2 * B * T * I * H)
    conv = 2 * B * 6 * 4 * 5 * 3 * 3 * 3  # output 6 x 4 of 5 channels, each from 3 channels of 3 x 3
    assert both(Conv2d(3, 5, 3), torch.randn(B, 3, 8, 6)) == (conv, 3 * conv)
    assert both(Conv2d(6, 9, 3, groups=3), torch.randn(B, 6, 8, 6))[0] == 2 * B * 6 * 4 * 9 * 2 * 9


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("make", [LSTM, nn.LSTM], ids=["ours", "torch"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["fused", "by steps"])
def test_lstm_is_exact(make, layers, bidirectional, dtype):
    n = 1 + bidirectional
    wanted = n * 2 * T * B * 4 * H * (I + H) + (layers - 1) * n * 2 * T * B * 4 * H * (n * H + H)
    options = {"batch_first": True} if make is nn.LSTM else {}
    lstm = make(I, H, layers, bidirectional=bidirectional, **options).to(dtype)
    forward, whole = both(lstm, torch.randn(B, T, I, dtype=dtype))
    assert forward == wanted
    if dtype == torch.float32:
        assert whole == 3 * wanted
    else:  # step by step the first state is a constant, which needs no gradient
        assert 2.8 * wanted < whole <= 3 * wanted


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("make", "gates"), [(GRU, 3), (RNN, 1)])
def test_gru_and_elman_are_exact_and_padding_costs_no_more_or_nothing(make, gates, layers, bidirectional):
    n, layer = 1 + bidirectional, make(I, H, layers, bidirectional)
    wanted = n * 2 * T * B * gates * H * (I + H) + (layers - 1) * n * 2 * T * B * gates * H * (n * H + H)
    forward, whole = both(layer, torch.randn(B, T, I))
    assert forward == wanted
    assert 2.8 * wanted < whole <= 3 * wanted  # the first state is a constant, which needs no gradient
    most = torch.arange(T) < torch.tensor([[T], [3], [9], [8], [T]])
    assert count_flops(lambda: layer(torch.randn(B, T, I), most)) == wanted
    few = torch.arange(T) < torch.tensor([[T], [3], [1], [0], [2]])  # packed: what is not there costs nothing
    assert count_flops(lambda: layer(torch.randn(B, T, I), few)) < wanted / 2
    with torch.inference_mode():
        assert count_flops(lambda: layer(torch.randn(B, T, I))) == wanted


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_attention_is_exact(masked, dtype):
    q, k = torch.randn(2, 3, 5, 7, dtype=dtype), torch.randn(2, 3, 11, 7, dtype=dtype)
    keep = torch.ones(2, 1, 1, 11, dtype=torch.bool) if masked else None
    forward = 2 * 2 * 3 * 5 * 11 * 7 * 2
    assert count_flops(lambda: F.scaled_dot_product_attention(q, k, k, keep)) == forward
    leaf = q.requires_grad_(), k.requires_grad_()
    whole = count_flops(lambda: F.scaled_dot_product_attention(*leaf, k, keep).sum().backward())
    assert whole in (forward * 3, forward * 7 // 2)  # by hand, or the fused kernel that computes the scores again


def test_encoder_layer_is_exact_and_so_is_torchs_fused_one():
    wanted = 2 * B * T * (4 * 8 * 8 + 2 * 8 * 13) + 2 * 2 * B * 2 * T * T * 4
    ours, theirs = EncoderLayer(8, 2, 13).eval(), nn.TransformerEncoderLayer(8, 2, 13, batch_first=True).eval()
    x = torch.randn(B, T, 8)
    for layer in (ours, theirs, lambda x: nn.MultiheadAttention(8, 2, batch_first=True).eval()(x, x, x)[0]):
        with torch.no_grad():
            got = count_flops(lambda layer=layer: layer(x))
        assert got == (wanted if isinstance(layer, nn.Module) else wanted - 2 * B * T * 2 * 8 * 13)
    assert count_flops(lambda: ours(x)) == wanted


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_decoder_is_exact(positions):
    """Attention is counted as if nothing lay ahead, as the literature does; its backward computes the scores again."""
    D, F_, heads, layers, V = 12, 19, 3, 2, 13
    model = create_model("decoder", {"vocab_size": V, "context": T}, width=D, feed_forward=F_, num_heads=heads,
                         num_layers=layers, positions=positions)  # fmt: skip
    tokens = torch.zeros(B, T, dtype=torch.long)
    products = 2 * B * T * (layers * (4 * D * D + 2 * D * F_) + D * V)
    attention = layers * 2 * 2 * B * T * T * D
    assert count_flops(lambda: model(tokens)) == products + attention
    assert count_flops(lambda: model(tokens).sum().backward()) == 3 * products + attention * 7 // 2


def test_cuda_lstm_formula_equals_the_analytic_count():
    """No GPU is needed for arithmetic: the formula sees shapes only."""
    from deepdojo.models.flops import _cudnn_rnn, _cudnn_rnn_backward

    shapes = [p.shape for p in nn.LSTM(I, H, 2, bidirectional=True).parameters()]
    wanted = 2 * 2 * T * B * 4 * H * (I + H) + 2 * 2 * T * B * 4 * H * (2 * H + H)
    assert _cudnn_rnn((T, B, I), shapes, 4) == _cudnn_rnn((T * B, I), shapes, 4) == wanted
    assert _cudnn_rnn_backward((T, B, I), shapes, 4) == 2 * wanted


def test_an_unknown_fused_kernel_is_not_counted():
    library = torch.library.Library("deepdojo_test", "DEF")
    library.define("my_attention(Tensor x) -> Tensor")
    library.impl("my_attention", lambda x: x * 2, "CPU")
    x = torch.randn(3)
    assert count_flops(lambda: torch.ops.deepdojo_test.my_attention(x)) is None
    assert count_flops(lambda: x * 2) == 0  # element-wise work is left out, as the docstring says
    assert count_flops(lambda: F.multi_head_attention_forward) == 0


@pytest.mark.parametrize("name", ["text_cnn", "rnn", "transformer"])
def test_every_text_model_is_counted_and_grows_with_the_batch(name):
    model = create_model(name, {"vocab_size": 23, "num_outputs": 5}).eval()
    x, keep = torch.zeros(4, 9, dtype=torch.long), torch.ones(4, 9, dtype=torch.bool)
    one, four = (count_flops(lambda n=n: model(x[:n], keep[:n])) for n in (1, 4))
    assert one is not None
    assert four == 4 * one
    step = count_flops(lambda: model.train()(x, keep).sum().backward())
    assert 2 * four < step < 3.6 * four


def test_parameters_are_counted_once():
    model = nn.Sequential(Linear(I, H), Linear(I, H))
    assert parameters(model) == 2 * (I * H + H)
    model[1].weight = model[0].weight
    assert parameters(model) == I * H + 2 * H


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["fused", "by steps"])
def test_the_column_that_marks_padding_is_not_counted(bidirectional, dtype):
    """A padded batch costs what the same steps cost without padding: the width is I, not I + 1."""
    lstm = LSTM(I, H, 2, bidirectional=bidirectional).to(dtype)
    keep = torch.arange(T) < torch.tensor([[T], [3], [5], [1], [T]])
    x = torch.randn(B, T, I, dtype=dtype, requires_grad=True)
    plain, padded = count_flops(lambda: lstm(x)), count_flops(lambda: lstm(x, keep))
    assert padded == plain
    whole, both = (count_flops(lambda k=k: lstm(x, k)[0].sum().backward()) for k in (None, keep))
    assert both == whole
