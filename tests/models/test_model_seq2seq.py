"""seq2seq and show_and_tell: against torch's cells row by row, cached = uncached, beams, padding, learning."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.generation.beam_search import beam_search
from deepdojo.layers import AdditiveAttention, replaced
from deepdojo.layers.attention_additive_bahdanau import additive_attention_reference
from deepdojo.layers.gru_gates import gru_cell_reference
from deepdojo.layers.lstm_gates import lstm_cell_reference
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.models.protocols import Seq2Seq

TEXTS = {"source_vocab_size": 17, "target_vocab_size": 13}
IMAGES = {"in_channels": 3, "target_vocab_size": 13}
SMALL = {"embedding_width": 5, "hidden_size": 7}
LENGTHS = [7, 3, 1, 5]
KEEP = torch.arange(7) < torch.tensor(LENGTHS)[:, None]
VARIANTS = {
    f"{cell}, {attention}": ("seq2seq", TEXTS, {**SMALL, "cell": cell, "attention": attention, "attention_width": 11})
    for cell in ("gru", "lstm")
    for attention in ("none", "additive", "layered")
}
VARIANTS["one way, tied, shared"] = (
    "seq2seq",
    {"source_vocab_size": 13, "target_vocab_size": 13},
    {**SMALL, "bidirectional": False, "num_layers": 2, "tied": True, "shared": True, "attention_width": 11},
)
for _attention in ("none", "soft"):
    VARIANTS[f"image, {_attention}"] = (
        "show_and_tell",
        IMAGES,
        {**SMALL, "attention": _attention, "widths": [5, 11], "attention_width": 3},
    )
EVERY = pytest.mark.parametrize("variant", VARIANTS)
OF_TEXTS = pytest.mark.parametrize("variant", [v for v in VARIANTS if "image" not in v])


def built(variant, seed=1, **arguments):
    torch.manual_seed(seed)
    name, dims, own = VARIANTS[variant]
    return create_model(name, dims, **{**own, **arguments})


def example(variant, n=4, S=7, T=6, seed=3, dtype=torch.float64):
    """A source, the target's tokens, and the source's mask."""
    g = torch.Generator().manual_seed(seed)
    target = torch.randint(0, 13, (n, T), generator=g)
    if "image" in variant:
        return torch.randn(n, 3, 11, 9, generator=g, dtype=torch.float64).to(dtype), target, None
    lengths = torch.randint(1, S + 1, (n,), generator=g)
    keep = KEEP if (n, S) == (4, 7) else torch.arange(S) < lengths[:, None]
    return torch.randint(0, 13, (n, S), generator=g), target, keep


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("attention", ["none", "additive", "layered"])
def test_seq2seq_equals_torchs_cells_row_by_row(cell, attention):
    model = built(f"{cell}, {attention}").double().eval()
    source, target, keep = example("text")
    own = dict(model.named_parameters())
    make = {"gru": nn.GRU, "lstm": nn.LSTM}[cell]

    def torchs(prefix, x, state, **options):
        weights = {k.removeprefix(prefix): v for k, v in own.items() if k.startswith(prefix)}
        module = make(x.shape[1], 7, batch_first=True, **options).double()
        ys, after = torch.func.functional_call(module, weights, (x[None], state))
        return ys[0], after

    def start(summary, which):
        parts = torch.tanh(summary @ own["decoder.start.project.weight"].T + own["decoder.start.project.bias"])
        n = 1 if cell == "gru" else 2
        parts = parts.view(-1, 1, 1, 7)[which * n : which * n + n]
        return tuple(parts) if n == 2 else parts[0]

    def attend(query, memory):
        sums = torch.tanh(
            query @ own["decoder.attention.query.weight"].T + memory @ own["decoder.attention.key.weight"].T
        )
        return (sums @ own["decoder.attention.score.weight"][0]).softmax(0) @ memory

    def row(i):
        words = F.embedding(source[i, : LENGTHS[i]], own["embedding.weight"])
        memory, _ = torchs("encoder.", words, None, bidirectional=True)
        summary = torch.cat([memory[-1, :7], memory[0, 7:]])
        y = F.embedding(target[i], own["target_embedding.weight"])
        if attention == "none":
            contexts = summary.expand(6, -1)
            states, _ = torchs("decoder.cell.", torch.cat([y, contexts], 1), start(summary, 0))
        elif attention == "layered":
            queries, _ = torchs("decoder.lower.", y, start(summary, 0))
            contexts = torch.stack([attend(q, memory) for q in queries])
            states, _ = torchs("decoder.upper.", torch.cat([queries, contexts], 1), start(summary, 1))
        else:
            state, steps = start(summary, 0), []
            for word in y:
                h = (state[0] if cell == "lstm" else state).view(7)
                context = attend(h, memory)
                out, state = torchs("decoder.cell.", torch.cat([word, context])[None], state)
                steps.append((out[0], context))
            states, contexts = (torch.stack(part) for part in zip(*steps, strict=True))
        z = torch.cat([states, y, contexts], 1) @ own["output.project.weight"].T + own["output.project.bias"]
        return torch.max(z[:, 0::2], z[:, 1::2]) @ own["head.weight"].T + own["head.bias"]

    outputs = [model(source, target, keep), torch.stack([row(i) for i in range(4)])]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    cotangent = torch.randn(outputs[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    gradients = [torch.autograd.grad(o, list(own.values()), cotangent) for o in outputs]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("attention", ["none", "soft"])
@pytest.mark.parametrize("training", [True, False])
def test_show_and_tell_equals_torchs_cells_row_by_row(attention, training):
    model = built(f"image, {attention}", dropout=0.0).double().train(training)
    image, target, _ = example("image")
    own = dict(model.named_parameters())

    def norm(name, x):
        zeros, ones = torch.zeros(x.shape[1]).double(), torch.ones(x.shape[1]).double()
        return F.batch_norm(x, zeros, ones, own[f"{name}.weight"], own[f"{name}.bias"], training)

    def look(x):
        for i in range(2):
            x = F.relu(norm(f"stages.{i}.norm1", F.conv2d(x, own[f"stages.{i}.down.weight"], stride=2, padding=1)))
            x = F.relu(x + norm(f"stages.{i}.norm2", F.conv2d(x, own[f"stages.{i}.conv.weight"], padding=1)))
        return x.flatten(2).transpose(1, 2)

    def linear(name, x):
        return F.linear(x, own[f"{name}.weight"], own.get(f"{name}.bias"))

    def cell(x, state):
        return torch.lstm_cell(x[None], state, *(own[f"decoder.cell.{k}_l0"] for k in (
            "weight_ih", "weight_hh", "bias_ih", "bias_hh")))  # fmt: skip

    def row(memory, tokens):
        y, steps = F.embedding(tokens, own["embedding.weight"]), []
        if attention == "none":
            nothing = memory.new_zeros(1, 7)
            state = cell(linear("decoder.image", memory.mean(0)), (nothing, nothing))
        else:
            state = torch.tanh(linear("decoder.start.project", memory.mean(0))).view(2, 1, 7).unbind(0)
        for word in y:
            h, context = state[0][0], memory.new_zeros(0)
            if attention == "soft":
                sums = torch.tanh(linear("decoder.attention.query", h) + linear("decoder.attention.key", memory))
                context = linear("decoder.attention.score", sums)[:, 0].softmax(0) @ memory
                context = torch.sigmoid(linear("decoder.gate", h)) * context
            state = cell(torch.cat([word, context]) if attention == "soft" else word, state)
            z = linear("output.project", torch.cat([state[0][0], word, context]))
            steps.append(linear("head", torch.max(z[0::2], z[1::2])))
        return torch.stack(steps)

    outputs = [model(image, target), torch.stack([row(m, t) for m, t in zip(look(image), target, strict=True)])]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    cotangent = torch.randn(outputs[0].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    gradients = [torch.autograd.grad(o, list(own.values()), cotangent) for o in outputs]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@EVERY
@pytest.mark.parametrize("cuts", [[1] * 6, [2, 1, 3], [6]])
def test_cached_decoding_equals_uncached(variant, cuts):
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    memory = model.encode(source, keep)
    whole = model.decode(target, memory, keep)
    cache = model.new_cache()
    parts = [model.decode(part, memory, keep, cache) for part in target.split(cuts, 1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-10, atol=1e-10)
    assert cache.length == 6


@EVERY
def test_reordered_rows_go_on_from_where_they_were(variant):
    """As in beam search: rows of a batch are multiplied, exchanged and left out."""
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    memory = model.encode(source, keep)
    rows = torch.tensor([2, 0, 0, 3, 3, 3])
    cache = model.new_cache()
    model.decode(target[:, :2], memory, keep, cache)
    cache.reorder(rows)
    more = torch.randint(0, 13, (6, 3), generator=torch.Generator().manual_seed(5))
    kept = None if keep is None else keep[rows]
    got = model.decode(more, torch.zeros_like(memory[rows]), kept, cache)  # the cache has the memory
    joined = torch.cat([target[rows, :2], more], 1)
    wanted = model.decode(joined, memory[rows], kept)
    torch.testing.assert_close(got, wanted[:, 2:], rtol=1e-10, atol=1e-10)


@EVERY
def test_no_step_sees_a_later_word(variant):
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    scores = model(source, target, keep)
    for t in range(6):
        changed = target.clone()
        changed[:, t:] = (changed[:, t:] + 1) % 13
        again = model(source, changed, keep)
        torch.testing.assert_close(again[:, :t], scores[:, :t])
        assert not torch.allclose(again[:, t], scores[:, t])


@EVERY
def test_a_batch_equals_its_rows_one_by_one(variant):
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    scores = model(source, target, keep)
    for i in range(4):
        one = slice(i, i + 1)
        alone = source[one] if keep is None else source[one, : LENGTHS[i]]
        torch.testing.assert_close(model(alone, target[one])[0], scores[i])
    assert model(source[:0], target[:0], None if keep is None else keep[:0]).shape == (0, 6, 13)
    assert model(source, target[:, :0], keep).shape == (4, 0, 13)


@OF_TEXTS
def test_padding_of_the_source_never_matters_wherever_it_stands(variant):
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    scores = model(source, target, keep)
    spoiled = torch.where(keep, source, 11)
    for shape in ((3, 0), (0, 4), (2, 3)):
        torch.testing.assert_close(model(F.pad(spoiled, shape, value=5), target, F.pad(keep, shape)), scores)


@OF_TEXTS
def test_a_source_without_words_is_finite_and_spoils_nothing(variant):
    model = built(variant)
    source, target, keep = example(variant)
    wanted = model.eval()(source, target, keep)
    none = keep.clone()
    none[1] = False
    scores = model(source, target, none)
    torch.testing.assert_close(scores[[0, 2, 3]], wanted[[0, 2, 3]])
    torch.testing.assert_close(model(source[:, :0], target, keep[:, :0])[1], scores[1])
    scores.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@EVERY
def test_the_first_loss_is_about_ln_of_the_words(variant):
    losses = []
    for seed in range(5):
        model = built(variant, seed, embedding_width=32, hidden_size=32).eval()
        source, target, keep = example(variant, n=50, seed=seed, dtype=torch.float32)
        scores = model(source, target, keep)
        losses.append(F.cross_entropy(scores.flatten(0, 1), torch.randint(0, 13, (300,))).item())
    assert sum(losses) / 5 == pytest.approx(math.log(13), rel=0.1)


@EVERY
def test_one_batch_can_be_learned_and_every_parameter_learns(variant):
    model = built(variant, embedding_width=16, hidden_size=24, dropout=0.1)
    source, target, keep = example(variant, n=8, dtype=torch.float32)
    inputs = F.pad(target[:, :-1], (1, 0))  # token 0 begins each text
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(source, inputs, keep).flatten(0, 1), target.flatten()).backward()
        if step == 0:
            assert all(p.grad is not None and (p.grad != 0).any() for p in model.parameters())
        optimizer.step()
    model.eval()
    assert (model(source, inputs, keep).argmax(-1) == target).float().mean() > 0.9


@EVERY
def test_attention_can_be_drawn(variant):
    model = built(variant).double().eval()
    source, target, keep = example(variant)
    arguments = (source, target) if keep is None else (source, target, keep)
    if "none" in variant:
        with pytest.raises(RecipeError, match="attention = none has no weights to draw"):
            model.align(*arguments)
        return
    weights = model.align(*arguments)
    places = 3 * 3 if keep is None else 7
    assert weights.shape == (4, 6, places)
    torch.testing.assert_close(weights.sum(2), torch.ones(4, 6).double())
    if keep is None:
        assert model.map_size(11, 9) == (3, 3)
    else:
        assert (weights.transpose(1, 2)[~keep] == 0).all()


@EVERY
def test_the_protocol_is_met(variant):
    model: Seq2Seq = built(variant).double().eval()
    source, target, keep = example(variant)
    memory = model.encode(source, keep)
    assert memory.dim() == 3
    assert model.decode(target, memory, keep).shape == (4, 6, 13)


@EVERY
def test_beam_search_finds_the_best_text_of_all_and_one_beam_is_greedy(variant):
    model = built(variant).double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    source, _, keep = example(variant)
    begin = torch.zeros(4, 1, dtype=torch.long)
    tokens, scores = beam_search(model, begin, 2, beams=169, source=source, source_keep=keep)
    pairs = torch.cartesian_prod(torch.arange(13), torch.arange(13))  # all texts of two tokens
    for row in range(4):
        rows = torch.full((169,), row)
        inputs = torch.cat([torch.zeros(169, 1, dtype=torch.long), pairs[:, :1]], 1)
        logs = model(source[rows], inputs, None if keep is None else keep[rows]).log_softmax(-1)
        totals = logs.gather(2, pairs.unsqueeze(-1)).sum((1, 2)) / 2
        assert tokens[row, 0].tolist() == pairs[totals.argmax()].tolist()
        torch.testing.assert_close(scores[row].double(), totals.sort(descending=True).values, rtol=1e-5, atol=1e-5)
    one, _ = beam_search(model, begin, 5, beams=1, source=source, source_keep=keep)
    text = begin
    for _ in range(5):
        text = torch.cat([text, model(source, text, keep)[:, -1:].argmax(-1)], 1)
    assert torch.equal(one[:, 0], text[:, 1:])


@EVERY
def test_a_learners_cell_and_attention_take_part(variant):
    def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
        return gru_cell_reference(x, h, w_ih, w_hh, b_ih, b_hh)

    def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
        return lstm_cell_reference(x, h, c, w_ih, w_hh, b_ih, b_hh)

    class Attention(AdditiveAttention):
        def forward(self, queries, memory, keep=None, keys=None):
            return additive_attention_reference(self, queries, memory, keep)

    plain = built(variant).double().eval()
    with replaced({"gru_cell": gru_cell, "lstm_cell": lstm_cell, "AdditiveAttention": Attention}) as counts:
        model = built(variant).double().eval()
    assert counts["gru_cell"] + counts["lstm_cell"] > 0
    assert counts["AdditiveAttention"] == ("none" not in variant)
    model.load_state_dict(plain.state_dict())
    inputs = example(variant)
    torch.testing.assert_close(model(*inputs), plain(*inputs))


@pytest.mark.usefixtures("production")
def test_wrong_input_is_said():
    model = built("gru, additive")
    source, target, keep = example("text")
    with pytest.raises(ShapeError, match=r"decode takes target ids \(B, T\) for 4 rows, got \(3, 6\)"):
        model(source, target[1:], keep)
    with pytest.raises(ShapeError, match=r"keep must be bool \(4, 7\)"):
        model(source, target, keep[:, 1:])
    with pytest.raises(RecipeError, match="one table cannot serve vocabularies of 17 and 13 tokens"):
        built("gru, none", shared=True)
    with pytest.raises(RecipeError, match="show_and_tell was built for"):
        built("image, soft")(torch.zeros(2, 1, 8, 8), target[:2])
    with pytest.raises(RecipeError, match="widths must name at least one stage"):
        built("image, soft", widths=[])


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("attention", ["none", "additive", "layered"])
def test_a_target_of_another_batch_than_its_memory_is_refused(attention):
    """Also after the first step, when the rows are those of the cache."""
    model = create_model("seq2seq", {"source_vocab_size": 13, "target_vocab_size": 11}, attention=attention)
    _refuses_another_batch(model, torch.zeros(3, 7, dtype=torch.int64))


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("attention", ["none", "soft"])
def test_so_does_a_caption(attention):
    model = create_model("show_and_tell", {"in_channels": 3, "target_vocab_size": 11}, attention=attention)
    _refuses_another_batch(model, torch.zeros(3, 3, 16, 16))


def _refuses_another_batch(model, source):
    memory, cache = model.encode(source), model.new_cache()
    one = torch.zeros(1, 1, dtype=torch.int64)
    with pytest.raises(ShapeError, match=r"target ids \(B, T\) for 3 rows, got \(1, 1\)"):
        model.decode(one, memory)
    model.decode(one.expand(3, 1), memory, cache=cache)
    with pytest.raises(ShapeError, match=r"for 3 rows, got \(1, 1\)"):
        model.decode(one, memory, cache=cache)
