"""`dojo check --look`: what stands on the sheet is what training gives to the model."""

from __future__ import annotations

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepdojo import api
from deepdojo.cli import main
from deepdojo.data.codecs.tokenizer import split_words
from deepdojo.report.words import _chinese
from deepdojo.session.look import look
from deepdojo.training.augment_images import flip_and_shift

VOID = {"meta", "link", "input", "br"}


def recipe(folder: Path, text: str) -> str:
    (folder / "recipes").mkdir(exist_ok=True)
    (folder / "recipes/own.toml").write_text(text, encoding="utf-8")
    return "own"


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    tmp = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    known = [f"word{k}" for k in range(40)]
    rows = [{"text": " ".join(rng.choice(known, int(rng.integers(3, 30)))), "label": "ab"[k % 2]} for k in range(120)]
    for row in rows[::3]:
        row["text"] += f" once{rng.integers(10**9)}"
    (tmp / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    api.new(tmp / "p", tmp / "t.jsonl", target="label", task="text-classification")
    recipe(
        tmp / "p", 'model.name = "text_cnn"\ntask.max_tokens = 20\ntrain.batch_size = 16\ntrain.word_dropout = 0.3\n'
    )
    return tmp / "p"


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    tmp = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for k in range(60):
        place = tmp / "data" / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)).save(place / f"{k}.png")
    api.new(tmp / "p", tmp / "data")
    recipe(tmp / "p", 'model.name = "mlp"\ntrain.batch_size = 8\ntrain.flip = true\ntrain.shift = 2\n')
    return tmp / "p"


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    tmp = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    lines = [
        f"{x:.3f},{'' if k % 4 == 0 else k % 7},{'XY'[k % 2]},,{x + k:.2f}" for k, x in enumerate(rng.normal(size=90))
    ]
    (tmp / "t.csv").write_text("size,rooms,town,none,price\n" + "\n".join(lines) + "\n", encoding="utf-8")
    api.new(tmp / "p", tmp / "t.csv", target="price", task="tabular-regression")
    page = tmp / "p/project.toml"
    page.write_text(page.read_text(encoding="utf-8").replace('drop = ["none"]', "drop = []"), encoding="utf-8")
    return tmp / "p"


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_pictures_are_those_of_the_training_steps(images):
    found = look(images, "own", seed=3)
    rows = found["images"]
    assert len(rows) == 12
    assert all(len(row["pictures"]) == 6 for row in rows)
    plain = torch.from_numpy(np.stack([pixels(row["pictures"][0]) for row in rows])).permute(0, 3, 1, 2)
    data = {row["id"]: row["image"] for row in api.open_dataset(images).rows("train")}
    for row, picture in zip(rows, plain, strict=True):
        assert (np.asarray(Image.open(io.BytesIO(data[row["id"]].read()))) == picture.permute(1, 2, 0).numpy()).all()
    for step in range(5):  # the generator of `training.loop` at this step, micro-batch 0
        draws = torch.Generator().manual_seed((3 * 1_000_003 + step) * 1_009)
        moved = flip_and_shift(plain, draws, flip=True, shift=2).permute(0, 2, 3, 1).numpy()
        assert (np.stack([pixels(row["pictures"][step + 1]) for row in rows]) == moved).all()
    assert found["augmentation"] == [("train.flip", "true"), ("train.shift", "2")]
    image = next(entry for entry in found["batch"] if entry["name"] == "image")
    assert (image["shape"], image["packed"], image["given"]) == ([8, 3, 12, 12], "uint8", "float32")


def test_mixed_pictures_keep_their_range_and_say_both_classes(images):
    recipe(images, 'model.name = "mlp"\ntrain.batch_size = 8\ntrain.mixup = 0.4\n')
    try:
        rows = look(images, "own")["images"]
    finally:
        recipe(images, 'model.name = "mlp"\ntrain.batch_size = 8\ntrain.flip = true\ntrain.shift = 2\n')
    plain = np.stack([pixels(row["pictures"][0]) for row in rows]).astype(float)
    mixed = np.stack([pixels(row["pictures"][1]) for row in rows]).astype(float)
    shares = [re.findall(r"(\w+) (\d\.\d\d)", row["labels"][0]) for row in rows]
    assert any(len(found) == 2 for found in shares)
    # each mixed picture is a mixture of its own and one other, to within a grey level
    for k in range(len(rows)):
        best = min(
            np.abs(mixed[k] - (part * plain[k] + (1 - part) * other)).max()
            for other in plain
            for part in np.linspace(0, 1, 201)
        )
        assert best < 2


