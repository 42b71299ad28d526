"""What a question asks for: one of a few kinds by its question word, and the word that says of what sort the answer
is."""

from __future__ import annotations

from collections.abc import Sequence

from deepdojo.data.codecs.passages import STOP_WORDS

__all__ = ["QUESTION_KINDS", "focus_of", "kind_of"]

QUESTION_KINDS = (
    "other", "who", "whom", "whose", "when", "where", "why", "how", "how many", "how much", "how long", "how old",
    "how often", "what year", "what time", "what name", "what", "which",
)  # fmt: skip

_HOW = {"many": "how many", "much": "how much", "long": "how long", "old": "how old", "often": "how often"}
_WHAT = {
    "year": "what year", "years": "what year", "decade": "what year", "century": "what year", "date": "what time",
    "day": "what time", "month": "what time", "time": "what time", "name": "what name", "term": "what name",
    "word": "what name",
}  # fmt: skip
_WH = ("who", "whom", "whose", "when", "where", "why", "how", "what", "which")


def kind_of(words: Sequence[str]) -> int:
    """The place in `QUESTION_KINDS`: by the first question word and the word behind it."""
    at = _question_word(words)
    if at is None:
        return 0
    word, after = words[at].lower(), words[at + 1].lower() if at + 1 < len(words) else ""
    kind = _HOW.get(after, "how") if word == "how" else word
    if word in ("what", "which"):
        kind = _WHAT.get(after, word)
    return QUESTION_KINDS.index(kind)


def focus_of(words: Sequence[str]) -> str:
    """The first word behind the question word that says something ("what *city* is", "how many *people*"); ""."""
    at = _question_word(words)
    start = 0 if at is None else at + 1
    return next(
        (w.lower() for w in words[start:] if w[0].isalnum() and w.lower() not in STOP_WORDS | {"many", "much"}), ""
    )


def _question_word(words: Sequence[str]) -> int | None:
    return next((i for i, word in enumerate(words) if word.lower() in _WH), None)
