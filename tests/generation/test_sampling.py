"""Sampling: the distribution that is drawn from, seeds, and a text that outgrows the context."""

from __future__ import annotations

import pytest
import torch

from deepdojo.errors import UsageError
from deepdojo.generation import sample
from deepdojo.generation.filters import filtered
from deepdojo.models import create_model


def decoder(positions: str = "rotary", context: int = 8, window: int = 0) -> torch.nn.Module:
    torch.manual_seed(0)
    model = create_model(
        "decoder", vocab_size=7, width=8, num_layers=2, num_heads=2, context=context, positions=positions, window=window
    )
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.5 * torch.randn_like(p))
    return model


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_the_likeliest_token_each_time_with_windows_as_promised(positions: str) -> None:
    """Without a cache: the text as far back as the rule says, read anew for every token."""
    model, context = decoder(positions), 8
    prompt = torch.tensor([[1, 2, 3], [4, 5, 6]])
    found = sample(model, prompt, 21, temperature=0)
    text, start = prompt, 0
    for _ in range(21):
        token = model(text[:, start:])[:, -1].argmax(-1, keepdim=True)
        text = torch.cat([text, token], 1)
        if text.shape[1] - 1 - start >= context:  # so many are in the cache now
            start = text.shape[1] - context // 2
    assert torch.equal(found, text[:, 3:])


def test_a_prompt_longer_than_the_context_counts_by_its_end() -> None:
    model = decoder()
    long = torch.randint(0, 7, (1, 30), generator=draws())
    assert torch.equal(sample(model, long, 5, temperature=0), sample(model, long[:, -4:], 5, temperature=0))


def test_a_model_without_a_cache_reads_the_text_anew() -> None:
    """All that `LanguageModel` asks for is a call: here the next token is the sum of all before it, modulo 7."""

    class Sum(torch.nn.Module):
        def forward(self, tokens: torch.Tensor, cache: None = None) -> torch.Tensor:
            return torch.nn.functional.one_hot(tokens.cumsum(1) % 7, 7).float()

    found = sample(Sum(), torch.tensor([[1, 2], [0, 3]]), 4, temperature=0)
    assert found.tolist() == [[3, 6, 5, 3], [3, 6, 5, 3]]


