"""Running text: blocks that are the text again, what stands before them, compressed files, and input that is none."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdojo.data.codecs.symbols import Symbols
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Files
from deepdojo.data.project import find_project
from deepdojo.data.readers import read
from deepdojo.data.sources import available, locate
from deepdojo.data.spec import SourceSpec
from deepdojo.errors import DataError, ProjectError, SourceError

TEXT = "".join(f"Line {i} of some text, näively written.\n{'word ' * (i % 37)}\n" for i in range(300))


def blocks(folder, **options):
    return list(read("text", Files([folder]), file="t.txt", **options))


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (0.9, 1.0), (0.05, 0.9), (0.123, 0.321)])
@pytest.mark.parametrize("size", [7, 1000])
def test_the_blocks_are_the_text_and_know_what_stands_before_them(tmp_path, start, stop, size):
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    rows = blocks(tmp_path, start=start, stop=stop, block_chars=size, context_chars=50)
    n = len(TEXT)
    assert "".join(row.cells["text"] for row in rows) == TEXT[int(start * n) : int(stop * n)]
    at = int(start * n)
    for row in rows:
        assert 0 < len(row.cells["text"]) <= size
        assert row.cells["context"] == TEXT[max(0, at - 50) : at]
        assert row.line == TEXT[:at].count("\n") + 1
        at += len(row.cells["text"])
    stretches = [row.cells["stretch"] for row in rows]
    assert stretches[:10] == [f"t.txt@{int(start * n)}"] * min(10, len(rows))
    assert all(stretches.count(stretch) == 10 for stretch in set(stretches[: len(rows) // 10 * 10]))


def test_a_block_ends_with_a_line_or_a_word_where_it_can(tmp_path):
    (tmp_path / "t.txt").write_text("one two three\nfour five\n" + "x" * 40 + " and on", encoding="utf-8")
    texts = [row.cells["text"] for row in blocks(tmp_path, block_chars=16)]
    assert texts == ["one two three\n", "four five\n", "x" * 16, "x" * 16, "x" * 8 + " and on"]


def test_no_context_where_none_is_wanted(tmp_path):
    (tmp_path / "t.txt").write_text(TEXT, encoding="utf-8")
    assert {row.cells["context"] for row in blocks(tmp_path, start=0.5, context_chars=0)} == {""}


def test_carriage_returns_stay_and_latin_1_is_read(tmp_path):
    (tmp_path / "t.txt").write_bytes("é\r\nb\r\n".encode("latin-1") * 400)
    assert "".join(row.cells["text"] for row in blocks(tmp_path)) == "é\r\nb\r\n" * 400


def test_what_is_no_text_is_said(tmp_path):
    file = tmp_path / "t.txt"
    file.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        blocks(tmp_path)
    file.write_bytes(b"abc\0def\0" + bytes(range(256)))
    with pytest.raises(DataError, match="no text"):
        blocks(tmp_path)
    file.write_bytes(b"caf\xe9 latin")
    with pytest.raises(DataError, match="not utf-8"):
        blocks(tmp_path, encoding="utf-8")
    file.write_text("some text")
    with pytest.raises(ProjectError, match="there is no text"):
        blocks(tmp_path, start=0.5, stop=0.5)


# ----- shakespeare, inside the package


def test_shakespeare_comes_with_the_package_and_is_split_as_nanogpt_does(monkeypatch, tmp_path):
    monkeypatch.delenv("DEEPDOJO_DATA", raising=False)
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path))
    data = load_dataset(find_project("shakespeare"), offline=True)
    parts = {name: "".join(row["text"] for row in data.rows(name)) for name in ("validation", "train", "test")}
    text = "".join(parts.values())  # validation is cut from the beginning
    pin = data.project.spec.source.files["input.txt"]
    assert hashlib.sha256(text.encode()).hexdigest() == pin.sha256 == data.files["input.txt"]
    assert len(text) == pin.bytes == 1_115_394
    assert parts["test"] == text[int(0.9 * len(text)) :]
    assert len(set(text)) == 65
    assert data.n == data.project.spec.rows
    first = data.rows("test")[0]
    assert set(first) == {"id", "text", "context"}
    assert len(set(data.groups("test"))) == 12
    assert not set(data.groups("test")) & set(data.groups("train"))
    assert first["context"] == text[int(0.9 * len(text)) - 1000 : int(0.9 * len(text))]


@pytest.mark.data
def test_wikitext2_has_the_words_of_the_paper():
    from deepdojo.places import mirror_folder

    project = find_project("wikitext2")
    mirror = mirror_folder()
    if mirror is None or not (mirror / "wikitext2").is_dir():
        pytest.skip("DEEPDOJO_DATA names no mirror folder that holds it")
    data = load_dataset(project, offline=True)
    words = {s: sum(len(r["text"].split()) + r["text"].count("\n") for r in data.rows(s)) for s in ("train", "test")}
    assert words == {"train": 2_088_628, "test": 245_569}
    assert data.n == project.spec.rows
    assert len(Symbols.fit((r["text"] for r in data.rows("train")), units="words")) == 33_278 + 1


def test_hidden_words_are_those_of_the_same_wikipedia():
    plain, masked = (find_project(name).spec for name in ("wikitext2", "wikitext2-masked"))
    assert (masked.source, masked.data, masked.split, masked.rows) == (
        plain.source,
        plain.data,
        plain.split,
        plain.rows,
    )
    assert masked.metric == "masked_word_nats"


# ----- compressed


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_a_pin_is_of_the_content_however_it_is_packed(tmp_path, ending, pack):
    data = b"some text\n" * 100_000
    source = SourceSpec.model_validate({"files": {"t.txt": {"sha256": hashlib.sha256(data).hexdigest()}}})
    assert not available(source, tmp_path)
    (tmp_path / f"t.txt{ending}").write_bytes(pack(data))
    assert available(source, tmp_path)
    files = locate(source, tmp_path, offline=True)
    assert files.bytes("t.txt") == data
    assert files.digests() == {"t.txt": hashlib.sha256(data).hexdigest()}
    (tmp_path / f"t.txt{ending}").write_bytes(pack(data[:-1]))
    with pytest.raises(SourceError, match="should have the SHA-256"):
        locate(source, tmp_path, offline=True)
    (tmp_path / f"t.txt{ending}").write_bytes(pack(data)[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        locate(source, tmp_path, offline=True)
    with pytest.raises(DataError, match="compressed file is broken"):
        Files([tmp_path]).bytes(f"t.txt{ending}")


# ----- symbols


@given(st.text(), st.sampled_from(["characters", "bytes", "words"]), st.text())
def test_pieces_are_the_text_and_count_its_symbols(text, units, learned):
    symbols = Symbols.fit([learned], units=units)
    pieces = symbols.pieces(text)
    assert "".join(piece for piece, _ in pieces) == text
    assert sum(count for _, count in pieces) == len(symbols.encode(text)) == len(symbols.unknown_nats(text))
    assert len(symbols.encode(text)) == 0 or symbols.encode(text).max() < len(symbols)


@given(st.text())
def test_known_text_comes_back(text):
    for units in ("characters", "bytes"):
        symbols = Symbols.fit([text], units=units)
        assert symbols.decode(symbols.encode(text).tolist()) == text
        assert not symbols.unknown_nats(text).any()


def test_words_and_what_an_unknown_one_costs():
    symbols = Symbols.fit(["a b a\nb c \n"], units="words", min_count=2)
    assert symbols.known == ("\n", "a", "b")
    assert symbols.encode(" a c\n").tolist() == [2, 0, 1]
    assert symbols.decode([2, 3, 1, 2, 0]) == "a b\na \ufffd"
    assert symbols.unknown_nats("a c\n").tolist() == pytest.approx([0, 2 * 5.545177444479562, 0])
    with pytest.raises(DataError, match="no units"):
        Symbols.fit(["a"], units="letters")
