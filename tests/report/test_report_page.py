"""The report: read by an HTML parser, for every made run, in both languages."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
import report_all
from report_runs import HOSTILE, digits, dump, floor, photos, run_toml

from deepdojo.errors import RunError, UnknownNameError
from deepdojo.report import write_report
from deepdojo.report.words import Words, _chinese

VOID = {"meta", "link", "input", "br", "img", "hr"}
SHAPES = {"circle", "rect", "path", "image"}


class Page(HTMLParser):
    """What the tests ask of a page: elements, the nesting of tags, text outside of style and script."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], int]] = []
        self.with_title: set[int] = set()
        self.words: list[str] = []
        self.wrong: list[str] = []
        self._marks: list[int] = []
        self.feed(html)
        self.close()
        self.text = re.sub(r"[ \t\r\n]+", " ", " ".join(self.words))  # no-break spaces stay

    def handle_starttag(self, tag, attrs):
        if tag == "title" and self._marks:
            self.with_title.add(self._marks[-1])
        self.elements.append((tag, dict(attrs), len(self.elements)))
        if tag not in VOID:
            self.open.append(tag)
            self._marks.append(len(self.elements) - 1)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), len(self.elements)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)
        self._marks.pop()

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.words.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs, _ in self.elements if tag == name]


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[tuple[str, str], Page]:
    """Every made run in both languages, parsed."""
    folder, found = tmp_path_factory.mktemp("runs"), {}
    for name, make in report_all.RUNS.items():
        run = make(folder / name)
        for language in ("en", "zh"):
            found[name, language] = Page(write_report(run, language=language).read_text(encoding="utf-8"))
    return found


ALL = [(name, language) for name in report_all.RUNS for language in ("en", "zh")]
everywhere = pytest.mark.parametrize("key", ALL, ids=["-".join(k) for k in ALL])


@everywhere
def test_the_page_is_well_formed_and_says_its_language(pages, key):
    page = pages[key]
    assert page.wrong == []
    assert page.open == []
    assert page.all("html")[0]["lang"] == {"en": "en", "zh": "zh-CN"}[key[1]]
    ids = [attrs["id"] for _, attrs, _ in page.elements if attrs.get("id")]
    assert len(ids) == len(set(ids))


@everywhere
def test_nothing_is_fetched(pages, key):
    for tag, attrs, _ in pages[key].elements:
        for name in ("src", "href", "xlink:href", "data", "poster", "action", "srcset"):
            value = attrs.get(name)
            if value is None:
                continue
            if tag == "a":
                assert value.startswith(("#", "https://", "http://")), value
            else:
                assert value.startswith(("data:", "#")), f"{tag} {name}={value[:80]}"


