"""Tokenizers of a checkpoint's folder: the ids of Transformers, from tokenizer.json and from vocab.txt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import BertTokenizer, BertTokenizerFast, PreTrainedTokenizerFast

from deepdojo.data.codecs.pixels_pretrained import read_pretrained_pixels
from deepdojo.data.codecs.tokenizer_pretrained import PretrainedTokenizer, read_pretrained_tokenizer
from deepdojo.errors import RecipeError
from deepdojo.tasks import restore_task
from deepdojo.tasks.text_classification import TextClassification

LETTERS = "abcdefghijklmnop"
WHOLE = ["the", "##ing", "film", ",", ".", "!", "天", "cafe", "don", "'", "t"]
PIECES = ["[PAD]", *(f"[unused{i}]" for i in range(5)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES += [*LETTERS, *(f"##{c}" for c in LETTERS), *WHOLE]
TEXTS = [
    "the film, don't!",
    "Café FILMING 天天",
    "",
    "  ",
    "zzz \u200b the",
    "abc\u0301 [MASK] the",
    "a" * 300,
    "🙂 film\n.",
]


def bert_folder(folder: Path, *, lower: bool = True) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}), encoding="utf-8")
    return folder


@pytest.mark.parametrize("lower", [True, False])
def test_vocab_txt_has_the_ids_of_transformers(tmp_path, lower):
    folder = bert_folder(tmp_path / "bert", lower=lower)
    ours, theirs = read_pretrained_tokenizer(folder), BertTokenizer.from_pretrained(folder)
    assert len(ours) == len(PIECES)
    for text in TEXTS:
        expected = theirs(text)["input_ids"]
        if len(expected) > 2:  # a text of nothing is one unknown token, so that every text has a token
            assert ours.encode(text) == expected, text
        assert len(ours.pieces(text)) == len(ours.encode(text))
    assert ours.encode("") == [7, 6, 8]
    assert (ours.mask, ours.unknown, ours.before, ours.after) == (9, 6, (7,), (8,))


def test_tokenizer_json_has_the_ids_of_transformers(tmp_path):
    fast = BertTokenizerFast.from_pretrained(bert_folder(tmp_path / "bert"))
    fast.save_pretrained(tmp_path / "fast")
    (tmp_path / "fast" / "vocab.txt").unlink(missing_ok=True)
    ours = read_pretrained_tokenizer(tmp_path / "fast")
    for text in TEXTS:
        expected = fast(text)["input_ids"]
        assert ours.encode(text) == (expected if len(expected) > 2 else [7, 6, 8]), text
    _, spans = ours.encode_with_offsets("Café film")
    assert ["Café film"[a:b] for a, b in spans] == ["Café", "film"]
    assert ours.decode(ours.encode("the film")) == "the film"


def test_byte_level_pairs_without_signs_around_a_text(tmp_path):
    from tokenizers import ByteLevelBPETokenizer

    made = ByteLevelBPETokenizer()
    made.train_from_iterator(["the film the film a plot"] * 9, vocab_size=280, min_frequency=1)
    made.save(str(tmp_path / "tokenizer.json"))
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    ours = read_pretrained_tokenizer(tmp_path)
    for text in ("the film!", " 天", "a\nplot"):
        assert ours.encode(text) == theirs(text)["input_ids"]
    assert (ours.before, ours.after, ours.mask) == ((), (), None)


def test_a_truncation_in_the_file_does_not_count(tmp_path):
    fast = BertTokenizerFast.from_pretrained(bert_folder(tmp_path / "bert"))
    made = fast.backend_tokenizer
    made.enable_truncation(4)
    made.enable_padding(length=9)
    made.save(str(tmp_path / "tokenizer.json"))
    assert len(read_pretrained_tokenizer(tmp_path).encode("the film the film")) == 6


def test_a_task_keeps_it_through_json_and_cuts_windows_with_its_signs(tmp_path):
    tokenizer = read_pretrained_tokenizer(bert_folder(tmp_path / "bert"))
    rows = [{"text": "the film", "label": "a"}, {"text": "a plot", "label": "b"}]
    from dataclasses import replace

    task = replace(TextClassification.fit(rows, max_tokens=5), tokenizer=tokenizer)
    again = restore_task(json.loads(json.dumps(task.state())))
    assert again == task
    assert isinstance(again.tokenizer, PretrainedTokenizer)
    windows = [example["tokens"].tolist() for example in task.encode({"text": "a b c d e f g"}, learn=False)]
    assert [w[0] for w in windows] == [7] * 3
    assert [w[-1] for w in windows] == [8] * 3
    assert [i for w in windows for i in w[1:-1]] == tokenizer.encode("a b c d e f g")[1:-1]
    assert task.blank_of("tokens") == 6.0
    assert TextClassification.fit(rows).blank_of("tokens") == 1.0


def test_what_is_no_tokenizer(tmp_path):
    assert read_pretrained_tokenizer(tmp_path) is None
    (tmp_path / "vocab.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"has no \[UNK\]"):
        read_pretrained_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RecipeError, match="no tokenizer that can be read"):
        read_pretrained_tokenizer(tmp_path)
    bert_folder(tmp_path / "bert")
    (tmp_path / "bert" / "tokenizer_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_pretrained_tokenizer(tmp_path / "bert")


@pytest.mark.parametrize(
    ("size", "found"),
    [(224, (224, 224)), ({"height": 8, "width": 9}, (8, 9)), ({"shortest_edge": 7}, (7, 7))],
)
def test_pixels_of_a_folder(tmp_path, size, found):
    assert read_pretrained_pixels(tmp_path) is None
    values = {"size": size, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values), encoding="utf-8")
    pixels = read_pretrained_pixels(tmp_path)
    assert (pixels.height, pixels.width, pixels.channels, pixels.mean) == (*found, 3, (0.5, 0.4, 0.3))
    (tmp_path / "preprocessor_config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(RecipeError, match="what size"):
        read_pretrained_pixels(tmp_path)
