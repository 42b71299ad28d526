"""A learner's function runs in every model that counts it: what is counted and never called would be judged unheard."""

from __future__ import annotations

import functools
import inspect
from itertools import product

import pytest
import torch

import deepdojo.layers
from deepdojo.layers import LAYERS, replaced
from deepdojo.models import MODELS, create_model
from deepdojo.models.article import CNN, RNN

IMAGE = {"in_channels": 3, "height": 16, "width": 16, "in_features": 768, "num_outputs": 3}
TEXT = {"vocab_size": 13, "num_outputs": 3}
PAIR = {"source_vocab_size": 13, "target_vocab_size": 11}
CAPTION = {"in_channels": 3, "target_vocab_size": 7}
SERIES = {"context": 12, "horizon": 5, "known_channels": 3, "num_outputs": 9}
CLIP = {"in_channels": 3, "steps": 5, "height": 12, "width": 10, "num_outputs": 3}
SIGNAL = {"in_channels": 2, "steps": 11, "in_features": 3, "num_outputs": 3}
KEEP = torch.arange(7) < torch.tensor([7, 3, 1, 5])[:, None]
FUNCTIONS = [name for name in LAYERS if not inspect.isclass(getattr(deepdojo.layers, name))]


def images(model, side=16):
    model(torch.randn(4, 3, side, side))


def with_auxiliary(model, side=16):
    model.forward_with_auxiliary(torch.randn(4, 3, side, side))


def texts(model):
    model(torch.randint(0, 13, (4, 7)), KEEP)
    model(torch.randint(0, 13, (4, 7)))


def texts_alone(model):
    model(torch.randint(0, 13, (4, 7)))


def bert_texts(model):
    texts(model)
    if model.pooler is not None:
        model.pooled(torch.randint(0, 13, (4, 7)), KEEP)


def pairs(model):
    model(torch.randint(0, 13, (4, 7)), torch.randint(0, 11, (4, 5)), KEEP)


def captions(model):
    model(torch.randn(4, 3, 16, 16), torch.randint(0, 7, (4, 5)))


def spans(model):
    forms = torch.randint(0, 3, (4, 5, 2)), torch.randint(0, 3, (4, 7, 2))
    asked = torch.ones(4, 2, dtype=torch.int64)
    model(
        torch.randint(0, 13, (4, 5)), forms[0], KEEP[:, :5], asked, torch.randint(0, 13, (4, 7)), forms[1], KEEP,
        torch.randn(4, 7, 2), torch.ones(4, 7, 5, dtype=torch.bool),
    )  # fmt: skip


def tags(model):
    x = torch.randint(0, 13, (4, 7)), torch.randint(0, 3, (4, 7, 2))
    if getattr(model.config, "characters", "none") != "none":
        scores = model(*x, KEEP, torch.randint(0, 9, (4, 7, 3)))
    else:
        scores = model(*x, KEEP)
    if model.config.crf:
        model.crf.nll(scores, torch.zeros(4, 7, dtype=torch.int64), KEEP)
        model.crf.decode(scores, KEEP)
        model.crf.marginals(scores, KEEP)


def series(model):
    model(torch.randn(4, 12), torch.randn(4, 3, 5))


def clips(model):
    model(torch.randn(4, 5, 3, 12, 10))


def signals(model):
    model(torch.randn(4, 2, 11), torch.randn(4, 3))


def spectra(model):
    model(torch.randn(4, 1, 16, 30))


def frames(model):
    model(torch.randn(4, 12, 5), torch.arange(12) < torch.tensor([12, 8, 5, 12])[:, None])


def spoken(model):
    tokens, keep = torch.randint(0, 13, (4, 7)), KEEP
    model(tokens, keep, torch.arange(20) < torch.tensor([20, 9, 5, 12])[:, None])


