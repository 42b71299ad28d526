"""The article's three networks: each fault of its listings shown at work, and ours beside it. docs/article-models.md.

`Listed...` are stand-ins that compute as the listings do, faults included, mended only as far as it takes to run them.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.models.test_model_equality import assert_same
from torch import nn
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers import replaced, sinusoidal_positions
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import CNN, RNN, Transformer
from deepdojo.models.flops import parameters

SIZES = {"input_size": 13, "hidden_size": 10, "num_layers": 2, "num_heads": 5, "num_classes": 3}
LENGTHS = [7, 3, 1, 5]
KEEP = torch.arange(7) < torch.tensor(LENGTHS)[:, None]


class ListedCNN(nn.Module):
    """The listing's sizes and its flattening."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(3136, 128), nn.Linear(128, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = nn.functional.max_pool2d(torch.relu(conv(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.view(-1, 3136))))


class ListedRNN(nn.Module):
    """The listing's choice of a step: the last column of the batch."""

    def __init__(self, input_size, hidden_size, num_layers, num_classes):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        return self.fc(self.lstm(x)[0][:, -1])


class ListedTransformer(nn.Module):
    """The listing's flow: one attention, one feed-forward part and two norms, gone through `num_layers` times.

    What it names and defines nowhere is torch's here, with a sinusoidal table of as many rows as the listing asks for.
    """

    def __init__(self, input_size, hidden_size, num_layers, num_heads, num_classes):
        super().__init__()
        self.rounds = num_layers
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.table = sinusoidal_positions(input_size, hidden_size).float()  # the vocabulary for the longest text
        self.attention = nn.MultiheadAttention(hidden_size, num_heads, batch_first=True)
        self.feed_forward = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, hidden_size)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in range(2))

    def forward(self, x):
        x = self.embedding(x) + self.table[: x.shape[1]]
        for _ in range(self.rounds):
            x = self.norms[0](self.attention(x, x, x, need_weights=False)[0])
            x = self.norms[1](self.feed_forward(x))
        return x


def seeded(make, *args, **kwargs):
    torch.manual_seed(3)
    return make(*args, **kwargs)


def ids(B=4, T=7, V=13):
    return torch.randint(0, V, (B, T), generator=torch.Generator().manual_seed(5))


def steps(B=4, T=7, width=13, dtype=torch.float32):
    return torch.randn(B, T, width, dtype=dtype, generator=torch.Generator().manual_seed(5))


# --- CNN -------------------------------------------------------------------------------------------------------------


def test_cnn_listing_names_a_module_that_it_never_imports():
    """Its forward calls F.relu where only torch, nn and optim are imported."""
    space: dict = {}
    exec("import torch\nimport torch.nn as nn\nimport torch.optim as optim\ndef forward(x): return F.relu(x)", space)
    with pytest.raises(NameError, match="'F' is not defined"):
        space["forward"](torch.zeros(1))


def test_cnn_listing_refuses_most_batches_of_32x32_and_mixes_the_others():
    listed = ListedCNN()
    with pytest.raises(RuntimeError, match="invalid for input of size"):
        listed(torch.zeros(4, 3, 32, 32))  # 4 maps of 64 x 8 x 8 are no rows of 64 x 7 x 7
    assert listed(torch.zeros(49, 3, 32, 32)).shape == (64, 10)  # 49 images, 64 answers: rows cut across images


def test_cnn_takes_28x28_and_32x32_with_the_same_weights():
    model = CNN().eval()
    for side in (28, 32):
        images = torch.randn(49, 3, side, side)
        scores = model(images)
        assert scores.shape == (49, 10)
        torch.testing.assert_close(torch.cat([model(images[i : i + 1]) for i in (0, 48)]), scores[[0, 48]])
    assert parameters(model) == parameters(ListedCNN()) == 422_218


def test_cnn_at_28x28_is_the_listings_network_draw_for_draw():
    ours, listed = seeded(CNN), seeded(ListedCNN)
    assert [(k, v.tolist()) for k, v in ours.state_dict().items()] == [
        (k, v.tolist()) for k, v in listed.state_dict().items()
    ]
    ours, listed = ours.double(), listed.double()
    listed.load_state_dict(ours.state_dict())
    weights = dict(ours.named_parameters())
    assert_same(
        ours, lambda x: torch.func.functional_call(listed, weights, (x,)), steps(5, 3, 784).double().view(5, 3, 28, 28)
    )