@everywhere
def test_headings_go_down_one_level_at_a_time(pages, key):
    levels = [int(tag[1]) for tag, *_ in pages[key].elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@everywhere
def test_every_mark_has_a_title(pages, key):
    page = pages[key]
    defined = {i for tag, attrs, i in page.elements if tag == "image" and attrs.get("id")}
    marks = {i for tag, _, i in page.elements if tag in SHAPES} - defined
    assert marks <= page.with_title


@everywhere
def test_links_inside_the_page_lead_somewhere(pages, key):
    page = pages[key]
    ids = {attrs.get("id") for _, attrs, _ in page.elements}
    assert {a["href"][1:] for a in page.all("a") + page.all("use") if a["href"].startswith("#")} <= ids


def test_hostile_names_are_text_and_never_markup(pages):
    page = pages["hostile", "en"]
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert all(not name.startswith("on") for _, attrs, _ in page.elements for name in attrs)
    assert HOSTILE in page.text
    assert not any(
        "evil" in str(value) or "javascript" in str(value)
        for tag, attrs, _ in page.elements
        for name, value in attrs.items()
        if name in ("href", "src")
    )


def test_the_first_sentence_says_whether_the_network_beats_the_floor(pages):
    digits_, reviews, table = (pages[name, "en"].text for name in ("digits", "reviews", "passengers"))
    assert (
        "It beats the best floor, logistic regression on pixels (87.3\u00a0%): "
        "+3.1 points [+0.8, +5.4], p\u00a0=\u00a00.004." in digits_
    )
    assert "A floor without a network is better, linear on words and characters, NB-weighted" in reviews
    assert "It cannot be told from the best floor" in table
    assert "No floor without a network was run" in pages["hostile", "en"].text
    assert "Only 3 held-out rows" in pages["tiny", "en"].text
    assert "This run has not been scored" in pages["bare", "en"].text


def test_the_first_sentence_holds_score_interval_n_floor_and_p(tmp_path):
    """Whatever `verdict` a run has recorded: that one is for programs, has no score and its p has seven digits."""
    floor_ = floor("pixels", "pixels", 0.955, 0.018, "network", 0.036, 3.05e-05)
    score = {"metric": "accuracy", "value": 0.991, "low": 0.977, "high": 0.997, "n": 449, "baselines": [floor_]}
    run_toml(tmp_path / "r", project="p", metric="accuracy", recipe="default", model={"name": "cnn"})
    dump(tmp_path / "r", "score.json", {**score, "verdict": "beats pixels (0.955), p = 3.05e-05"})
    text = Page(write_report(tmp_path / "r").read_text(encoding="utf-8")).text.replace("\u00a0", " ")
    assert "right on 99.1 % [97.7, 99.7] of 449 held-out rows. It beats the best floor, pixels (95.5 %)" in text
    assert "p < 0.001" in text
    assert "e-05" not in text
    assert "default" not in text  # the network is called by its name


def test_published_results_stand_on_the_board_of_the_page(tmp_path):
    """score.json writes no metric as null: then the project's own is meant."""
    cited = {"model": "SVM", "score": 0.969, "source": "S", "protocol": "context", "metric": None, "note": "N"}
    score = {"metric": "accuracy", "value": 0.99, "low": 0.98, "high": 1.0, "n": 400, "baselines": []}
    run_toml(tmp_path / "r", project="p", metric="accuracy")
    dump(tmp_path / "r", "score.json", {**score, "published": [cited, {**cited, "model": "F", "metric": "macro_f1"}]})
    text = Page(write_report(tmp_path / "r").read_text(encoding="utf-8")).text
    assert "SVM context only, not re-scored" in text
    assert "No published result" not in text
    assert " F " not in text


def test_a_closed_run_shows_its_validation_score_and_the_command_that_opens_it(tmp_path):
    command = "dojo train p --validation-only --seed 2"
    run_toml(tmp_path / "r", project="p", metric="accuracy", command=command)
    seen = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 180}
    dump(tmp_path / "r", "score.json", {"metric": "accuracy", "value": None, "n": 0, "validation": seen})
    text = Page(write_report(tmp_path / "r").read_text(encoding="utf-8")).text.replace("\u00a0", " ")
    assert "on 180 validation rows its accuracy is 90.0 % [85.0, 94.0]" in text
    assert "dojo train p --seed 2" in text


def test_numbers_are_as_far_off_as_their_digits_say_and_are_not_called_wrong(tmp_path):
    run_toml(tmp_path / "r", project="p", metric="rmse")
    dump(tmp_path / "r", "score.json", {"metric": "rmse", "value": 60.0, "low": 50.0, "high": 70.0, "n": 40})
    row = {"kind": "record", "record": {"age": 37, "sugar": 96.0}, "where": "t.csv:5"}
    rows = [(f"{i}", 52.0, 52.0 + 155 / (i + 1), 155 / (i + 1)) for i in range(3)]
    examples = [
        {**row, "id": i, "truth": t, "predicted": p, "loss": off, "why": ["worst", "wrong"]} for i, t, p, off in rows
    ]
    dump(tmp_path / "r", "examples.json", examples)
    item = {"method": "occlusion", "kind": "record", "pieces": ["age", "sugar"], "scores": [0.25, 0.00067]}
    summary = {"method": "occlusion", "title": "occlusion", "gap": 0.9, "low": 0.7, "high": 1.1, "n": 20}
    explained = {"summary": [summary], "items": [{**item, "id": i} for i, *_ in rows], "notes": ["the time ended"]}
    dump(tmp_path / "r", "explanations/index.json", explained)
    text = Page(write_report(tmp_path / "r").read_text(encoding="utf-8")).text
    assert "true 52 , predicted 207 (off by +155)" in text
    assert "Farther off than most" in text
    assert "Closer than most" in text
    assert "Wrong decisions" not in text
    assert "loss 1" not in text
    assert "+0.25" in text
    assert " 0.00 " in text  # no wall of digits: all scores of a method end at the same place
    assert "the time ended" in text


