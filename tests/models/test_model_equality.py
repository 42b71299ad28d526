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


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("halving", "shortcut"), [("stride", "projection"), ("stride", "zeros"), ("pool", "zeros")])
def test_resnet(before, halving, shortcut, training):
    dims = {"in_channels": 3, "num_outputs": 3}
    model = built(
        "resnet", dims, widths=[5, 7], blocks=[1, 2], stem_kernel=5, stem_pool=True, halving=halving,
        shortcut=shortcut, preactivation=before, pooling="both",
    ).train(training)  # fmt: skip
    weights = dict(model.named_parameters())

    def norm(name, x):
        zeros, ones = torch.zeros(x.shape[1]).double(), torch.ones(x.shape[1]).double()
        return F.batch_norm(x, zeros, ones, weights[f"{name}.weight"], weights[f"{name}.bias"], training)

    def conv(name, x, step=1):
        weight = weights[f"{name}.weight"]
        return F.conv2d(x, weight, stride=step, padding=weight.shape[-1] // 2)

    def block(name, x, c_out, step):
        if before:
            y = conv(
                f"{name}.conv2",
                F.relu(norm(f"{name}.norm2", conv(f"{name}.conv1", F.relu(norm(f"{name}.norm1", x)), step))),
            )
        else:
            y = norm(
                f"{name}.norm2", conv(f"{name}.conv2", F.relu(norm(f"{name}.norm1", conv(f"{name}.conv1", x, step))))
            )
        if x.shape == y.shape:
            same = x
        elif shortcut == "projection":
            same = norm(f"{name}.shortcut.norm", conv(f"{name}.shortcut.conv", x, step))
        else:
            same = torch.cat(
                [x[:, :, ::step, ::step], torch.zeros(*y.shape[:1], c_out - x.shape[1], *y.shape[2:]).double()], 1
            )
        return same + y if before else F.relu(same + y)

    def other(x):
        x = conv("stem", x)
        x = F.max_pool2d(x if before else F.relu(norm("norm", x)), 2)
        x = block("stages.0.0", x, 5, 1)
        x = F.max_pool2d(x, 2) if halving == "pool" else x
        x = block("stages.1.0", x, 7, 2 if halving == "stride" else 1)
        x = block("stages.1.1", x, 7, 1)
        x = F.relu(norm("norm", x)) if before else x
        features = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return F.linear(features, model.head.weight, model.head.bias)

    assert_same(model, other, torch.randn(5, 3, 13, 11, dtype=torch.float64))


def test_resnet_20_has_the_parameters_of_the_paper():
    """He et al. 2015, Table 6: 0.27 million; with shortcuts without parameters, as there."""
    dims = {"in_channels": 3, "num_outputs": 10}
    count = {
        blocks: sum(p.numel() for p in create_model("resnet", dims, blocks=[blocks], shortcut="zeros").parameters())
        for blocks in (3, 9)
    }
    assert count == {3: 269_722, 9: 853_018}


def test_bag_of_ngrams_is_naive_bayes_times_what_is_learned():
    """Against plain sums over the texts, as in Wang & Manning 2012, section 2; two blocks, each with its own totals."""
    V, first, C = 11, 6, 3
    model = built("bag_of_ngrams", {"vocab_size": V, "first_character": first, "num_outputs": C}, character_weight=0.5)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_()
    counts = torch.randint(0, 5, (V, C), generator=torch.Generator().manual_seed(2))
    counts[4] = 0
    model.weigh(counts)
    ratio = torch.zeros(V, C, dtype=torch.float64)
    for block, scale in ((range(first), 1.0), (range(first, V), 0.5)):
        for c in range(C):
            p = {j: 1 + int(counts[j, c]) for j in block}
            q = {j: 1 + int(counts[j].sum() - counts[j, c]) for j in block}
            for j in block:
                if counts[j].sum() > 0:
                    ratio[j, c] = scale * (math.log(p[j] / sum(p.values())) - math.log(q[j] / sum(q.values())))
    torch.testing.assert_close(model.embedding.ratio, ratio, rtol=1e-5, atol=1e-6)
    ids = tokens(V=V)

    def other():
        rows = [
            sum((model.embedding.ratio[j] * model.embedding.weight[j] for j in row[keep]), model.bias)
            for row, keep in zip(ids, KEEP, strict=True)
        ]
        return torch.stack(rows)

    outputs = [model(ids, KEEP), other()]
    torch.testing.assert_close(*outputs)
    cotangent = torch.randn(4, C, dtype=torch.float64)
    gradients = [torch.autograd.grad(o, list(model.parameters()), cotangent) for o in outputs]
    for mine, others in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, others)


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


@pytest.mark.parametrize("cell", ["lstm", "gru", "elman"])
@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, True), (2, True), (2, False)])
def test_rnn(pooling, layers, bidirectional, cell):
    dims = {"vocab_size": 13, "num_outputs": 3}
    arguments = {"num_layers": layers, "bidirectional": bidirectional, "pooling": pooling, "cell": cell}
    model = built("rnn", dims, embedding_width=5, hidden_size=7, **arguments)
    make = {"lstm": nn.LSTM, "gru": nn.GRU, "elman": nn.RNN}[cell]
    theirs = make(5, 7, layers, bidirectional=bidirectional, batch_first=True)
    stack = filled(theirs, f"{cell}.", dict(model.named_parameters()))

    def attended(r):
        weights = torch.tanh(r @ model.pool.project.weight.T + model.pool.project.bias) @ model.pool.question.weight[0]
        return weights.softmax(0) @ r

    def other(x):
        words = F.embedding(x, model.embedding.weight)
        packed = pack_padded_sequence(words, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
        ys, h = stack(packed)
        h = h[0] if cell == "lstm" else h
        ys, _ = pad_packed_sequence(ys, batch_first=True)
        rows = [y[:n] for y, n in zip(ys, LENGTHS, strict=True)]
        pooled = {
            "last": torch.cat(list(h[-2:] if bidirectional else h[-1:]), 1),
            "max": torch.stack([r.amax(0) for r in rows]),
            "mean": torch.stack([r.mean(0) for r in rows]),
            "attention": torch.stack([attended(r) for r in rows]) if pooling == "attention" else None,
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
