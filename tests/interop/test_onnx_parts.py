"""Models that a task calls otherwise than once: encode and decode as two graphs, a CRF beside the graph; and what has
no graph says so."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.interop.translating import WORDS, Copying, texts
from torch import nn

from deepdojo.errors import RunError
from deepdojo.interop.onnx_graph import _checks, write_graph
from deepdojo.interop.onnx_runtime import graphs_of
from deepdojo.interop.recorder import recorded
from deepdojo.models import create_model
from deepdojo.models.recurrent_decoders import AttentiveDecoder, DecoderCache
from deepdojo.models.recurrent_decoders_traced import traced_walk
from deepdojo.training.store import Store

pytestmark = pytest.mark.usefixtures("production")  # exporters call layers with sizes that are no numbers yet

BOTH = {"source_vocab_size": WORDS, "target_vocab_size": WORDS}
HALVES = [
    ("encoder_decoder", {"width": 16, "num_heads": 2}),
    ("encoder_decoder", {"width": 16, "num_heads": 2, "positions": "learned", "max_length": 30, "norm_first": False}),
    ("seq2seq", {"attention": "layered", "hidden_size": 8}),
    ("seq2seq", {"attention": "layered", "cell": "lstm", "hidden_size": 8, "num_layers": 2}),
    ("seq2seq", {"attention": "none", "hidden_size": 8}),
    ("seq2seq", {"attention": "additive", "hidden_size": 8}),
    ("seq2seq", {"attention": "additive", "cell": "lstm", "hidden_size": 8}),
]


def runtime(task: Any, model: nn.Module, rows: list[dict], folder: Path) -> tuple[nn.Module, list[dict]]:
    """What stands in the place of the model, and what export.json says of its graphs."""
    graphs, asked = recorded(task, model, rows)
    info = []
    for graph in graphs:
        written = write_graph(model, graph, folder / f"{graph.method}.onnx")
        assert written.difference < 1e-5
        assert not model.training
        info.append({
            "method": graph.method, "file": f"{graph.method}.onnx", "parameters": graph.parameters,
            "several": graph.several, "inputs": [asdict(entry) for entry in graph.inputs],
        })  # fmt: skip
    return graphs_of(folder, info, model.config, {name: getattr(model, name) for name in asked}), info


@pytest.mark.slow
@pytest.mark.parametrize(("name", "arguments"), HALVES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_model_of_two_halves_writes_the_same_sentences(tmp_path, name, arguments) -> None:
    torch.manual_seed(0)
    model = create_model(name, BOTH, **arguments).eval()
    with torch.no_grad():
        for value in model.parameters():
            # Sentences that depend on what is read.
            value.mul_(2) if name == "encoder_decoder" else value.normal_(0, 0.7)
    task = Copying()
    found, info = runtime(task, model, texts(20), tmp_path)
    assert [graph["method"] for graph in info] == ["encode", "decode"]
    decode = {entry["name"]: entry["axes"] for entry in info[1]["inputs"]}
    assert decode["target"] == ("batch", "length")
    assert decode["memory"][:2] == decode["keep"] == ("batch", "length_2")
    store = Store.pack(task, texts(11, seed=1), learn=False)  # type: ignore[arg-type]
    batch = store.cut(torch.arange(11))
    written = task.predict(found, batch)
    assert written == task.predict(model, batch)
    assert len({tuple(row) for row in written}) > 1


class Tagging:
    """Word ids and two features of each -> tags, with the model's CRF."""

    ragged = frozenset({"words", "shapes"})
    length = "words"

    def encode_many(self, rows: Any, *, learn: bool) -> Any:
        for row in rows:
            words = np.array(row["source"], dtype=np.int64)
            yield [{"words": words, "shapes": np.stack([words % 3, words % 2], 1)}]

    def prepare(self, batch: Any) -> Any:
        return batch

    def predict(self, model: Any, batch: Any) -> list[list[int]]:
        scores = model(batch["words"], batch["shapes"], batch["words_keep"])
        best = model.crf.decode(scores, batch["words_keep"])
        return [tags[keep].tolist() for tags, keep in zip(best, batch["words_keep"], strict=True)]


