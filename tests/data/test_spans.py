"""The reader spans: forms of annotation programs, words of every script, and spans that cannot become tags."""

from __future__ import annotations

import gzip
import json

import pytest

import deepdojo as dd
from deepdojo.data.check import check
from deepdojo.data.codecs.word_places import word_places
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.new_rows import load_rows
from deepdojo.data.readers import read
from deepdojo.errors import DataError, UnknownNameError

TEXT = "Ana's in Rome"
SPANS = [[0, 3, "PER"], [9, 13, "LOC"]]
WORDS, TAGS = ["Ana", "'", "s", "in", "Rome"], ["B-PER", "O", "O", "O", "B-LOC"]


def lines(path, entries):
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    path.write_bytes(gzip.compress(text.encode()) if path.name.endswith(".gz") else text.encode())
    return path


def rows_of(folder, entries, name="a.jsonl", **options):
    lines(folder / name, entries)
    return list(read("spans", Files([folder]), file=name, **options))


def named(start="start", end="end", label="label", **more):
    return [{start: s, end: e, label: name, **more} for s, e, name in SPANS]


FORMS = {
    "doccano": {"text": TEXT, "label": SPANS},
    "doccano with relations": {"text": TEXT, "entities": named("start_offset", "end_offset"), "relations": []},
    "spaCy": {"text": TEXT, "entities": SPANS},
    "Prodigy": {"text": TEXT, "tokens": [{"text": "Ana", "start": 0, "end": 3}], "spans": named()},
    "spaCy's pairs": [TEXT, {"entities": SPANS}],
    "Label Studio, short": {"text": TEXT, "label": [{**s, "text": TEXT[s["start"] : s["end"]], "labels": [s["label"]]}
                                                    for s in named()]},
    "Label Studio, full": {
        "data": {"text": TEXT},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {"result": [*({"from_name": "l", "type": "labels",
                           "value": {"start": s, "end": e, "labels": [name]}} for s, e, name in SPANS),
                        {"from_name": "c", "type": "choices", "value": {"choices": ["good"]}}]},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [False, True])
def test_all_forms_give_the_same_words_and_tags(tmp_path, form, whole):
    if whole:
        (tmp_path / "a.json").write_text(json.dumps([FORMS[form]] * 2, indent=1))
        rows = list(read("spans", Files([tmp_path]), file="a.json"))
    else:
        rows = rows_of(tmp_path, [FORMS[form]] * 2)
    assert [(row.reject, row.cells["words"], row.cells["tags"]) for row in rows] == [(None, WORDS, TAGS)] * 2


@pytest.mark.parametrize(
    ("spans", "reason"),
    [
        ([[0, 3, "A"], [0, 5, "B"]], "the spans 0 to 3 (A) and 0 to 5 (B) overlap"),
        ([[9, 13, "B"], [0, 11, "A"]], "the spans 0 to 11 (A) and 9 to 13 (B) overlap"),
        ([[9, 14, "A"]], "the span 9 to 14 (A) goes beyond the text, which has 13 characters"),
        ([[-1, 3, "A"]], "the span -1 to 3 (A) goes beyond the text, which has 13 characters"),
        ([[3, 3, "A"]], "the span 3 to 3 (A) is empty"),
        ([[5, 3, "A"]], "the span 5 to 3 (A) is empty"),
        ([[5, 6, "A"]], "the span 5 to 6 (A) holds nothing but blanks"),
        ([[9, 12, "A"]], "the span 9 to 12 (A) cuts the word 'Rome'"),
        ([[1, 8, "A"]], "the span 1 to 8 (A) cuts the word 'Ana'"),
        ([[0, 3, " "]], "span 1 has no label"),
        ([[0, 3, None]], "span 1 has no label"),
        ([[0, 3, "A"], "x"], "span 2 is no [start, end, label]"),
        ([[0.0, 3, "A"]], "span 1 has no start and end in whole characters"),
        ([[True, 3, "A"]], "span 1 has no start and end in whole characters"),
        ([{"start": 0, "end": 3, "labels": ["A", "B"]}], "span 1 has several labels, and a word has one tag"),
        ([{"start": 0, "end": 3, "label": "A", "text": "Tim"}],
         "the span 0 to 3 (A) should read 'Tim', but 'Ana' stands there"),
    ],
)  # fmt: skip
def test_spans_that_cannot_become_tags_reject_their_text_with_the_reason(tmp_path, spans, reason):
    bad, good = rows_of(tmp_path, [{"id": "b", "text": TEXT, "spans": spans}, {"text": TEXT, "spans": SPANS}])
    assert (bad.reject, bad.line, bad.cells["id"]) == (reason, 1, "b")
    assert good.reject is None


@pytest.mark.parametrize("entry", ["{broken", "[1, 2]", "7", '{"text": 3, "label": []}', '{"label": []}',
                                   '{"text": "a", "annotations": 3, "spans": {"a": 1}}', "[" * 100_000])  # fmt: skip
def test_odd_lines_are_rejected_or_without_tags_and_cost_no_other_line(tmp_path, entry):
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": TEXT, "label": SPANS}) + "\n\n" + entry + "\n")
    good, odd = read("spans", Files([tmp_path]), file="a.jsonl")
    assert good.cells["tags"] == TAGS
    assert odd.line == 3
    assert odd.reject or odd.cells["tags"] is None


@pytest.mark.parametrize("content", ["", "[\n{]", "[[[["])
def test_a_file_that_is_no_json_is_one_sentence(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"is empty|is no JSON"):
        list(read("spans", Files([tmp_path]), file="a.json"))


def test_blanks_at_borders_in_labels_and_repeated_spans_do_no_harm(tmp_path):
    entry = {"text": "In New York now", "label": [[2, 12, "big city"], [3, 11, "big city"]]}
    assert rows_of(tmp_path, [entry])[0].cells["tags"] == ["O", "B-big_city", "I-big_city", "O"]


def test_spans_that_touch_are_chunks_of_their_own(tmp_path):
    entry = {"text": "李雷韩梅梅到了", "label": [[0, 2, "PER"], [2, 5, "PER"]]}
    row = rows_of(tmp_path, [entry])[0]
    assert row.cells["words"] == list("李雷韩梅梅到了")
    assert row.cells["tags"] == ["B-PER", "I-PER", "B-PER", "I-PER", "I-PER", "O", "O"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop—now_1", ["don", "'", "t", "stop", "—", "now", "_", "1"]),
        ("e\u0301te\u0301 \u0301x", ["e\u0301te\u0301", "\u0301", "x"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ไปกัน", ["ไ", "ป", "กั", "น"]),
        ("ok👨\u200d👩 мир2", ["ok", "👨\u200d", "👩", "мир2"]),
        (" \u3000\n", []),
    ],
)
def test_words_of_every_script_are_cut_where_they_stand(text, words):
    assert [text[a:b] for a, b in word_places(text)] == words


def test_a_text_of_a_million_characters_is_a_row(tmp_path):
    row = rows_of(tmp_path, [{"text": "ab " * 350_000, "label": [[3, 5, "A"]]}])[0]
    assert len(row.cells["words"]) == 350_000
    assert row.cells["tags"][:3] == ["O", "B-A", "O"]


def entries(n, first=0):
    return [{"id": first + i, "text": f"Ana{first + i} is in Rome", "label": [[0, 3 + len(str(first + i)), "PER"]],
             "team": i % 9} for i in range(n)]  # fmt: skip


def test_dojo_new_finds_marked_spans_and_counts_what_is_left_out(tmp_path):
    bad = {"id": 999, "text": TEXT, "label": [[0, 3, "A"], [0, 5, "B"]]}
    project, said = dd.new(tmp_path / "p", lines(tmp_path / "a.jsonl.gz", [*entries(60), bad]))
    assert (project.spec.task, project.spec.metric, project.spec.data.id) == ("tagging", "chunk_f1", "id")
    assert any(s.startswith("1 texts cannot be used (line 61: the spans 0 to 3 (A) and 0 to 5 (B) overlap)")
               for s in said)  # fmt: skip
    data = load_dataset(project)
    assert [(r.line, r.reason) for r in data.rejected] == [(61, "the spans 0 to 3 (A) and 0 to 5 (B) overlap")]
    assert data.n == 60
    assert not check(data).errors


def test_dojo_new_takes_a_held_out_file_a_key_and_a_group(tmp_path):
    train = lines(tmp_path / "a.jsonl", [{**e, "ner": e.pop("label"), "label": ["good"]} for e in entries(40)])
    test = lines(tmp_path / "b.jsonl", [{**e, "ner": e.pop("label")} for e in entries(9, 500)])
    project, _ = dd.new(tmp_path / "p", train, test=test, target="ner", group="team")
    data = load_dataset(project)
    assert {int(row["id"]) for row in data.rows("test")} == set(range(500, 509))
    assert project.spec.split.group == "team"
    with pytest.raises(UnknownNameError, match="teem"):
        dd.new(tmp_path / "q", train, target="ner", group="teem")


def test_a_list_of_labels_beside_a_text_is_no_list_of_spans(tmp_path):
    texts = lines(tmp_path / "a.jsonl", [{"text": f"text {i}", "label": ["good"] if i % 2 else ["bad"]}
                                         for i in range(60)])  # fmt: skip
    assert dd.new(tmp_path / "p", texts)[0].spec.task != "tagging"


def test_new_texts_need_no_spans(tmp_path):
    project, _ = dd.new(tmp_path / "p", lines(tmp_path / "a.jsonl", entries(40)))
    new = lines(tmp_path / "n.jsonl", [{"text": TEXT}, {"text": ""}])
    rows, rejected = load_rows(project, new)
    assert [row["words"] for row in rows] == [WORDS]
    assert [r.line for r in rejected] == [2]
