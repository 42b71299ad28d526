"""span_reader: against plain loops over spans, padding and batch never matter, first loss, one batch learned."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from deepdojo.errors import RecipeError
from deepdojo.layers.shapes import ShapeError
from deepdojo.models import create_model
from deepdojo.models.protocols import SpanReader

DIMS = {"vocab_size": 23, "form_sizes": [7, 5], "num_features": 3, "num_kinds": 4, "max_span": 3}
SMALL = {
    "word_width": 11, "form_widths": [5, 2], "kind_width": 3, "question_size": 7, "model_width": 13, "hidden_size": 6,
    "span_width": 5,
}  # fmt: skip
ASKED, READ = [5, 2, 3, 1], [9, 4, 1, 7]


def built(seed=1, **arguments):
    torch.manual_seed(seed)
    return create_model("span_reader", DIMS, **{**SMALL, **arguments})


def example(n=4, S=5, T=9, seed=3):
    g = torch.Generator().manual_seed(seed)

    def ids(size, *shape):
        return torch.randint(0, size, shape, generator=g)

    return {
        "question": ids(23, n, S), "question_forms": torch.stack([ids(7, n, S), ids(5, n, S)], 2),
        "question_keep": torch.arange(S) < torch.tensor(ASKED).repeat(-(-n // 4))[:n, None],
        "asked": torch.stack([ids(4, n), ids(23, n)], 1),
        "passage": ids(23, n, T), "passage_forms": torch.stack([ids(7, n, T), ids(5, n, T)], 2),
        "passage_keep": torch.arange(T) < torch.tensor(READ).repeat(-(-n // 4))[:n, None],
        "numbers": torch.randn(n, T, 3, generator=g), "same": ids(2, n, T, S).bool(),
    }  # fmt: skip


def of_type(inputs, dtype):
    return {name: t.to(dtype) if t.is_floating_point() else t for name, t in inputs.items()}


def padded(inputs, S=4, T=6):
    """More steps behind, filled with what must not matter."""
    longer = {}
    for name, t in inputs.items():
        by = {"asked": 0, "same": T}.get(name, S if name.startswith("question") else T)
        if name == "same":
            t = F.pad(t, (0, S, 0, T), value=True)
        elif by:
            t = F.pad(t, (*[0, 0] * (t.dim() - 2), 0, by), value=False if name.endswith("keep") else 1)
        longer[name] = t
    return longer


def test_a_span_has_the_sum_of_start_end_pair_and_length():
    model = built().double().eval()
    kept = {}
    for name in ("dropout", "passage_lstm", "lengths", "start", "end"):
        getattr(model, name).register_forward_hook(lambda _, given, out, name=name: kept.__setitem__(name, out))
    scores = model(**of_type(example(), torch.float64))
    h = kept["passage_lstm"][0]
    begins, ends = model.begin_of(h), model.end_of(h)
    for b, length in enumerate(READ):
        for t in range(9):
            for w in range(3):
                if t + w >= length:
                    assert scores[b, t, w] == -torch.inf
                    continue
                pair = begins[b, t] @ ends[b, t + w] / 5**0.5
                wanted = h[b, t] @ kept["start"][b] + h[b, t + w] @ kept["end"][b] + pair + kept["lengths"][b, w]
                torch.testing.assert_close(scores[b, t, w], wanted)


@pytest.mark.parametrize("layers", [1, 2])
def test_padding_and_batch_never_matter(layers):
    model, inputs = built(num_layers=layers).double().eval(), of_type(example(), torch.float64)
    scores = model(**inputs)
    again = model(**padded(inputs))
    assert (again[:, 9:] == -torch.inf).all()
    torch.testing.assert_close(again[:, :9], scores)
    for i in range(4):
        alone = {name: t[i : i + 1] for name, t in inputs.items()}
        for name in ("question", "question_forms", "question_keep"):
            alone[name] = alone[name][:, : ASKED[i]]
        for name in ("passage", "passage_forms", "passage_keep", "numbers", "same"):
            alone[name] = alone[name][:, : READ[i]]
        alone["same"] = alone["same"][..., : ASKED[i]]
        torch.testing.assert_close(model(**alone)[0], scores[i, : READ[i]])


def test_padding_changes_no_gradient():
    gradients = []
    for change in (lambda inputs: inputs, padded):
        model = built().double().eval()
        scores = model(**change(of_type(example(), torch.float64)))
        F.cross_entropy(scores[:, :9].flatten(1), torch.tensor([4, 0, 0, 7])).backward()
        gradients.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_the_first_loss_is_about_the_logarithm_of_the_number_of_spans():
    shares = []
    for seed in range(5):
        scores = built(seed).eval()(**example(40, seed=seed)).detach().flatten(1)
        spans = torch.isfinite(scores).sum(1)
        several = spans > 1
        losses = F.cross_entropy(scores, torch.zeros(40, dtype=torch.int64), reduction="none")
        shares.append(float((losses[several] / spans[several].log()).mean()))
    assert sum(shares) / 5 == pytest.approx(1.0, rel=0.1)


def test_one_batch_can_be_learned_and_every_parameter_learns():
    model, inputs, target = built(dropout=0.0), example(), torch.tensor([4 * 3 + 2, 1 * 3, 0, 5 * 3 + 1])
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for step in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(**inputs).flatten(1), target).backward()
        if step == 0:
            assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
            assert all((p.grad != 0).any() for p in model.parameters())
        optimizer.step()
    assert model.eval()(**inputs).flatten(1).argmax(1).tolist() == target.tolist()


def test_a_passage_shorter_than_the_longest_span_and_no_rows():
    model, inputs = built().eval(), example(T=9)
    short = {k: (t[:, :2] if k in ("passage", "passage_forms", "passage_keep", "numbers", "same") else t)
             for k, t in inputs.items()}  # fmt: skip
    scores = model(**short)
    assert scores.shape == (4, 2, 3)
    assert torch.isfinite(scores[0]).sum() == 3
    assert model(**{k: t[:0] for k, t in inputs.items()}).shape == (0, 9, 3)


@pytest.mark.usefixtures("production")
def test_wrong_shapes_and_arguments_are_one_sentence():
    model, inputs = built(), example()
    for name, wrong, said in (
        ("numbers", inputs["numbers"][..., :2], "numbers must be"),
        ("same", inputs["same"][:, :3], "same must be"),
        ("passage_keep", inputs["passage_keep"].int(), "keep must be bool"),
    ):
        with pytest.raises(ShapeError, match=said):
            model(**{**inputs, name: wrong})
    with pytest.raises(ShapeError, match="at least one token"):
        model(
            **{k: (t[:, :0] if k.startswith("passage") or k in ("numbers", "same") else t) for k, t in inputs.items()}
        )
    for field, value in (("dropout", 1.0), ("hidden_size", 0), ("span_width", 0)):
        with pytest.raises(RecipeError, match=field):
            built(**{field: value})
    with pytest.raises(RecipeError, match="form_widths"):
        built(form_widths=[5])


def test_it_meets_its_protocol_and_bf16_stays_finite_on_real_spans():
    model: SpanReader = built().eval()
    inputs = example()
    with torch.autocast("cpu", torch.bfloat16):
        scores = model(**inputs).float()
    real = torch.isfinite(model(**inputs))
    assert torch.equal(torch.isfinite(scores), real)
    assert math.isfinite(float(scores.detach()[real].sum()))
