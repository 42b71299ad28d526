"""Masked language modelling: what is hidden, from whom, what it costs, and that a resumed training hides the same."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.baselines.masked import frequent, neighbours
from deepdojo.baselines.problem import Problem
from deepdojo.contracts import contract_of
from deepdojo.data.codecs.hidden_words import hidden_spans, spelling_nats, text_words
from deepdojo.data.codecs.mask_sign import MASK_SIGN, mask_id, with_mask
from deepdojo.errors import RecipeError, ScoreError
from deepdojo.models import create_model
from deepdojo.scoring.metrics import METRICS, metrics_for
from deepdojo.session.listener import Listener
from deepdojo.tasks.masked_language_modelling import MaskedLanguageModelling, _windows
from deepdojo.training.augment import draws
from deepdojo.training.predictor import predict_rows
from deepdojo.training.stream import examples_to_learn

SENTENCE = "the quick brown foxes jumped over the lazy dogs while nobody was watching them closely"
ROWS = [{"id": str(i), "text": f"{SENTENCE} {i % 7} times, she said. " * 3} for i in range(40)]


def task_of(**options: object) -> MaskedLanguageModelling:
    return MaskedLanguageModelling.fit(ROWS, **{"vocab_size": 120, "context": 32, **options})  # type: ignore[arg-type]


class Spy(torch.nn.Module):
    """Holds every token equally likely, and remembers what it was shown."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size, self.seen = size, []
        self.bias = torch.nn.Parameter(torch.zeros(size))

    def forward(self, x, keep=None, segments=None, at=None):
        self.seen.append((x, keep, at))
        return self.bias.expand(int(at.sum()), -1)


# ----- which words of a held-out text


def test_hidden_words_follow_from_the_text_alone():
    assert [SENTENCE[a:b] for a, b in hidden_spans(SENTENCE)] == ["lazy", "closely"]  # for ever: scores depend on it
    numbers, state = [], int(hashlib.sha256(SENTENCE.encode()).hexdigest()[:16], 16)
    for _ in SENTENCE.split():  # SplitMix64 with Python's whole numbers
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        numbers.append(z ^ (z >> 31))
    smallest = sorted(sorted(range(len(numbers)), key=numbers.__getitem__)[:2])
    assert [SENTENCE.split()[i] for i in smallest] == ["lazy", "closely"]
    assert hidden_spans("") == hidden_spans(" \n\t ") == []
    assert hidden_spans("one") == [(0, 3)]
    assert len(hidden_spans("w " * 1000)) == 150
    for text, words in (
        ("天气很好", list("天气很好")),
        ("a天b", ["a", "天", "b"]),
        ("it's <unk> .", ["it's", "<unk>", "."]),
    ):
        assert [text[a:b] for a, b in text_words(text)] == words


def test_each_word_is_equally_often_hidden():
    hits = np.zeros(20)
    texts = [" ".join(f"{k}x{i}" for i in range(20)) for k in range(2000)]
    for text in texts:
        words = text_words(text)
        for span in hidden_spans(text):
            hits[words.index(span)] += 1
    assert hits.sum() == 3 * 2000
    assert abs(hits - 300).max() < 5.5 * math.sqrt(300 * 0.85)  # a false alarm in 1e6


def test_every_piece_is_asked_for_once():
    for count in (1, 7, 8, 9, 30, 31):
        found = list(_windows(count, 8))
        assert [i for _, _, first, last in found for i in range(first, last)] == list(range(count))
        assert all(
            0 <= start <= first <= last <= end <= count and end - start <= 8 for start, end, first, last in found
        )


