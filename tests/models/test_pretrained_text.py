"""BERT, GPT-2, Llama and Qwen checkpoints on random configs: equal scores and gradients, and both ways."""

from __future__ import annotations

import json

import pytest
import torch
from hugging_face import BERTS, ROPES, random_bert, random_gpt2, random_llama, written
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from deepdojo.layers import replaced
from deepdojo.models import create_model, from_pretrained, model_config, save_pretrained

logging.set_verbosity_error()


def scores(model, tokens, keep=None, segments=None):
    """What Transformers gives, as one list of tensors."""
    given = {"input_ids": tokens} | ({} if keep is None else {"attention_mask": keep.long()})
    out = model(**given, **({} if segments is None else {"token_type_ids": segments}))
    named = ("prediction_logits", "seq_relationship_logits", "logits", "last_hidden_state")
    found = [out[name] for name in named if name in out]
    return [torch.stack([out.start_logits, out.end_logits], -1)] if "start_logits" in out else found


def as_list(out):
    return list(out) if isinstance(out, tuple) else [out]


def assert_same_gradients(ours, theirs, made, wanted, tokens):
    """Under one random cotangent, gradient of the table of token vectors, which all layers lie behind."""
    cotangents = [torch.randn(w.shape, dtype=w.dtype, generator=torch.Generator().manual_seed(5)) for w in wanted]
    a = torch.autograd.grad(made, ours.embedding.weight, cotangents)[0]
    b = torch.autograd.grad(wanted, theirs.get_input_embeddings().weight, cotangents)[0]
    padding = theirs.get_input_embeddings().padding_idx
    if padding is not None:  # Transformers never trains that row; here the mask alone decides
        a[padding] = b[padding]
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * max(1.0, float(b.abs().max())))


def assert_same(made, wanted):
    assert len(made) == len(wanted)
    for a, b in zip(made, wanted, strict=True):
        a, b = a.detach(), b.detach()
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5 * max(1.0, float(b.abs().max())))


@pytest.mark.parametrize("head", BERTS)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_bert_gives_transformers_scores_with_padding_and_segments(seed, head, tmp_path):
    theirs = random_bert(seed, head)
    ours = from_pretrained(written(theirs, tmp_path))
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, theirs.config.vocab_size, (3, 11), generator=generator)
    segments = torch.randint(0, 2, (3, 11), generator=generator)
    keep = torch.arange(11) < torch.tensor([11, 7, 1])[:, None]
    wanted, made = scores(theirs, tokens, keep, segments), as_list(ours(tokens, keep, segments))
    real = keep[..., None] if wanted[0].dim() == 3 else None  # states at padding are nobody's business
    if real is not None:
        wanted[0], made[0] = wanted[0] * real, made[0] * real
    assert_same(made, wanted)
    assert_same_gradients(ours, theirs, made, wanted, tokens)
    assert_same(as_list(ours(tokens)), scores(theirs, tokens))


@pytest.mark.parametrize("seed", range(6))
def test_gpt2_gives_transformers_scores(seed, tmp_path):
    theirs = random_gpt2(seed)
    ours = from_pretrained(written(theirs, tmp_path))
    tokens = torch.randint(0, theirs.config.vocab_size, (3, 11), generator=torch.Generator().manual_seed(seed))
    wanted, made = scores(theirs, tokens), [ours(tokens)]
    assert_same(made, wanted)
    assert_same_gradients(ours, theirs, made, wanted, tokens)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
@pytest.mark.parametrize("seed", range(6))
def test_llama_and_qwen_give_transformers_scores(seed, family, tmp_path):
    theirs = random_llama(seed, family, ROPES[seed])
    ours = from_pretrained(written(theirs, tmp_path))
    tokens = torch.randint(0, theirs.config.vocab_size, (3, 23), generator=torch.Generator().manual_seed(seed))
    wanted, made = scores(theirs, tokens), [ours(tokens)]
    assert_same(made, wanted)
    assert_same_gradients(ours, theirs, made, wanted, tokens)
    keep = torch.arange(23) < torch.tensor([23, 7, 1])[:, None]
    assert_same([ours(tokens, keep=keep) * keep[..., None]], [scores(theirs, tokens, keep)[0] * keep[..., None]])


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2", "qwen3", *(f"bert {head}" for head in BERTS)])
@pytest.mark.parametrize("seed", [10, 11])
def test_what_we_write_transformers_reads_whole(seed, family, tmp_path):
    if family.startswith("bert"):
        theirs = random_bert(seed, family.split()[1])
    else:
        theirs = random_gpt2(seed) if family == "gpt2" else random_llama(seed, family)
    ours = from_pretrained(written(theirs, tmp_path / "theirs"))
    save_pretrained(ours, tmp_path / "ours")
    assert AutoConfig.from_pretrained(tmp_path / "ours").model_type == family.split()[0]
    back, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"], report
    assert not report["unexpected_keys"], report
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9), generator=torch.Generator().manual_seed(seed))
    assert_same(scores(back.eval(), tokens), scores(theirs, tokens))
    again = from_pretrained(tmp_path / "ours")
    assert_same(as_list(again(tokens)), as_list(ours(tokens)))
    assert model_config(again) == model_config(ours)


