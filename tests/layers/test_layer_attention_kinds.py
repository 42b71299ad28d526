"""Grouped, windowed, biased and causal attention, the cache, and relative positions, against others' forms."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from layer_oracles import assert_equal, draw, lengths_mask

from deepdojo.errors import RecipeError
from deepdojo.layers import (
    AlibiPositions,
    GroupedQueryAttention,
    MultiHeadAttention,
    RelativePositions,
    biased_attention,
    causal_attention,
    dot_product_attention,
    grouped_query_attention,
    replaced,
    scaled_dot_product_attention,
    sliding_window_attention,
)
from deepdojo.layers.attention_biased import biased_attention_reference
from deepdojo.layers.attention_causal import causal_attention_reference
from deepdojo.layers.attention_grouped_query import grouped_query_attention_reference
from deepdojo.layers.attention_sliding_window import sliding_window_attention_reference
from deepdojo.layers.key_value_cache import KeyValues
from deepdojo.layers.positions_alibi import alibi_bias, alibi_slopes
from deepdojo.layers.positions_relative import distance_buckets
from deepdojo.layers.positions_rotary import RotaryPositions
from deepdojo.layers.shapes import ShapeError

DTYPES = [torch.float64, torch.float32]


def seen_by_torch(q, k, v, seen):
    """torch's kernel with the mask written out; rows that see nothing are not asked of it."""
    times = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
    blind = ~seen.any(-1, keepdim=True)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen | blind) * ~blind


def back(T, S, window=10**6):
    distance = torch.arange(S - T, S)[:, None] - torch.arange(S)
    return (distance >= 0) & (distance < window)


KEEPS = [None, [7, 3, 0], "left"]