@pytest.mark.parametrize(
    ("run", "command"),
    [
        ({"command": "dojo train p --budget 60s --seed 2 --no-baselines"}, "dojo train p --seed 2"),
        ({"command": "dojo train --resume 2026-11", "recipe": "cnn", "seed": 3}, "dojo train p -r cnn --seed 3"),
        ({"recipe": "default"}, "dojo train p"),
    ],
)
def test_where_no_floor_was_run_the_named_command_would_run_one(tmp_path, run, command):
    run_toml(tmp_path / "r", **{"project": "p", "command": "", **run})
    dump(tmp_path / "r", "score.json", {"metric": "accuracy", "value": 0.9, "low": 0.8, "high": 0.95, "n": 40})
    page = Page(write_report(tmp_path / "r").read_text(encoding="utf-8"))
    assert f"To learn whether the network is needed: {command}" in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("n", "p", "said"),
    [(2, 0.5, "too few rows to say"), (5, 0.0625, "too few rows to say"), (20, 0.001, "better than chance"),
     (20, 0.2, "not told from chance"), (2, None, "too few rows to say"), (20, None, "better than chance")],
)  # fmt: skip
def test_a_deletion_gap_is_called_better_than_chance_by_its_test_alone(tmp_path, n, p, said):
    run_toml(tmp_path / "r", project="p")
    summary = {"method": "occlusion", "title": "occlusion", "gap": 0.9, "low": 0.7, "high": 1.1, "n": n}
    item = {"method": "occlusion", "kind": "record", "pieces": ["age"], "scores": [0.25], "id": "1"}
    dump(tmp_path / "r", "explanations/index.json", {"summary": [summary | ({"p": p} if p else {})], "items": [item]})
    text = Page(write_report(tmp_path / "r").read_text(encoding="utf-8")).text
    verdicts = ("too few rows to say", "better than chance", "not told from chance")
    assert [word for word in verdicts if word in text] == [said]


def test_sections_stand_in_the_promised_order(pages):
    heads = [
        "How good",
        "How it learned",
        "What it gets wrong",
        "Why it decides so",
        "What the data",
        "What it cost",
        "Do it again",
    ]
    text = pages["digits", "en"].text.split("Do it again", 1)[1]  # after the contents
    places = [text.index(h) for h in heads]
    assert places == sorted(places)
    for words in (
        "chosen: epoch 9",
        "occlusion",
        "a random order",
        "dojo reproduce digits",
        "dojo predict digits",
        "dojo train digits --seed 0",
        "2.13.0",
    ):
        assert words in text


def test_every_missing_thing_is_said_in_its_place(pages):
    text = pages["bare", "en"].text
    for words in (
        "No score is written",
        "no curve",
        "No examples were kept",
        "no explanations yet: dojo explain bare",
        "The data were not checked",
        "No cost is written",
        "No environment is written",
        "Could not be read and is left out here: score.json",
    ):
        assert words in text


def test_two_hundred_classes_give_pairs_and_no_matrix(pages):
    assert "With 200 classes a matrix cannot be read" in pages["hostile", "en"].text
    assert not any("matrix" in (a.get("class") or "") for a in pages["hostile", "en"].all("svg"))
    assert any("matrix" in (a.get("class") or "") for a in pages["digits", "en"].all("svg"))


def test_a_long_text_is_cut_around_its_strongest_token(pages):
    text = pages["reviews", "en"].text
    assert re.search(r"… \d+ tokens …\s+\. But the ending is absolutely brilliant", text)
    assert max(map(len, pages["reviews", "en"].words)) <= 6000


def test_chinese_tokens_stand_without_blanks(pages):
    assert any(a.get("class", "").startswith("token") for a in pages["reviews", "zh"].all("span") if a.get("class"))
    assert "，" in pages["reviews", "zh"].text


