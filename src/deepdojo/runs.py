"""A run folder, written and read. Only `Run.task()` and `Run.model()` import torch."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo import __version__
from deepdojo.contracts import Contract, contract_of
from deepdojo.errors import RunError, UnknownNameError
from deepdojo.places import cannot_write, write_text

if TYPE_CHECKING:
    from torch import nn

    from deepdojo.data.project import Project
    from deepdojo.stand_ins.own import OwnCode
    from deepdojo.tables import Table
    from deepdojo.tasks.base import Task

__all__ = [
    "PARTIAL",
    "Run",
    "environment",
    "find_run",
    "new_run_folder",
    "places_of_runs",
    "run_folders",
    "write_rejected",
    "write_toml",
]

PARTIAL = ".partial"
BASELINE = "baseline-"
_ANEW = "train again: the file is damaged"
_KEYS = {
    "run": ("id", "project", "project_path", "task", "metric", "recipe", "model", "seed", "options", "train"),
    "baseline": ("id", "task", "metric"),
    "tracked": ("id", "project", "name"),
}
"""What a run.toml says at the least."""


class Run:
    """One finished run, or one under way (`ID.partial`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "run.toml").is_file():
            raise RunError("is no run folder: it holds no run.toml", where=str(folder), todo="see dojo board PROJECT")

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def info(self) -> dict[str, Any]:
        """run.toml: project, task, metric, resolved recipe, seed, what was chosen by rule."""
        try:
            info = tomllib.loads((self.folder / "run.toml").read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"run.toml cannot be read ({error})", where=str(self.folder), todo=_ANEW) from None
        lacking = [key for key in _KEYS[info.get("kind", "run")] if key not in info]
        if lacking:
            raise RunError(f"run.toml is cut short, it lacks {lacking[0]!r}", where=str(self.folder), todo=_ANEW)
        return info

    @property
    def id(self) -> str:
        return str(self.info["id"])

    @property
    def finished(self) -> bool:
        return not self.folder.name.endswith(PARTIAL) and (self.folder / "score.json").is_file()

    @property
    def group(self) -> dict[str, Any] | None:
        """What several trainings of this run differ in: `seeds` (a list), `folds` (a number or nothing), `refit`."""
        return self.info.get("group")

    def members(self) -> list[Run]:
        """The runs right inside a group, as far as they are there: its seeds, or its folds; none in a plain run."""
        if self.group is None:
            return []
        seeds, folds = self.group["seeds"], self.group.get("folds")
        places = [f"seeds/{s}" for s in seeds] if len(seeds) > 1 else [f"folds/{k}" for k in range(folds or 0)]
        found = [f for p in places for f in (self.folder / p, self.folder / f"{p}{PARTIAL}")]
        return [Run(folder) for folder in found if (folder / "run.toml").is_file()]

    def with_model(self) -> Run:
        """The run whose model answers for this one: itself; of several seeds the one that validated best; of folds the
        one that was trained on all rows.

        Raises:
            RunError: folds without such a one.
        """
        if self.info.get("kind") == "tracked":
            raise RunError("the run was logged by another program, so it holds no model", where=self.id)
        if self.group is None:
            return self
        if self.group.get("folds"):
            if (self.folder / "refit" / "score.json").is_file():
                return Run(self.folder / "refit")
            raise RunError(
                f"the run holds one model for each of its {self.group['folds']} folds, and none of all rows",
                where=self.id, todo=f"train that one with dojo train --resume {self.id} --refit",
            )  # fmt: skip
        return Run(self.folder / self.score["seeds"]["shown"])

    @property
    def contract(self) -> Contract:
        return contract_of(self.info["task"])

    def read_json(self, name: str) -> Any:
        """A JSON file of the run; RunError when it is missing or broken."""
        path = self.folder / name
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            todo = f"finish it with dojo train --resume {self.id}" if not self.finished else None
            raise RunError(f"{name} is missing from the run", where=str(self.folder), todo=todo) from None
        except ValueError as error:
            raise RunError(f"{name} cannot be read ({error})", where=str(self.folder)) from None

    @cached_property
    def score(self) -> dict[str, Any]:
        """score.json."""
        value: dict[str, Any] = self.read_json("score.json")
        return value

    def predictions(self, split: str = "test") -> Table:
        from deepdojo.tables import read_table

        name = {"test": "predictions.parquet", "validation": "validation.parquet"}[split]
        return read_table(self.folder / name, self.contract.predictions)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a cut last line is left out."""
        path = self.folder / "metrics.jsonl"
        found = []
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def project(self) -> Project:
        """The run's project: where it was recorded, or, after a move, the folder in whose runs/ this run lies.

        Raises:
            RunError: neither is there.
        """
        from deepdojo.data.project import PROJECT_FILE, find_project

        recorded = self.info["project_path"]
        if not recorded:
            return find_project(self.info["project"])
        depth = self.id.count("/")  # a part of a group lies deeper
        for folder in (Path(recorded), self.folder.resolve().parents[depth + 1]):
            if (folder / PROJECT_FILE).is_file():
                return find_project(folder)
        raise RunError(
            f"the run's project is no longer at {recorded}", where=self.id,
            todo="put it back, or move the run's folder into runs/ of the project",
        )  # fmt: skip

    def task(self) -> Task:
        """The fitted task: enough to encode and decode without the data."""
        from deepdojo.tasks import restore_task

        return restore_task(self.read_json("task.json"))

    def own_code(self, *, trust: bool = False) -> OwnCode:
        """What its author trained with `--with`. Raises ConsentError where that is not known here, without `trust`."""
        from deepdojo.stand_ins.own import own_of

        return own_of(self.folder, self.info, trust=trust)

    def model(self, *, trust: bool = False) -> nn.Module:
        """The trained model, in evaluation mode, on the CPU, with its author's own layers where it has any."""
        from deepdojo.models import create_model
        from deepdojo.training.checkpoint import load_weights

        config = self.read_json("model/config.json")
        with self.own_code(trust=trust).building():
            model = create_model(config["name"], config["dims"], **config["arguments"])
        model.load_state_dict(load_weights(self.folder / "model" / "model.safetensors"))
        return model.eval()


