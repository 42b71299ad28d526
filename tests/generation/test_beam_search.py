"""Beam search against a full search, greedy search as its smallest case, and texts that end."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from deepdojo.errors import UsageError
from deepdojo.generation import beam_search, sample
from deepdojo.models import create_model

V, STOP = 4, 3


def decoder(seed: int = 0, vocab_size: int = V, **arguments) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = create_model("decoder", vocab_size=vocab_size, width=8, num_layers=2, num_heads=2, context=32, **arguments)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.8 * torch.randn_like(p))
    return model.eval()


def score(model, prompt, text, power):
    """Mean log-probability of a text after a prompt, from one call without a cache."""
    whole = torch.tensor([prompt + list(text)])
    logs = torch.log_softmax(model(whole)[0], -1)
    total = sum(float(logs[len(prompt) + i - 1, token].detach()) for i, token in enumerate(text))
    return total / len(text) ** power


def all_texts(longest):
    """Every text that ends with STOP or is as long as allowed."""
    for n in range(1, longest + 1):
        for text in product(range(V), repeat=n):
            if STOP not in text[:-1] and (text[-1] == STOP or n == longest):
                yield text


@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_with_room_for_all_it_finds_the_best_of_all(seed, power):
    model, longest = decoder(seed), 4
    prompts = [[1, 2], [0, 0]]
    tokens, scores = beam_search(model, torch.tensor(prompts), longest, beams=200, stop=[STOP], length_power=power)
    for row, prompt in enumerate(prompts):
        ranked = sorted(((score(model, prompt, t, power), t) for t in all_texts(longest)), reverse=True)
        for place in range(5):
            best, text = ranked[place]
            assert float(scores[row, place]) == pytest.approx(best, abs=1e-5)
            padded = list(text) + [text[-1]] * (longest - len(text))
            assert tokens[row, place].tolist() == padded
        assert int((scores[row] > -torch.inf).sum()) == len(ranked)


@pytest.mark.parametrize("seed", range(4))
def test_one_beam_is_greedy_and_more_are_no_worse(seed):
    model, prompt = decoder(seed, 11), torch.randint(0, 11, (5, 3), generator=torch.Generator().manual_seed(seed))
    greedy = sample(model, prompt, 9, temperature=0, stop=[STOP])
    tokens, one = beam_search(model, prompt, 9, beams=1, stop=[STOP])
    assert torch.equal(tokens[:, 0], greedy)
    _, without_end = beam_search(model, prompt, 9, beams=1)
    _, five = beam_search(model, prompt, 9, beams=200)
    assert (five[:, 0] >= without_end[:, 0] - 1e-6).all()
    assert one.shape == (5, 1)


def test_a_batch_equals_its_rows_with_and_without_padding():
    model = decoder(1, 11)
    prompts = torch.randint(0, 11, (4, 6), generator=torch.Generator().manual_seed(1))
    keep = torch.arange(6) < torch.tensor([6, 2, 5, 1])[:, None]
    tokens, scores = beam_search(model, prompts, 7, beams=3, stop=[STOP], keep=keep)
    for row, n in enumerate([6, 2, 5, 1]):
        alone, its = beam_search(model, prompts[row : row + 1, :n], 7, beams=3, stop=[STOP])
        torch.testing.assert_close(scores[row : row + 1], its, rtol=0, atol=1e-5)
        width = alone.shape[2]
        assert torch.equal(tokens[row : row + 1, :, :width], alone)


def test_a_sequence_to_sequence_model_is_searched_as_well():
    torch.manual_seed(0)
    model = create_model("encoder_decoder", source_vocab_size=7, target_vocab_size=V, width=8, num_heads=2).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    source, keep = torch.randint(0, 7, (2, 5)), torch.tensor([[True] * 5, [True] * 2 + [False] * 3])
    begin = torch.zeros(2, 1, dtype=torch.long)
    tokens, scores = beam_search(model, begin, 3, beams=100, stop=[STOP], source=source, source_keep=keep)
    for row in range(2):
        best = (-torch.inf, None)
        for text in all_texts(3):
            logs = torch.log_softmax(
                model(source[row : row + 1], torch.tensor([[0, *text[:-1]]]), keep[row : row + 1])[0], -1
            )
            total = sum(float(logs[i, token].detach()) for i, token in enumerate(text)) / len(text)
            best = max(best, (total, text))
        assert float(scores[row, 0]) == pytest.approx(best[0], abs=1e-5)
        assert tuple(tokens[row, 0, : len(best[1])].tolist()) == best[1]
    greedy = sample(model, begin, 3, temperature=0, stop=[STOP], source=source, source_keep=keep)
    one, _ = beam_search(model, begin, 3, beams=1, stop=[STOP], source=source, source_keep=keep)
    assert torch.equal(one[:, 0], greedy)


def test_a_number_of_beams_below_one():
    with pytest.raises(UsageError, match="beams is 0; it must be at least 1"):
        beam_search(decoder(), torch.tensor([[1]]), 2, beams=0)


def test_one_token_in_the_vocabulary():
    tokens, scores = beam_search(decoder(0, 1), torch.tensor([[0]]), 3, beams=2)
    assert tokens[0, 0].tolist() == [0, 0, 0]
    assert scores[0].tolist() == [0.0, -torch.inf]
