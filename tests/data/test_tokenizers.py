"""Every tokenizer: learned from training text alone, the same in every process, JSON, offsets, and what is special."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepdojo.data.codecs.symbols import Symbols
from deepdojo.data.codecs.tokenizer import PAD, UNKNOWN, Tokenizer, split_words
from deepdojo.data.codecs.tokenizer_byte_pairs import BytePairTokenizer
from deepdojo.data.codecs.tokenizer_characters import CharacterTokenizer
from deepdojo.data.codecs.tokenizer_kinds import TOKENS, TextTokenizer, fit_tokenizer
from deepdojo.data.codecs.tokenizer_wordpiece import WordPieceTokenizer
from deepdojo.errors import RecipeError, UnknownNameError
from deepdojo.tasks import restore_task
from deepdojo.tasks.base import _restored
from deepdojo.tasks.text_classification import TextClassification

TEXTS = [
    "The lowest of the low, the newest of the new: wider and widest!",
    "Lower and newer, wider and slower; she doesn't slow. 漢字かな交じり文",
    "Größer, größte, naïve: ÄÖÜ. Σας Σ. 漢字 again and again",
] * 3
EVERY = pytest.mark.parametrize("tokens", TOKENS)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
SIZE = 400


def fitted(tokens: str, **options: object) -> TextTokenizer:
    return fit_tokenizer(tokens, TEXTS, vocab_size=SIZE, **options)  # type: ignore[arg-type]


PAIRS, PIECES = BytePairTokenizer.fit(TEXTS, vocab_size=SIZE), WordPieceTokenizer.fit(TEXTS, vocab_size=SIZE)


@given(ANY_TEXT)
@example("\ud800 half a pair")
@example("\0\r\n\u2028 \u00a0")
@settings(max_examples=200, deadline=None)
def test_byte_pairs_give_any_text_back(text):
    ids = PAIRS.encode(text)
    assert text == "" or all(UNKNOWN < i < len(PAIRS) for i in ids)
    assert PAIRS.decode(ids) == re.sub("[\ud800-\udfff]", "\ufffd", text)  # halves of pairs are no characters


@EVERY
@given(text=ANY_TEXT)
@example(text="İstanbul'da İİ Σς ﬁ ẞ")
@settings(max_examples=100, deadline=None)
def test_ids_lie_in_the_vocabulary_and_offsets_in_the_text(tokens, text):
    for lower in (False, True):
        codec = _cached(tokens, lower)
        ids, spans = codec.encode_with_offsets(text)
        assert ids == codec.encode(text)
        assert ids
        assert all(0 < i < len(codec) for i in ids)
        assert len(spans) == len(ids)
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert [start for start, _ in spans] == sorted(start for start, _ in spans)
        assert len(codec.pieces(text)) == len(ids) or ids == [UNKNOWN]
        codec.decode(ids)


_codecs: dict[tuple[str, bool], TextTokenizer] = {}


def _cached(tokens, lower):
    if (tokens, lower) not in _codecs:
        _codecs[tokens, lower] = fitted(tokens, lower=lower)
    return _codecs[tokens, lower]


@EVERY
def test_offsets_point_at_what_a_token_says(tokens):
    text = "The NEWEST, größte widest\n 漢字 lower"
    codec = fitted(tokens)
    ids, spans = codec.encode_with_offsets(text)
    for i, (start, end) in zip(ids, spans, strict=True):
        shown = text[start:end]
        assert shown == (shown.strip() or shown)
        if i != UNKNOWN and shown.isascii() and shown.strip():
            assert codec.decode([i]).strip().removeprefix("##") == shown.lower()
    assert text.index("NEWEST") in [start for start, _ in spans]


@EVERY
def test_an_empty_text_is_one_unknown_token(tokens):
    codec = fitted(tokens)
    assert codec.encode_with_offsets("") == ([UNKNOWN], [(0, 0)])
    assert codec.decode([PAD, PAD]) == ""


@EVERY
def test_only_training_text_is_learned_from(tokens):
    codec = fitted(tokens)
    learned = json.dumps(dataclasses.asdict(codec), ensure_ascii=False)
    assert "zyx" not in learned
    ids = codec.encode("zyxzyx")
    if tokens in ("words", "wordpiece"):
        assert ids == [UNKNOWN]
    elif tokens == "characters":
        assert ids == [UNKNOWN] * 6
    else:
        assert [codec.decode([i]) for i in ids] == list("zyxzyx")  # bytes by themselves: no pair of them was seen


@EVERY
def test_the_state_is_json_and_gives_an_equal_tokenizer(tokens):
    codec = fitted(tokens)
    state = json.loads(json.dumps(dataclasses.asdict(codec)))
    again = _restored(TextTokenizer, state)
    assert type(again) is type(codec)
    assert again == codec
    for text in (*TEXTS, "", "never seen: Łódź 🦄"):
        assert again.encode(text) == codec.encode(text)


@EVERY
def test_the_order_of_the_texts_and_the_process_do_not_matter(tokens):
    wanted = dataclasses.asdict(fitted(tokens))
    assert dataclasses.asdict(fit_tokenizer(tokens, TEXTS[::-1], vocab_size=SIZE)) == wanted
    code = (
        "import sys, json, dataclasses; from deepdojo.data.codecs.tokenizer_kinds import fit_tokenizer; "
        "tokens, texts = json.load(sys.stdin); assert 'torch' not in sys.modules; "
        f"print(json.dumps(dataclasses.asdict(fit_tokenizer(tokens, texts, vocab_size={SIZE}))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps([tokens, TEXTS]), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads(json.dumps(wanted))


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_ties_between_pairs_are_settled_the_same_way_each_time(kind):
    """Many words of equal counts: in the library's own WordPiece trainer the order of a hash map would decide."""
    texts = [f"{a}{b}{c}{a}{b}{c}" for a in "abcdef" for b in "ghijkl" for c in "mnopqr"] * 2
    found = {json.dumps(dataclasses.asdict(fit_tokenizer(kind, texts, vocab_size=330))) for _ in range(6)}
    assert len(found) == 1