def test_a_held_out_row_hides_its_words_whole_and_asks_for_each_once():
    task = task_of(context=16)
    row = ROWS[3]
    examples = list(task.encode(row, learn=False))
    ids, spans = task.tokenizer.encode_with_offsets(row["text"])
    hidden = hidden_spans(row["text"])
    inside = np.array([any(a < d and c < b for c, d in hidden) for a, b in spans])
    assert inside.sum() > len(hidden)  # some word has several pieces
    assert sum(int(e["hidden"].sum()) for e in examples) == inside.sum()
    for example in examples:
        masked = example["tokens"] == mask_id(task.tokenizer)
        assert masked[example["hidden"]].all()
        assert (example["answers"] != mask_id(task.tokenizer)).all()
        assert (example["tokens"][~masked] == example["answers"][~masked]).all()
    assert np.concatenate([e["answers"][e["hidden"]] for e in examples]).tolist() == np.array(ids)[inside].tolist()


def test_a_model_that_knows_nothing_pays_ln_v_a_piece():
    task = task_of()
    model = Spy(len(task.tokenizer))
    known = {"id": "a", "text": "the lazy dogs jumped over"}
    assert 1 not in task.tokenizer.encode(known["text"])
    (row,) = predict_rows(task, model, [known])
    pieces = sum(int(e["hidden"].sum()) for e in task.encode(known, learn=False))
    assert row["guess"]["nats"] == pytest.approx(pieces * math.log(len(task.tokenizer)), rel=1e-6)
    assert row["guess"]["right"] == 0


def test_a_word_that_the_vocabulary_cannot_say_costs_its_spelling():
    task = task_of(tokens="words", context=16)
    text = "zyxwv"
    (row,) = predict_rows(task, Spy(len(task.tokenizer)), [{"id": "a", "text": text}])
    assert row["guess"]["nats"] == pytest.approx(math.log(len(task.tokenizer)) + spelling_nats(text), rel=1e-6)
    assert row["guess"]["right"] == 0
    assert spelling_nats("ab") == pytest.approx(3 * math.log(256))


def test_odd_texts_are_predicted():
    task = task_of()
    texts = ["", " \n", "\u200b \u0000 a", "🙂 天 é " * 50, "x" * 2000, "\ud800 lone", "[MASK] [MASK]"]
    found = predict_rows(task, create_model("bert", task.dims(), width=8, num_heads=2).eval(),
                         [{"id": str(i), "text": t} for i, t in enumerate(texts)])  # fmt: skip
    assert [row["guess"]["nats"] >= 0 and row["guess"]["right"] >= 0 for row in found] == [True] * len(texts)
    assert found[0]["guess"] == {"nats": 0.0, "right": 0}
    assert mask_id(task.tokenizer) not in task.tokenizer.encode("[MASK] [MASK]")


# ----- what training draws


def test_fifteen_in_a_hundred_words_are_hidden_and_of_those_80_10_10():
    rows = [{"id": str(i), "text": " ".join(f"word{(i * 37 + k) % 400}" for k in range(500))} for i in range(60)]
    task = MaskedLanguageModelling.fit(rows, tokens="words", context=64)
    store = examples_to_learn(task, rows)
    counts = np.zeros(4)
    for step, index in enumerate(store.batches(32)):
        plain = store.cut(index)
        batch = task.draw(plain, draws(0, step))
        hidden, seen, own = batch["hidden"], batch["tokens"], plain["tokens"]
        assert torch.equal(batch["answers"], own)
        assert torch.equal(seen[~hidden], own[~hidden])
        masked, same = seen == mask_id(task.tokenizer), seen == own
        counts += [hidden.sum(), (hidden & masked).sum(), (hidden & same).sum(), (hidden & ~masked & ~same).sum()]
    n = 60 * 500 // 64 * 64
    for found, of, share in zip(counts, [n, *[counts[0]] * 3], [0.15, 0.8, 0.1, 0.1], strict=True):
        assert (
            abs(found - share * of) < 6 * math.sqrt(of * share * (1 - share)) + 0.005 * of
        )  # 1 in 400 random is itself