def test_regression_shows_values_and_residuals(pages):
    text = pages["progression", "en"].text
    assert "600 of 1,200 rows are drawn" in text
    assert "Nine of ten predictions are off by" in text
    assert "Most confused" not in text


def test_a_language_model_shows_tinted_passages_and_what_it_wrote(pages):
    page = pages["verses", "en"]
    shown = ("What surprises it", "Loss in the middle", "1.64 nats a character", "How it writes", "temperature 0.5",
             "dojo predict verses --prompt")  # fmt: skip
    assert [words for words in shown if words not in page.text] == []
    absent = ("What it gets wrong", "No examples were kept", "no explanations yet", "The worst errors")
    assert [words for words in absent if words in page.text] == []
    assert "TheyshallgoforwardKate" in re.sub(r"[\s,↵]", "", page.text)
    tints = [a for a in page.all("span") if re.fullmatch(r"p[1-5]", a.get("class") or "")]
    assert {a["class"] for a in tints} == {"p1", "p2", "p3", "p4", "p5"}
    assert any(re.fullmatch(r"7.00? nats, p = 0.0009", a.get("title") or "") for a in tints)


def test_counts_of_the_matrix_are_those_of_the_tables(tmp_path):
    import duckdb

    run = digits(tmp_path / "d")
    html = write_report(run).read_text(encoding="utf-8")
    rows = duckdb.sql(
        f"SELECT t.label, p.label, count(*) FROM '{run}/rows.parquet' t "
        f"JOIN '{run}/predictions.parquet' p USING (id) GROUP BY ALL"
    ).fetchall()
    for truth, predicted, n in rows:
        assert f"true {truth}, predicted {predicted}: {n}<" in html


def test_fifty_photographs_stay_below_three_megabytes(tmp_path):
    assert write_report(photos(tmp_path / "p")).stat().st_size < 3_000_000


def test_an_unknown_folder_or_language_is_one_sentence(tmp_path):
    with pytest.raises(RunError, match="no run folder"):
        write_report(tmp_path)
    run_toml(tmp_path / "r", project="p")
    with pytest.raises(UnknownNameError, match="no language is named 'fr'"):
        write_report(tmp_path / "r", language="fr")


def test_torch_is_not_loaded_for_a_report(tmp_path):
    run = digits(tmp_path / "d")
    code = (
        "import sys\nfrom pathlib import Path\nfrom deepdojo.report import write_report\n"
        f"write_report(Path({str(run)!r}))\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _constants(node: ast.AST) -> set[str]:
    """Strings of an expression, but not those inside of calls: they are keys."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.Call):
        return set()
    return {found for child in ast.iter_child_nodes(node) for found in _constants(child)}


def _sentences() -> set[str]:
    """Every sentence that templates and code hand to `t` or `words`, found in their source."""
    found: set[str] = set()
    package = files("deepdojo.report")
    for path in Path(str(package.joinpath("templates"))).glob("*.html"):
        found |= {m[1] for m in re.findall(r"""\bt\((["'])(.*?)\1""", path.read_text(encoding="utf-8"))}
    for path in Path(str(package)).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "words" and node.args:
                found |= _constants(node.args[0])
    return found - {""}


def test_every_sentence_has_its_chinese(pages, monkeypatch, tmp_path):
    said: set[str] = set()
    plain = Words.__call__

    def noted(self, sentence, **filled):
        said.add(sentence)
        return plain(self, sentence, **filled)

    monkeypatch.setattr(Words, "__call__", noted)
    for name in ("digits", "reviews", "progression", "verses", "tiny"):
        write_report(report_all.RUNS[name](tmp_path / name), language="zh")
    assert (said | _sentences()) - set(_chinese()) - {""} == set()


def test_chinese_keeps_the_blanks_of_the_english():
    blanks = re.compile(r"\{(\w+)\}")
    for english, chinese in _chinese().items():
        assert sorted(blanks.findall(english)) == sorted(blanks.findall(chinese)), english


def test_a_second_report_replaces_the_first(tmp_path):
    run = digits(tmp_path / "d")
    first = write_report(run)
    before = first.read_bytes()
    time.sleep(0.01)
    assert write_report(run).read_bytes() == before
    assert [p.name for p in run.iterdir() if p.name.startswith(".")] == []
