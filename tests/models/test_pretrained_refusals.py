"""What is not a checkpoint of ours, or is damaged, said in one sentence that names it."""

from __future__ import annotations

import json

import pytest
import torch
from hugging_face import random_bert, random_gpt2, random_llama, written
from safetensors.torch import load_file, save_file

from deepdojo.errors import RecipeError
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
        ({"model_type": "mamba"}, "model_type 'mamba' is not read; these are: bert, gpt2"),
        ({"model_type": "absent"}, "model_type None is not read"),
        ({"architectures": ["GPT2ForSequenceClassification"]}, "GPT2ForSequenceClassification is not read; of gpt2"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx = True is not supported"),
        ({"activation_function": "mish"}, "the activation 'mish' is none of ours"),
    ],
)
def test_settings_that_are_not_ours(settings, said, tmp_path):
    with pytest.raises(RecipeError, match=said):
        from_pretrained(changed(written(random_gpt2(0), tmp_path), **settings))


def test_rope_kinds_that_are_not_ours(tmp_path):
    folder = written(random_llama(0, "llama"), tmp_path)
    rope = {"rope_type": "longrope", "rope_theta": 10_000.0, "factor": 2.0}
    with pytest.raises(RecipeError, match="rope_type 'longrope' is not supported"):
        from_pretrained(changed(folder, rope_parameters=rope))


def test_a_head_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match="bert has no head 'words'; take masked_word, pretraining"):
        from_pretrained(written(random_bert(0, "none"), tmp_path), head="words")


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
