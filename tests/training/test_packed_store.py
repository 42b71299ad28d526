"""Examples on the disk are the examples in memory: the same batches, the same weights; killed packing goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo import packs
from deepdojo.data.codecs import columns
from deepdojo.data.rowset import RowList
from deepdojo.errors import DataError
from deepdojo.packs import packed_folder
from deepdojo.places import cache_folder
from deepdojo.session.listener import Listener
from deepdojo.tasks import load_task
from deepdojo.training import encoding, predictor
from deepdojo.training.predictor import Validator, predict_rows
from deepdojo.training.store import Store
from tests.baselines.floor_rows import made_rows
from tests.training.fitting import CPU, set_up
from tests.training.made_rows import image_rows, table_rows, text_rows

ROWS = {
    "image-classification": image_rows,
    "text-classification": text_rows,
    "tabular-classification": table_rows,
    "question-answering": lambda n: made_rows("question-answering", n),  # ragged entries of several columns
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path_factory.mktemp("cache")))
    cache_folder.cache_clear()
    yield
    cache_folder.cache_clear()


def fitted(name: str, n: int = 90):
    rows = RowList(ROWS[name](n), lambda: "these rows")
    options = {"max_tokens": 5} if name == "text-classification" else {}  # a long text is several examples
    return load_task(name).fit(rows, **options), rows


def packed(monkeypatch, task, rows, *, memory: int = 0, **options) -> Store:
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", str(memory))
    return Store.pack(task, rows, learn=options.pop("learn", True), **options)


def same(a: Store, b: Store) -> None:
    assert len(a) == len(b)
    assert np.array_equal(a.row_of, b.row_of)
    for seed in (None, 3):
        drawn = [s.batches(7, generator=None if seed is None else torch.Generator().manual_seed(seed)) for s in (a, b)]
        for one, other in zip(*drawn, strict=True):
            assert torch.equal(one, other)
            cut = a.cut(one), b.cut(other)
            assert cut[0].keys() == cut[1].keys()
            assert all(torch.equal(cut[0][k], cut[1][k]) and cut[0][k].dtype == cut[1][k].dtype for k in cut[0])


@pytest.mark.parametrize("learn", [True, False])
@pytest.mark.parametrize("name", ROWS)
def test_mapped_examples_are_those_in_memory(monkeypatch, name, learn):
    monkeypatch.setattr(encoding, "ROWS_AT_ONCE", 8)
    task, rows = fitted(name)
    kept = packed(monkeypatch, task, rows, memory=1000, learn=learn)
    assert kept.pack_folder is None
    for found in (False, True):
        mapped = packed(monkeypatch, task, rows, learn=learn)
        assert mapped.found is found
        same(kept, mapped)
    monkeypatch.setattr(packs, "RESIDENT_BYTES", 0)  # every batch hands its pages back
    same(kept, packed(monkeypatch, task, rows, learn=learn))


def test_nobody_can_write_into_a_pack_through_a_tensor(monkeypatch):
    task, rows = fitted("tabular-classification")
    mapped = packed(monkeypatch, task, rows)
    mapped.fixed["numbers"].zero_()
    assert packed(monkeypatch, task, rows).fixed["numbers"].abs().sum() > 0


def test_rows_that_do_not_say_what_they_are_stay_in_memory(monkeypatch):
    task, rows = fitted("tabular-classification")
    assert packed(monkeypatch, task, list(rows)).pack_folder is None


def test_few_large_examples_are_mapped_too(monkeypatch):
    task, rows = fitted("image-classification")
    assert packed(monkeypatch, task, rows, memory=90).pack_folder is None
    monkeypatch.setattr(packs, "BYTES_A_ROW", 60)  # an image is 64 bytes
    assert packed(monkeypatch, task, rows, memory=90).pack_folder is not None


def test_another_task_or_other_rows_are_another_pack(monkeypatch):
    task, rows = fitted("text-classification")
    packed(monkeypatch, task, rows)
    assert not packed(monkeypatch, replace(task, max_tokens=4), rows).found
    assert not packed(monkeypatch, task, RowList(rows[:50], lambda: "fewer")).found
    assert not packed(monkeypatch, task, rows, learn=False).found


def test_rows_that_cannot_be_encoded_are_named_again_by_the_next_command(monkeypatch):
    task, rows = fitted("image-classification")
    rows[3]["image"] = np.zeros((8, 8), dtype=np.float32)
    rows[88]["image"] = np.zeros((0, 8), dtype=np.uint8)
    said: list[list[tuple[str, str]]] = []
    for memory in (1000, 0, 0):
        said.append([])
        store = packed(
            monkeypatch, task, rows, memory=memory, reject=lambda row, why: said[-1].append((row["id"], why))
        )
        assert len(store) == 88
    assert said[0] == said[1] == said[2]
    assert [key for key, _ in said[0]] == ["3", "88"]
    with pytest.raises(DataError, match="an array of pixels is uint8"):
        packed(monkeypatch, task, rows)


def test_a_damaged_pack_is_made_anew(monkeypatch):
    task, rows = fitted("tabular-classification")
    first = packed(monkeypatch, task, rows)
    (pack,) = packed_folder().glob("examples-*")
    with (pack / "fixed.numbers").open("r+b") as file:
        file.seek(40)
        file.write(b"\xff")
    again = packed(monkeypatch, task, rows)
    assert not again.found
    same(packed(monkeypatch, task, rows, memory=1000), again)
    assert len(first) == len(again)


KILLED = """
import os, signal, sys
from deepdojo import packs
from deepdojo.training import encoding
from deepdojo.training.store import Store
from tests.training.test_packed_store import fitted
packs.COMMIT_EVERY_S, encoding.ROWS_AT_ONCE = -1.0, 8
task, rows = fitted("text-classification")
encode, seen = type(task).encode, []
def killing(self, row, *, learn):
    seen.append(row)
    if row["id"] == "60":
        os.kill(os.getpid(), signal.SIGKILL)
    return encode(self, row, learn=learn)
