"""Texts with marked spans of characters, as annotation programs write them: one row a text, a tag for each word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from deepdojo.chunks import tags_of
from deepdojo.data.codecs.word_places import word_places
from deepdojo.data.encodings import text_lines
from deepdojo.data.json_text import load_json
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["KEYS", "SpanFault", "entry_of", "looks_like_span", "read", "values_of", "words_and_tags"]

KEYS = ("label", "labels", "entities", "spans")
"""Under one of these keys the spans of a text stand, where the project names no other."""
_STARTS, _ENDS, _LABELS = ("start", "start_offset"), ("end", "end_offset"), ("label", "labels", "type", "entity")
_FORM = '{"text": "Ana is in Rome", "label": [[0, 3, "PER"], [10, 14, "LOC"]]}'
_SHOWN = 40
Span = tuple[int, int, str]


class SpanFault(Exception):
    """Why the spans of a text cannot become tags."""


def read(
    files: Files,
    file: str | Sequence[str],
    *,
    text: str = "text",
    spans: str | None = None,
    encoding: str | None = None,
) -> Iterator[RawRow]:
    """Cells `words`, `tags` (IOB2) and what else stands beside them in the object, such as its id.

    A file holds an object a line, or one JSON list of objects: doccano's `label` or `entities`, spaCy's and Prodigy's
    `entities` or `spans`, spaCy's [text, {"entities": ...}], Label Studio's full and short export. A span is
    [start, end, label] or {"start", "end", "label"}: characters counted from 0, the end not included. Blanks at its
    borders are not counted, blanks in a label become `_`, and a span that is given twice counts once.

    Words are what `word_places` gives. A text is rejected where two of its spans overlap, where one is empty, ends
    outside the text, begins or ends within a word, has no label, or says another text than stands there. A text
    without a list of spans has no tags.

    Memory: a line, or a file that is one list.

    Args:
        file: a name, a pattern, or a list of them.
        text: the key of the text.
        spans: the key of the spans. Default: the first of `KEYS` that the object has.
        encoding: given, or found.

    Raises:
        DataError: a file that is empty, or no JSON at all.
    """
    for name in files.expand(file):
        number = 0
        for number, value in values_of(files, name, encoding):
            yield _row(value, name, number, text, spans)
        if not number:
            raise DataError("the file is empty", where=name, todo="export it again")


def words_and_tags(text: str, spans: Sequence[Any]) -> tuple[list[str], list[str]]:
    """The words of a text and the tag of each.

    Raises:
        SpanFault: spans that cannot become tags.
    """
    places = word_places(text)
    starts = {start: i for i, (start, _) in enumerate(places)}
    ends = {end: i + 1 for i, (_, end) in enumerate(places)}
    chunks = []
    for start, end, label in _parted({_span(text, number, given) for number, given in enumerate(spans, 1)}):
        if start not in starts or end not in ends:
            cut = next(text[a:b] for a, b in places if a < start < b or a < end < b)
            raise SpanFault(f"the span {start} to {end} ({_short(label)}) cuts the word {_short(cut)!r}")
        chunks.append((label, starts[start], ends[end]))
    return [text[start:end] for start, end in places], tags_of(chunks, len(places), "iob2")


def entry_of(value: Any, text: str, spans: str | None) -> tuple[Mapping[str, Any], Any, Any]:
    """(the object, its text, its spans or None) of one entry of a file, in any of the forms that `read` knows.

    Raises:
        SpanFault: it is none of them.
    """
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], Mapping):  # spaCy's pairs
        value = {text: value[0], **value[1]}
    if not isinstance(value, Mapping):
        raise SpanFault("is no object with a text and its spans")
    if text not in value and isinstance(value.get("data"), Mapping):  # Label Studio's full export
        done = [a for a in value.get("annotations") or () if isinstance(a, Mapping) and not a.get("was_cancelled")]
        return {"id": value.get("id")}, value["data"].get(text), done[0].get("result") if done else None
    key = spans if spans is not None else next((key for key in KEYS if isinstance(value.get(key), list)), None)
    return value, value.get(text), value.get(key) if key is not None else None


def looks_like_span(given: Any) -> bool:
    """Whether this is two numbers and a label, in one of the forms."""
    try:
        start, end, label, _ = _cells(given)
    except SpanFault:
        return False
    return _whole_number(start) and _whole_number(end) and isinstance(label, str)


def values_of(files: Files, name: str, encoding: str | None = None) -> Iterator[tuple[int, Any]]:
    """(line or place in the list, value); a line that is no JSON is a SpanFault."""
    lines = text_lines(lambda: files.open(name), encoding, where=name)
    first = ""
    for number, line in enumerate(lines, 1):
        if not (stripped := line.strip()):
            continue
        if not first:
            first = stripped
            if _begins_a_list(first):
                yield from enumerate(_whole(files, name, encoding), 1)
                return
        try:
            yield number, load_json(stripped)
        except (json.JSONDecodeError, RecursionError) as error:
            yield number, SpanFault(f"the line is no JSON ({error})"[:160])


def _begins_a_list(line: str) -> bool:
    """Whether the first line opens a list of entries, and is not itself one: spaCy's pair begins with its text."""
    if not line.startswith("["):
        return False
    try:
        value = load_json(line)
    except (json.JSONDecodeError, RecursionError):
        return True
    return not (value and isinstance(value[0], str))


