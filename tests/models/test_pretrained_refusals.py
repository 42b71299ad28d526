"""What is not a checkpoint of ours, or is damaged, said in one sentence that names it."""

from __future__ import annotations

import json

import pytest
import torch
from hugging_face import random_bert, random_gpt2, random_llama, written
from safetensors.torch import load_file, save_file

from deepdojo.errors import DojoError, RecipeError, UnknownNameError
from deepdojo.models import create_model, from_pretrained, save_pretrained


def changed(folder, **settings):
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **settings}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))
    return folder


def test_pickled_weights_are_never_opened(tmp_path):
    folder = written(random_gpt2(0), tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(RecipeError, match=r"pytorch_model.bin is not safetensors.*convert it"):
        from_pretrained(folder)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(RecipeError, match=r"there is no model.safetensors"):
        from_pretrained(folder)


def test_missing_unknown_and_misshapen_tensors_are_all_named(tmp_path):
    folder = written(random_gpt2(1), tmp_path)
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.h.0.extra"] = torch.zeros(1)
    del tensors["transformer.ln_f.bias"], tensors["transformer.wpe.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(RecipeError, match=r"missing: transformer.ln_f.bias, transformer.wpe.weight; unknown: .*extra"):
        from_pretrained(folder)
    folder = changed(written(random_gpt2(1), tmp_path), n_positions=7)
    with pytest.raises(RecipeError, match=r"transformer.wpe.weight is \(\d+, \d+\) instead of \(7, \d+\)"):
        from_pretrained(folder)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model_type": "bertt"}, "no model_type that is read is named 'bertt'; did you mean 'bert'"),
        ({"model_type": "absent"}, "model_type is None; these are read: bert, gpt2"),
        ({"model_type": ["gpt2"]}, r"model_type is \['gpt2'\]; these are read"),
        (
            {"architectures": ["GPT2ForSequenceClassification"]},
            "no class of gpt2 is named 'GPT2ForSequenceClassification'",
        ),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True is not supported"),
        ({"activation_function": "mish"}, "the activation 'mish' is none of ours"),
    ],
)
def test_settings_that_are_not_ours(settings, said, tmp_path):
    with pytest.raises(DojoError, match=said):
        from_pretrained(changed(written(random_gpt2(0), tmp_path), **settings))


def test_rope_kinds_that_are_not_ours(tmp_path):
    folder = written(random_llama(0, "llama"), tmp_path)
    rope = {"rope_type": "longrope", "rope_theta": 10_000.0, "factor": 2.0}
    with pytest.raises(RecipeError, match="rope_type 'longrope' is not supported"):
        from_pretrained(changed(folder, rope_parameters=rope))


def test_a_head_that_is_not_there(tmp_path):
    with pytest.raises(UnknownNameError, match="no head of bert is named 'clasifier'; did you mean 'classifier'"):
        from_pretrained(written(random_bert(0, "none"), tmp_path), head="clasifier")


@pytest.mark.parametrize("damage", ["no config", "broken config", "cut weights", "a list"])
def test_damaged_folders(damage, tmp_path):
    folder = written(random_gpt2(0), tmp_path)
    config, weights = folder / "config.json", folder / "model.safetensors"
    if damage == "no config":
        config.unlink()
    elif damage == "broken config":
        config.write_text("{")
    elif damage == "a list":
        config.write_text("[]")
    else:
        weights.write_bytes(weights.read_bytes()[:-50])
    said = {
        "no config": "config.json is not there",
        "broken config": "config.json cannot be read",
        "a list": "config.json must hold an object",
        "cut weights": "model.safetensors is damaged",
    }
    with pytest.raises(RecipeError, match=said[damage]):
        from_pretrained(folder)


def test_an_index_cannot_point_outside_its_folder(tmp_path):
    folder = written(random_gpt2(0), tmp_path / "inner")
    (folder / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": {"transformer.wte.weight": "../outside.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(RecipeError, match="must map names to files of its own folder"):
        from_pretrained(folder)


def test_what_transformers_has_no_counterpart_for(tmp_path):
    model = create_model("decoder", vocab_size=5, width=4, num_heads=2, num_layers=1, positions="alibi")
    with pytest.raises(RecipeError, match="Decoder with these settings has no counterpart"):
        save_pretrained(model, tmp_path)
    with pytest.raises(RecipeError, match="Linear with these settings has no counterpart"):
        save_pretrained(torch.nn.Linear(2, 2), tmp_path)


def test_a_folder_that_is_not_there():
    with pytest.raises(RecipeError, match=r"there is no folder ./nowhere/at/all"):
        from_pretrained("./nowhere/at/all")


def test_a_file_is_not_a_folder(tmp_path):
    folder = written(random_gpt2(0), tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"pytorch_model.bin is not safetensors.*convert it.*this is a file"):
        from_pretrained(folder / "pytorch_model.bin")
    with pytest.raises(RecipeError, match="this is a file, not a folder; give"):
        from_pretrained(folder / "model.safetensors")
    with pytest.raises(RecipeError, match=r"dtype must be a floating type, got torch.int8"):
        from_pretrained(folder, dtype=torch.int8)


def test_unknown_tensors_are_refused_with_a_fresh_head_too(tmp_path):
    """A file of three layers whose config.json says two would else be cut without a word."""
    theirs = next(m for m in (random_bert(seed, "none") for seed in range(9)) if m.config.num_hidden_layers == 3)
    folder = changed(written(theirs, tmp_path), num_hidden_layers=2)
    for head in (None, "classifier", "token"):
        with pytest.raises(RecipeError, match=r"unknown: encoder.layer.2"):
            from_pretrained(folder, head=head)


def test_settings_that_cannot_be_written(tmp_path):
    base = {"vocab_size": 5, "width": 8, "num_heads": 2, "num_layers": 1, "gated": True, "activation": "silu"}
    scaled = {"rotary_scaling": "linear", "rotary_factor": 2.0, "rotary_size": 1.5}
    with pytest.raises(RecipeError, match="Transformers has rotary_size for yarn alone"):
        save_pretrained(create_model("decoder", **base, **scaled), tmp_path)
