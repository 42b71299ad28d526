"""Each model against torch's own modules with the same weights, in float64: values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from deepdojo.layers import sinusoidal_positions
from deepdojo.models import create_model

LENGTHS = [7, 3, 1, 5]
KEEP = torch.arange(7) < torch.tensor(LENGTHS)[:, None]


def tokens(B=4, T=7, V=13):
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(3))


def assert_same(model, other, *inputs, limit=1e-10):
    """`other` computes with the parameters of `model`: value, and the gradient of every parameter and float input."""
    inputs = [t.detach().clone().requires_grad_(t.is_floating_point()) for t in inputs]
    leaves = [*model.parameters(), *(t for t in inputs if t.requires_grad)]
    outputs = [model(*inputs), other(*inputs)]
    cotangent = torch.randn(outputs[0].shape, dtype=outputs[0].dtype, generator=torch.Generator().manual_seed(7))
    torch.testing.assert_close(*outputs, rtol=limit, atol=limit)
    gradients = [torch.autograd.grad(o, leaves, cotangent) for o in outputs]
    for mine, others in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, others, rtol=limit, atol=limit)


def built(name, dims, **arguments):
    torch.manual_seed(1)
    return create_model(name, dims, **arguments).double().eval()


def filled(module, prefix, state):
    """torch's module with our weights under `prefix`, the same tensors, so that gradients meet in them."""
    weights = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return lambda *args, **kwargs: torch.func.functional_call(module.double().eval(), weights, args, kwargs)


def test_linear_is_one_product_with_one_hot_columns():
    model = built("linear", {"in_features": 5, "category_sizes": [3, 7], "num_outputs": 2})
    with torch.no_grad():
        for p in model.parameters():
            p.normal_()
    categories = torch.tensor([[0, 6], [2, 3], [1, 0]])

    def other(x):
        hot = torch.cat([F.one_hot(categories[:, 0], 3), F.one_hot(categories[:, 1], 7)], 1).double()
        weight = torch.cat([model.head.weight, model.embeddings[0].weight.T, model.embeddings[1].weight.T], 1)
        return torch.cat([x, hot], 1) @ weight.T + model.head.bias

    assert_same(_With(model, categories), other, torch.randn(3, 5, dtype=torch.float64))


class _With(nn.Module):
    """A model with the rest of its arguments."""

    def __init__(self, model, *rest):
        super().__init__()
        self.model, self.rest = model, rest

    def forward(self, x):
        return self.model(x, *self.rest)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("residual", [False, True])
def test_mlp(norm, residual, training):
    dims = {"in_features": 5, "category_sizes": [3, 7], "num_outputs": 2}
    model = built("mlp", dims, hidden=[11, 11], norm=norm, residual=residual, activation="silu", dropout=0.0)
    model.train(training)
    categories = torch.tensor([[0, 6], [2, 3], [1, 0]])

    def other(x):
        h = torch.cat([x, *(F.embedding(categories[:, i], e.weight) for i, e in enumerate(model.embeddings))], 1)
        for i, layer in enumerate(model.hidden):
            y = F.linear(h, layer.linear.weight, layer.linear.bias)
            if norm == "batch":
                y = F.batch_norm(
                    y, torch.zeros(11).double(), torch.ones(11).double(), layer.norm.weight, layer.norm.bias, training
                )
            if norm == "layer":
                y = F.layer_norm(y, (11,), layer.norm.weight, layer.norm.bias)
            h = F.silu(y) + (h if residual and i == 1 else 0)
        return F.linear(h, model.head.weight, model.head.bias)

    assert_same(_With(model, categories), other, torch.randn(3, 5, dtype=torch.float64))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("channels", "pooling"), [(1, "average"), (3, "both"), (3, "max")])
