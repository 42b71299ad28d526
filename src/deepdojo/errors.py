"""Every error that a user can cause or mend. The command line prints one sentence of it and leaves with its exit
code."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

__all__ = [
    "ConsentError",
    "DataError",
    "DojoError",
    "ProjectError",
    "RecipeError",
    "RunError",
    "ScoreError",
    "SourceError",
    "TrainingError",
    "UnknownNameError",
    "UsageError",
    "nearest",
]


class DojoError(Exception):
    """Something that the user can mend.

    Args:
        what: what is wrong, one sentence without a full stop, quoting what was got and what was expected.
        where: the file, line, row, field or option at fault.
        todo: what to do next, as an imperative ("give --target").
    """

    exit_code = 2
    label = "error: "
    between = (": ", "; ")  # where and what, what and todo

    def __init__(self, what: str, *, where: str | None = None, todo: str | None = None) -> None:
        super().__init__(what)
        self.what, self.where, self.todo = what, where, todo

    def __str__(self) -> str:
        text = self.what if self.where is None else f"{self.where}{self.between[0]}{self.what}"
        return text if self.todo is None else f"{text}{self.between[1]}{self.todo}"

    def as_json(self) -> dict[str, str | None]:
        return {"error": self.what, "where": self.where, "todo": self.todo}


class UsageError(DojoError):
    """A command or a function was called with arguments that do not go together."""


class UnknownNameError(DojoError):
    """A project, recipe, metric, model, key or option that does not exist; the nearest right name is offered.

    Args:
        kind: what the name should have named ("recipe").
        name: what was got.
        known: all right names.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> None:
        known = sorted(known)
        guess = nearest(name, known)
        if guess is not None:
            todo = f"did you mean {guess!r}?"
        elif known:
            todo = "known: " + ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        else:
            todo = None
        super().__init__(f"no {kind} is named {name!r}", where=where, todo=todo)


class DataError(DojoError):
    """A file, row or cell of the data cannot be used."""


class ProjectError(DojoError):
    """`project.toml` is wrong or does not fit its data."""


class RecipeError(DojoError):
    """A recipe is wrong or does not fit the project."""


class SourceError(DojoError):
    """A project's files cannot be had: missing, wrong checksum, no network."""


class RunError(DojoError):
    """A run folder is missing, broken or not fit for what was asked."""


class ScoreError(DojoError):
    """A prediction table cannot be scored."""


class ConsentError(DojoError):
    """Code from outside would run and nobody has agreed to that."""


class TrainingError(DojoError):
    """Training cannot go on, for example because the loss is not finite."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is alike (difflib ratio below 0.6)."""
    by_lower: dict[str, list[str]] = {}
    for each in known:
        by_lower.setdefault(each.lower(), []).append(each)
    matches = get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    # Conv2d and conv2d are two names: of those that differ in capitals alone, the one with the most of ours.
    return max(by_lower[matches[0]], key=lambda k: SequenceMatcher(None, name, k).ratio()) if matches else None