LARGE = {**IMAGE, "height": 75, "width": 75}
CASES = {
    "linear": ("linear", IMAGE, {}, images),
    "mlp": ("mlp", IMAGE, {"hidden": [5, 5], "norm": "layer"}, images),
    "lenet": ("lenet", IMAGE, {}, images),
    "lenet max": ("lenet", IMAGE, {"pooling": "max"}, images),
    "cnn": ("cnn", IMAGE, {"channels": [3, 5], "convs": [1]}, images),
    "cnn one stage": ("cnn", IMAGE, {"channels": [3], "convs": [1], "pooling": "both"}, images),
    "all_convolutional": ("all_convolutional", IMAGE, {"channels": [3, 5], "last_padding": 1}, images),
    "resnet": ("resnet", IMAGE, {"widths": [3, 5], "blocks": [1]}, images),
    "resnet stem pool": ("resnet", IMAGE, {"widths": [3, 5], "blocks": [1], "stem_pool": True}, images),
    "resnet halving": ("resnet", IMAGE, {"widths": [3, 5], "blocks": [1], "halving": "pool"}, images),
    "resnet one stage": ("resnet", IMAGE, {"widths": [3], "blocks": [1], "halving": "pool"}, images),
    "resnet zeros": ("resnet", IMAGE, {"widths": [3, 5], "blocks": [1], "shortcut": "zeros"}, images),
    "resnet_imagenet": ("resnet_imagenet", IMAGE, {"widths": [4, 8], "blocks": [1]}, images),
    "resnet_imagenet 50": ("resnet_imagenet", IMAGE, {"widths": [4, 8], "blocks": [1], "block": "bottleneck"}, images),
    "resnet_imagenet none": ("resnet_imagenet", IMAGE, {"widths": [4, 8], "blocks": [1], "head": "none"}, images),
    "inception": ("inception", IMAGE, {"width_multiplier": 0.1}, images),
    "inception auxiliary": ("inception", IMAGE, {"width_multiplier": 0.1, "auxiliary": True}, with_auxiliary),
    "inception large": ("inception", LARGE, {"width_multiplier": 0.1, "auxiliary": True},
                        functools.partial(with_auxiliary, side=75)),
    "vit": ("vit", IMAGE, {"patch": 8, "model_width": 8, "num_layers": 1, "num_heads": 2, "drop_path": 0.1}, images),
    "dense_detector": ("dense_detector", IMAGE, {}, images),
    "embedding_cnn": ("embedding_cnn", IMAGE, {"channels": [5, 7], "embedding_width": 3, "dropout": 0.1}, images),
    "bag_of_ngrams": ("bag_of_ngrams", TEXT, {}, texts),
    "text_cnn": ("text_cnn", TEXT, {"filters": 5}, texts),
    "forecast_linear": ("forecast_linear", SERIES, {"kernel": 3}, series),
    "forecast_mlp": ("forecast_mlp", SERIES, {"width": 8}, series),
    "forecast_rnn lstm": ("forecast_rnn", SERIES, {"hidden_size": 5}, series),
    "forecast_rnn gru": ("forecast_rnn", SERIES, {"hidden_size": 5, "cell": "gru"}, series),
    "spectrogram_cnn": ("spectrogram_cnn", {"in_channels": 1, "bands": 16, "num_outputs": 3},
                        {"channels": [3, 5, 7], "features": 5}, spectra),
    "frame_cnn": ("frame_cnn", {"frame_features": 5, "num_outputs": 4}, {"channels": 6, "blocks": 1}, frames),
    "frame_cnn lstm": ("frame_cnn", {"frame_features": 5, "num_outputs": 4},
                       {"channels": 6, "blocks": 1, "hidden_size": 3}, frames),
    "fastspeech": ("fastspeech", {"vocab_size": 13, "mel_bands": 6, "hop_samples": 64, "window_samples": 256},
                   {"width": 8, "text_blocks": 1, "frame_blocks": 1}, spoken),
    "clip_cnn": ("clip_cnn", CLIP, {"channels": [5, 7]}, clips),
    "signal_cnn": ("signal_cnn", SIGNAL, {"channels": [5, 7]}, signals),
    "show_and_tell none": ("show_and_tell", CAPTION, {"attention": "none"}, captions),
    "show_and_tell soft": ("show_and_tell", CAPTION, {"attention": "soft"}, captions),
}  # fmt: skip
WORDS = {"vocab_size": 13}
DECODERS = {
    "gpt2": {"positions": "learned", "norm": "layer", "activation": "gelu_tanh"},
    "plain": {"tied": False},
    "llama": {"kv_heads": 1, "gated": True, "activation": "silu"},
    "window": {"window": 2},
    "alibi": {"positions": "alibi"},
    "relative": {"positions": "relative", "norm_first": False, "gated": True},
}
for kind, options in DECODERS.items():
    CASES[f"decoder {kind}"] = ("decoder", WORDS, {"width": 8, "num_layers": 1, "num_heads": 2, **options}, texts_alone)