def test_cnn_at_32x32_equals_torchs_modules_with_adaptive_pooling():
    ours = seeded(CNN).double()
    theirs = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    names = dict(zip([n for n, _ in theirs.named_parameters()], [p for _, p in ours.named_parameters()], strict=True))
    images = steps(5, 3, 1024).double().view(5, 3, 32, 32)
    assert_same(ours, lambda x: torch.func.functional_call(theirs.double(), names, (x,)), images)


@pytest.mark.usefixtures("production")
def test_cnn_says_which_image_it_cannot_take():
    with pytest.raises(ShapeError, match=r"CNN expects 3 entries along axis 1, got \(2, 1, 28, 28\)"):
        CNN()(torch.zeros(2, 1, 28, 28))
    with pytest.raises(ShapeError, match=r"needs 4x4 pixels or more, got \(2, 3, 3, 3\)"):
        CNN()(torch.zeros(2, 3, 3, 3))


# --- RNN -------------------------------------------------------------------------------------------------------------


def test_rnn_listing_reads_padding():
    listed, ours = seeded(ListedRNN, 13, 11, 2, 3), seeded(RNN, 13, 11, 2, 3)
    x = steps()
    padded = F.pad(x, (0, 0, 0, 9))
    keep = F.pad(torch.ones(4, 7, dtype=torch.bool), (0, 9))
    assert (listed(padded) - listed(x)).abs().max() > 0.01
    torch.testing.assert_close(ours(padded, keep), ours(x))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
def test_rnn_row_by_row_is_the_listings_network_on_each_rows_own_steps(dtype):
    ours, listed = seeded(RNN, 13, 11, 2, 3).to(dtype), seeded(ListedRNN, 13, 11, 2, 3).to(dtype)
    assert list(ours.state_dict()) == list(listed.state_dict())
    for name, value in listed.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name])
    weights = dict(ours.named_parameters())

    def row_by_row(x):
        rows = [x[i : i + 1, :n] for i, n in enumerate(LENGTHS)]
        return torch.cat([torch.func.functional_call(listed, weights, (row,)) for row in rows])

    assert_same(_With(ours, KEEP), row_by_row, steps(dtype=dtype), limit=1e-10 if dtype == torch.float64 else 1e-5)


# --- Transformer -----------------------------------------------------------------------------------------------------


def test_transformer_listing_uses_parts_that_are_defined_nowhere():
    space: dict = {}
    exec("import torch\nimport torch.nn as nn\nimport torch.optim as optim", space)
    for name in ("PositionalEncoding", "MultiHeadAttention", "PositionWiseFeedForward"):
        with pytest.raises(NameError, match=name):
            eval(name, space)


def test_transformer_listing_takes_no_text_longer_than_its_vocabulary():
    listed, ours = ListedTransformer(**SIZES), Transformer(**SIZES)
    with pytest.raises(RuntimeError, match="size of tensor"):
        listed(ids(T=14))
    assert ours(ids(T=14)).shape == (4, 3)


def test_transformer_listing_has_one_set_of_weights_for_all_layers():
    two, six = (parameters(ListedTransformer(**{**SIZES, "num_layers": n})) for n in (2, 6))
    assert two == six
    two, six = (parameters(Transformer(**{**SIZES, "num_layers": n})) for n in (2, 6))
    assert six - two == 4 * (3 * 10 * 11 + 10 * 11 + 2 * 10 * 11 + 4 * 10)  # attention, its output, two linears, norms
    layers = Transformer(**SIZES).layers
    assert not torch.equal(layers[0].linear1.weight, layers[1].linear1.weight)


def test_transformer_listing_has_no_residual_and_forgets_which_word_is_which():
    """After eight rounds all words of a text are nearly the same vector; with residuals they stay apart.

    Source: Dong, Cordonnier & Loukas 2021, "Attention is not all you need: pure attention loses rank".
    """
    sizes = {**SIZES, "hidden_size": 40, "num_layers": 8}
    listed, ours = seeded(ListedTransformer, **sizes).eval(), seeded(Transformer, **sizes).eval()
    inner = {}
    ours.layers[-1].register_forward_hook(lambda _m, _i, out: inner.update(h=out))
    ours(ids())
    assert _spread(listed(ids())) < 1e-5
    assert _spread(inner["h"]) > 0.3


def _spread(h):
    """How far words lie from the mean of their text, as a share of the vectors' size."""
    return ((h - h.mean(1, keepdim=True)).norm() / h.norm()).item()