@pytest.mark.slow
def test_a_crf_stays_beside_the_graph_and_its_paths_are_the_same(tmp_path, monkeypatch) -> None:
    torch.manual_seed(0)
    dims = {"vocab_size": WORDS, "num_outputs": 5, "feature_sizes": [3, 2]}
    model = create_model("bilstm_crf", dims, hidden_size=8).eval()
    task, rows = Tagging(), texts(20)
    monkeypatch.setattr(Store, "pack", staticmethod(lambda task, rows, **_: _Padded(rows)))
    found, info = runtime(task, model, rows, tmp_path)
    assert [entry["name"] for entry in info[0]["inputs"]] == ["words", "shapes", "words_keep"]
    batch = _Padded(texts(11, seed=1)).cut(torch.arange(11))
    assert task.predict(found, batch) == task.predict(model, batch)


class _Padded:
    """A store of tagged texts whose features are two ids a word."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows = [row["source"] for row in rows]
        self.length_of = np.array([len(row) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        some = [self.rows[i] for i in index.tolist()]
        T = max(map(len, some))
        words = torch.tensor([row + [0] * (T - len(row)) for row in some])
        keep = torch.arange(T)[None] < torch.tensor([len(row) for row in some])[:, None]
        shapes = torch.stack([words % 3, words % 2], 2)
        return {"words": words, "words_keep": keep, "shapes": shapes, "shapes_keep": keep.clone()}


class Reading(nn.Module):
    """A model of the tests: `how` turns texts (B, T) into one number each."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.how, self.weight = how, nn.Parameter(torch.ones(WORDS))

    def forward(self, source: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        return self.how(self.weight[source].masked_fill(~keep, 0.0), keep)


class Summing(Copying):
    def predict(self, model: Any, batch: Any) -> list[float]:
        return model(batch["source"], batch["source_keep"]).tolist()


def test_a_model_that_looks_at_its_numbers_has_no_export_and_the_sentence_says_where(tmp_path) -> None:
    model = Reading(lambda x, keep: x.sum(1) if bool(keep.all()) else x.sum(1) * 2).eval()
    (graph,), _ = recorded(Summing(), model, texts(9))
    with pytest.raises(RunError, match=r"no ONNX graph that gives what torch gives .*torchscript: at .*differs by"):
        write_graph(model, graph, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_a_length_that_was_traced_for_good_is_found(tmp_path) -> None:
    model = Reading(lambda x, keep: x.sum(1) / x.shape[1]).eval()
    other = Reading(lambda x, keep: x.sum(1) / 8).eval()
    (graph,), _ = recorded(Summing(), model, texts(9))
    write_graph(other, graph, tmp_path / "model.onnx")
    checks = _checks(model, graph, tmp_path / "model.onnx")
    assert {check["batch"] for check in checks} > {1, 2}
    assert any(check["difference"] > 1e-2 for check in checks if check["length"] != 8)


def test_masks_with_gaps_and_rows_of_padding_are_among_the_shapes(tmp_path) -> None:
    model = Reading(lambda x, keep: x.sum(1) / keep.sum(1).clamp(min=1)).eval()
    (graph,), _ = recorded(Summing(), model, texts(9))
    written = write_graph(model, graph, tmp_path / "model.onnx")
    assert [check.get("mask") for check in written.checks if "mask" in check] == ["all", "gaps"]
    assert {"batch": 1, "length": 1} in [{k: c[k] for k in ("batch", "length")} for c in written.checks]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("gated", [False, True])
def test_the_walk_for_tracers_is_that_of_the_decoder(cell, gated) -> None:
    torch.manual_seed(0)
    decoder = AttentiveDecoder(cell, 3, 5, 4, 2, gated=gated).double()
    words, memory = torch.randn(7, 6, 3).double(), torch.randn(7, 11, 5).double()
    keep = torch.rand(7, 11) < 0.6
    keep[2] = False
    for mask in (keep, None):
        ours, traced = (DecoderCache(memory=memory, keep=mask, summary=memory.sum(1)) for _ in range(2))
        for each in (ours, traced):
            decoder.begin(each)
        wanted, found = decoder(words, ours), traced_walk(decoder, words, traced)
        for a, b in zip((*wanted, *ours.state), (*found, *traced.state), strict=True):
            torch.testing.assert_close(b, a, rtol=1e-12, atol=1e-12)