type(task).encode = killing
Store.pack(task, rows, learn=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_packing_goes_on_where_it_was(monkeypatch):
    monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", "0")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    child = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, env=environ, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    task, rows = fitted("text-classification")
    encoded = []
    encode = type(task).encode
    monkeypatch.setattr(
        type(task), "encode", lambda self, row, *, learn: encoded.append(1) or encode(self, row, learn=learn)
    )
    mapped = packed(monkeypatch, task, rows)
    assert len(encoded) == 90 - 56  # seven blocks of eight were committed
    same(packed(monkeypatch, task, rows, memory=1000), mapped)


@pytest.mark.parametrize("name", [name for name in ROWS if name != "question-answering"])  # no probabilities
def test_predictions_in_stretches_are_those_of_all_rows_at_once(monkeypatch, name):
    model_name = {"image-classification": "cnn", "text-classification": "text_cnn", "tabular-classification": "mlp"}[
        name
    ]
    rows = ROWS[name](80)
    task, model, _, validator = set_up(name, model_name, rows)
    whole, judged = predict_rows(task, model, rows), validator(model)
    monkeypatch.setattr(predictor, "SPAN", 16)
    monkeypatch.setattr(predictor, "RAGGED_SPAN", 16)
    monkeypatch.setattr(predictor, "EVAL_BATCH", 16)
    for a, b in zip(whole, predict_rows(task, model, rows), strict=True):
        assert a["id"] == b["id"]
        assert list(a["probabilities"].values()) == pytest.approx(list(b["probabilities"].values()), abs=1e-5)
    again = Validator(task, rows[60:], CPU.device, lambda found: float(len(found)))(model)
    assert again[1] == pytest.approx(judged[1], rel=1e-5)
    assert again[0] == 20.0


@pytest.mark.parametrize("project", ["breast-cancer", "digits"])
def test_the_same_weights_from_memory_and_from_the_map(tmp_path, monkeypatch, project):
    """Table and images, through the whole command: rows and examples packed, then found again."""
    said: list[str] = []

    class Saying(Listener):
        def say(self, sentence: str) -> None:
            said.append(sentence)

    weights, scores = [], []
    for number, memory in enumerate((1_000_000, 0, 0)):
        monkeypatch.setenv("DEEPDOJO_IN_MEMORY_ROWS", str(memory))
        run = dd.train(
            project, set={"train.epochs": 2}, runs=tmp_path / str(number), baselines=False, explain=False, report=False,
            listener=Saying(), offline=True,
        )  # fmt: skip
        weights.append((run.folder / "model" / "model.safetensors").read_bytes())
        scores.append((run.score.value, run.score.low, (run.folder / "examples.json").read_text()))
    assert weights[0] == weights[1] == weights[2]
    assert scores[0] == scores[1] == scores[2]
    assert any("packed data: found in the cache" in sentence for sentence in said)
    assert any("come from the cache" in sentence for sentence in said)


def test_statistics_of_many_rows_wait_in_a_file(monkeypatch):
    rows = table_rows(200)
    for i, cell in ((3, None), (4, "inf"), (5, "word"), (6, "2,5")):
        rows[i]["features"]["a"] = cell
    records = [row["features"] for row in rows]
    whole = columns.Columns.fit(records)
    monkeypatch.setattr(columns, "WAITING", 16)
    assert columns.Columns.fit(records) == whole
    assert [column.gaps for column in whole.numbers] == [True, False]