def test_tokens_unknown_ones_windows_and_padding(texts):
    found = look(texts, "own")
    rows = {row["id"]: row["text"] for row in api.open_dataset(texts).rows("train")}
    sets = [set(split_words(text)) for text in rows.values()]
    for row in found["texts"]:
        spelled = split_words(rows[row["id"]])
        assert [token["text"] for token in row["tokens"]] == spelled[:20]
        assert sum(row["windows"]) == len(spelled)
        for token in row["tokens"]:
            rare = sum(token["text"] in words for words in sets) < 2
            assert (token["state"] == "unknown") is rare
    states = [token["state"] for row in found["texts"] for token in row["tokens"]]
    assert 0.1 < states.count("dropped") / len(states) < 0.5  # 0.3 of about 150: outside with probability < 1e-6
    all_words = [word for text in rows.values() for word in split_words(text)]
    rare = sum(word.startswith("once") for word in all_words)
    assert found["words"]["unknown"] == pytest.approx(rare / len(all_words))
    assert found["words"]["windows"]["several"] == sum(len(split_words(text)) > 20 for text in rows.values())
    assert 0 < found["words"]["padding"] < found["words"]["padding_unsorted"] < 1


def test_columns_as_numbers_and_those_not_used(table):
    found = look(table, None)
    columns = {column["name"]: column for column in found["columns"]}
    data = list(api.open_dataset(table).rows("train"))
    sizes = np.array([float(row["features"]["size"]) for row in data])
    for cell in columns["size"]["cells"]:
        assert cell["encoded"] == pytest.approx([(float(cell["raw"]) - sizes.mean()) / sizes.std()], abs=1e-5)
    assert columns["size"]["mean"] == pytest.approx(0, abs=1e-5)
    assert columns["size"]["sd"] == pytest.approx(1, abs=1e-5)
    assert columns["none"]["entries"] == []
    assert all(cell["encoded"] == [0, 1] for cell in columns["rooms"]["cells"] if not cell["raw"])
    assert columns["town"]["mean"] is None
    prices = [row["value"] for row in data]
    assert found["numbers"]["train"]["median"] == pytest.approx(np.median(prices))


class Page(HTMLParser):
    """Whether all tags close, and what text there is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("name", ["texts", "images", "table"])
def test_the_page_is_whole_and_holds_everything(name, request, tmp_path):
    project = request.getfixturevalue(name)
    own = None if name == "table" else "own"
    for language in ("en", "zh"):
        text = api.look(project, own, output=tmp_path / "look.html", language=language).read_text(encoding="utf-8")
        page = Page(text)
        assert page.open == []
        assert not re.search(r"(src|href)=\"(?!#|data:)", text)
    assert "held-out" not in " ".join(page.words)
    assert "训练" in " ".join(page.words)


def test_every_sentence_of_the_page_has_its_chinese():
    source = Path(api.__file__).parents[1] / "report"
    template = (source / "templates/look.html").read_text(encoding="utf-8")
    sentences = re.findall(r't\("([^"]+)"', template)
    sentences += re.findall(r'words\("([^"]+)"', (source / "look.py").read_text(encoding="utf-8"))
    assert len(sentences) > 40
    assert [sentence for sentence in sentences if sentence not in _chinese()] == []


def test_held_out_rows_stay_closed(table, monkeypatch):
    from deepdojo.data.dataset import Dataset

    rows = Dataset.rows
    monkeypatch.setattr(Dataset, "truth", lambda self, split: pytest.fail("held-out labels were read"))
    monkeypatch.setattr(
        Dataset,
        "rows",
        lambda self, split: rows(self, split) if split != "test" else pytest.fail("held-out rows were read"),
    )
    look(table, None)


def test_the_command_writes_the_page_and_refuses_what_does_not_fit(texts, images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["check", str(texts), "--look", "-r", "own"]) == 0
    assert "p-look.html" in capsys.readouterr().out
    assert (tmp_path / "p-look.html").is_file()
    assert main(["check", str(texts), "--look", "-o", "a.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"look": str(tmp_path / "a.html")}
    recipe(texts, 'model.name = "text_cnn"\ntrain.flip = true\n')
    for arguments, sentence in [
        (["--look", "-r", "own"], "text-classification has no images that this could change"),
        (["--look", "-r", "oen"], "did you mean 'own'?"),
        (["--look", "--budget", "9s"], "--budget does not go with --look"),
        (["--look", "--language", "fr"], "no language is named 'fr'"),
        (["-o", "a.html"], "--output goes with --look"),
        (["-r", "own"], "--recipe goes with --look"),
    ]:
        assert main(["check", str(texts), *arguments]) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())