@pytest.mark.parametrize("name", ["gpt2", "modern"])
def test_a_decoder_made_here_is_read_by_transformers(name, tmp_path):
    torch.manual_seed(0)
    arguments = (
        {"positions": "learned", "norm": "layer", "bias": True}
        if name == "gpt2"
        else {"gated": True, "activation": "silu"}
    )
    ours = create_model("decoder", vocab_size=13, width=12, num_heads=3, num_layers=2, context=17, **arguments).eval()
    save_pretrained(ours, tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    tokens = torch.randint(0, 13, (2, 11))
    assert_same([ours(tokens)], scores(theirs, tokens))


def test_old_files_are_read_as_well(tmp_path):
    """Names of before 2019 (gamma, beta), no prefix, buffers that follow from others, rope_theta beside the rest."""
    theirs = random_bert(0, "none")
    folder = written(theirs, tmp_path)
    from safetensors.torch import save_file

    def old(name):
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return name.replace("embeddings.LayerNorm", "embeddings.LayerNorm")

    tensors = {old(name): tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    tensors["embeddings.position_ids"] = torch.arange(13)[None]
    save_file(tensors, folder / "model.safetensors")
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    assert_same([from_pretrained(folder)(tokens)], scores(theirs, tokens))

    theirs = random_llama(3, "llama", ROPES[1])
    folder = written(theirs, tmp_path / "llama")
    config = json.loads((folder / "config.json").read_text())
    config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
    config["rope_scaling"], config["torch_dtype"] = None, config.pop("dtype")
    (folder / "config.json").write_text(json.dumps(config))
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    assert_same([from_pretrained(folder)(tokens)], scores(theirs, tokens))


def test_several_files_are_read_as_one(tmp_path):
    theirs = random_gpt2(1)
    theirs.save_pretrained(tmp_path, max_shard_size="2KB")
    assert (tmp_path / "model.safetensors.index.json").is_file()
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    assert_same([from_pretrained(tmp_path)(tokens)], scores(theirs, tokens))


def test_another_head_starts_fresh_on_the_same_body(tmp_path):
    theirs = random_bert(2, "pretraining")
    folder = written(theirs, tmp_path)
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    words = from_pretrained(folder, head="masked_word")  # the file has it: nothing is fresh
    assert_same([words(tokens)], scores(theirs, tokens)[:1])
    torch.manual_seed(0)
    tagger = from_pretrained(folder, head="token", num_outputs=7, dropout=0.0)
    assert tagger(tokens).shape == (2, 9, 7)
    assert_same([tagger.states(tokens)], [theirs.bert(tokens).last_hidden_state])
    classifier = from_pretrained(folder, head="classifier", num_outputs=3)
    assert_same([classifier.pooled(tokens)], [theirs.bert(tokens).pooler_output])
    assert classifier.head.dense.weight.shape == (3, theirs.config.hidden_size)


def test_a_tagger_never_starts_from_a_classifiers_last_layer(tmp_path):
    """Both are called classifier.weight in the file, and with as many outputs they would even fit."""
    theirs = random_bert(2, "classifier")
    torch.manual_seed(0)
    tagger = from_pretrained(written(theirs, tmp_path), head="token")
    assert tagger.head.dense.weight.shape == theirs.classifier.weight.shape
    assert not torch.equal(tagger.head.dense.weight, theirs.classifier.weight)
    assert float(tagger.head.dense.weight.detach().abs().max()) < 0.1  # drawn with deviation 0.02


@pytest.mark.parametrize("architectures", [["BertForMaskedLM"], "BertForMaskedLM", [], None])
def test_what_a_file_holds_is_taken_whatever_config_says(architectures, tmp_path):
    """A file of the whole pre-training whose config.json names one part of it, as google's own do, or none."""
    theirs = random_bert(2, "pretraining")
    folder = written(theirs, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config.pop("architectures")
    (folder / "config.json").write_text(
        json.dumps(config | ({} if architectures is None else {"architectures": architectures}))
    )
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    words, follows = scores(theirs, tokens)
    pooled = theirs.bert(tokens).pooler_output
    assert_same([from_pretrained(folder, head="masked_word")(tokens)], [words])
    assert_same([from_pretrained(folder, head="next_sentence")(tokens)], [follows])
    assert_same(from_pretrained(folder, head="pretraining")(tokens), [words, follows])
    for head in ("none", "classifier"):
        assert_same([from_pretrained(folder, head=head).pooled(tokens)], [pooled])
    silent = from_pretrained(folder)  # without a name, the head that uses most of the file
    assert silent.config.head == ("masked_word" if architectures else "pretraining")


def test_a_classifier_without_its_name_is_read_whole(tmp_path):
    for head in ("classifier", "token", "span", "masked_word", "none"):
        theirs = random_bert(3, head)
        folder = written(theirs, tmp_path / head)
        config = json.loads((folder / "config.json").read_text())
        del config["architectures"]
        (folder / "config.json").write_text(json.dumps(config))
        tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
        for asked in (None, head):
            assert_same(as_list(from_pretrained(folder, head=asked)(tokens)), scores(theirs, tokens))


@pytest.mark.parametrize("family", ["gpt2", "llama", "bert"])
def test_tables_that_are_tied_in_name_only_count_as_they_do_in_transformers(family, tmp_path):
    seed = {"gpt2": 1, "llama": 2, "bert": 1}[family]
    theirs = random_bert(seed, "masked_word") if family == "bert" else None
    theirs = theirs or (random_gpt2(seed) if family == "gpt2" else random_llama(seed, "llama"))
    theirs.config.tie_word_embeddings = False
    theirs = type(theirs)(theirs.config)
    folder = written(theirs, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    assert_same([from_pretrained(folder)(tokens)], scores(type(theirs).from_pretrained(folder).eval(), tokens))


def test_short_floats_are_widened_and_long_ones_kept(tmp_path):
    theirs = random_gpt2(0)
    assert from_pretrained(written(theirs.double(), tmp_path / "64")).embedding.weight.dtype == torch.float64
    assert from_pretrained(written(theirs.bfloat16(), tmp_path / "16")).embedding.weight.dtype == torch.float32
    assert from_pretrained(tmp_path / "16", dtype=torch.bfloat16).embedding.weight.dtype == torch.bfloat16


def test_weights_do_not_change_when_the_file_does(tmp_path):
    theirs = random_gpt2(0)
    ours = from_pretrained(written(theirs, tmp_path))
    before = ours.embedding.weight.detach().clone()
    written(random_gpt2(5), tmp_path)
    assert torch.equal(ours.embedding.weight, before)
    with torch.no_grad():
        ours.embedding.weight.zero_()  # and it can be trained


def test_a_learners_layer_takes_part_in_a_pretrained_model(tmp_path):
    theirs = random_gpt2(1)
    folder = written(theirs, tmp_path)

    def my_attention(q, k, v, keep=None):
        T, S = q.shape[2], k.shape[2]
        ahead = torch.ones(T, S, dtype=torch.bool).triu(1 + S - T)
        return torch.softmax((q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf), -1) @ v

    with replaced({"causal_attention": my_attention}) as counts:
        ours = from_pretrained(folder)
    assert counts["causal_attention"] == theirs.config.n_layer
    tokens = torch.randint(0, theirs.config.vocab_size, (2, 9))
    assert_same([ours(tokens)], scores(theirs, tokens))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "qwen2", "qwen3"])
def test_forty_more_configs_of_each(family, tmp_path):
    """Both ways. Heads of width 4 under a normalisation enlarge rounding, so the bound is 3e-5 here."""
    for seed in range(100, 140):
        if family == "bert":
            theirs = random_bert(seed, list(BERTS)[seed % len(BERTS)])
        else:
            theirs = random_gpt2(seed) if family == "gpt2" else random_llama(seed, family)
        ours = from_pretrained(written(theirs, tmp_path / f"{seed}"))
        save_pretrained(ours, tmp_path / f"{seed} ours")
        back = type(theirs).from_pretrained(tmp_path / f"{seed} ours").eval()
        tokens = torch.randint(0, theirs.config.vocab_size, (2, 12), generator=torch.Generator().manual_seed(seed))
        for a, b, c in zip(as_list(ours(tokens)), scores(theirs, tokens), scores(back, tokens), strict=True):
            size = max(1.0, float(b.detach().abs().max()))
            assert float((a - b).detach().abs().max()) < 3e-5 * size, seed
            assert float((c - b).detach().abs().max()) < 3e-5 * size, seed
