"""Texts of strangers that a database and a page can hold: no NUL, which PostgreSQL refuses, and no half of a sign."""

from __future__ import annotations

from deepdojo.competition.refusal import Refusal

__all__ = ["is_storable", "storable"]


def is_storable(text: str) -> bool:
    """Whether it can be written as UTF-8 and holds no NUL."""
    return "\0" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def storable(text: str, where: str) -> str:
    """The text itself. Raises Refusal, naming the field, where it cannot be kept."""
    if not is_storable(text):
        raise Refusal("bad_request", "it holds signs that are no text", where=where, todo="leave them out")
    return text
