"""Every model that a recipe uses: exported, and its cells equal on rows, lengths and batches that were not traced.

`write_graph` itself runs each graph on five shapes and two further masks that the exporter did not see, and refuses one
that differs by 1e-4; here the difference must stay below 1e-5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file
from tests.baselines.floor_rows import hidden, made_rows
from tests.interop.exporting import exported, same_cells

from deepdojo.contracts import CONTRACTS
from deepdojo.data.project import builtin_projects, stock_recipes
from deepdojo.models import create_model
from deepdojo.recipes import Recipe
from deepdojo.session.defaults import resolve
from deepdojo.tasks import load_task

pytestmark = pytest.mark.usefixtures("production")  # exporters call layers with sizes that are no numbers yet

SMALL = {"embedding_width": 8, "hidden_size": 6}
NARROW = {"width": 16, "num_heads": 2, "num_layers": 2}
# (task, model, its arguments, options of the task)
FAMILIES: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("image-classification", "linear", {}, {}),
    ("image-classification", "mlp", {}, {}),
    ("image-classification", "lenet", {}, {"size": 28}),
    ("image-classification", "cnn", {}, {}),
    ("image-classification", "cnn", {}, {"views": ["flip", "shift"], "standardise": "image"}),
    ("image-classification", "all_convolutional", {}, {"size": 16}),
    ("image-classification", "resnet", {"widths": [8, 16, 32], "blocks": [1, 1, 1]}, {"size": 16}),
    ("image-classification", "resnet_imagenet", {"widths": [8, 16], "blocks": [1, 1]}, {"size": 32}),
    ("image-classification", "inception", {"width_multiplier": 0.125}, {"size": 32}),
    ("image-classification", "vit", {"model_width": 16, "num_heads": 2, "num_layers": 2}, {"size": 16}),
    ("detection", "dense_detector", {"widths": [8, 8, 16], "stride": 8, "head_width": 8}, {}),
    ("detection", "dense_detector", {"widths": [8, 8, 16], "stride": 4, "head_width": 8}, {"views": 2}),
    ("video-classification", "clip_cnn", {"channels": [4, 8]}, {"size": 16}),
    ("skeleton-classification", "signal_cnn", {"channels": [8, 8], "convs": 1}, {}),
    ("verification", "embedding_cnn", {"channels": [8, 8], "embedding_width": 8, "centres": True}, {}),
    ("identification", "embedding_cnn", {"channels": [8, 8]}, {"views": "mirrored"}),
    ("text-classification", "text_cnn", {"embedding_width": 8, "filters": 8}, {}),
    ("text-classification", "text_cnn", {"embedding_width": 8, "filters": 8, "channels": "multichannel"}, {}),
    ("text-classification", "bag_of_ngrams", {}, {"ngrams": True, "min_count": 1}),
    ("text-classification", "rnn", SMALL, {}),
    ("text-classification", "rnn", {**SMALL, "num_layers": 2, "pooling": "last"}, {}),
    ("text-classification", "rnn", {**SMALL, "cell": "gru", "num_layers": 2, "pooling": "attention"}, {}),
    ("text-classification", "rnn", {**SMALL, "cell": "elman", "pooling": "last"}, {}),
    ("text-classification", "transformer", NARROW, {}),
    ("text-classification", "transformer", {**NARROW, "pooling": "cls", "positions": "learned"}, {}),
    ("text-classification", "bert", NARROW, {}),
    ("tabular-classification", "linear", {}, {}),
    ("tabular-regression", "mlp", {}, {}),
    ("language-modelling", "decoder", {**NARROW, "positions": "learned", "norm": "layer", "bias": True}, {}),
    ("language-modelling", "decoder", {**NARROW, "gated": True, "activation": "silu", "kv_heads": 1}, {}),
    ("language-modelling", "decoder", {**NARROW, "qk_norm": True, "window": 4}, {}),
    ("language-modelling", "decoder", {**NARROW, "positions": "alibi"}, {}),
    ("language-modelling", "decoder", {**NARROW, "rotary_scaling": "ntk", "rotary_factor": 2.0}, {"context": 8}),
    ("forecasting", "forecast_linear", {}, {}),
    ("forecasting", "forecast_mlp", {}, {}),
    ("forecasting", "forecast_rnn", {}, {}),
    ("signal-classification", "signal_cnn", {}, {}),
    ("audio-classification", "spectrogram_cnn", {"channels": [4, 6, 8], "features": 8}, {}),
    ("speech-recognition", "frame_cnn", {"channels": 8, "blocks": 1}, {"decoding": "ngram"}),
    ("signal-transcription", "frame_cnn", {"channels": 8, "blocks": 1, "hidden_size": 6}, {}),
    ("ordinal-text-classification", "text_cnn", {"embedding_width": 8, "filters": 8}, {}),
    ("multi-label-classification", "text_cnn", {"embedding_width": 8, "filters": 8}, {}),
    ("masked-language-modelling", "bert", {**NARROW, "head": "masked_word"}, {}),
    ("speech-synthesis", "fastspeech", {"width": 8, "text_blocks": 1, "frame_blocks": 1}, {"iterations": 2}),
    ("speech-synthesis", "fastspeech", {"width": 8, "text_blocks": 1, "frame_blocks": 1, "vocoder_width": 8}, {}),
    ("tagging", "transformer_tagger", {"width": 16, "num_heads": 2, "num_layers": 1}, {}),
    ("tagging", "transformer_tagger", {"width": 16, "num_heads": 2, "num_layers": 1, "crf": False}, {}),
    ("tagging", "bilstm_crf", {"hidden_size": 6}, {}),
    ("question-answering", "span_reader", {"hidden_size": 6, "model_width": 8, "num_layers": 1}, {}),
]
ELSEWHERE = {"bilstm_crf", "encoder_decoder", "seq2seq", "show_and_tell"}  # test_onnx_parts, test_onnx_captioning
WITHOUT: dict[str, str] = {}
"""Models of recipes that have no export, each with the reason that docs/exporting.md gives."""


def test_every_model_that_a_recipe_uses_is_exported_here_or_said_to_have_no_export() -> None:
    used = set()
    paths = [p for project in builtin_projects() for p in (project.folder / "recipes").glob("*.toml")]
    for path, task in [(p, None) for p in paths] + [(p, t) for t in CONTRACTS for p in stock_recipes(t).values()]:
        recipe = Recipe.read(path)
        used.add(recipe.model.name if task is None else resolve(recipe, task, rows=500)[0].model.name)
    assert used <= {family[1] for family in FAMILIES} | ELSEWHERE | set(WITHOUT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model", "arguments", "options"), FAMILIES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_an_exported_model_gives_the_same_cells(tmp_path, name, model, arguments, options) -> None:
    rows = made_rows(name, 24)
    task = load_task(name).fit(rows, **options)
    torch.manual_seed(0)
    network = create_model(model, task.dims(), **arguments).eval()
    with torch.no_grad():  # as after training: batch statistics and bags of n-grams that are not those of the start
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.mul_(1.5).add_(0.01 * torch.rand_like(value))
    found = exported(task, model, network, hidden(rows, name), tmp_path / "export", **arguments)
    (graph,) = found.info["graphs"]
    assert graph["difference"] < 1e-5
    assert len(graph["checks"]) >= 5
    assert graph["inputs"][0]["axes"][0] == "batch"
    assert (graph["inputs"][0]["axes"][1:2] == ["length"]) == (task.length is not None)
    fresh = hidden(made_rows(name, 11, seed=1), name)
    if list(CONTRACTS[name].inputs) == ["text"]:
        fresh += [{"id": "one", "text": "fine"}, {"id": "long", "text": "a plot of great film " * 90}]
    same_cells(found, task, network, fresh)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTRACTS)
def test_the_default_model_of_every_task_is_exported_and_its_card_runs(tmp_path, monkeypatch, name) -> None:
    rows = made_rows(name, 24)
    task = load_task(name).fit(rows)
    model = resolve(Recipe.read(stock_recipes(name)["default"]), name, rows=100)[0].model.name
    torch.manual_seed(0)
    network = create_model(model, task.dims()).eval()
    found = exported(task, model, network, hidden(rows, name), tmp_path / "export")
    same_cells(found, task, network, hidden(made_rows(name, 9, seed=1), name))
    card = (tmp_path / "export" / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path / "export")
    code = card.split("```python\n")[1:]
    assert len(code) == len(found.info["graphs"])
    for block in code:
        values: dict[str, Any] = {}
        exec(block.split("```")[0], values)
        assert any(isinstance(value, np.ndarray) and value.dtype == np.float32 for value in values.values())
    names = {i.name for g in found.info["graphs"] for i in onnxruntime.InferenceSession(g["file"]).get_inputs()}
    assert names == {entry["name"] for graph in found.info["graphs"] for entry in graph["inputs"]}
    assert not (tmp_path / "export" / "parts.safetensors").exists() or load_file("parts.safetensors")
