"""`dojo train --with FILE`: a right stand-in trains the curve of the built-in part, a wrong one does not train, what
stands nowhere is refused, and the run keeps, counts and asks."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import deepdojo as dd
from deepdojo import api
from deepdojo.errors import ConsentError, DataError, RecipeError, UsageError
from deepdojo.grader.lessons import find_lesson
from deepdojo.runs import Run
from deepdojo.session.own_code import NotPassed
from tests.session.test_again import QUICK, StopAt

FEW = {"train.steps": 12}
SCHEDULE = """
import math
def lr_at(step, peak, warmup, total, floor):
    if step < warmup:
        return peak * (step + 1) / warmup
    f = min(1.0, (step - warmup) / max(total - warmup, 1))
    return floor + (peak - floor) * (1 + math.cos(math.pi * f)) / 2
"""
SGD = """
import torch
class SGD:
    def __init__(self, params, lr, momentum=0.0, weight_decay=0.0, nesterov=False):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.weight_decay, self.nesterov, self.buffers = weight_decay, nesterov, {}
    @torch.no_grad()
    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None:
                continue
            g = p.grad + self.weight_decay * p
            self.buffers[i] = self.momentum * self.buffers[i] + g if i in self.buffers else g.clone()
            p.sub_(self.lr * (g + self.momentum * self.buffers[i] if self.nesterov else self.buffers[i]))
    def zero_grad(self):
        for p in self.params:
            p.grad = None
"""
CROSS_ENTROPY = """
import torch
def cross_entropy(logits, targets, label_smoothing=0.0, ignored=-100, weight=None, reduction="mean"):
    logp = logits - logits.logsumexp(-1, keepdim=True)
    nll = -(logp.gather(-1, targets.clamp(min=0)[..., None])[..., 0])
    losses = ((1 - label_smoothing) * nll - label_smoothing * logp.mean(-1)) * (targets != ignored)
    return losses if reduction == "none" else losses.sum() / (targets != ignored).sum()
"""
GRU = """
import torch
def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    a, b = (x @ w_ih.T + b_ih).chunk(3, -1), (h @ w_hh.T + b_hh).chunk(3, -1)
    r, z = torch.sigmoid(a[0] + b[0]), torch.sigmoid(a[1] + b[1])
    return torch.lerp(torch.tanh(a[2] + r * b[2]), h, z)
"""
MAX_POOL = """
import torch
import torch.nn.functional as F
def max_pool2d(x, kernel_size, stride=None, padding=0):
    k, s, p = ((v, v) if isinstance(v, int) else tuple(v) for v in (kernel_size, stride or kernel_size, padding))
    x = F.pad(x, (p[1], p[1], p[0], p[0]), value=-float("inf"))
    return x.unfold(2, k[0], s[0]).unfold(3, k[1], s[1]).flatten(-2).max(-1).values
"""
BATCH_NORM = """
import torch
from torch import nn
class BatchNorm2d(nn.Module):
    def __init__(self, C, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(C)), nn.Parameter(torch.zeros(C))
        self.register_buffer("running_mean", torch.zeros(C))
        self.register_buffer("running_var", torch.ones(C))
    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            n = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * n / (n - 1), self.momentum)
        x = (x - mean[:, None, None]) / torch.sqrt(var[:, None, None] + self.eps)
        return x * self.weight[:, None, None] + self.bias[:, None, None]
