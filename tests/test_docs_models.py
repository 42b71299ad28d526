"""The page on layers and models names files that are there, and its lines of Python run."""

from __future__ import annotations

import re
from pathlib import Path

import torch

import deepdojo
from deepdojo.generation import beam_search, sample
from deepdojo.models import create_model, from_pretrained, save_pretrained

PAGE = Path(__file__).parent.parent / "docs" / "models.md"
LAYERS = Path(deepdojo.__file__).parent / "layers"


def test_the_files_that_it_names_are_there():
    named = set(re.findall(r"`(\w+\.py)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 35
    assert [name for name in named if not (LAYERS / name).is_file() and not list(LAYERS.glob(f"*{name}"))] == []


def test_every_file_of_the_folder_has_its_idea_in_the_name():
    for file in LAYERS.glob("*.py"):
        lines = file.read_text(encoding="utf-8").count("\n")
        assert lines <= 300, file.name
    for file in (LAYERS.parent / "models").rglob("*.py"):
        assert file.read_text(encoding="utf-8").count("\n") <= 300, file.name


def test_its_examples_run(tmp_path):
    model = create_model("decoder", vocab_size=256, width=192, kv_heads=2, gated=True, activation="silu")
    tokens = torch.randint(0, 256, (2, 7))
    assert model(tokens).shape == (2, 7, 256)
    save_pretrained(create_model("bert", vocab_size=30, width=12, num_heads=2), tmp_path)
    tagger = from_pretrained(tmp_path, head="token", num_outputs=9, dropout=0.2)
    keep = torch.arange(7) < torch.tensor([[7], [4]])
    assert tagger(tokens % 30, keep).shape == (2, 7, 9)
    options = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.05, "penalty": 1.1, "stop": [2]}
    assert sample(model, tokens, 5, keep=keep, **options).shape[0] == 2
    assert beam_search(model, tokens, 5, beams=4, stop=[2], length_power=1.0)[1].shape == (2, 4)
