"""Models of series and signals: value and gradient against torch's own modules with the same weights, in float64; batch
independence; the first forecast; learning."""

from __future__ import annotations

import pytest
import torch
from test_model_equality import assert_same, built, filled
from torch import nn
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.embeddings_periodic import PeriodicEmbedding
from deepdojo.models import create_model

B, T, H, FEATURES, Q = 5, 12, 7, 3, 9
DIMS = {"context": T, "horizon": H, "known_channels": FEATURES, "num_outputs": Q}
SIGNAL = {"in_channels": 3, "steps": 13, "in_features": 2, "num_outputs": 4}
FORECASTERS = [
    ("forecast_linear", {}), ("forecast_linear", {"kernel": 5}), ("forecast_mlp", {"width": 16}),
    ("forecast_mlp", {"width": 16, "known_width": 0, "encoder_layers": 1}), ("forecast_rnn", {"hidden_size": 11}),
    ("forecast_rnn", {"hidden_size": 11, "cell": "gru", "patch": 4}),
]  # fmt: skip


def series(n=B, dtype=torch.float64):
    draw = torch.Generator().manual_seed(5)
    return (torch.randn(n, T, generator=draw, dtype=dtype), torch.randn(n, FEATURES, H, generator=draw, dtype=dtype))


def randomised(model):
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.3)
    return model


@pytest.mark.parametrize("kernel", [0, 5])
def test_linear_is_its_formula(kernel):
    model = randomised(built("forecast_linear", DIMS, kernel=kernel))

    def other(past, known):
        x = past - past[:, -1:]
        parts = [x]
        if kernel:
            padded = torch.cat([x[:, :1].repeat(1, 2), x, x[:, -1:].repeat(1, 2)], 1)
            trend = padded.unfold(1, kernel, 1).mean(-1)
            parts = [x - trend, trend]
        layers = [model.past, *([model.trend] if kernel else [])]
        y = known.flatten(1) @ model.known.weight.T + model.known.bias
        for part, layer in zip(parts, layers, strict=True):
            y = y + part @ layer.weight.T + layer.bias
        return y.reshape(B, H, Q) + past[:, -1][:, None, None]

    assert_same(model, other, *series())


def test_dense_equals_torchs_layers():
    model = randomised(built("forecast_mlp", DIMS, width=16, dropout=0.0))

    def block(part, x):
        y = F.linear(F.linear(x, part.up.weight, part.up.bias).relu(), part.down.weight, part.down.bias)
        y = y + F.linear(x, part.skip.weight, part.skip.bias)
        norm = part.norm
        return y if norm is None else F.layer_norm(y, y.shape[-1:], norm.weight, norm.bias)

    def other(past, known):
        steps = known.mT
        x = torch.cat([past, block(model.known, steps).flatten(1)], 1)
        for part in model.encoder:
            x = block(part, x)
        y = block(model.step, torch.cat([block(model.decoder, x).reshape(B, H, -1), steps], 2))
        return y + (past[:, -1:] + F.linear(past, model.skip.weight, model.skip.bias))[..., None]

    assert_same(model, other, *series())


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("patch", [1, 4])
def test_recurrent_equals_torchs_cells(cell, patch):
    model = built("forecast_rnn", DIMS, cell=cell, hidden_size=11, num_layers=2, patch=patch, dropout=0.0)
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    parts = dict(model.named_parameters())
    encoder, decoder = (
        filled(kind(width, 11, 2, batch_first=True), f"{name}.", {k: v for k, v in parts.items() if k.startswith(name)})
        for name, width in (("encoder", patch), ("decoder", FEATURES))
    )

    def other(past, known):
        _, state = encoder(past.reshape(B, -1, patch))
        states, _ = decoder(known.mT, state)
        return F.linear(states, model.head.weight, model.head.bias) + past[:, -1:, None]

    assert_same(model, other, *series())


@pytest.mark.parametrize(("name", "arguments"), FORECASTERS)
def test_forecasts_do_not_depend_on_the_batch_and_a_batch_can_be_learned(name, arguments):
    torch.manual_seed(0)
    model = create_model(name, DIMS, **arguments)
    past, known = series(dtype=torch.float32)
    target = torch.randn(B, H, 1, generator=torch.Generator().manual_seed(1)).expand(B, H, Q)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for step in range(150):
        loss = (model(past, known) - target).abs().mean()
        first = loss.item() if step == 0 else first
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
    assert loss.item() < 0.4 * first
    model.eval()
    together = model(past, known)
    alone = torch.cat([model(past[i : i + 1], known[i : i + 1]) for i in range(B)])
    assert together.shape == (B, H, Q)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_first_forecast_of_the_linear_one_is_the_last_value():
    past, known = series(dtype=torch.float32)
    model = create_model("forecast_linear", DIMS)
    torch.testing.assert_close(model(past, known), past[:, -1][:, None, None].expand(B, H, Q))


def test_sizes_that_do_not_fit_are_sentences():
    with pytest.raises(RecipeError, match="does not divide context = 12"):
        create_model("forecast_rnn", DIMS, patch=5)
    with pytest.raises(RecipeError, match="kernel must be odd"):
        create_model("forecast_linear", DIMS, kernel=4)
    with pytest.raises(RecipeError, match="kernel must be odd"):
        create_model("signal_cnn", SIGNAL, kernel=4)


@pytest.mark.parametrize("features", [0, 2])
def test_signals_equal_torchs_layers(features):
    model = built("signal_cnn", {**SIGNAL, "in_features": features}, channels=[5, 7], dropout=0.0)

    def other(x, numbers):
        for i, stage in enumerate(model.stages):
            x = x if i == 0 else F.max_pool1d(x, 2)
            for k, block in enumerate(stage):
                norm = block.norm
                y = F.conv1d(x, block.conv.weight, padding=2)
                y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias).relu()
                x = x + y if k else y
        pooled = torch.cat([x.mean(2), x.max(2).values, numbers], 1)
        hidden = F.linear(pooled, model.hidden.weight, model.hidden.bias).relu()
        return F.linear(hidden, model.head.weight, model.head.bias)

    assert_same(model, other, torch.randn(B, 3, 13, dtype=torch.float64), torch.randn(B, features, dtype=torch.float64))


def test_a_signal_of_one_step_goes_through_all_stages():
    model = create_model("signal_cnn", {**SIGNAL, "steps": 1, "in_features": 0})
    assert model.eval()(torch.randn(2, 3, 1), torch.zeros(2, 0)).shape == (2, 4)


def test_periodic_embedding_is_its_formula():
    torch.manual_seed(0)
    layer = PeriodicEmbedding(3, 5, 7).double()

    def other(x):
        found = []
        for f in range(3):
            angle = 2 * torch.pi * x[:, f : f + 1] * layer.frequency[f]
            waves = torch.cat([torch.sin(angle), torch.cos(angle)], 1)
            found.append((waves @ layer.weight[f] + layer.bias[f]).clamp(min=0))
        return torch.stack(found, 1)

    assert_same(layer, other, torch.randn(4, 3, dtype=torch.float64))


def test_an_mlp_of_waves_starts_at_ln_classes_and_learns_a_jump():
    """A step at 0.3: what numbers as they are bend towards slowly."""
    torch.manual_seed(0)
    x = torch.rand(256, 1) * 2 - 1
    y = (x[:, 0] > 0.3).long()
    model = create_model("mlp", in_features=1, num_outputs=2, hidden=[16], frequencies=8, dropout=0.0)
    assert F.cross_entropy(model(x), y).item() == pytest.approx(0.693, abs=0.06)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.08
