"""Questions on paragraphs in SQuAD's JSON (version 1 and 2): one row a question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from deepdojo.data.encodings import text_lines
from deepdojo.data.json_text import load_json
from deepdojo.data.readers import RawRow
from deepdojo.errors import DataError

if TYPE_CHECKING:
    from deepdojo.data.files import Files

__all__ = ["read"]

_FORM = 'SQuAD\'s form is {"data": [{"title", "paragraphs": [{"context", "qas": [{"id", "question", "answers"}]}]}]}'


def read(files: Files, file: str | Sequence[str], *, encoding: str | None = None) -> Iterator[RawRow]:
    """Cells `id`, `question`, `context`, `answers` (texts), `starts` (of each answer, in characters) and `title`.

    Questions of one paragraph and of one article are alike: `split.group = "title"` keeps an article together and lets
    intervals draw articles. A question that the second version marks as impossible has no answer in its paragraph: it
    is rejected. A file without answers (a test set) gives rows whose answers are missing. The number of a row is that
    of its question in the file, from 1; a question without an id has it for one.

    Memory: a file.

    Args:
        file: a name, a pattern, or a list of them.
        encoding: given, or found.

    Raises:
        DataError: a file that is no JSON, or not of this form.
    """
    for name in files.expand(file):
        number = 0
        for title, context, question in _questions(_parsed(files, name, encoding), name):
            number += 1
            yield _row(title, context, question, name, number)
        if not number:
            raise DataError("the file holds no question", where=name, todo=_FORM)


def _parsed(files: Files, name: str, encoding: str | None) -> Any:
    if files.is_empty(name):
        raise DataError("the file is empty", where=name)
    try:
        return load_json("".join(text_lines(lambda: files.open(name), encoding, where=name)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"the file is no JSON ({error})"[:160], where=name) from None


def _questions(found: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    """(title, context, question) as they stand; an article or a paragraph of another form stops the reading."""
    for at, article in enumerate(_list_of(found, "data", name)):
        for paragraph in _list_of(article, "paragraphs", f"{name}: data[{at}]"):
            for question in _list_of(paragraph, "qas", f"{name}: data[{at}]"):
                title = article.get("title")
                yield (title if isinstance(title, str) and title.strip() else str(at + 1)), paragraph, question


def _list_of(found: Any, key: str, where: str) -> list[Any]:
    part = found.get(key) if isinstance(found, Mapping) else None
    if not isinstance(part, list):
        raise DataError(f"there is no list {key!r}", where=where, todo=_FORM)
    return part


def _row(title: str, paragraph: Mapping[str, Any], question: Any, name: str, number: int) -> RawRow:
    if not isinstance(question, Mapping):
        return RawRow({}, name, number, "the question is no object")
    own_id = question.get("id")
    cells: dict[str, Any] = {
        "id": str(number) if own_id is None else own_id, "question": _text(question.get("question")),
        "context": _text(paragraph.get("context")),
        "answers": None, "starts": None, "title": title,
    }  # fmt: skip
    if question.get("is_impossible") is True:
        return RawRow(cells, name, number, "the question has no answer in its paragraph (is_impossible)")
    answers = [a for a in question.get("answers") or () if isinstance(a, Mapping) and isinstance(a.get("text"), str)]
    if answers:
        starts = [a.get("answer_start") for a in answers]
        cells["answers"] = [a["text"] for a in answers]
        cells["starts"] = [at if isinstance(at, int) and not isinstance(at, bool) else -1 for at in starts]
    return RawRow(cells, name, number)


def _text(cell: Any) -> str | None:
    return cell if isinstance(cell, str) else None
