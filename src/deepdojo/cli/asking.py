"""Secrets that are typed, never given as an argument: arguments stand in the shell's history and in `ps`."""

from __future__ import annotations

import sys

from deepdojo.errors import UsageError

__all__ = ["new_password", "typed_secret"]


def typed_secret(prompt: str) -> str:
    """One line: typed unseen at a terminal, else the first line of stdin. Raises UsageError where there is none."""
    if sys.stdin is not None and sys.stdin.isatty():
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            return ""
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise UsageError("nothing was given on stdin", where=prompt.strip(" :").lower(), todo="write it as one line")
    return line.rstrip("\r\n")


def new_password(argument: str | None) -> str:
    """A new password, at a terminal typed twice; an empty one takes it away.

    Raises:
        UsageError: it stands on the command line; the two differ.
    """
    if argument is not None:
        raise UsageError("a password on the command line can be seen by others", where="dojo host EVENT password",
                         todo="leave it out; you are asked for it")  # fmt: skip
    first = typed_secret("New password (nothing: none any more): ")
    if sys.stdin.isatty() and typed_secret("Once more: ") != first:
        raise UsageError("the two are not the same", where="dojo host EVENT password", todo="try again")
    return first