def new_run_folder(runs: Path, recipe: str) -> Path:
    """Make `runs/YYYY-MM-DD-HHMM-RECIPE-xxxx.partial`."""
    while True:
        stamp = datetime.now().strftime("%Y-%m-%d-%H%M")
        folder = runs / f"{stamp}-{recipe}-{secrets.token_hex(2)}{PARTIAL}"
        try:
            if folder.with_suffix("").exists():
                continue
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(runs, error) from error
        return folder


def finish(folder: Path) -> Path:
    """`ID.partial` -> `ID`."""
    target = folder.with_name(folder.name.removesuffix(PARTIAL))
    try:
        os.replace(folder, target)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def places_of_runs(here: Path = Path()) -> Iterator[Path]:
    """Folders that may hold runs, seen from a folder."""
    chosen = os.environ.get("DEEPDOJO_RUNS")
    roots = [Path(chosen).expanduser()] if chosen else []
    roots += [here / "runs", *sorted(here.glob("*/runs"))]
    for root in roots:
        yield root
        if root.is_dir():
            yield from sorted(p for p in root.iterdir() if p.is_dir() and not (p / "run.toml").is_file())


def run_folders(places: Sequence[Path] | None = None, *, baselines: bool = False) -> list[Path]:
    """All run folders seen from here, finished or not, the oldest first; or all baselines, which are no runs."""
    found: dict[Path, float] = {}
    for place in places if places is not None else places_of_runs():
        if place.is_dir():
            for folder in place.iterdir():
                if (folder / "run.toml").is_file() and folder.name.startswith(BASELINE) == baselines:
                    found[folder.resolve()] = (folder / "run.toml").stat().st_mtime
    return sorted(found, key=lambda f: (f.name[:15], found[f]))


def find_run(reference: str | Path, *, unfinished: bool = False) -> Run:
    """A run by path, id, unique beginning of one, or `last`.

    Args:
        unfinished: look for one that can be resumed (finished ones are found too, after those).

    Raises:
        RunError: several begin so, or there is none; UnknownNameError with the nearest id.
    """
    reference = getattr(reference, "run", reference)  # what dd.train and dd.load return
    if isinstance(reference, Run):
        return reference
    text = str(reference)
    path = Path(text).expanduser().absolute()  # "." has no name of its own
    for candidate in (path, path.with_name(path.name + PARTIAL)):
        if text and (candidate / "run.toml").is_file():
            return Run(candidate)
    if "/" in text:
        return _part_of_a_group(text, unfinished)
    folders = run_folders()
    wanted = [f for f in folders if f.name.endswith(PARTIAL) == unfinished] or (folders if unfinished else [])
    if text == "last":
        if not wanted:
            raise RunError("there is no run here", where=str(Path.cwd()), todo="make one with dojo train digits")
        return Run(wanted[-1])
    if text.startswith(BASELINE):
        wanted = run_folders(baselines=True)
    begun = text or "\0"  # nothing is the beginning of every id
    matches = [f for f in wanted if f.name.startswith(begun)] or [f for f in folders if f.name.startswith(begun)]
    exact = [f for f in matches if f.name.removesuffix(PARTIAL) == text]
    if len(exact) == 1 or len(matches) == 1:
        return Run((exact or matches)[0])
    if matches:
        names = ", ".join(f.name for f in matches[:4])
        raise RunError(f"{len(matches)} runs begin with {text!r}: {names}", todo="write more of the id")
    raise UnknownNameError("run", text, [f.name for f in folders] + ["last"])


def _part_of_a_group(text: str, unfinished: bool) -> Run:
    """`RUN/seeds/3` and the like."""
    name, _, inside = text.partition("/")
    try:
        group = find_run(name, unfinished=unfinished)
    except UnknownNameError:
        raise UnknownNameError("run", text, [f.name for f in run_folders()] + ["last"]) from None
    for folder in (group.folder / inside, group.folder / f"{inside}{PARTIAL}"):
        if (folder / "run.toml").is_file():
            return Run(folder)
    members = ", ".join(f.id for f in group.members()[:3])
    raise RunError(
        f"{group.id} has no part {inside!r}", where=text, todo=f"its parts: {members}, …" if members else "it has none"
    )


def environment(threads: int | None = None, device: str | None = None) -> dict[str, Any]:
    """What the run ran on; versions without importing the packages."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("torch", "numpy", "scikit-learn", "duckdb"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "deepdojo": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": threads,
        "device": device,
        "packages": versions,
    }


def write_toml(path: Path, values: Mapping[str, Any]) -> None:
    """TOML, atomically; None is left out, since TOML has none."""
    import tomlkit

    write_text(path, tomlkit.dumps(_without_none(values)))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_without_none(v) for v in value]
    return value


def write_rejected(path: Path, rejected: Sequence[Any]) -> None:
    """rejected.csv: file, line, id, reason of everything that was left out."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "line", "id", "reason"])
    for item in rejected:
        writer.writerow([item.file, "" if item.line is None else item.line, item.id or "", item.reason])
    write_text(path, out.getvalue())


def now_utc() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def command_line() -> str:
    """The command as it was typed, for run.toml; empty from Python."""
    import shlex

    name = Path(sys.argv[0]).name
    return shlex.join(["dojo", *sys.argv[1:]]) if name in ("dojo", "dojo.exe", "__main__.py") else ""