def test_transformer_listing_has_no_mask_so_padding_changes_its_words():
    listed, ours = seeded(ListedTransformer, **SIZES).eval(), seeded(Transformer, **SIZES).eval()
    x, padded = ids(T=5), F.pad(ids(T=5), (0, 4))
    keep = F.pad(torch.ones(4, 5, dtype=torch.bool), (0, 4))
    assert (listed(padded)[:, :5] - listed(x)).abs().max() > 0.01
    torch.testing.assert_close(ours(padded, keep), ours(x))
    torch.testing.assert_close(ours(torch.where(keep, padded, 12), keep), ours(x))


def test_transformer_listing_never_uses_num_classes():
    two, seven = (parameters(ListedTransformer(**{**SIZES, "num_classes": n})) for n in (2, 7))
    assert two == seven
    out = ListedTransformer(**SIZES)(ids())
    assert out.shape == (4, 7, 10)  # a vector of the width for each word, where one row of scores is wanted
    with pytest.raises(RuntimeError, match=r"Expected target size"):
        F.cross_entropy(out, torch.zeros(4, dtype=torch.long))
    assert Transformer(**{**SIZES, "num_classes": 7})(ids()).shape == (4, 7)


def test_positions_added_after_attention_leave_a_bag_of_words():
    """A = MultiHeadAttention(Q, K, V) + PositionalEncoding(L): no order enters what a word takes from the others."""
    torch.manual_seed(0)
    attention, table = nn.MultiheadAttention(10, 5, batch_first=True), sinusoidal_positions(7, 10).float()
    x, turned = steps(width=10), steps(width=10).flip(1)

    def mean_of(words, before):
        words = words + table if before else words
        out = attention(words, words, words, need_weights=False)[0]
        return (out if before else out + table).mean(1)

    torch.testing.assert_close(mean_of(turned, before=False), mean_of(x, before=False))
    assert (mean_of(turned, before=True) - mean_of(x, before=True)).abs().max() > 0.01
    model = seeded(Transformer, **SIZES).eval()
    assert (model(ids().flip(1)) - model(ids())).abs().max() > 0.01


def test_softmax_of_the_output_is_no_attention_weight():
    """P = softmax(A) shares out 1 over the columns of a word; a weight for each word that is seen needs (T, T)."""
    attention = nn.MultiheadAttention(10, 5, batch_first=True)
    x = steps(width=10)
    out, weights = attention(x, x, x)
    assert out.softmax(-1).shape == (4, 7, 10)
    assert weights.shape == (4, 7, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 7))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])
@pytest.mark.parametrize("masked", [False, True])
def test_transformer_equals_torchs_encoder(masked, dtype):
    ours = seeded(Transformer, **SIZES).to(dtype).eval()
    layer = nn.TransformerEncoderLayer(10, 5, 10, 0.1, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).to(dtype).eval()
    weights = {k.removeprefix("layers."): p for k, p in ours.named_parameters()}
    keep = KEEP if masked else torch.ones_like(KEEP)
    x = ids()

    def other():
        h = ours.embedding.weight[x] + sinusoidal_positions(7, 10).to(dtype)
        inner = {f"layers.{k}": p for k, p in weights.items() if k[0].isdigit()}
        h = torch.func.functional_call(encoder, inner, (h,), {"src_key_padding_mask": ~keep})
        rows = [h[i, k].mean(0) for i, k in enumerate(keep)]
        return F.linear(torch.stack(rows), ours.fc.weight, ours.fc.bias)

    call = _With(ours, x, keep if masked else None)
    assert_same(call, other, limit=1e-10 if dtype == torch.float64 else 1e-5)


# --- all three -------------------------------------------------------------------------------------------------------


class _With(nn.Module):
    """A model with the rest of its arguments."""

    def __init__(self, model, *rest):
        super().__init__()
        self.model, self.rest = model, rest

    def forward(self, *x):
        return self.model(*x, *self.rest)


MODELS = {
    "CNN 28": (CNN, lambda n: (steps(n, 3, 784).view(n, 3, 28, 28),), 10),
    "CNN 32": (CNN, lambda n: (steps(n, 3, 1024).view(n, 3, 32, 32),), 10),
    "RNN": (lambda: RNN(13, 11, 2, 3), lambda n: (steps(n), _keep(n)), 3),
    "Transformer": (lambda: Transformer(**SIZES), lambda n: (ids(n), _keep(n)), 3),
}
EVERY = pytest.mark.parametrize("name", MODELS)


def _keep(n):
    return torch.arange(7) < 2 + torch.arange(n)[:, None] % 6


