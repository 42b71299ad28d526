"""What recurrent networks are known to learn, and known not to: the adding problem, and reversing a text."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from deepdojo.layers import LSTM, RNN, Linear
from deepdojo.models import create_model

pytestmark = pytest.mark.slow

T = 100


def adding(n, g):
    """Pairs (number, mark): two numbers of each row are marked, one in each half; their sum is asked at the end.

    Hochreiter & Schmidhuber 1997, task 4, in the form of Le, Jaitly & Hinton 2015. Always saying 1 costs 1/6 = 0.167.
    """
    numbers, marks, rows = torch.rand(n, T, generator=g), torch.zeros(n, T), torch.arange(n)
    marks[rows, torch.randint(0, T // 2, (n,), generator=g)] = 1
    marks[rows, torch.randint(T // 2, T, (n,), generator=g)] = 1
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1)


class Adder(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.head = cell, Linear(32, 1)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1]).squeeze(1)


def error_after_training(cell, lr, steps=700):
    torch.manual_seed(0)
    g, model = torch.Generator().manual_seed(0), Adder(cell(2, 32))
    if cell is LSTM:  # doors that stay open from 1 to T steps at the start: Tallec & Ollivier 2018
        with torch.no_grad():
            open_for = torch.empty(32).uniform_(1, T - 1).log()
            model.cell.bias_ih_l0[:32], model.cell.bias_ih_l0[32:64] = -open_for, open_for
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        x, y = adding(32, g)
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        x, y = adding(500, torch.Generator().manual_seed(99))
        return (model(x) - y).square().mean().item()


def test_the_lstm_solves_the_adding_problem_at_length_100():
    assert error_after_training(LSTM, 0.02) < 0.02


@pytest.mark.parametrize("lr", [0.02, 0.003])
def test_the_elman_network_does_not_with_the_same_budget(lr):
    assert error_after_training(RNN, lr) > 0.12


PADDING, END, V, LONGEST = 0, 1, 9, 7


def reversing(n, g):
    """Texts of 1 to 7 letters, what the decoder is given, and what it should write: the text from its end, then END."""
    lengths = torch.randint(1, LONGEST + 1, (n,), generator=g)
    keep = torch.arange(LONGEST) < lengths[:, None]
    source = torch.randint(2, V, (n, LONGEST), generator=g).masked_fill(~keep, PADDING)
    places = torch.where(keep, lengths[:, None] - 1 - torch.arange(LONGEST), torch.arange(LONGEST))
    target = F.pad(source.gather(1, places), (0, 1))
    target[torch.arange(n), lengths] = END
    return source, keep, F.pad(target, (1, 0))[:, :-1], target


def reversed_after_training(attention, cell, steps=300):
    """The share of new texts that are written from the end without a mistake, greedily, with the cache."""
    torch.manual_seed(0)
    g, dims = torch.Generator().manual_seed(0), {"source_vocab_size": V, "target_vocab_size": V}
    sizes = {"embedding_width": 32, "hidden_size": 32, "attention_width": 32, "dropout": 0.0}
    model = create_model("seq2seq", dims, attention=attention, cell=cell, **sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        source, keep, inputs, target = reversing(32, g)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / steps)
        optimizer.zero_grad()
        wanted = target != PADDING
        F.cross_entropy(model(source, inputs, keep)[wanted], target[wanted]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    source, keep, _, target = reversing(200, torch.Generator().manual_seed(7))
    with torch.no_grad():
        memory, cache, token, written = model.eval().encode(source, keep), model.new_cache(), target[:, :1] * 0, []
        for _ in range(LONGEST + 1):
            token = model.decode(token, memory, keep, cache).argmax(-1)
            written.append(token)
    right = (torch.cat(written, 1) == target) | (target == PADDING)
    return right.all(1).float().mean().item()


@pytest.mark.parametrize(("attention", "cell"), [("additive", "gru"), ("layered", "lstm")])
def test_seq2seq_with_attention_learns_to_reverse(attention, cell):
    assert reversed_after_training(attention, cell) > 0.95


def test_without_attention_the_same_budget_is_too_small():
    assert reversed_after_training("none", "gru") < 0.9
