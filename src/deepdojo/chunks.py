"""Tags of words <-> chunks, the stretches of words that they mark: by conlleval's rules, whatever the scheme.

A tag is O (outside) or a letter, a hyphen and a type (B-NP). Schemes: IOB2 (B begins a chunk, I goes on), IOB1 (I
alone; B only where a chunk touches one of the same type before it), IOBES (E ends a chunk, S is one of a single word),
and IOBES in other letters: BMES (M for I), BILOU (L for E, U for S). Chunks never overlap: a word has one tag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

__all__ = ["OUTSIDE", "SCHEMES", "Chunk", "chunks_of", "loose_tags", "parse_tag", "scheme_of", "tags_of"]

Chunk = tuple[str, int, int]
"""Type, first word, and the word after the last."""

OUTSIDE = "O"
SCHEMES = {"iob1": "BIII", "iob2": "BIIB", "iobes": "BIES", "bmes": "BMES", "bilou": "BILU"}
"""Name -> the letters of a first word, an inner one, a last one, and of a chunk of a single word. In IOB1 the first two
are written for a chunk that touches one of its type; else all letters are I."""
PLAIN = "plain"
"""Tags that mark no chunks, such as parts of speech."""

_READ_AS = {"B": "B", "I": "I", "E": "E", "S": "S", "M": "I", "L": "E", "U": "S"}
_ALONE = "BIESM"  # word segmentation has tags without a type


@lru_cache(maxsize=65_536)
def parse_tag(tag: str) -> tuple[str, str]:
    """(letter of B, I, E, S or O, type); a tag without a letter and a hyphen is a chunk of one word: (S, tag)."""
    if tag == OUTSIDE:
        return OUTSIDE, ""
    if tag[:1] in _READ_AS and tag[1:2] == "-":
        return _READ_AS[tag[0]], tag[2:] or "_"
    return (_READ_AS[tag], "_") if tag and tag in _ALONE else ("S", tag)


def chunks_of(tags: Sequence[str]) -> list[Chunk]:
    """The chunks of a sentence, in order.

    A chunk begins at B and S, at I and E after O, E or S, and wherever the type changes; it ends before the next one,
    before O, and after E and S. So every sequence has a reading, also an I that follows nothing.
    Source: conlleval (Tjong Kim Sang 2000); equal to seqeval 1.2.2 in its default mode for tags of the letters B, I, E,
    S and O. Beyond it M, L and U are read as I, E and S.
    """
    found: list[Chunk] = []
    start, kind, open_ = 0, "", False
    for i, tag in enumerate(tags):
        letter, own = parse_tag(tag)
        if open_ and (letter in "BSO" or own != kind):
            found.append((kind, start, i))
            open_ = False
        if letter == OUTSIDE:
            continue
        if not open_:
            start, kind, open_ = i, own, True
        if letter in "ES":
            found.append((kind, start, i + 1))
            open_ = False
    if open_:
        found.append((kind, start, len(tags)))
    return found


def tags_of(chunks: Iterable[Chunk], length: int, scheme: str) -> list[str]:
    """The tags of a sentence of `length` words, in one of `SCHEMES`."""
    tags, before = [OUTSIDE] * length, ("", 0, 0)
    first, inner, last, single = tuple(SCHEMES[scheme])
    for kind, start, end in chunks:
        end_with = "" if kind == "_" else f"-{kind}"
        letters = [single] if end - start == 1 else [first, *inner * (end - start - 2), last]
        if scheme == "iob1":
            letters[0] = "B" if before[2] == start > 0 and before[0] == kind else "I"
        tags[start:end] = [letter + end_with for letter in letters]
        before = (kind, start, end)
    return tags


def scheme_of(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme that tags are written in, or PLAIN where most of them have no letter of a scheme.

    IOB1 where more chunks begin with I than with a B that it would not write.
    """
    letters: set[str] = set()
    plain = chunked = with_i = with_b = 0
    for tags in sentences:
        before, before_kind = OUTSIDE, ""
        for tag in tags:
            letter, kind = parse_tag(tag)
            if letter != OUTSIDE:
                if kind == tag:
                    plain += 1
                else:
                    chunked += 1
                    letters.add(tag[0])
                touches = before != OUTSIDE and before_kind == kind
                with_i += letter == "I" and not touches
                with_b += letter == "B" and not touches
            before, before_kind = letter, kind
    if plain > chunked:
        return PLAIN
    if "M" in letters:
        return "bmes"
    if letters & {"L", "U"}:
        return "bilou"
    if letters & {"E", "S"}:
        return "iobes"
    return "iob1" if with_i > with_b else "iob2"


def loose_tags(tags: Sequence[str], scheme: str) -> list[int]:
    """Places of tags that the scheme does not write so: an I that follows nothing, a B that is not closed."""
    if scheme not in SCHEMES:
        return []
    right = tags_of(chunks_of(tags), len(tags), scheme)
    return [i for i, (tag, other) in enumerate(zip(tags, right, strict=True)) if tag != other]