def _whole(files: Files, name: str, encoding: str | None) -> list[Any]:
    try:
        found = load_json("".join(text_lines(lambda: files.open(name), encoding, where=name)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"the file is no JSON ({error})"[:160], where=name) from None
    return found if isinstance(found, list) else [found]


def _row(value: Any, name: str, number: int, text: str, spans: str | None) -> RawRow:
    if isinstance(value, SpanFault):
        return RawRow({}, name, number, str(value))
    cells: dict[str, Any] = {}
    try:
        whole, written, marked = entry_of(value, text, spans)
        cells = {str(k): v for k, v in whole.items() if isinstance(v, str | int | float) and k != text}
        if not isinstance(written, str):
            raise SpanFault(f"there is no text under {text!r}")
        if marked is None:
            return RawRow({**cells, "words": words_and_tags(written, ())[0], "tags": None}, name, number)
        if not isinstance(marked, list):
            raise SpanFault("the spans are no list")
        words, tags = words_and_tags(written, [span for span in marked if not _is_relation(span)])
    except SpanFault as fault:
        return RawRow(cells, name, number, str(fault))
    return RawRow({**cells, "words": words, "tags": tags}, name, number)


def _is_relation(given: Any) -> bool:
    """What Label Studio lists beside the spans: relations, choices for the whole text."""
    return isinstance(given, Mapping) and "from_name" in given and given.get("type") not in (None, "labels")


def _cells(given: Any) -> tuple[Any, Any, Any, Any]:
    """(start, end, label, the text that it says it marks, itself where it says none)."""
    if isinstance(given, list | tuple) and len(given) == 3:
        return (*given, given)
    if not isinstance(given, Mapping):
        raise SpanFault("is no [start, end, label]")
    inner = given.get("value")
    if isinstance(inner, Mapping):  # Label Studio's full export
        given = inner
    start, end, label = (next((given[k] for k in keys if k in given), None) for keys in (_STARTS, _ENDS, _LABELS))
    if isinstance(label, list):
        if len(label) > 1:
            raise SpanFault("has several labels, and a word has one tag")
        label = label[0] if label else None
    return start, end, label, given.get("text", given)


def _span(text: str, number: int, given: Any) -> Span:
    """A span without the blanks at its borders."""
    try:
        start, end, label, says = _cells(given)
    except SpanFault as fault:
        raise SpanFault(f"span {number} {fault}") from None
    if not (_whole_number(start) and _whole_number(end)):
        raise SpanFault(f"span {number} has no start and end in whole characters")
    name = "_".join(label.split()) if isinstance(label, str) else ""
    if not name:
        raise SpanFault(f"span {number} has no label")
    said = f"the span {start} to {end} ({_short(name)})"
    if start < 0 or end > len(text):
        raise SpanFault(f"{said} goes beyond the text, which has {len(text):,} characters")
    marked = text[start:end]
    if not marked.strip():
        raise SpanFault(f"{said} " + ("is empty" if start >= end else "holds nothing but blanks"))
    if isinstance(says, str) and says.strip() != marked.strip():
        raise SpanFault(f"{said} should read {_short(says)!r}, but {_short(marked)!r} stands there")
    return start + len(marked) - len(marked.lstrip()), end - len(marked) + len(marked.rstrip()), name


def _parted(spans: set[Span]) -> list[Span]:
    ordered = sorted(spans)
    for (start, end, label), (after, after_end, other) in pairwise(ordered):
        if after < end:
            one, two = f"{start} to {end} ({_short(label)})", f"{after} to {after_end} ({_short(other)})"
            raise SpanFault(f"the spans {one} and {two} overlap")
    return ordered


def _whole_number(cell: Any) -> bool:
    return isinstance(cell, int) and not isinstance(cell, bool)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
