"""Tagging: what it reads, what it learns, what it gives back, and what it says of rows that it cannot use."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import deepdojo as dd
from deepdojo.chunks import chunks_of
from deepdojo.data.codecs.spelling import UNKNOWN, normal_word, spelling_of
from deepdojo.data.codecs.tags import Tags
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project
from deepdojo.errors import DataError, DojoError, RecipeError, ScoreError, UnknownNameError
from deepdojo.models import create_model
from deepdojo.tasks import load_task, restore_task
from deepdojo.training.predictor import predict_rows
from deepdojo.training.store import Store

ROWS = [
    {"id": "1", "words": ["The", "cats", "sat"], "pos": ["DT", "NNS", "VBD"], "tags": ["B-NP", "I-NP", "B-VP"]},
    {"id": "2", "words": ["Dogs", "bark", "."], "pos": ["NNS", "VBP", "."], "tags": ["B-NP", "B-VP", "O"]},
    {"id": "3", "words": ["The", "dogs"], "pos": ["DT", "NNS"], "tags": ["B-NP", "I-NP"]},
]
SMALL = {"word_width": 8, "feature_width": 4, "hidden_size": 8}


def fitted(**options):
    return load_task("tagging").fit(ROWS, **options)


def untrained(task, name="bilstm_crf", **arguments):
    torch.manual_seed(0)
    return create_model(name, task.dims(), **(arguments or SMALL)).eval()


# ----- words, spelling, tags


def test_words_are_lower_cased_and_digits_are_alike():
    assert normal_word("Boeing-747") == "boeing-000"
    assert len(normal_word("x" * 10**6)) == 40


def test_spelling_reads_ends_beginnings_and_the_shape():
    spelt = dict(
        zip(("s2", "s3", "s4", "p2", "p3", "shape"), spelling_of(["McDonald's", "1996"], "affixes"), strict=True)
    )
    assert spelt["s3"] == ["d's", "000"]
    assert spelt["p2"] == ["mc", "00"]
    assert spelt["shape"] == ["XxXxx'x", "00"]


def test_neighbours_are_pairs_of_signs_with_edges():
    before, after = spelling_of(["中", "国"], "neighbours")
    assert before[1] == after[0] == "中国"
    assert before[0] != after[1]


@pytest.mark.parametrize(
    ("words", "kind"), [(["The", "cat"], "affixes"), (["中", "国", "人"], "neighbours")], ids=["English", "Chinese"]
)
def test_the_kind_of_spelling_is_chosen_by_the_length_of_words(words, kind):
    rows = [{"id": "1", "words": words, "tags": ["B-A", *["I-A"] * (len(words) - 1)]}]
    assert load_task("tagging").fit(rows).spelling == kind


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "iobes", "bmes", "bilou"])
def test_tags_are_learned_as_iobes_and_given_back_in_their_own_scheme(scheme):
    from deepdojo.chunks import tags_of

    sentences = [tags_of([("A", 0, 3), ("A", 3, 4), ("B", 5, 7)], 8, scheme) for _ in range(3)]
    tags = Tags.fit(sentences)
    assert tags.scheme == scheme
    assert tags.names == ("O", *(f"{letter}-{kind}" for kind in "AB" for letter in "BIES"))
    assert tags.decode(tags.encode(sentences[0])) == sentences[0]


def test_a_type_that_training_rows_do_not_hold_is_not_learned_from():
    task = fitted()
    assert list(task.encode({**ROWS[0], "tags": ["B-XX", "O", "O"]}, learn=True)) == []


def test_options_name_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'affixes'"):
        fitted(spelling="afixes")
    with pytest.raises(UnknownNameError, match="did you mean 'iob2'"):
        fitted(scheme="iob22")


# ----- examples


def test_an_example_has_a_column_for_each_feature_and_the_part_of_speech_last():
    task = fitted()
    (example,) = task.encode(ROWS[0], learn=True)
    assert example["shapes"].shape == (3, 7)
    assert task.dims()["feature_sizes"][-1] == len({p for row in ROWS for p in row["pos"]}) + 2


def test_without_pos_and_spelling_words_alone_are_read():
    task = fitted(pos=False, spelling="none")
    (example,) = task.encode(ROWS[0], learn=False)
    assert set(example) == {"words"}
    assert task.dims()["feature_sizes"] == ()
    model = untrained(task)
    assert [len(row["tags"]) for row in predict_rows(task, model, ROWS)] == [3, 3, 2]


@pytest.mark.parametrize("characters", ["lstm", "cnn"])
def test_characters_go_to_a_model_that_reads_them(characters):
    task = fitted(characters=True)
    model = untrained(task, characters=characters, character_features=4, **SMALL)
    assert len(predict_rows(task, model, ROWS)) == 3
    with pytest.raises(RecipeError, match="with characters"):
        predict_rows(task, untrained(task), ROWS)


def test_a_long_sentence_is_read_in_windows_and_given_back_whole():
    task, words = fitted(max_tokens=4), ["The", "cats", "sat"] * 5
    row = {"id": "9", "words": words, "pos": ["DT", "NNS", "VBD"] * 5, "tags": ["B-NP", "I-NP", "B-VP"] * 5}
    assert [len(example["words"]) for example in task.encode(row, learn=True)] == [4, 4, 4, 3]
    assert len(predict_rows(task, untrained(task), [row])[0]["tags"]) == 15


def test_rare_words_become_unknown_in_training_alone():
    task = fitted(word_dropout=1e9)  # every word, practically
    seen = []

    class Spy(torch.nn.Module):
        crf = None

        def forward(self, words, shapes, keep):
            seen.append(words)
            return torch.zeros(*words.shape, len(task.tags))

    batch = Store.pack(task, ROWS, learn=True).cut(torch.arange(3))
    task.loss(Spy().train(), batch)
    task.loss(Spy().eval(), batch)
    assert (seen[0][batch["words_keep"]] == UNKNOWN).all()
    assert torch.equal(seen[1], batch["words"])


def test_the_loss_is_the_crfs_and_without_one_the_cross_entropy_of_each_word():
    task = fitted()
    batch = Store.pack(task, ROWS, learn=True).cut(torch.arange(3))
    with_crf, alone = untrained(task), untrained(task, crf=False, **SMALL)
    total, weight = task.loss(with_crf, batch)
    scores = with_crf(batch["words"], batch["shapes"], batch["words_keep"])
    torch.testing.assert_close(total, with_crf.crf.nll(scores, batch["tags"], batch["words_keep"]))
    assert weight.tolist() == [1, 1, 1]
    total, _ = task.loss(alone, batch)
    p = alone(batch["words"], batch["shapes"], batch["words_keep"]).log_softmax(-1)
    picked = -p.gather(-1, batch["tags"][..., None]).squeeze(-1)
    torch.testing.assert_close(total, (picked * batch["words_keep"]).sum(1))


def test_predictions_are_the_crfs_best_path_read_as_chunks():
    task = fitted()
    model = untrained(task)
    batch = Store.pack(task, ROWS, learn=False).cut(torch.arange(3))
    path = model.crf.decode(model(batch["words"], batch["shapes"], batch["words_keep"]), batch["words_keep"])
    found = predict_rows(task, model, ROWS)
    for row, ids, cells in zip(ROWS, path.tolist(), found, strict=True):
        assert cells["tags"] == task.tags.decode(ids[: len(row["words"])])


def test_the_state_is_json_and_the_same_after_it():
    task = fitted(characters=True)
    assert restore_task(json.loads(json.dumps(task.state()))) == task


# ----- rows that cannot be used


def test_rows_that_cannot_be_used_are_left_out_with_a_sentence():
    task, said = fitted(), []
    rows = [
        {"id": "a", "words": [], "pos": []},
        {"id": "b", "words": ["The"]},
        {"id": "c", "words": ["The", "cats"], "pos": ["DT"]},
        {**ROWS[0], "id": "d"},
    ]
    found = predict_rows(task, untrained(task), rows, reject=lambda row, reason: said.append((row["id"], reason)))
    assert [row["id"] for row in found] == ["d"]
    assert said == [
        ("a", "the sentence has no words"),
        ("b", "the row has no pos, which this model reads"),
        ("c", "the row has 2 words and 1 pos"),
    ]


def test_words_of_a_million_characters_mixed_scripts_and_emoji_are_words():
    task = fitted(characters=True)
    words = ["x" * 10**6, "🙂🙂", "中文", "مرحبا", "\u200d", "Ünïcödé", "\ud83d"]
    row = {"id": "1", "words": words, "pos": ["NN"] * len(words)}
    model = untrained(task, characters="cnn", character_features=4, **SMALL)
    assert len(predict_rows(task, model, [row])[0]["tags"]) == len(words)
    (example,) = task.encode(row, learn=False)
    assert max(len(piece.label) for piece in task.pieces(row, example)) <= 41


def project(folder, text, columns="pos = 'pos'", test="The DT B-NP\n", names="['words', 'pos', 'tags']"):
    (folder / "train.conll").write_text(text, encoding="utf-8")
    (folder / "test.conll").write_text(test, encoding="utf-8")
    (folder / "project.toml").write_text(
        f"task = 'tagging'\n[source]\npath = '.'\n[data]\nreader = 'conll'\nnames = {names}\n"
        "[data.split]\ntrain = {file = 'train.conll'}\ntest = {file = 'test.conll'}\n"
        f"[columns]\nwords = 'words'\ntags = 'tags'\n{columns}\n[split.fraction]\nvalidation = 0.3\n"
    )
    return folder


TEXT = "\n".join(f"The{i} DT B-NP\ncat{i} NN I-NP\nsat VBD B-VP\n" for i in range(30))


def test_the_part_of_speech_is_read_only_where_columns_name_it(tmp_path):
    data = load_dataset(find_project(project(tmp_path, TEXT)))
    assert set(data.rows("test")[0]) == {"id", "words", "pos"}
    data = load_dataset(find_project(project(tmp_path, TEXT, columns="")))
    assert set(data.rows("train")[0]) == {"id", "words", "tags"}
    assert set(data.rows("test")[0]) == {"id", "words"}


def test_a_test_set_without_tags_is_one_sentence(tmp_path):
    with pytest.raises(DojoError, match="3 are needed"):
        load_dataset(find_project(project(tmp_path, "The DT\n", test="The DT\n")))
    data = load_dataset(find_project(project(tmp_path, TEXT, test="The DT\n\ncat NN B-NP\n")))
    (rejected,) = data.rejected
    assert (rejected.file, rejected.line) == ("test.conll", 1)
    assert rejected.reason == "the line has 2 columns, 3 are needed (words, pos, tags)"


def test_a_tag_sequence_of_another_length_is_rejected_with_both_lengths(tmp_path):
    tags = [["O", "B-X"]] * 20 + [["O"], []]
    rows = [{"words": ["a", f"b{i}"], "tags": own} for i, own in enumerate(tags)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "project.toml").write_text(
        "task = 'tagging'\n[source]\npath = '.'\n[data]\nreader = 'jsonl'\nfile = 'rows.jsonl'\n"
    )
    data = load_dataset(find_project(tmp_path))
    assert [r.reason for r in data.rejected] == ["the row has 2 words and 1 tags", "the tags are empty"]


def test_a_prediction_of_another_length_is_one_sentence(tmp_path):
    folder = project(tmp_path, TEXT)
    (tmp_path / "said.csv").write_text("id,tags\ntest-1,O O\n")
    with pytest.raises(ScoreError, match="the sentence has 1 words, and 2 tags are predicted"):
        dd.score(folder, tmp_path / "said.csv")


def test_new_finds_words_tags_part_of_speech_and_documents(tmp_path):
    source = tmp_path / "names.conll"
    text = "".join(f"-DOCSTART- -X- O\n\nEU{d} NNP B-ORG\nsaid VBD O\n\n" for d in range(12))
    source.write_text(text * 2)
    made, said = dd.new(tmp_path / "made", source)
    spec = made.spec
    assert (spec.task, spec.metric) == ("tagging", "chunk_f1")
    assert spec.columns == {"words": "1", "tags": "3", "pos": "2"}
    assert any("IOB2" in sentence for sentence in said)
    assert len(load_dataset(made).rows("train")) > 10


def test_new_judges_parts_of_speech_word_by_word(tmp_path):
    source = tmp_path / "pos.conll"
    source.write_text("The DT\ncat NN\n\n" * 30)
    made, _ = dd.new(tmp_path / "made", source)
    assert made.spec.metric == "token_accuracy"


def test_new_says_what_is_wrong_with_a_file_of_words_alone(tmp_path):
    source = tmp_path / "words.conll"
    source.write_text("The\ncat\n\n")
    with pytest.raises(DataError, match="words without tags"):
        dd.new(tmp_path / "made", source)


def test_a_new_file_is_read_with_and_without_tags_and_asks_for_its_part_of_speech(tmp_path):
    from deepdojo.data.new_rows import load_rows

    made = find_project(project(tmp_path, TEXT))
    for text in ("The DT B-NP\ncat NN I-NP\n", "The DT\ncat NN\n"):
        (tmp_path / "new.conll").write_text(text)
        rows, rejected = load_rows(made, tmp_path / "new.conll")
        assert (rows, rejected) == ([{"id": "1", "words": ["The", "cat"], "pos": ["DT", "NN"]}], [])
    (tmp_path / "new.conll").write_text("The\ncat\n")
    with pytest.raises(DojoError, match=r"the line has 1 column, 2 are needed \(words, pos\)"):
        load_rows(made, tmp_path / "new.conll")
    (tmp_path / "new.csv").write_text("words,pos\nThe cat,DT NN\n")
    assert load_rows(made, tmp_path / "new.csv")[0][0]["words"] == ["The", "cat"]


def test_check_tells_of_loose_tags_and_of_a_sentence_in_two_parts(tmp_path):
    text = TEXT + "\nodd NN O\none NN I-NP\n\n" + "same DT B-NP\nhere NN O\n\n"
    found = dd.check(project(tmp_path, text, test="same DT B-NP\nhere NN O\n"))
    kinds = {problem.kind: problem for problem in found.problems}
    assert "I-NP' after 'O'" in kinds["loose tags"].what
    assert "twins" in kinds["left out"].todo  # it is not learned from
    assert found.facts["tags"]["scheme"] == "iob2"


def test_the_drawn_chunks_are_those_of_the_tags():
    from deepdojo.session.examples import _tagged

    shown = _tagged(["EU", "said", "so"], ["B-ORG", "O", "O"], ["B-ORG", "B-X", "I-X"])
    assert (shown["truth"], shown["predicted"]) == ("–", "X: said so")
    assert shown["tagged"]["predicted"] == [list(chunk) for chunk in chunks_of(["B-ORG", "B-X", "I-X"])]
    assert np.all(np.array(shown["tagged"]["truth"], dtype=object) == np.array([["ORG", 0, 1]], dtype=object))
