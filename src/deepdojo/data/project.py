"""A project: a folder with project.toml. The built-in ones lie in the catalogue in the same format as a user's."""

from __future__ import annotations

import copy
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from deepdojo.contracts import CONTRACTS, Contract, contract_of
from deepdojo.data.spec import ProjectSpec
from deepdojo.data.spec_checks import parse_project
from deepdojo.errors import ProjectError, UnknownNameError
from deepdojo.places import write_text

__all__ = [
    "CHANGEABLE",
    "Project",
    "ProjectSpec",
    "builtin_names",
    "builtin_projects",
    "find_project",
    "open_project",
    "save_project",
    "stock_recipes",
]

PROJECT_FILE = "project.toml"
CHANGEABLE = ("split.", "threshold")
"""What `--set` may change of a project, by how the keys begin; all else that it names is the recipe's."""
CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue" / "projects"


@dataclass(frozen=True)
class Project:
    """What a project.toml says.

    Attributes:
        folder: where project.toml lies.
        spec: its content, checked.
        builtin: whether it comes with the package.
        digest: SHA-256 of project.toml.
    """

    folder: Path
    spec: ProjectSpec
    builtin: bool = False
    digest: str = ""

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def contract(self) -> Contract:
        """The task's, with the optional inputs and the positive label that this project has."""
        return replace(contract_of(self.spec.task).given(self.spec.columns), positive=self.spec.positive)

    @property
    def metric(self) -> str:
        """The project's metric, else the task's default."""
        return self.spec.metric or self.contract.metric

    @property
    def reader(self) -> str:
        """The reader; where splits have different ones, the one that is code."""
        readers = [self.spec.data.reader_of(split) for split in (None, *self.spec.data.split)]
        return next((r for r in readers if r.startswith("python:")), readers[0])

    def recipes(self) -> dict[str, Path]:
        """Recipes by name: the project's own, then the stock ones of its task."""
        own = {path.stem: path for path in sorted((self.folder / "recipes").glob("*.toml"))}
        return own | {name: path for name, path in stock_recipes(self.spec.task).items() if name not in own}

    def changed(self, changes: Mapping[str, Any]) -> Project:
        """A copy with dotted keys set: `{"split.fold": 3}`. Raises as `parse_project` does."""
        if not changes:
            return self
        values = self.spec.model_dump(mode="json", exclude_unset=True)
        values = copy.deepcopy(values)
        for key, value in changes.items():
            *path, last = key.split(".")
            table = values
            for part in path:
                table = table.setdefault(part, {})
                if not isinstance(table, dict):
                    raise ProjectError(f"{key} cannot be set: {part} is no table", where="--set")
            table[last] = value
        return Project(self.folder, parse_project(values, where="--set"), self.builtin, self.digest)


def open_project(folder: Path, *, builtin: bool = False) -> Project:
    """Reads `folder/project.toml`. Raises ProjectError for TOML that is none, and what `parse_project` raises."""
    path = folder / PROJECT_FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ProjectError(f"cannot be read ({error.strerror or error})", where=str(path)) from None
    try:
        values = tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ProjectError(f"is not UTF-8 (byte {error.start})", where=str(path), todo="save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"is no valid TOML: {error}", where=str(path)) from None
    values.setdefault("name", folder.resolve().name)
    spec = parse_project(values, where=str(path))
    return Project(folder, spec, builtin, hashlib.sha256(raw).hexdigest())


def find_project(name_or_path: str | Path) -> Project:
    """A folder that holds project.toml (or that file itself), else a built-in project by its name.

    Raises:
        ProjectError: a folder without project.toml.
        UnknownNameError: neither a folder nor a built-in; with the nearest name.
    """
    path = Path(name_or_path).expanduser()
    if path.name == PROJECT_FILE and path.is_file():
        return open_project(path.parent)
    if (path / PROJECT_FILE).is_file():
        return open_project(path)
    name = str(name_or_path)
    if name in builtin_names():
        return open_project(CATALOGUE / name, builtin=True)
    if path.is_dir():
        todo = f"make one with: dojo new {path} --from FILE --target COLUMN"
        raise ProjectError("the folder holds no project.toml", where=str(path), todo=todo)
    if path.is_file():
        raise ProjectError(
            "is a file, not a project", where=str(path), todo=f"make a project of it: dojo new FOLDER --from {path}"
        )
    here = [p.parent.as_posix() for p in Path().glob(f"*/{PROJECT_FILE}")]
    raise UnknownNameError("project", name, [*builtin_names(), *here])


def builtin_names() -> list[str]:
    """Names of the built-in projects, sorted; reads no file."""
    return sorted(p.parent.name for p in CATALOGUE.glob(f"*/{PROJECT_FILE}"))


def builtin_projects() -> list[Project]:
    """All built-in projects, by name."""
    return [open_project(CATALOGUE / name, builtin=True) for name in builtin_names()]


def stock_recipes(task: str) -> dict[str, Path]:
    """Recipes by name: those in the task's folder of the catalogue, then those of tasks that are alike.

    Alike: the same kind of input, and one label or number as the answer, or an answer of the same kind. So a new task
    has recipes from its first day.
    """
    contract = contract_of(task)

    def like(other: Contract) -> tuple[object, ...]:
        if other.target_kind in ("label", "labels", "number"):
            return other.input_kind, "one", len(other.inputs)
        return other.input_kind, other.target_kind, len(other.inputs), *other.predictions.values()

    alike = [name for name, other in CONTRACTS.items() if like(other) == like(contract)]
    found: dict[str, Path] = {}
    for name in dict.fromkeys([task, *alike]):
        for path in sorted((CATALOGUE.parent / "recipes" / name).glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def save_project(folder: Path, values: Mapping[str, Any]) -> Project:
    """Writes `folder/project.toml` atomically, after checking it, and opens it. Nothing else is written."""
    import tomlkit

    parse_project({"name": folder.resolve().name, **values}, where=str(folder / PROJECT_FILE))
    write_text(folder / PROJECT_FILE, tomlkit.dumps(dict(values)))
    return open_project(folder)