def test_importing_a_tokenizer_loads_no_library():
    code = "import sys, deepdojo.data.codecs.tokenizer_kinds; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_word_pieces_mark_where_a_word_goes_on():
    codec = PIECES
    pieces = codec.pieces("lowest slowest, xlow")
    assert "".join(p.removeprefix("##") for p in pieces[: pieces.index(",")]) == "lowestslowest"
    continued = [p.startswith("##") for p in pieces]
    assert not continued[0]
    assert codec.decode(codec.encode("lowest slowest newer")) == "lowest slowest newer"
    assert any(token.startswith("##") for token in codec.tokens)
    assert codec.encode("low 🦄 low")[1] == UNKNOWN


def test_word_pieces_are_those_of_transformers_bert_tokenizer(tmp_path):
    from transformers import BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", *PIECES.tokens]
    theirs = BertTokenizer(
        vocab={token: i for i, token in enumerate(vocabulary)}, do_lower_case=True, unk_token="[UNK]", pad_token="[PAD]"
    )
    for text in (*TEXTS, "Lowest, unslow! 漢字 naïve", "never seen: Łódź 🦄", " \t "):
        assert PIECES.encode(text) == (theirs(text, add_special_tokens=False)["input_ids"] or [UNKNOWN])


def test_byte_pairs_are_those_of_a_plain_implementation():
    """Sennrich et al.'s loop (of equally frequent pairs the one that was numbered first), and joining by rank."""
    counts = {
        tuple(w): n + 2 for n, w in enumerate(["low", "lower", "newest", "widest", "slow", "slower", "wow", "nest"])
    }
    number = {c: i for i, c in enumerate(sorted({c for word in counts for c in word}))}
    learned = BytePairTokenizer.fit([w for word, n in counts.items() for w in ["".join(word)] * n], vocab_size=258 + 20)
    merges = []
    for _ in range(len(learned.merges)):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, n in counts.items():
            pairs.update(dict.fromkeys(pairwise(word), 0))
            for pair in pairwise(word):
                pairs[pair] += n
        merges.append(max(pairs, key=lambda pair: (pairs[pair], -number[pair[0]], -number[pair[1]])))
        number["".join(merges[-1])] = len(number)
        counts = {tuple(joined(list(word), merges[-1])): n for word, n in counts.items()}
    assert len(merges) >= 15
    assert [tuple(m.split()) for m in learned.merges] == merges
    rank = {pair: i for i, pair in enumerate(merges)}
    for word in ("lowest", "newer", "widest", "lolow", "slownest"):
        symbols = list(word)
        while known := [pair for pair in pairwise(symbols) if pair in rank]:
            symbols = joined(symbols, min(known, key=rank.__getitem__))
        assert learned.pieces(word) == symbols