def test_a_seed_gives_the_same_text_and_the_model_stays_in_its_mode() -> None:
    model = decoder().train()
    prompt = torch.zeros(2, 1, dtype=torch.int64)
    a, b, c = (sample(model, prompt, 30, generator=draws(s)) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert model.training


def test_tokens_come_as_often_as_their_probability() -> None:
    model = decoder()
    prompt = torch.tensor([[3]]).expand(20_000, 1)
    expected = torch.softmax(model(prompt[:1])[0, -1] / 0.8, -1)
    counts = torch.bincount(sample(model, prompt, 1, temperature=0.8, generator=draws()).flatten(), minlength=7)
    # each count within 5 standard deviations: passed by chance less than once in 10^5
    bound = 5 * (expected * (1 - expected) / 20_000).sqrt()
    assert ((counts / 20_000 - expected).abs() <= bound).all()


def test_top_k_and_top_p_against_a_loop() -> None:
    scores = torch.randn(5, 7, generator=draws(4))
    for row, kept in zip(scores, filtered(scores, 1.0, top_k=3), strict=True):
        assert set(kept.nonzero().flatten().tolist()) == set(row.topk(3).indices.tolist())
        torch.testing.assert_close(kept[kept > 0] / kept.max(), row.exp()[kept > 0] / row.max().exp())
    for row, kept in zip(scores, filtered(scores, 1.0, top_p=0.6), strict=True):
        chances, taken, total = torch.softmax(row, -1), set(), 0.0
        for i in chances.argsort(descending=True).tolist():
            if total >= 0.6:
                break
            taken.add(i)
            total += float(chances[i])
        assert set(kept.nonzero().flatten().tolist()) == taken
    assert (filtered(scores, 1.0, top_p=1e-9).max(-1).values == 1.0).all()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"count": 0}, "count"),
    ],
)
def test_what_makes_no_sense_is_said(asked: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        sample(decoder(), torch.zeros(1, 1, dtype=torch.int64), **{"count": 3, **asked})
    with pytest.raises(UsageError, match="nothing to write on from"):
        sample(decoder(), torch.zeros(1, 0, dtype=torch.int64), 3)


@pytest.mark.parametrize(
    ("positions", "window"), [("rotary", 0), ("rotary", 3), ("learned", 0), ("alibi", 0), ("relative", 0)]
)
def test_rows_of_different_lengths_get_what_they_would_get_alone(positions: str, window: int) -> None:
    model = decoder(positions, 32, window)
    prompts = torch.randint(0, 7, (4, 6), generator=draws())
    lengths = [6, 2, 5, 1]
    right = torch.arange(6) < torch.tensor(lengths)[:, None]
    found = sample(model, prompts, 9, keep=right, temperature=0)
    for row, n in enumerate(lengths):
        assert torch.equal(found[row : row + 1], sample(model, prompts[row : row + 1, :n], 9, temperature=0))


def test_a_row_that_stops_repeats_its_end_and_all_stopped_is_the_end() -> None:
    class Next(torch.nn.Module):  # the token after n is n + 1
        def forward(self, tokens: torch.Tensor, cache: None = None) -> torch.Tensor:
            return torch.nn.functional.one_hot((tokens + 1) % 7, 7).float()

    found = sample(Next(), torch.tensor([[1], [4]]), 20, temperature=0, stop=[5, 0])
    assert found.tolist() == [[2, 3, 4, 5], [5, 5, 5, 5]]


def test_cached_tokens_are_those_of_a_model_that_reads_everything_anew() -> None:
    class Plain(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, tokens: torch.Tensor, cache: None = None) -> torch.Tensor:
            return self.inner(tokens)

    for positions in ("rotary", "learned", "alibi"):
        model = decoder(positions, context=64)
        prompt = torch.randint(0, 7, (3, 5), generator=draws(1))
        assert torch.equal(
            sample(model, prompt, 40, generator=draws(2)), sample(Plain(model), prompt, 40, generator=draws(2))
        )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_p": 2.0}, "min_p is 2; it must lie from 0 to 1"),
        ({"penalty": 0.0}, "penalty is 0; it must be above 0"),
        ({"keep": torch.ones(1, 1, dtype=torch.bool)}, r"keep must be bool \(1, 2\), got torch.bool \(1, 1\)"),
        ({"keep": torch.zeros(1, 2, dtype=torch.bool)}, "a prompt is padding alone"),
    ],
)
def test_options_outside_their_range(options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        sample(decoder(), torch.tensor([[1, 2]]), 3, **options)


@pytest.mark.parametrize("positions", ["rotary", "learned", "alibi"])
@pytest.mark.parametrize("side", ["right", "left", "holes"])
def test_rows_that_outgrow_the_context_slide_as_they_would_alone(side: str, positions: str) -> None:
    model = decoder(positions, context=8)
    lengths = [13, 3, 8, 7, 1]
    real = [torch.randint(0, 7, (n,), generator=draws(n)) for n in lengths]
    prompts, keep = torch.zeros(5, 20, dtype=torch.long), torch.zeros(5, 20, dtype=torch.bool)
    for row, text in enumerate(real):
        places = torch.arange(len(text)) if side == "right" else torch.arange(20 - len(text), 20)
        if side == "holes":
            places = torch.randperm(20, generator=draws(row))[: len(text)].sort().values
        prompts[row, places], keep[row, places] = text, True
    found = sample(model, prompts, 21, keep=keep, temperature=0)
    for row, text in enumerate(real):
        assert torch.equal(found[row : row + 1], sample(model, text[None], 21, temperature=0)), row


def test_an_empty_batch_and_a_temperature_near_zero() -> None:
    model = decoder()
    assert sample(model, torch.zeros(0, 3, dtype=torch.long), 3).shape == (0, 3)
    prompt = torch.tensor([[1, 2]])
    assert torch.equal(sample(model, prompt, 5, temperature=1e-40), sample(model, prompt, 5, temperature=0))


def test_what_a_model_cannot_do_is_said() -> None:
    prompt = torch.tensor([[1, 2]])
    with pytest.raises(UsageError, match="Bert gives no scores of a next token"):
        sample(create_model("bert", vocab_size=7, width=8, num_heads=2), prompt, 2)
    with pytest.raises(UsageError, match="Decoder reads no source"):
        sample(decoder(), prompt, 2, source=prompt)
    pair = create_model("encoder_decoder", source_vocab_size=7, target_vocab_size=7, width=8, num_heads=2)
    with pytest.raises(UsageError, match="writes from a source, and none is given"):
        sample(pair, prompt, 2)
    with pytest.raises(UsageError, match="there are 3 sources and 1 prompts"):
        sample(pair, prompt, 2, source=prompt.repeat(3, 1))
    with pytest.raises(UsageError, match="must be of one length"):
        sample(pair, prompt, 2, source=prompt, keep=torch.tensor([[True, False]]))
    for stop in (3, "ab", [-1]):
        with pytest.raises(UsageError, match="stop must be a collection of token ids"):
            sample(decoder(), prompt, 2, stop=stop)