"""
TEXT = {"model.embedding_width": 8, "model.hidden_size": 8}
SMALL = {"model.width": 16, "model.num_layers": 2, "model.num_heads": 2}


def solution(lesson: str) -> str:
    return find_lesson(lesson).solution


def texts(folder: Path) -> str:
    """A project of made-up sentences; the class is in the words."""
    draw, good, bad = random.Random(0), ("fine", "great", "lovely", "good"), ("poor", "dull", "weak", "bad")
    plain = ("the", "a", "film", "story", "plot", "it", "was", "so")
    rows = ["id,text,label"]
    for i in range(160):
        words = [draw.choice(plain) for _ in range(draw.randint(3, 9))]
        words.insert(draw.randint(0, len(words)), draw.choice(good if i % 2 else bad))
        rows.append(f"{i},{' '.join(words)},{'yes' if i % 2 else 'no'}")
    folder.mkdir()
    (folder / "all.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "project.toml").write_text(
        'name = "made-texts"\ntask = "text-classification"\n[source]\npath = "."\n[data]\nreader = "csv"\n'
        'file = "all.csv"\nid = "id"\n[columns]\ntext = "text"\nlabel = "label"\n',
        encoding="utf-8",
    )
    return str(folder)


def losses(run: Any) -> list[float]:
    return [line["loss"] for line in Run(run.folder).metrics() if line["kind"] == "step"]


CURVES: dict[str, tuple[str, str, str, dict[str, Any], int]] = {
    # idea -> (its code, project, recipe, settings, places)
    "conv2d": (solution("c1-conv2d"), "digits", "cnn", {}, 4),
    "max_pool2d": (MAX_POOL, "digits", "cnn", {}, 1),
    "batch_norm": (BATCH_NORM, "digits", "cnn", {}, 4),
    "adam": (solution("b2-adam"), "digits", "cnn", {"train.optimizer": "adamw"}, 1),
    "sgd": (SGD, "digits", "mlp", {"train.optimizer": "sgd", "train.lr": 0.05}, 1),
    "schedule": (SCHEDULE, "digits", "mlp", {"train.schedule": "cosine", "train.warmup": 0.2}, 1),
    "cross_entropy": (CROSS_ENTROPY, "digits", "mlp", {}, 1),
    "scaled_dot_product_attention": (solution("e2-dot-product"), "digits", "vit", {}, 4),
    "softmax": (solution("a2-softmax"), "digits", "vit", {}, 4),
    "layer_norm": (solution("f1-layer-norm"), "digits", "vit", {}, 9),
    "lm_loss": (
        solution("g3-lm-loss"),
        "shakespeare",
        "decoder",
        {**SMALL, "task.context": 32, "train.batch_size": 4},
        1,
    ),
    "lstm_cell": (solution("d2-lstm"), "texts", "rnn", TEXT, 1),
    "gru_cell": (GRU, "texts", "gru", TEXT, 1),
}


@pytest.mark.parametrize("idea", CURVES)
def test_a_right_stand_in_trains_the_curve_of_the_built_in(idea: str, tmp_path: Path) -> None:
    source, project, recipe, settings, places = CURVES[idea]
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    project = texts(tmp_path / "texts") if project == "texts" else project
    given: dict[str, Any] = {"set": {**FEW, **settings}, "validation_only": True, "runs": tmp_path / "runs", **QUICK}
    own = dd.train(project, recipe, with_=[tmp_path / "mine.py"], **given)
    plain = dd.train(project, recipe, **given)
    assert losses(own) == pytest.approx(losses(plain), rel=2e-5)
    assert len(losses(own)) > 5
    entry = next(one for one in own.run.info["with"] if one["name"] == idea)
    assert entry["count"] == places
    assert own.run.score["replaced"][idea] == places
    assert (own.folder / "code" / "mine.py").read_text(encoding="utf-8") == source


def test_a_layer_class_of_ones_own_is_compared_and_trained(tmp_path: Path) -> None:
    (tmp_path / "norm.py").write_text(
        "import torch\nfrom torch import nn\nclass LayerNorm(nn.Module):\n"
        "    def __init__(self, normalized_shape, eps=1e-5):\n        super().__init__()\n"
        "        self.weight = nn.Parameter(torch.ones(normalized_shape))\n"
        "        self.bias = nn.Parameter(torch.zeros(normalized_shape))\n        self.eps = eps\n"
        "    def forward(self, x):\n        x = x - x.mean(-1, keepdim=True)\n"
        "        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.weight + self.bias\n",
        encoding="utf-8",
    )
    given: dict[str, Any] = {"set": FEW, "validation_only": True, "runs": tmp_path / "runs", **QUICK}
    own = dd.train("digits", "vit", with_=[tmp_path / "norm.py"], **given)
    assert own.run.score["replaced"] == {"LayerNorm": 9}
    assert losses(own) == pytest.approx(losses(dd.train("digits", "vit", **given)), rel=2e-5)
    wrong = (tmp_path / "norm.py").read_text("utf-8").replace("(x * x).mean(-1", "(x * x).sum(-1")
    (tmp_path / "norm.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(RecipeError, match="LayerNorm gives another value than the built-in"):
        dd.train("digits", "vit", with_=[tmp_path / "norm.py"], **given)
    assert not list((tmp_path / "runs").rglob("*.partial"))


@pytest.mark.parametrize(
    ("source", "recipe", "settings", "fault", "said"),
    [
        (solution("e2-dot-product").replace(" / math.sqrt(q.shape[-1])", ""), "vit", {}, NotPassed, "the output is"),
        (solution("e2-dot-product"), "cnn", {}, RecipeError, "never takes scaled_dot_product_attention"),
        (GRU.replace("torch.lerp(", "torch.lerp(0.9 * "), "gru", TEXT, RecipeError, "another value than the built-in"),
        (GRU.replace("h, z)", "h.detach(), z)"), "gru", TEXT, RecipeError, "another gradient than the built-in"),
        (GRU.replace("chunk(3", "chunk(2"), "gru", TEXT, RecipeError, "stops with"),
        (SCHEDULE.replace("(step + 1)", "(step + 2)"), "mlp", {"train.schedule": "cosine"}, RecipeError, "of the peak"),
        (SGD.replace("self.buffers[i] + g", "self.buffers[i] + 0.9 * g"), "mlp",
         {"train.optimizer": "sgd"}, RecipeError, "where the built-in has"),
        (SGD.replace("self.lr *", "0.1 *").replace("self.params, self.lr,", "self.params, _,"), "mlp",
         {"train.optimizer": "sgd"}, RecipeError, "keeps its rate nowhere"),
        ("def helper(x):\n    return x\n", "cnn", {}, UsageError, "defines nothing that may be replaced"),
        ("def gru_cell(x)\n", "cnn", {}, DataError, "is not Python"),
        ("import nowhere\ndef gru_cell(x):\n    pass\n", "cnn", {}, DataError, "must stand alone"),
        ("import sys\nsys.exit(0)\ndef gru_cell(x):\n    pass\n", "cnn", {}, DataError, "stops with SystemExit"),
        ("def gru_cell(x, h):\n    return h\n", "gru", TEXT, RecipeError, "the built-in takes"),
        ("class GradScaler:\n    pass\n", "cnn", {}, UsageError, "bfloat16"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_would_not_run_is_refused_before_training(
    source: str, recipe: str, settings: dict[str, Any], fault: type[Exception], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if fault is not NotPassed:  # what stands behind the lessons' own checks
        monkeypatch.setattr("deepdojo.grader.lessons.all_lessons", lambda *_: [])
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    project = texts(tmp_path / "texts") if recipe == "gru" else "digits"
    with pytest.raises(fault, match=said):
        dd.train(
            project, recipe, set={**FEW, **settings}, with_=[tmp_path / "mine.py"], runs=tmp_path / "runs", **QUICK
        )
    assert not list((tmp_path / "runs").glob("*/*"))


def test_without_a_recipe_the_first_that_takes_the_code_is_taken_or_a_project_named(tmp_path: Path) -> None:
    (tmp_path / "attention.py").write_text(solution("e2-dot-product"), encoding="utf-8")
    given: dict[str, Any] = {"with_": [tmp_path / "attention.py"], "runs": tmp_path / "runs", **QUICK}
    assert dd.train("digits", set=FEW, **given).run.info["recipe"] == "vit"
    with pytest.raises(RecipeError, match=r"no recipe of breast-cancer takes .* try dojo train .* --with attention.py"):
        dd.train("breast-cancer", set=FEW, **given)


@pytest.mark.slow
def test_an_interrupted_training_goes_on_with_the_kept_file_and_the_optimizers_memory(tmp_path: Path) -> None:
    (tmp_path / "adam.py").write_text(solution("b2-adam"), encoding="utf-8")
    (tmp_path / "sgd.py").write_text(SGD, encoding="utf-8")
    for name, optimizer in (("adam", "adamw"), ("sgd", "sgd")):
        given: dict[str, Any] = {"set": {"train.epochs": 4, "train.optimizer": optimizer}, **QUICK}
        file, runs = tmp_path / f"{name}.py", tmp_path / f"runs-{name}"
        whole = dd.train("digits", "mlp", with_=[file], runs=runs, **given)
        with pytest.raises(KeyboardInterrupt):
            dd.train("digits", "mlp", with_=[file], runs=runs, listener=StopAt("train", 3), **given)
        file.unlink()
        resumed = dd.train(resume=next(runs.rglob("*.partial")))
        weights = "model/model.safetensors"
        assert (resumed.folder / weights).read_bytes() == (whole.folder / weights).read_bytes()
        assert dd.reproduce(resumed.folder).same_weights


def test_a_run_with_anothers_code_asks_before_it_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conv2d.py").write_text(solution("c1-conv2d"), encoding="utf-8")
    run = dd.train("digits", "cnn", set=FEW, with_=[tmp_path / "conv2d.py"], runs=tmp_path / "runs", **QUICK)
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("deepdojo.consent._now", set())
    rows = dd.load(run.folder)
    picture = [torch.zeros(8, 8, dtype=torch.uint8).numpy()]
    for ask in (
        lambda trust: rows.predict(picture, trust=trust),
        lambda trust: api.explain(run.folder, trust=trust),
        lambda trust: dd.reproduce(run.folder, trust=trust),
    ):
        with pytest.raises(ConsentError, match=r"holds code of its author \(conv2d.py\).*--trust"):
            ask(False)
    assert len(rows.predict(picture, trust=True)) == 1
    moved = shutil.copytree(run.folder, tmp_path / "moved")
    (moved / "code" / "conv2d.py").write_text("raise SystemExit\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="is not the file that the run was trained with"):
        dd.load(moved).predict(picture, trust=True)


def test_the_board_names_counts_and_hashes_it_also_of_several_seeds(tmp_path: Path) -> None:
    (tmp_path / "conv2d.py").write_text(solution("c1-conv2d"), encoding="utf-8")
    run = dd.train("digits", "cnn", set=FEW, seeds=2, with_=[tmp_path / "conv2d.py"], runs=tmp_path / "runs", **QUICK)
    row = next(row for row in dd.board("digits", runs=tmp_path / "runs") if row["kind"] == "run")
    assert row["name"].startswith("cnn with conv2d")
    digest = json.loads(json.dumps(run.summary()))["with"][0]["sha256"]
    assert row["with"] == [{"name": "conv2d", "file": "conv2d.py", "sha256": digest, "count": 4, "lesson": "c1-conv2d"}]
    assert run.run.score["replaced"] == {"conv2d": 4}


def softmax(x: torch.Tensor, dim: int) -> torch.Tensor:
    e = torch.exp(x - x.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def test_a_function_of_a_notebook_stands_in(tmp_path: Path) -> None:
    run = dd.train("digits", "vit", set=FEW, with_=[softmax], runs=tmp_path, validation_only=True, **QUICK)
    assert run.run.score["replaced"] == {"softmax": 4}
    assert (run.folder / "code" / "softmax.py").is_file()
