"""Causal attention, rotary positions, RMS normalisation against independent forms, value and gradient."""

from __future__ import annotations

import math

import pytest
import torch
from layer_oracles import assert_equal, draw

from deepdojo.errors import RecipeError
from deepdojo.layers import CausalSelfAttention, RMSNorm, RotaryPositions, causal_attention, rms_norm, rotary
from deepdojo.layers.attention_causal import causal_attention_reference
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_rotary import rotary_neighbours, rotary_neighbours_reference, rotary_reference
from deepdojo.layers.rms_normalisation import rms_norm_reference
from deepdojo.layers.shapes import ShapeError


def one_query_at_a_time(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """No mask anywhere: each query is given the keys that it may see and no others."""
    T, S = q.shape[2], k.shape[2]
    steps = []
    for t in range(T):
        seen = S - T + t + 1
        scores = torch.einsum("bhk,bhsk->bhs", q[:, :, t], k[:, :, :seen]) / math.sqrt(q.shape[-1])
        steps.append(torch.einsum("bhs,bhsk->bhk", torch.softmax(scores, -1), v[:, :, :seen]))
    return torch.stack(steps, 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("T", "S"), [(5, 5), (1, 7), (3, 7), (1, 1)])
def test_causal_attention_equals_a_loop_over_queries(T, S, dtype):
    inputs = [draw(2, 3, T, 7, dtype=dtype), draw(2, 3, S, 7, dtype=dtype), draw(2, 3, S, 7, dtype=dtype)]
    assert_equal(causal_attention, one_query_at_a_time, inputs)
    assert_equal(causal_attention_reference, one_query_at_a_time, inputs)


def test_more_queries_than_keys_is_an_error():
    with pytest.raises(ShapeError, match="a key for every query"):
        causal_attention(draw(1, 1, 3, 2), draw(1, 1, 2, 2), draw(1, 1, 2, 2))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rotation_equals_complex_numbers_and_keeps_lengths(dtype):
    layer = RotaryPositions(11, 6)
    x = draw(2, 3, 5, 6, dtype=dtype)
    cos, sin = layer.tables(5, x)
    assert_equal(lambda x: rotary(x, cos, sin), lambda x: rotary_reference(x, cos, sin), [x])
    torch.testing.assert_close(layer(x).norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(layer(x)[:, :, 0], x[:, :, 0])


def test_products_depend_on_the_distance_alone():
    layer = RotaryPositions(4, 6, base=100.0)
    q, k = draw(2, 1, 1, 6).split(1)
    products = {(s, t): float((layer(q, s) * layer(k, t)).sum()) for s in (0, 3, 9) for t in (0, 3, 9, 12)}
    assert products[0, 3] == pytest.approx(products[9, 12], abs=1e-12)
    assert abs(products[0, 3] - products[3, 0]) > 1e-3  # before is not behind
    with pytest.raises(RecipeError, match="even head width"):
        RotaryPositions(4, 5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rms_norm_equals_the_reference_and_torchs(dtype):
    x, weight = draw(2, 5, 7, dtype=dtype), draw(7, dtype=dtype)
    assert_equal(rms_norm, rms_norm_reference, [x, weight])
    theirs = torch.nn.RMSNorm(7, eps=1e-6).to(dtype)
    torch.testing.assert_close(RMSNorm(7).to(dtype)(x), theirs(x))
    assert torch.isfinite(RMSNorm(7)(torch.zeros(1, 7))).all()


def test_neighbours_are_turned_as_the_paper_prints_it_and_halves_are_their_permutation():
    x = draw(2, 3, 5, 6)
    cos, sin = RotaryPositions(5, 6).tables(5, x)
    assert_equal(lambda x: rotary_neighbours(x, cos, sin), lambda x: rotary_neighbours_reference(x, cos, sin), [x])
    matrix = torch.zeros(5, 6, 6, dtype=torch.float64)  # equation 34, R_t with 2x2 blocks along its diagonal
    for i in range(3):
        c, s = cos[:, i], sin[:, i]
        matrix[:, 2 * i, 2 * i], matrix[:, 2 * i, 2 * i + 1] = c, -s
        matrix[:, 2 * i + 1, 2 * i], matrix[:, 2 * i + 1, 2 * i + 1] = s, c
    torch.testing.assert_close(rotary_neighbours(x, cos, sin), torch.einsum("tij,bhtj->bhti", matrix, x))
    order = torch.tensor([0, 2, 4, 1, 3, 5])
    torch.testing.assert_close(rotary(x[..., order], cos, sin), rotary_neighbours(x, cos, sin)[..., order])


def test_places_of_their_own_are_turned_as_steps_are():
    layer = RotaryPositions(4, 6)
    x = draw(2, 3, 2, 6)
    places = torch.tensor([[0, 5], [3, 4]])
    turned = layer(x, start=6, places=places)
    for row in range(2):
        for step in range(2):
            alone = layer(x[row : row + 1, :, step : step + 1], int(places[row, step]))
            torch.testing.assert_close(turned[row : row + 1, :, step : step + 1], alone)


def test_places_of_another_shape_are_refused(production):
    with pytest.raises(ShapeError, match="places must be"):
        RotaryPositions(4, 6)(draw(2, 3, 2, 6), places=torch.tensor([[0, 5]]))


@pytest.mark.parametrize("turned", [False, True])
def test_self_attention_with_a_cache_equals_the_whole_at_once(turned):
    torch.manual_seed(0)
    layer, rotary = CausalSelfAttention(12, 3).double(), RotaryPositions(13, 4)
    x = draw(2, 11, 12)

    def turn(start, steps):
        return rotary.at(x, start, steps) if turned else None

    whole = layer(x, turn(0, 11))
    cache = KeyValues(11)
    parts = [layer(x[:, a:b], turn(a, b - a), cache) for a, b in ((0, 4), (4, 5), (5, 9), (9, 11))]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)
    with pytest.raises(ShapeError, match="holds 11 steps, and 12"):
        layer(x[:, :1], None, cache)
    with pytest.raises(RecipeError, match="does not divide"):
        CausalSelfAttention(12, 5)