for head, pooling in product(("classifier", "masked_word", "token", "none"), ("first", "mean")):
    options = {"width": 8, "num_layers": 1, "num_heads": 2, "head": head, "pooling": pooling}
    CASES[f"bert {head} {pooling}"] = ("bert", TEXT, options, bert_texts)
for norm_first, tied in product((True, False), (True, False)):
    options = {"width": 8, "encoder_layers": 1, "decoder_layers": 1, "num_heads": 2, "norm_first": norm_first}
    CASES[f"encoder_decoder {norm_first} {tied}"] = ("encoder_decoder", PAIR, {**options, "tied": tied}, pairs)
for cell, pooling, layers in product(("lstm", "gru", "elman"), ("last", "max", "mean", "attention"), (1, 2)):
    options = {"hidden_size": 5, "cell": cell, "pooling": pooling, "num_layers": layers}
    CASES[f"rnn {cell} {pooling} {layers}"] = ("rnn", TEXT, options, texts)
for pooling in ("cls", "mean", "max"):
    options = {"width": 8, "num_layers": 1, "num_heads": 2, "pooling": pooling}
    CASES[f"transformer {pooling}"] = ("transformer", TEXT, options, texts)
for kind, crf in product(("none", "lstm", "cnn"), (True, False)):
    options = {"hidden_size": 5, "characters": kind, "crf": crf, "num_characters": 9}
    CASES[f"bilstm_crf {kind} {crf}"] = ("bilstm_crf", {**TEXT, "feature_sizes": [3, 3]}, options, tags)
for crf, positions in product((True, False), ("sinusoidal", "learned")):
    options = {"width": 8, "num_layers": 1, "num_heads": 2, "crf": crf, "positions": positions}
    CASES[f"transformer_tagger {crf} {positions}"] = (
        "transformer_tagger", {**TEXT, "feature_sizes": [3, 3]}, options, tags,
    )  # fmt: skip
READER = {"vocab_size": 13, "form_sizes": [3, 3], "num_features": 2, "num_kinds": 3, "max_span": 4}
CASES["span_reader"] = ("span_reader", READER, {"hidden_size": 5, "model_width": 8, "num_layers": 1}, spans)
for attention, cell, tied in product(("none", "additive", "layered"), ("gru", "lstm"), (True, False)):
    options = {"attention": attention, "cell": cell, "tied": tied, "hidden_size": 5, "num_layers": 2}
    CASES[f"seq2seq {attention} {cell} {tied}"] = ("seq2seq", PAIR, options, pairs)


def counted_and_run(build, call):
    """The names of the functions that a model took when it was built, and of those that ran."""
    run, counted = set(), set()

    def noting(name):
        ours = getattr(deepdojo.layers, name)

        @functools.wraps(ours)
        def stand_in(*args, **kwargs):
            run.add(name)
            return ours(*args, **kwargs)

        return stand_in

    # Whoever replaces the whole of attention has replaced its softmax too, so that one stands in alone.
    for names in ({*FUNCTIONS} - {"softmax"}, {"softmax"}):
        torch.manual_seed(0)
        with replaced({name: noting(name) for name in names}) as counts:
            model = build()
        counted |= {name for name, count in counts.items() if count}
        for training in (True, False):
            call(model.train(training))
    return counted, run


def test_every_model_is_among_them():
    assert {*MODELS} == {name for name, *_ in CASES.values()}


@pytest.mark.parametrize("case", CASES)
def test_every_function_that_a_model_counts_runs_in_it(case):
    name, dims, options, call = CASES[case]
    counted, run = counted_and_run(lambda: create_model(name, dims, **options), call)
    assert counted == run


@pytest.mark.parametrize(
    ("model", "x"), [(CNN, torch.randn(2, 3, 28, 28)), (lambda: RNN(5, 3, 2, 2), torch.randn(4, 7, 5))]
)
def test_so_do_those_of_the_articles_models(model, x):
    counted, run = counted_and_run(model, lambda built: built(x))
    assert counted == run