def test_words_are_hidden_whole():
    task = task_of()
    store = examples_to_learn(task, ROWS)
    for step in range(20):
        plain = store.cut(store.batches(8)[0])
        inner = (plain["tokens"] < 0)[:, 1:]
        assert inner.any()
        batch = task.draw(plain, draws(1, step))
        assert (batch["tokens"] >= 0).all()
        assert (batch["answers"] >= 0).all()
        assert (batch["hidden"][:, 1:] == batch["hidden"][:, :-1])[inner].all()
        assert batch["hidden"].any(1).all()


def test_training_hides_the_words_that_held_out_rows_are_asked_for():
    """A sign at a word belongs to it, as in `hidden_words`: else `<unk>` is never hidden whole, and costs 17 nats."""
    task = task_of()
    (example,) = task.encode({"text": "the <unk> dogs."}, learn=True)
    stored = example["tokens"]
    ids = np.where(stored < 0, ~stored, stored).tolist()
    assert ids == task.tokenizer.encode("the <unk> dogs.")
    text = task.tokenizer.pieces("the <unk> dogs.")
    assert [text[i] for i in np.flatnonzero(stored >= 0)] == ["the", "<", text[[p[0] == "d" for p in text].index(True)]]


def test_the_draw_is_of_seed_and_step_and_never_of_padding():
    task = task_of()
    tokens = torch.randint(2, 60, (5, 30))
    keep = torch.arange(30)[None] < torch.tensor([[1], [2], [9], [20], [30]])
    batch = {"tokens": tokens, "tokens_keep": keep}
    a, b, c = (task.draw(batch, draws(seed, step)) for seed, step in ((0, 3), (0, 3), (0, 4)))
    assert torch.equal(a["tokens"], b["tokens"])
    assert not torch.equal(a["hidden"], c["hidden"])
    assert not (a["hidden"] & ~keep).any()
    assert a["hidden"].any(1).all()


def test_a_share_that_is_asked_for():
    task = task_of(tokens="words", hide=0.4)
    store = examples_to_learn(task, ROWS)
    batch = task.draw(store.cut(store.batches(60)[0]), draws(0, 0))
    assert 0.3 < batch["hidden"].float().mean() < 0.5
    held_out = [list(one.encode(ROWS[0], learn=False)) for one in (task, task_of(tokens="words"))]
    assert str(held_out[0]) == str(held_out[1])


class Killed(Listener):
    """Interrupts the training after so many reports."""

    def __init__(self, count: int) -> None:
        self.left, self.now = count, ""

    def stage(self, name: str, detail: str = "") -> None:
        self.now = name

    def progress(self, done: int, total: int, text: str = "") -> None:
        if self.now == "train":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def test_a_killed_training_hides_the_same_words_when_it_goes_on(tmp_path: Path, monkeypatch):
    from safetensors.numpy import load_file

    (tmp_path / "text.txt").write_text("".join(f"{row['text']}\n" for row in ROWS), encoding="utf-8")
    dd.new(tmp_path / "fox", tmp_path / "text.txt", task="masked-language-modelling")
    how = {"set": {"train.steps": 12, "train.batch_size": 4, "task.context": 16, "model.width": 16},
           "baselines": False, "explain": False, "report": False}  # fmt: skip
    monkeypatch.setattr("deepdojo.training.loop.CHECKPOINT_EVERY_S", -1.0)
    whole = dd.train(tmp_path / "fox", **how)
    with pytest.raises(KeyboardInterrupt):
        dd.train(tmp_path / "fox", **how, listener=Killed(6))
    again = dd.train(resume=_unfinished(tmp_path / "fox" / "runs"))
    ours, theirs = (load_file(run.folder / "model" / "model.safetensors") for run in (whole, again))
    assert all((ours[name] == theirs[name]).all() for name in ours)
    assert again.score.value == whole.score.value
    assert dd.reproduce(whole.folder).same_weights
    index = json.loads((whole.folder / "examples.json").read_text())
    assert {example["kind"] for example in index} == {"passage"}
    assert "".join(piece for piece, _ in index[0]["pieces"]).strip() in (tmp_path / "text.txt").read_text()