def test_cnn(channels, pooling, training):
    dims = {"in_channels": channels, "height": 13, "width": 11, "num_outputs": 3}
    model = built("cnn", dims, channels=[5, 7], convs=[1, 2], pooling=pooling).train(training)

    def block(b, x):
        y = F.conv2d(x, b.conv.weight, padding=b.conv.weight.shape[-1] // 2)
        zeros, ones = torch.zeros(y.shape[1]).double(), torch.ones(y.shape[1]).double()
        return F.relu(F.batch_norm(y, zeros, ones, b.norm.weight, b.norm.bias, training))

    def other(x):
        x = F.max_pool2d(block(model.stages[0][0], x), 2)
        x = block(model.stages[1][0], x)
        x = x + block(model.stages[1][1], x)
        average, best = x.flatten(2).mean(2), F.adaptive_max_pool2d(x, 1).flatten(1)
        features = {"average": average, "max": best, "both": torch.cat([average, best], 1)}[pooling]
        return F.linear(features, model.head.weight, model.head.bias)

    assert_same(model, other, torch.randn(5, channels, 13, 11, dtype=torch.float64))


def test_text_cnn_row_by_row():
    model = built(
        "text_cnn", {"vocab_size": 13, "num_outputs": 3}, embedding_width=5, filters=7, filter_widths=[2, 3, 5]
    )
    x = tokens()

    def one(ids):
        words = F.embedding(ids, model.embedding.weight)
        features = []
        for conv, width in zip(model.convs, (2, 3, 5), strict=True):
            padded = F.pad(words, (0, 0, width - 1, width - 1))
            windows = [padded[i : i + width].T.flatten() for i in range(len(ids) + width - 1)]
            scores = torch.stack([conv.weight.flatten(1) @ w + conv.bias for w in windows])
            features.append(F.relu(scores).amax(0))
        return F.linear(torch.cat(features), model.head.weight, model.head.bias)

    assert_same(_With(model, KEEP), lambda x: torch.stack([one(r[:n]) for r, n in zip(x, LENGTHS, strict=True)]), x)


@pytest.mark.parametrize("pooling", ["last", "max", "mean"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, True), (2, True), (2, False)])
def test_rnn(pooling, layers, bidirectional):
    dims = {"vocab_size": 13, "num_outputs": 3}
    model = built(
        "rnn", dims, embedding_width=5, hidden_size=7, num_layers=layers, bidirectional=bidirectional, pooling=pooling
    )
    theirs = nn.LSTM(5, 7, layers, bidirectional=bidirectional, batch_first=True)
    lstm = filled(theirs, "lstm.", dict(model.named_parameters()))

    def other(x):
        words = F.embedding(x, model.embedding.weight)
        packed = pack_padded_sequence(words, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
        ys, (h, _) = lstm(packed)
        ys, _ = pad_packed_sequence(ys, batch_first=True)
        rows = [y[:n] for y, n in zip(ys, LENGTHS, strict=True)]
        pooled = {
            "last": torch.cat(list(h[-2:] if bidirectional else h[-1:]), 1),
            "max": torch.stack([r.amax(0) for r in rows]),
            "mean": torch.stack([r.mean(0) for r in rows]),
        }[pooling]
        return F.linear(pooled, model.head.weight, model.head.bias)

    assert_same(_With(model, KEEP), other, tokens())


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
@pytest.mark.parametrize(("norm_first", "positions"), [(True, "sinusoidal"), (False, "learned")])
def test_transformer(pooling, norm_first, positions):
    dims = {"vocab_size": 13, "num_outputs": 3}
    arguments = {"width": 10, "num_heads": 2, "feed_forward": 17, "positions": positions, "norm_first": norm_first}
    model = built("transformer", dims, pooling=pooling, max_length=7, **arguments)
    layers = [nn.TransformerEncoderLayer(10, 2, 17, 0.0, "gelu", norm_first=norm_first, batch_first=True) for _ in "ab"]
    state = dict(model.named_parameters())
    layers = [filled(layer, f"layers.{i}.", state) for i, layer in enumerate(layers)]

    def other(x):
        h = F.embedding(x, model.embedding.weight) * math.sqrt(10)
        padding = ~KEEP
        if pooling == "cls":
            h = torch.cat([model.cls.expand(4, 1, 10), h], 1)
            padding = F.pad(padding, (1, 0), value=False)
        waves = sinusoidal_positions(h.shape[1], 10)  # compared with the formula in test_layer_attention
        h = h + (waves if positions == "sinusoidal" else model.positions.weight[: h.shape[1]])
        for layer in layers:
            h = layer(h, src_key_padding_mask=padding)
        if norm_first:
            h = F.layer_norm(h, (10,), model.norm.weight, model.norm.bias)
        rows = [r[:n] for r, n in zip(h, LENGTHS, strict=True)]
        pooled = {
            "cls": h[:, 0],
            "mean": torch.stack([r.mean(0) for r in rows]),
            "max": torch.stack([r.amax(0) for r in rows]),
        }[pooling]
        return F.linear(pooled, model.head.weight, model.head.bias)

    assert_same(_With(model, KEEP), other, tokens())
