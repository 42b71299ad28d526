"""Sampling filters and greedy search against those of Transformers."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopKLogitsWarper,
    TopPLogitsWarper,
)
from transformers.utils import logging

from deepdojo.generation import beam_search, sample
from deepdojo.generation.filters import filtered, keep_min_p, keep_top_k, keep_top_p, repetition_penalty
from deepdojo.models import from_pretrained

logging.set_verbosity_error()
logging.disable_progress_bar()


def scores(seed: int) -> torch.Tensor:
    return 3 * torch.randn(11, 29, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(3))
def test_filters_equal_transformers(seed: int) -> None:
    x, text = scores(seed), torch.randint(0, 29, (11, 7), generator=torch.Generator().manual_seed(seed))
    for k in (1, 5, 28, 100):
        assert torch.equal(keep_top_k(x, k), TopKLogitsWarper(k)(text, x))
    for share in (0.02, 0.3, 0.9):
        assert torch.equal(keep_top_p(x, share), TopPLogitsWarper(share)(text, x))
        assert torch.equal(keep_min_p(x, share), MinPLogitsWarper(share)(text, x))
    torch.testing.assert_close(repetition_penalty(x, text, 1.3), RepetitionPenaltyLogitsProcessor(1.3)(text, x))
    chain = MinPLogitsWarper(0.1)(text, TopPLogitsWarper(0.9)(text, TopKLogitsWarper(9)(text, x / 0.7)))
    torch.testing.assert_close(filtered(x, 0.7, 9, 0.9, 0.1), torch.softmax(chain, -1))


def test_padding_is_not_repeated() -> None:
    x, text = scores(0)[:1], torch.tensor([[3, 5, 0, 0]])
    found = repetition_penalty(x, text, 2.0, torch.tensor([[True, True, False, False]]))
    assert (found != x)[0].nonzero().flatten().tolist() == [3, 5]


@pytest.fixture(params=["gpt2", "llama"])
def pair(request: pytest.FixtureRequest, tmp_path):
    torch.manual_seed(3)
    if request.param == "gpt2":
        common = {"n_positions": 40, "n_embd": 12, "n_layer": 2, "n_head": 3}
        theirs = GPT2LMHeadModel(GPT2Config(vocab_size=29, **common, bos_token_id=None, eos_token_id=None))
    else:
        common = {"hidden_size": 12, "intermediate_size": 17, "num_hidden_layers": 2, "num_attention_heads": 3}
        common |= {"num_key_value_heads": 1, "max_position_embeddings": 40}
        theirs = LlamaForCausalLM(LlamaConfig(vocab_size=29, **common, bos_token_id=None, eos_token_id=None))
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.3 * torch.randn_like(p))
    theirs.eval().save_pretrained(tmp_path)
    return from_pretrained(tmp_path), theirs


def test_greedy_tokens_with_prompts_of_different_lengths_are_transformers(pair) -> None:
    ours, theirs = pair
    prompts = torch.randint(1, 29, (4, 9), generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([9, 4, 1, 6])
    right = torch.arange(9) < lengths[:, None]
    left = right.flip(1)
    shifted = torch.zeros_like(prompts)
    for row, n in enumerate(lengths.tolist()):
        shifted[row, 9 - n :] = prompts[row, :n]
    wanted = theirs.generate(
        shifted, attention_mask=left.long(), max_new_tokens=15, do_sample=False, pad_token_id=0, use_cache=True
    )[:, 9:]
    assert torch.equal(sample(ours, prompts, 15, keep=right, temperature=0), wanted)
    assert torch.equal(sample(ours, shifted, 15, keep=left, temperature=0), wanted)


def test_beams_without_an_end_are_transformers(pair) -> None:
    ours, theirs = pair
    prompts = torch.randint(1, 29, (3, 5), generator=torch.Generator().manual_seed(2))
    wanted = theirs.generate(
        prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=9, num_beams=4, num_return_sequences=4,
        do_sample=False, pad_token_id=0, length_penalty=1.0, return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    tokens, found = beam_search(ours, prompts, 9, beams=4)
    assert torch.equal(tokens.flatten(0, 1), wanted.sequences[:, 5:])
    torch.testing.assert_close(found.flatten(), wanted.sequences_scores, rtol=1e-5, atol=1e-5)