def _unfinished(runs: Path) -> Path:
    (found,) = runs.glob("*.partial")
    return found


# ----- metrics and floors


def test_the_metrics_are_sums_over_hidden_words():
    rng = np.random.default_rng(0)
    texts = [" ".join(["word"] * int(n)) for n in rng.integers(0, 60, 50)]
    words = np.array([len(hidden_spans(text)) for text in texts])
    cells = [
        {"nats": float(x), "right": int(rng.integers(0, n + 1))}
        for x, n in zip(rng.exponential(9, 50), words, strict=True)
    ]
    for name, key in (("masked_word_nats", "nats"), ("masked_word_accuracy", "right")):
        measured = METRICS[name](texts, cells)
        values = np.array([cell[key] for cell in cells])
        assert measured.value() == pytest.approx(values.sum() / words.sum(), rel=1e-12)
        weights = rng.integers(0, 4, (3, 50)).astype(float)
        np.testing.assert_allclose(measured.value_at(weights), (weights @ values) / (weights @ words), rtol=1e-12)
    assert list(metrics_for(contract_of("masked-language-modelling"))) == ["masked_word_nats", "masked_word_accuracy"]


def test_cells_that_no_model_gives_are_refused():
    nats, right = METRICS["masked_word_nats"], METRICS["masked_word_accuracy"]
    for metric, cell, said in (
        (nats, {"nats": -1.0}, "cannot be"), (nats, {"right": 1}, "has no 'nats'"),
        (nats, {"nats": math.nan}, "finite"),
        (right, {"right": 2}, "of 1 hidden words cannot be"), (right, {"right": None}, "finite"),
    ):  # fmt: skip
        with pytest.raises(ScoreError, match=said):
            metric(["one word"], [cell])
    with pytest.raises(ScoreError, match="no words"):
        nats(["  "], [{"nats": 0.0}])


def test_the_floors_against_dictionaries():
    train = [{"id": "a", "text": "a b c a b d a b c"}, {"id": "b", "text": "e a b c"}]
    test = [{"id": "x", "text": "a b c a b zz"}]
    problem = Problem("masked-language-modelling", train, test)
    ((start, end),) = hidden_spans(test[0]["text"])
    word = test[0]["text"][start:end]
    counts = {"a": 4, "b": 4, "c": 3, "d": 1, "e": 1}
    p0 = lambda w: (counts.get(w, 0) + 5 / 6) / (13 + 5)  # noqa: E731
    (found,), about = frequent(problem)
    spelled = 0.0 if word in counts else spelling_nats(word)
    assert found[0] == pytest.approx(-math.log(p0(word)) + spelled)
    assert "5 words" in about
    (closer,), _ = neighbours(problem)
    assert closer[0] != pytest.approx(found[0])
    assert 0 <= closer[1] <= 1


def test_neighbours_know_more_than_frequencies():
    problem = Problem("masked-language-modelling", ROWS[:30], [{**r, "text": r["text"] + "."} for r in ROWS[30:]])
    alone, between = frequent(problem)[0], neighbours(problem)[0]
    assert between[:, 0].sum() < alone[:, 0].sum()
    assert between[:, 1].sum() > alone[:, 1].sum()


# ----- bad input


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": 1}, "give at least 2"),
        ({"tokens": "bpe"}, "no sign for a hidden word"),
        ({"hide": 0.0}, "cannot be hidden"),
        ({"hide": 1.0}, "cannot be hidden"),
    ],
)
def test_options_that_mean_nothing(options, said):
    with pytest.raises(RecipeError, match=said):
        task_of(**options)


@pytest.mark.parametrize("tokens", ["wordpiece", "words", "characters"])
def test_every_tokenizer_has_the_sign_last_and_once(tokens):
    task = task_of(tokens=tokens)
    assert with_mask(task.tokenizer) == task.tokenizer
    assert mask_id(task.tokenizer) == len(task.tokenizer) - 1
    assert MASK_SIGN in json.dumps(task.state())