@EVERY
def test_a_batch_equals_its_members_one_by_one(name):
    make, batch, classes = MODELS[name]
    model, inputs = seeded(make).eval(), batch(5)
    whole = model(*inputs)
    assert whole.shape == (5, classes)
    for i in range(5):
        torch.testing.assert_close(model(*(t[i : i + 1] for t in inputs))[0], whole[i], rtol=1e-5, atol=1e-6)
    assert model(*(t[:0] for t in inputs)).shape == (0, classes)


@EVERY
def test_the_first_loss_is_ln_of_the_classes(name):
    make, batch, classes = MODELS[name]
    losses = []
    for seed in range(8):
        torch.manual_seed(seed)
        losses.append(F.cross_entropy(make().eval()(*batch(30)), torch.arange(30) % classes).item())
    assert 0.9 < sum(losses) / 8 / math.log(classes) < 1.15


@EVERY
def test_one_batch_can_be_learned_and_every_parameter_learns(name):
    make, batch, classes = MODELS[name]
    model, inputs, target = seeded(make), batch(12), torch.arange(12) % classes
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3 if "CNN" in name else 1e-2, weight_decay=0)
    for step in range(40 if "CNN" in name else 100):
        optimizer.zero_grad()
        F.cross_entropy(model(*inputs), target).backward()
        if step == 0:
            silent = [n for n, p in model.named_parameters() if p.grad is None or not (p.grad != 0).any()]
            assert not silent
        optimizer.step()
    assert (model.eval()(*inputs).argmax(1) == target).all()


@pytest.mark.parametrize("name", ["RNN", "Transformer"])
def test_a_row_without_steps_gets_the_bias_and_no_gradient_is_nan(name):
    make, batch, _ = MODELS[name]
    model = seeded(make).eval()
    x, keep = batch(4)
    keep[1] = False
    out = model(x, keep)
    torch.testing.assert_close(out[1], model.fc.bias)
    torch.testing.assert_close(model(x[:, :0], keep[:, :0]), model.fc.bias.expand(4, 3))
    model.train()(x, keep).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.usefixtures("production")
def test_wrong_sizes_masks_and_inputs_are_one_sentence():
    with pytest.raises(RecipeError, match="num_heads = 3 does not divide the width 10"):
        Transformer(**{**SIZES, "num_heads": 3})
    for name in ("input_size", "hidden_size", "num_layers", "num_classes"):
        with pytest.raises(RecipeError, match=f"Transformer: {name} must be 1 or more, got 0"):
            Transformer(**{**SIZES, name: 0})
    with pytest.raises(RecipeError, match="RNN: num_classes must be 1 or more, got 0"):
        RNN(13, 11, 2, 0)
    with pytest.raises(RecipeError, match="sizes must be 1 or more, got 13, 0, 2"):
        RNN(13, 0, 2, 3)
    with pytest.raises(ShapeError, match=r"keep must be bool \(4, 7\), got torch.bool \(4, 6\)"):
        RNN(13, 11, 2, 3)(steps(), KEEP[:, 1:])
    with pytest.raises(ShapeError, match=r"LSTM expects 13 entries along axis -1, got \(4, 7, 12\)"):
        RNN(13, 11, 2, 3)(steps(width=12))
    with pytest.raises(ShapeError, match=r"keep must be bool \(4, 7\), got torch.int64 \(4, 7\)"):
        Transformer(**SIZES)(ids(), KEEP.long())
    with pytest.raises(ShapeError, match=r"token ids \(B, T\), got \(4, 7, 13\)"):
        Transformer(**SIZES)(steps())


def test_a_learners_layer_stands_in():
    class Mine(nn.Linear):
        def __init__(self, in_features, out_features, bias=True, max_norm=None):
            super().__init__(in_features, out_features, bias)

    for make, count in ((CNN, 2), (lambda: RNN(13, 11, 2, 3), 1), (lambda: Transformer(**SIZES), 7)):
        with replaced({"Linear": Mine}) as counts:
            make()
        assert counts["Linear"] == count  # the Transformer: two layers of three, and the last


def test_the_page_names_tests_that_there_are_and_every_fault_is_on_it():
    page = (Path(__file__).parents[2] / "docs" / "article-models.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    assert named <= set(globals())
    assert {name for name in globals() if re.match(r"test_\w+_listing_", name)} <= named


def test_importing_the_package_needs_no_torch():
    code = "import sys, deepdojo.models as m; assert 'CNN' in m.__all__; assert 'torch' not in sys.modules; m.CNN"
    subprocess.run([sys.executable, "-c", code], check=True)
