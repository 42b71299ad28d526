"""Windows of held-out text, the loss of a row, tinted pieces, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from deepdojo.contracts import CONTRACTS, task_of
from deepdojo.errors import DataError, RecipeError
from deepdojo.tasks.language_modelling import NOT_ASKED, LanguageModelling
from deepdojo.training.predictor import Validator, predict_rows
from deepdojo.training.store import Store
from deepdojo.training.stream import Stream, examples_to_learn

TEXT = "In the beginning was the word,\nand the word was with a blank.\n" * 9


def rows_of(text, size, context=1000, start=0):
    return [
        {"id": str(at), "text": text[at : at + size], "context": text[max(0, at - context) : at]}
        for at in range(start, len(text), size)
    ]


class Bigram(nn.Module):
    """Logits that depend on the last symbol alone: windows must not change the loss of any."""

    def __init__(self, size, seed=0):
        super().__init__()
        self.table = nn.Parameter(torch.randn(size, size, generator=torch.Generator().manual_seed(seed)))

    def forward(self, tokens, cache=None):
        return self.table[tokens.long()]


def chain(task, text, before="\n"):
    """-ln p of all symbols of a text by the bigram model, without windows."""
    ids = torch.from_numpy(task.symbols.encode(before + text))
    log_p = Bigram(len(task.symbols)).table.double().log_softmax(-1)
    return -log_p[ids[:-1], ids[1:]].detach().numpy()


@pytest.mark.parametrize(("context", "stride"), [(16, 8), (16, 16), (16, 1), (7, 3), (1, 1), (600, 300)])
@pytest.mark.parametrize("start", [0, 100])
def test_each_symbol_is_asked_for_once_and_after_enough_others(context, stride, start):
    task = LanguageModelling.fit([{"text": TEXT}], context=context, stride=stride)
    ids = task.symbols.encode(TEXT)
    asked = np.zeros(len(ids), dtype=int)
    for row in rows_of(TEXT, 50, start=start):
        at = int(row["id"])
        for example in task.encode(row, learn=False):
            tokens, following = example["tokens"], example["tokens_next"]
            assert len(tokens) == len(following) <= context
            for j in np.flatnonzero(following != NOT_ASKED):
                place = at
                assert following[j] == ids[place + asked[at : at + 50].sum()]
                place += asked[at : at + 50].sum()
                asked[place] += 1
                before = ids[max(0, place - j - 1) : place]
                assert tokens[j + 1 - len(before) : j + 1].tolist() == before.tolist()
                assert j + 1 >= min(context - stride + 1, max(place, 1))
    assert asked[start:].tolist() == [1] * (len(ids) - start)


@pytest.mark.parametrize("units", ["characters", "words", "bytes"])
def test_the_nats_of_rows_are_those_of_the_text(units):
    task = LanguageModelling.fit([{"text": TEXT}], units=units, context=16)
    model = Bigram(len(task.symbols))
    rows = rows_of(TEXT + "new: \u00fc?\n", 31 if units != "words" else len(TEXT) + 9)
    found = predict_rows(task, model, rows)
    whole = chain(task, TEXT + "new: \u00fc?\n") + task.symbols.unknown_nats(TEXT + "new: \u00fc?\n")
    assert sum(row["nll_nats"] for row in found) == pytest.approx(whole.sum(), rel=1e-5)
    assert [row["id"] for row in found] == [row["id"] for row in rows]


def test_tinted_pieces_are_the_text_and_their_nats_its_loss():
    for units in ("characters", "words", "bytes"):
        task = LanguageModelling.fit([{"text": TEXT}], units=units, context=8)
        model, row = Bigram(len(task.symbols)), {"id": "1", "text": "the w\u00f6rd\nwas \u6f22 ", "context": "a "}
        store = Store.pack(task, [row], learn=False)
        with torch.no_grad():
            parts = [task.predict(model, store.cut(torch.tensor([i])))[0] for i in range(len(store))]
        pieces = task.tint(row, parts)
        assert "".join(piece for piece, _ in pieces) == row["text"]
        assert sum(nats for _, nats in pieces) == pytest.approx(task.decode(row, parts)["nll_nats"])


def test_validation_reads_each_window_once_and_its_loss_is_the_mean_of_all_symbols():
    task, calls = LanguageModelling.fit([{"text": TEXT}], context=16), []
    model = Bigram(len(task.symbols))
    model.register_forward_hook(lambda module, inputs, output: calls.append(inputs[0].shape))
    rows = rows_of(TEXT, 100)
    validator = Validator(task, rows, torch.device("cpu"), lambda found: sum(row["nll_nats"] for row in found))
    total, loss, found = validator(model)
    assert len(calls) == 1
    assert total == pytest.approx(chain(task, TEXT).sum(), rel=1e-5)
    assert loss == pytest.approx(total / len(TEXT), rel=1e-5)
    assert len(found) == len(rows)


def test_rows_of_blanks_and_single_symbols_have_a_prediction():
    task = LanguageModelling.fit([{"text": TEXT}], units="words", context=4)
    model = Bigram(len(task.symbols))
    found = predict_rows(task, model, [{"id": "1", "text": "   "}, {"id": "2", "text": "the", "context": "  "}])
    assert found[0]["nll_nats"] == 0.0
    assert found[1]["nll_nats"] == pytest.approx(chain(task, "the").sum(), rel=1e-5)


def test_options_and_contract():
    with pytest.raises(RecipeError, match="at least 1"):
        LanguageModelling.fit([{"text": "a"}], context=0)
    with pytest.raises(RecipeError, match="from 1 to the context, 8"):
        LanguageModelling.fit([{"text": "a"}], context=8, stride=9)
    with pytest.raises(DataError, match="no units"):
        LanguageModelling.fit([{"text": "a"}], units="syllables")
    contract = CONTRACTS["language-modelling"]
    assert (contract.host_run, dict(contract.inputs), contract.input, contract.target) == (True, {}, "text", "text")
    assert task_of("text", "text") == "translation"  # a text to go on with is offered for no table
    big = LanguageModelling.fit([{"text": " ".join(map(str, range(33_000)))}], units="words", context=64)
    assert big.eval_tokens * len(big.symbols) * 4 < 300e6


# ----- the stream


def test_a_pass_cuts_the_whole_text_side_by_side():
    values = torch.arange(1000)
    stream = Stream("tokens", values, 64)
    assert len(stream) == 15
    seen = set()
    for epoch in range(40):
        generator = torch.Generator().manual_seed(epoch)
        batches = stream.batches(4, generator=generator)
        starts = torch.cat(batches)
        assert [len(batch) for batch in batches] == [4, 4, 4, 3]
        assert len(starts) == len(stream) == len(starts.unique())
        ordered = starts.sort().values
        assert (ordered.diff()[:-1] == 64).all()
        assert 0 <= int(ordered[0]) < 64
        assert int(ordered[-1]) + 64 < 1000
        seen |= {int(ordered[0])}
        batch = stream.cut(batches[0])
        assert torch.equal(batch["tokens"] + 1, batch["tokens_next"])
        assert torch.equal(batch["tokens"][:, 0], batches[0])
    assert len(seen) > 20  # offsets differ from pass to pass
    again = torch.cat(stream.batches(4, generator=torch.Generator().manual_seed(39)))
    assert torch.equal(starts, again)
    assert torch.equal(torch.cat(stream.batches(4)), torch.arange(15) * 64)


def test_rows_become_one_stream_and_too_little_text_is_said():
    task = LanguageModelling.fit([{"text": TEXT}], context=16)
    stream = examples_to_learn(task, rows_of(TEXT, 37))
    assert stream.values.tolist() == task.symbols.encode(TEXT).tolist()
    model, batch = Bigram(len(task.symbols)), stream.cut(torch.tensor([0, 5]))
    total, weight = task.loss(model, batch)
    assert weight.tolist() == [16, 16]
    assert total[0].item() == pytest.approx(chain(task, TEXT[1:17], TEXT[0]).sum(), rel=1e-5)
    short = examples_to_learn(task, [{"id": "1", "text": "and"}])
    assert (short.window, len(short)) == (2, 1)
    with pytest.raises(DataError, match="has 1 symbols"):
        examples_to_learn(task, [{"id": "1", "text": "a"}])
    assert math.isfinite(task.loss(model, short.cut(torch.tensor([0])))[0].item())
