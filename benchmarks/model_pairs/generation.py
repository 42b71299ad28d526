"""Cached generation and beam search beside Hugging Face's `generate`: 6 layers, width 192, 64 new tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import torch

from deepdojo.generation import beam_search, sample
from deepdojo.models import from_pretrained
from model_pairs import Pair

__all__ = ["generation_pairs"]

NEW = 64


def generation_pairs() -> Iterator[Pair]:
    """GPT-2 and Llama, greedy at batch 1 and 16, four beams at batch 1; the tokens are compared before the clock."""
    import transformers as hf

    hf.utils.logging.set_verbosity_error()
    hf.utils.logging.disable_progress_bar()
    ids = {"bos_token_id": None, "eos_token_id": None}
    sizes = {"n_embd": 192, "n_layer": 6, "n_head": 6, "n_positions": 256}
    gpt2 = hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=256, **sizes, **ids))
    sizes = {"hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 6}
    sizes |= {"num_key_value_heads": 2, "max_position_embeddings": 256}
    llama = hf.LlamaForCausalLM(hf.LlamaConfig(vocab_size=256, **sizes, **ids))
    for name, theirs in (("GPT-2", gpt2), ("Llama", llama)):
        theirs.eval()
        with tempfile.TemporaryDirectory() as folder:
            theirs.save_pretrained(folder)
            ours = from_pretrained(folder)
        for batch, beams, goal in ((1, 1, 3.5), (16, 1, 2.0), (1, 4, 1.5)):
            yield _pair(name, ours, theirs, batch, beams, goal)


def _pair(name: str, ours: Any, theirs: Any, batch: int, beams: int, goal: float) -> Pair:
    prompt = torch.randint(0, 256, (batch, 16), generator=torch.Generator().manual_seed(1))
    given = {"attention_mask": torch.ones_like(prompt), "max_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}

    def mine() -> torch.Tensor:
        if beams == 1:
            return sample(ours, prompt, NEW, temperature=0)
        return beam_search(ours, prompt, NEW, beams=beams)[0][:, 0]

    def other() -> torch.Tensor:
        return theirs.generate(prompt, num_beams=beams, **given)[:, prompt.shape[1] :]

    if not torch.equal(mine(), other()):
        raise SystemExit(f"{name}: the two do not write the same tokens")
    kind = f"{beams} beams" if beams > 1 else "greedy"
    return Pair(f"{name}, {kind}, batch {batch}, {NEW} tokens", mine, other, goal)
