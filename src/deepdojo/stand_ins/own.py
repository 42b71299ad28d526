"""A learner's files as stand-ins: read, counted, written into a run and read from it again."""

from __future__ import annotations

import ast
import hashlib
import linecache
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from deepdojo.consent import consented
from deepdojo.errors import ConsentError, DataError, RecipeError, UsageError
from deepdojo.layers import LAYERS
from deepdojo.places import write_text
from deepdojo.stand_ins.table import STAND_INS, StandIn

__all__ = ["CODE", "Idea", "OwnCode", "defined_in", "ideas_of", "own_of", "read_ideas"]

CODE = "code"
"""The folder of a run that holds a learner's files."""


@dataclass(frozen=True)
class Idea:
    """One thing that a learner's file stands in for.

    Attributes:
        name: the idea, as `dojo list layers` has it.
        file: the file's name, without its folder.
        source: its text. lesson: which one it has passed, or None.
        kind: layer, loss, optimizer, …, as in the table.
        parts: what `current` and the layers' hook give in the built-in's place.
    """

    name: str
    file: str
    source: str
    parts: Mapping[str, Any]
    lesson: str | None = None
    kind: str = "layer"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass
class OwnCode:
    """All that a learner replaces in one training.

    Attributes:
        counts: how often each part was taken, once a model has been built.
    """

    ideas: tuple[Idea, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.ideas)

    @property
    def parts(self) -> dict[str, Any]:
        return {part: made for idea in self.ideas for part, made in idea.parts.items()}

    def replaced(self) -> dict[str, int]:
        """Idea -> in how many places it stands."""
        return {i.name: sum(self.counts.get(part, 0) for part in i.parts) for i in self.ideas}

    @contextmanager
    def building(self) -> Iterator[None]:
        """A model that is made inside has the learner's parts."""
        with ExitStack() as stack:
            if self:
                from deepdojo.layers.hook import replaced

                stack.enter_context(replaced(self.parts))
            yield

    @contextmanager
    def at_work(self) -> Iterator[Mapping[str, int]]:
        """What is trained or predicted inside takes the learner's loss, optimizer, schedule, decoding; gives which
        parts were."""
        with ExitStack() as stack:
            counts: Mapping[str, int] = {}
            if self:
                from deepdojo.layers.hook import replaced

                counts = stack.enter_context(replaced(self.parts, building=False))
            yield counts

    def written(self) -> list[dict[str, Any]]:
        """The `[[with]]` of run.toml."""
        counts = self.replaced()
        return [
            {"name": i.name, "file": i.file, "sha256": i.sha256, "count": counts[i.name], "lesson": i.lesson}
            for i in self.ideas
        ]

    def keep(self, run: Path) -> None:
        """The files as the run keeps them; whoever trains with them trusts them."""
        for idea in self.ideas:
            write_text(run / CODE / idea.file, idea.source)
        consented([run / CODE / idea.file for idea in self.ideas], trust=True)


def ideas_of(source: str, file: str, *, lesson: str | None = None, names: Sequence[str] | None = None) -> list[Idea]:
    """What a file stands in for.

    Args:
        file: its name, for messages.
        lesson: which lesson it has passed. names: only these ideas or functions count.

    Raises:
        DataError: it cannot be run. UsageError: nothing in it may be replaced.
    """
    defined = defined_in(source, file)
    known = [each for each in STAND_INS if each.names[0] in defined and (names is None or _named(each, names))]
    taken = {name for each in known for name in (*each.names, *each.parts)}
    plain = [n for n in defined if n in LAYERS and n not in taken and (names is None or n in names)]
    for each in known:
        if each.absent:
            raise UsageError(f"{each.idea} stands nowhere in a training: {each.absent}", where=file)
    if not known and not plain:
        said = ", ".join(list(defined)[:4]) or "nothing"
        raise UsageError(
            f"defines nothing that may be replaced (it defines {said})", where=file, todo="see dojo list layers"
        )
    space = _run(source, file)
    found = [Idea(each.idea, file, source, _adapted(each, space), lesson, each.kind) for each in known]
    return found + [Idea(name, file, source, {name: space[name]}, lesson) for name in plain]


def _named(each: StandIn, names: Sequence[str]) -> bool:
    return each.idea in names or each.names[0] in names


def _adapted(each: StandIn, space: Mapping[str, Any]) -> Mapping[str, Any]:
    if not each.file:
        return {each.parts[0]: space[each.names[0]]}
    own = {name: space[name] for name in each.names if name in space}
    adapter = getattr(import_module(f"deepdojo.stand_ins.{each.file}"), each.idea)
    parts: Mapping[str, Any] = adapter(own)
    return parts


def defined_in(source: str, file: str) -> dict[str, None]:
    """The functions and classes at the top of a file. Raises DataError where it is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise DataError(f"is not Python: {error}", where=file if line is None else f"{file}:{line}") from None
    return dict.fromkeys(n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))


def _run(source: str, file: str) -> dict[str, Any]:
    """The file's names, after it was run as a module of its own, which torch's compiler looks up by name."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    module = types.ModuleType(f"deepdojo_own_{digest}")
    shown = f"<{file}>"  # no path: tracebacks take the text from here, and other files of that name stay apart
    linecache.cache[shown] = (len(source), None, source.splitlines(keepends=True), shown)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, shown, "exec"), module.__dict__)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # also SystemExit: a file must not end the command
        sys.modules.pop(module.__name__, None)
        alone = "; the file must stand alone" if isinstance(error, ImportError) else ""
        raise DataError(f"stops with {type(error).__name__}: {error}{alone}", where=file) from None
    return module.__dict__


def read_ideas(files: Sequence[tuple[str, str, str | None, Sequence[str] | None]]) -> OwnCode:
    """Several files together: (name, text, lesson, names) of each. Raises UsageError where two claim one part."""
    found: list[Idea] = []
    for file, source, lesson, names in files:
        found += ideas_of(source, file, lesson=lesson, names=names)
    owners: dict[str, Idea] = {}
    for idea in found:
        for part in idea.parts:
            other = owners.setdefault(part, idea)
            if other is not idea:
                raise UsageError(
                    f"{idea.name} and {other.name} both stand in for {part}", where=f"{other.file}, {idea.file}",
                    todo="give one of them",
                )  # fmt: skip
    return OwnCode(tuple(found))


def own_of(run: Path, info: Mapping[str, Any], *, trust: bool) -> OwnCode:
    """The learner's code that a run was trained with.

    Raises:
        ConsentError: it is not known here, and `trust` is not given.
        RecipeError: a file is no longer what the run was trained with.
    """
    entries = info.get("with") or []
    files: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        files.setdefault(entry["file"], []).append(entry)
    paths = [run / CODE / name for name in files]
    asked = []
    for path, (name, ideas) in zip(paths, files.items(), strict=True):
        source = path.read_text(encoding="utf-8") if path.is_file() and path.name == name else ""
        if hashlib.sha256(source.encode()).hexdigest() != ideas[0]["sha256"]:
            raise RecipeError("is not the file that the run was trained with", where=str(path), todo="put it back")
        asked.append((name, source, ideas[0].get("lesson"), [each["name"] for each in ideas]))
    if paths and not consented(paths, trust=trust):
        raise ConsentError(
            f"the run holds code of its author ({', '.join(files)}), which would run here", where=str(run),
            todo="read it in the run's folder code/, then give --trust",
        )  # fmt: skip
    own = read_ideas(asked)
    own.counts = {part: entry["count"] for entry in entries for i in own.ideas if i.name == entry["name"]
                  for part in list(i.parts)[:1]}  # fmt: skip
    return own