def joined(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    found: list[str] = []
    for symbol in symbols:
        if found and (found[-1], symbol) == pair:
            found[-1] += symbol
        else:
            found.append(symbol)
    return found


def test_a_vocabulary_without_room_is_refused():
    with pytest.raises(RecipeError, match=r"vocab_size = 257 has no room for 256 bytes.*take 258 or more"):
        BytePairTokenizer.fit(TEXTS, vocab_size=257)
    with pytest.raises(RecipeError, match="vocab_size = 7 has no room for words"):
        WordPieceTokenizer.fit(TEXTS, vocab_size=7)
    for size in (258, 300):
        assert len(BytePairTokenizer.fit(TEXTS, vocab_size=size)) <= size
    for size in (8, 60):
        assert len(WordPieceTokenizer.fit(TEXTS, vocab_size=size)) <= size


def test_an_unknown_kind_offers_the_nearest():
    with pytest.raises(UnknownNameError, match="no tokenizer is named 'wordpieces'; did you mean 'wordpiece'"):
        fit_tokenizer("wordpieces", TEXTS)


def test_characters_and_words_by_hand():
    codec = CharacterTokenizer.fit(["aab b", "ca"], min_count=1)
    assert codec.characters == ("a", "b", " ", "c")
    assert codec.encode("Cab?") == [5, 2, 3, UNKNOWN]
    assert codec.decode([5, 2, 3, UNKNOWN, PAD]) == "cab\ufffd"
    words = Tokenizer.fit(TEXTS)
    assert [words.decode([i]) for i in words.encode("The lowest")] == ["the", "lowest"]
    assert words.encode_with_offsets("Is THE low")[1] == [(0, 2), (3, 6), (7, 10)]
    assert len(words.encode_with_offsets("İ THE")[1]) == len(split_words("İ the".lower()))
    assert words.encode_with_offsets("İ THE")[1][-1] == (2, 5)


# --- in tasks --------------------------------------------------------------------------------------------------------

ROWS = [{"id": str(i), "text": text, "label": "ab"[i % 2]} for i, text in enumerate(TEXTS)]


@EVERY
def test_a_task_reads_what_its_recipe_chose(tokens):
    task = TextClassification.fit(ROWS, tokens=tokens, vocab_size=SIZE)
    assert getattr(task.tokenizer, "kind", "words") == tokens
    assert task.dims()["vocab_size"] == len(task.tokenizer)
    again = restore_task(json.loads(json.dumps(task.state())))
    assert again == task
    (window,) = task.encode(ROWS[0], learn=True)
    assert window["tokens"].tolist() == task.tokenizer.encode(ROWS[0]["text"])
    assert len(task.pieces(ROWS[0], window)) == len(window["tokens"])


def test_a_task_of_words_is_what_it_was():
    task = TextClassification.fit(ROWS)
    assert task.state()["tokenizer"] == {"words": Tokenizer.fit(TEXTS).words, "lower": True}
    with pytest.raises(RecipeError, match="n-grams are made of words"):
        TextClassification.fit(ROWS, ngrams=True, tokens="bpe")
    with pytest.raises(UnknownNameError, match="did you mean 'words'"):
        TextClassification.fit(ROWS, tokens="word")


@given(ANY_TEXT)
@settings(max_examples=100, deadline=None)
def test_language_models_read_pairs_whose_pieces_are_the_text(text):
    symbols = Symbols("bpe", PAIRS.tokens, PAIRS.merges)
    ids = symbols.encode(text)
    assert ((ids >= 0) & (ids < len(symbols))).all()
    pieces = symbols.pieces(text)
    assert "".join(piece for piece, _ in pieces) == text
    assert sum(count for _, count in pieces) == len(ids)
    assert (symbols.unknown_nats(text) == 0).all()
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert symbols.decode(ids.tolist()) == text


def test_a_language_model_of_pairs_goes_through_json():
    from deepdojo.tasks.language_modelling import LanguageModelling

    rows = [{"id": str(i), "text": text} for i, text in enumerate(TEXTS)]
    task = LanguageModelling.fit(rows, units="bpe", vocab_size=300)
    assert task.dims()["vocab_size"] == len(task.symbols) <= 300
    assert restore_task(json.loads(json.dumps(task.state()))) == task
    old = json.loads(json.dumps(LanguageModelling.fit(rows).state()))
    del old["symbols"]["merges"]  # a run from before there were any
    assert restore_task(old) == LanguageModelling.fit(rows)
    (window,) = task.encode({"text": "lower", "context": "the "}, learn=False)
    answers = task.symbols.encode("lower").tolist()
    assert window["tokens_next"].tolist()[-len(answers) :] == answers
    assert window["tokens"].tolist() == [*task.symbols.encode("the "), *answers[:-1]]