def mask(keep, S):
    if keep is None:
        return None
    if keep == "holes":
        return torch.rand(3, S, generator=torch.Generator().manual_seed(S)) < 0.6
    return lengths_mask([S, S // 2, 0], S).flip(1) if keep == "left" else lengths_mask([S, S // 2, 0], S)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", KEEPS, ids=["whole", "padded", "left"])
@pytest.mark.parametrize(("T", "S"), [(7, 7), (1, 7), (3, 7), (1, 1)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_grouped_queries_equal_torchs_kernel_on_repeated_heads(groups, T, S, keep, dtype):
    inputs = [draw(3, 6, T, 5, dtype=dtype), draw(3, groups, S, 5, dtype=dtype), draw(3, groups, S, 5, dtype=dtype)]
    keep = mask(keep, S)
    seen = back(T, S)[None, None] if keep is None else back(T, S) & keep[:, None, None]
    for ours in (grouped_query_attention, grouped_query_attention_reference):
        assert_equal(
            lambda q, k, v, ours=ours: ours(q, k, v, keep), lambda q, k, v: seen_by_torch(q, k, v, seen), inputs
        )


@pytest.mark.parametrize("keep", KEEPS, ids=["whole", "padded", "left"])
@pytest.mark.parametrize("T", [7, 1, 3])
def test_causal_attention_with_a_mask_equals_torchs_kernel(T, keep):
    inputs = [draw(3, 2, T, 5), draw(3, 2, 7, 5), draw(3, 2, 7, 5)]
    keep = mask(keep, 7)
    seen = back(T, 7)[None, None] if keep is None else back(T, 7) & keep[:, None, None]
    for ours in (causal_attention, causal_attention_reference):
        assert_equal(
            lambda q, k, v, ours=ours: ours(q, k, v, keep), lambda q, k, v: seen_by_torch(q, k, v, seen), inputs
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", [*KEEPS, "holes"], ids=["whole", "padded", "left", "holes"])
@pytest.mark.parametrize(("T", "S"), [(17, 17), (13, 13), (1, 17), (5, 17), (3, 3), (1, 1)])
@pytest.mark.parametrize("window", [1, 3, 5, 40])
def test_a_window_equals_torchs_kernel_with_the_mask_written_out(window, T, S, keep, dtype):
    inputs = [draw(3, 2, T, 5, dtype=dtype), draw(3, 2, S, 5, dtype=dtype), draw(3, 2, S, 5, dtype=dtype)]
    keep = mask(keep, S)
    places = torch.arange(S)[None] if keep is None else keep.cumsum(1)
    near = places[:, S - T :, None] - places[:, None, :] < window
    seen = (back(T, S) & near if keep is None else back(T, S) & near & keep[:, None] & keep[:, S - T :, None])[:, None]
    for ours in (sliding_window_attention, sliding_window_attention_reference):
        assert_equal(
            lambda q, k, v, ours=ours: ours(q, k, v, window, keep), lambda q, k, v: seen_by_torch(q, k, v, seen), inputs
        )


def test_a_window_keeps_no_table_of_all_pairs():
    q, k, v = (torch.empty(1, 1, 200_000, 2, device="meta") for _ in range(3))
    largest = 0

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for t in out if isinstance(out, tuple | list) else [out]:
                if isinstance(t, torch.Tensor):
                    largest = max(largest, t.numel())
            return out

    with Sizes():
        sliding_window_attention(q, k, v, 64)
    assert largest <= 200_000 * 2 * 64 * 2  # scores of two windows for each step, not 200,000 of them


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("heads", [1, 3])
def test_biased_attention_equals_the_plain_formula_and_trains_the_bias(heads, dtype):
    inputs = [draw(2, 3, 5, 7, dtype=dtype), draw(2, 3, 11, 7, dtype=dtype), draw(2, 3, 11, 4, dtype=dtype)]
    inputs.append(draw(1, heads, 5, 11, dtype=dtype))
    keep = torch.rand(2, 1, 5, 11, generator=torch.Generator().manual_seed(1)) < 0.6
    keep[1, 0, 2] = False

    def by_torch(q, k, v, bias):
        return torch.softmax(torch.einsum("bhtk,bhsk->bhts", q, k) / math.sqrt(7) + bias, -1) @ v

    assert_equal(biased_attention, by_torch, inputs)
    assert_equal(biased_attention_reference, by_torch, inputs)
    assert_equal(lambda *x: biased_attention(*x, keep), lambda *x: biased_attention_reference(*x, keep), inputs)


def test_without_the_division_scores_are_root_k_times_larger():
    q, k, v = draw(2, 3, 5, 7), draw(2, 3, 11, 7), draw(2, 3, 11, 7)
    assert_equal(dot_product_attention, lambda q, k, v: torch.softmax(q @ k.mT, -1) @ v, [q, k, v])


def test_alibi_equals_blooms():
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    for heads in (1, 2, 3, 8, 12):
        theirs = build_alibi_tensor(torch.ones(1, 9, dtype=torch.long), heads, torch.float64).view(1, heads, 1, 9)
        ours = alibi_bias(heads, 9, 9).double()
        # theirs gives each key a number that grows with its place; softmax sees differences alone
        ours_last = ours[:, :, -1:] - ours[:, :, -1:, :1]
        torch.testing.assert_close(ours_last, theirs, rtol=1e-6, atol=1e-6)
    assert alibi_slopes(8).tolist() == [2.0**-i for i in range(1, 9)]
    layer = AlibiPositions(3)
    like = draw(1)
    torch.testing.assert_close(layer(2, 5, like), layer(5, 5, like)[:, :, 3:])


@pytest.mark.parametrize("both_sides", [True, False])
def test_relative_positions_equal_t5s(both_sides):
    from transformers import T5Config
    from transformers.models.t5.modeling_t5 import T5Attention

    config = T5Config(
        d_model=12, num_heads=3, d_kv=4, relative_attention_num_buckets=8, relative_attention_max_distance=20,
        is_decoder=not both_sides,
    )  # fmt: skip
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    ours = RelativePositions(3, 8, 20, both_sides)
    with torch.no_grad():
        ours.weight.copy_(theirs.relative_attention_bias.weight)
    torch.testing.assert_close(ours(47, 47), theirs.compute_bias(47, 47))
    torch.testing.assert_close(ours(2, 47), ours(47, 47)[:, :, 45:])
    assert distance_buckets(torch.tensor([[0]]), 8, 20, both_sides).item() == 0


@pytest.mark.parametrize("window", [0, 4])
@pytest.mark.parametrize("qk_norm", [0.0, 1e-6])
def test_a_grouped_layer_with_a_cache_equals_the_whole_at_once(qk_norm, window):
    torch.manual_seed(0)
    layer = GroupedQueryAttention(10, 6, 2, head_width=4, bias="qkv", qk_norm=qk_norm, window=window).double()
    rotary, x, cache = RotaryPositions(13, 4), draw(2, 11, 10), KeyValues(11)
    whole = layer(x, rotary.at(x, 0, 11))
    parts = [layer(x[:, a:b], rotary.at(x, a, b - a), cache) for a, b in ((0, 4), (4, 5), (5, 9), (9, 10), (10, 11))]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-12)


def test_a_cache_follows_its_rows_when_beams_are_dropped_and_doubled():
    cache, k, v = KeyValues(9), draw(3, 2, 4, 5), draw(3, 2, 4, 5, seed=1)
    cache.extended(k, v)
    rows = torch.tensor([2, 0, 0])
    cache.reorder(rows)
    held = cache.held()
    assert torch.equal(held[0], k[rows])
    assert torch.equal(held[1], v[rows])
    cache.reorder(torch.tensor([0, 0, 1, 1, 2]))
    assert torch.equal(cache.held()[0], k[rows][[0, 0, 1, 1, 2]])
    with pytest.raises(ShapeError, match="holds 5 rows, got 3"):
        cache.extended(k, v)


def test_cross_attention_takes_its_memory_from_the_cache():
    torch.manual_seed(0)
    layer, x, memory = MultiHeadAttention(12, 3).double(), draw(2, 5, 12), draw(2, 7, 12)
    keep, cache = lengths_mask([7, 4], 7), KeyValues(7)
    whole = layer(x, memory, keep)
    steps = [layer(x[:, t : t + 1], memory, keep, cache=cache) for t in range(5)]
    torch.testing.assert_close(torch.cat(steps, 1), whole, rtol=0, atol=1e-12)


def test_causal_self_attention_of_several_heads_equals_torchs_module():
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True, dtype=torch.float64)
    ours = MultiHeadAttention(12, 3, causal=True).double()
    ours.load_state_dict(theirs.state_dict())
    ahead = ~back(5, 5)
    assert_equal(lambda x: ours(x), lambda x: theirs(x, x, x, attn_mask=ahead)[0], [draw(2, 5, 12)])


def test_what_does_not_fit_is_said_in_one_sentence(production):
    with pytest.raises(RecipeError, match=r"num_kv_heads = 4 does not divide num_heads = 6.*take one of 1, 2, 3, 6"):
        GroupedQueryAttention(12, 6, 4)
    with pytest.raises(ShapeError, match="2 key/value heads do not divide 3 query heads"):
        grouped_query_attention(draw(1, 3, 2, 4), draw(1, 2, 2, 4), draw(1, 2, 2, 4))
    x = draw(2, 2, 3, 4)
    for attend in (causal_attention, grouped_query_attention, lambda *a: sliding_window_attention(*a[:3], 2, a[3])):
        with pytest.raises(ShapeError, match=r"keep must be bool \(2, 3\), got torch.bool \(2, 1\)"):
            attend(x, x, x, torch.ones(2, 1, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"bias must be \(2, 2, 3, 3\)"):
        biased_attention(x, x, x, draw(1, 1, 1, 3))
    with pytest.raises(RecipeError, match="window must hold one step"):
        sliding_window_attention(x, x, x, 0)
    with pytest.raises(RecipeError, match="even and 4 or more"):
        RelativePositions(2, 7)
    with pytest.raises(RecipeError, match="alibi needs a head"):
        AlibiPositions(0)


def test_what_would_be_stretched_is_refused(production):
    """Shapes that torch's kernels broadcast, or read past their end."""
    q, k, v = draw(3, 2, 3, 4), draw(3, 2, 3, 4), draw(3, 2, 3, 4)
    for attend in (
        causal_attention,
        grouped_query_attention,
        dot_product_attention,
        scaled_dot_product_attention,
        lambda q, k, v: sliding_window_attention(q, k, v, 2),
        lambda q, k, v: biased_attention(q, k, v, draw(1, 1, 3, 3)),
    ):
        for wrong in ((q, k, v[:, :, :2]), (q, k[:1], v[:1]), (q, k[..., :3], v), (q[0], k[0], v[0])):
            with pytest.raises(ShapeError, match=r"expects q \(B, H, T, K\), k \(B, H, S, K\)"):
                attend(*wrong)
    for keep in (torch.ones(3, 3, dtype=torch.bool), torch.ones(3, dtype=torch.bool), torch.ones(3, 1, 3, 3)):
        with pytest.raises(ShapeError, match=r"keep must be bool \(3, 2, 3, 3\)"):
            biased_attention(q, k, v, draw(1, 1, 3, 3), keep)
    layer = MultiHeadAttention(12, 3).double()
    with pytest.raises(ShapeError, match="memory has 1 rows and x has 3"):
        layer(draw(3, 5, 12), draw(1, 7, 12))
    with pytest.raises(ShapeError, match="takes no memory"):
        MultiHeadAttention(12, 3, causal=True).double()(draw(3, 5, 12), draw(3, 7, 12))
    with pytest.raises(RecipeError, match="a window and a bias do not go together"):
        GroupedQueryAttention(8, 4, 2, window=2, biased=True)
    with pytest.raises(ShapeError, match="expects no bias"):
        GroupedQueryAttention(8, 4, 2).double()(draw(1, 3, 8), bias=draw(1, 4, 3, 3))


def test_no_steps_at_all():
    q, keep = draw(2, 3, 0, 4), torch.ones(2, 0, dtype=torch.bool)
    for attend in (
        causal_attention,
        grouped_query_attention,
        lambda q, k, v, m: sliding_window_attention(q, k, v, 2, m),
    ):
        assert attend(q, q, q, None).shape == (2, 3, 0, 4)
        assert attend(q, q, q, keep).shape == (2, 3, 0, 4)


def test_only_what_is_called_is_counted_as_built():
    def never(*arguments, **named):
        raise AssertionError("it was called")

    names = ("causal_attention", "biased_attention", "sliding_window_attention", "grouped_query_attention")
    for build, runs in (
        (lambda: MultiHeadAttention(8, 2), None),
        (lambda: MultiHeadAttention(8, 2, causal=True), "causal_attention"),
        (lambda: GroupedQueryAttention(8, 2, 1), "grouped_query_attention"),
        (lambda: GroupedQueryAttention(8, 2, 1, window=2), "sliding_window_attention"),
        (lambda: GroupedQueryAttention(8, 2, 1, biased=True), "biased_attention"),
    ):
        for name in names:
            import deepdojo.layers as layers

            with replaced({name: with_signature_of(getattr(layers, name), never)}) as counts:
                layer = build()
            assert (counts[name] > 0) == (name == runs)
            if counts[name]:
                with pytest.raises(AssertionError, match="it was called"):
                    layer(torch.randn(1, 3, 8), **({"bias": torch.zeros(1, 2, 3, 3)} if "biased" in name else {}))


def with_signature_of(function, body):
    import functools
    import inspect

    @functools.wraps(function)
    def stand_in(*arguments, **named):
        return body(*arguments, **named)

    stand_in.__signature__ = inspect.signature(function)
    return stand_in


def test_a_learners_softmax_and_product_take_part_in_causal_attention_too():
    seen = []

    def my_softmax(x, dim=-1):
        seen.append("softmax")
        return torch.softmax(x, dim)

    def my_linear(x, weight, bias=None):
        seen.append(tuple(weight.shape))
        return x @ weight.T + (0 if bias is None else bias)

    with replaced({"softmax": my_softmax, "linear": my_linear}):
        layer = MultiHeadAttention(8, 2, causal=True)
    layer(torch.randn(2, 3, 8))
    assert seen == [(24, 8), "softmax", (8, 8)]
