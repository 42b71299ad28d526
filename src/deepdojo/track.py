"""Drop-in logging for code that is not ours: a run folder, a report and a board row from any training loop.

    import deepdojo.track as track

    track.init(project="digits", name="my loop", config={"lr": 1e-3})
    for step in range(1000):
        track.log({"loss": loss, "validation/accuracy": accuracy}, step=step)
    track.finish(predictions="predictions.csv")      # scored by us on the project's held-out rows; without: logged only

The names are those that people know (`init`, `log`, `config`, `finish`). Needs no torch, no network, no account. Each
log line is in the file when `log` returns, so a kill loses nothing that was logged; an exception marks the run as
failed.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import platform
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdojo.errors import UsageError

__all__ = ["Tracked", "config", "finish", "init", "log", "run"]

run: Tracked | None = None
"""The run that `log` and `finish` mean; None before `init` and after `finish`."""
config: dict[str, Any] = {}
"""What `init` was given; entries that are set later are kept with the run, too."""


class Tracked:
    """One run of somebody else's program. Also a context: `with track.init(...) as run:` finishes it at the end.

    Attributes:
        folder: `ID.partial` until it is finished.
        config: any JSON values; kept when the run is finished.
    """

    def __init__(self, project: str, name: str, folder: Path, config: Mapping[str, Any]) -> None:
        self.project, self.name, self.folder = project, name, folder
        self.config: dict[str, Any] = dict(config)
        self.began = time.monotonic()
        self.step = -1
        self.finished = False
        self._cpu = sum(os.times()[:4])
        self._file = (folder / "metrics.jsonl").open("a", encoding="utf-8", buffering=1)
        self._head(state="running")

    @property
    def id(self) -> str:
        return self.folder.name.removesuffix(".partial")

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Write numbers down.

        Args:
            values: name -> number (tensors of one number too); mappings inside become `outer/inner`.
            step: whole and not below the one before; None counts on.

        Raises:
            UsageError: a value is no number, a step goes back, or the run is finished.
        """
        if self.finished:
            raise UsageError(
                "the run is finished, nothing can be logged any more", where=self.id, todo="call init again"
            )
        number = self.step + 1 if step is None else int(step)
        if number < self.step:
            raise UsageError(f"step {number} comes after step {self.step}", where="track.log", todo="count upwards")
        self.step = number
        line = {"kind": "log", "step": number, "seconds": round(time.monotonic() - self.began, 4)}
        self._file.write(json.dumps(line | _numbers(values)) + "\n")

    def finish(self, predictions: str | Path | None = None, *, failed: bool = False) -> Path:
        """End the run; with `predictions` (a table for the project's held-out rows) it gets a score and a rank.

        Returns:
            the run folder.

        Raises:
            DojoError: the table or the project does not fit; the run is then finished without a score.
        """
        if self.finished:
            return self.folder
        self.finished = True
        self._file.close()
        self._head(state="failed" if failed else "finished")
        try:
            self._score(predictions)
        finally:
            self._close()
        return self.folder

    def _score(self, predictions: str | Path | None) -> None:
        from deepdojo.session.tracked import score_tracked, write_unscored

        cost = {"seconds": time.monotonic() - self.began, "cpu_seconds": sum(os.times()[:4]) - self._cpu}
        write_unscored(self.folder, cost)
        if predictions is not None:
            score_tracked(self.folder, self.project, Path(predictions), cost)

    def _close(self) -> None:
        """Report, the final name, the board."""
        from deepdojo.competition.board import record
        from deepdojo.report import write_report
        from deepdojo.runs import finish

        write_report(self.folder)
        self.folder = finish(self.folder)
        record(self.folder)

    def _head(self, *, state: str) -> None:
        from deepdojo import __version__
        from deepdojo.places import write_json
        from deepdojo.runs import command_line, environment, now_utc, write_toml

        known = {"created": now_utc()}
        if (self.folder / "run.toml").is_file():
            import tomllib

            known = tomllib.loads((self.folder / "run.toml").read_text(encoding="utf-8"))
        else:
            write_json(self.folder / "environment.json", environment(0, "not known"))
        write_toml(self.folder / "run.toml", {
            "id": self.id, "kind": "tracked", "project": self.project, "name": self.name, "title": self.name,
            "task": "", "metric": "", "state": state,
            "command": command_line(), "created": known["created"], "version": __version__, "host": platform.node(),
            "process": os.getpid(), "config": _plain(self.config),
        })  # fmt: skip

    def __enter__(self) -> Tracked:
        return self

    def __exit__(self, kind: Any, *_: Any) -> None:
        global run
        self.finish(failed=kind is not None)
        if run is self:
            run = None


def init(
    project: str = "unnamed",
    name: str = "",
    config: Mapping[str, Any] | None = None,
    *,
    runs: str | Path | None = None,
) -> Tracked:
    """Begin a run.

    Args:
        project: a project of ours (folder or built-in name) whose held-out rows `finish` can score, or any other name.
        name: what the board calls it.
        config: hyper-parameters and the like, JSON values.
        runs: where runs go; default as for `dojo train`.

    Raises:
        UsageError: the run before is not finished.
    """
    global run
    if run is not None and not run.finished:
        raise UsageError(f"the run {run.id} is not finished", where="track.init", todo="call track.finish() first")
    from deepdojo.places import runs_folder
    from deepdojo.runs import new_run_folder

    folder, title = _project_place(project)
    slug = "".join(c if c.isalnum() or c in "-_" else "-" for c in name.lower()).strip("-")[:40] or "tracked"
    run = Tracked(title, name or slug, new_run_folder(runs_folder(title, folder, runs), slug), config or {})
    globals()["config"] = run.config
    return run


def log(values: Mapping[str, Any], step: int | None = None) -> None:
    """`Tracked.log` of the present run. Raises UsageError before `init`."""
    _present("log").log(values, step)


def finish(predictions: str | Path | None = None, *, failed: bool = False) -> Path:
    """`Tracked.finish` of the present run. Raises UsageError before `init`."""
    global run
    present = _present("finish")
    try:
        return present.finish(predictions, failed=failed)
    finally:
        run = None


def _present(what: str) -> Tracked:
    if run is None:
        raise UsageError(f"there is no run to {what}", where=f"track.{what}", todo="call track.init(project=...) first")
    return run


def _project_place(project: str) -> tuple[Path | None, str]:
    """(its folder or None, its name): a name that is no project of ours is taken as it is."""
    if (Path(project) / "project.toml").is_file():
        from deepdojo.data.project import find_project

        found = find_project(project)
        return found.folder, found.name
    if not project or any(c in project for c in '/\\:*?"<>|') or project.startswith("."):
        raise UsageError(f"{project!r} is no name for a project", where="track.init", todo="take letters and digits")
    return None, project


def _numbers(values: Mapping[str, Any], before: str = "") -> dict[str, float | int | str]:
    found: dict[str, float | int | str] = {}
    for key, value in values.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= _numbers(value, f"{name}/")
            continue
        if hasattr(value, "item") and not isinstance(value, int | float):
            try:
                value = value.item()
            except (RuntimeError, ValueError):
                value = None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{name} is no number", where="track.log", todo="log numbers; put words into config")
        if name in ("kind", "step", "seconds"):  # what a line has of its own
            name = f"logged/{name}"
        found[name] = value if math.isfinite(value) else str(value)  # JSON has no word for them
    return found


def _plain(value: Any) -> Any:
    """What TOML can hold; anything else as text, nothing as an empty text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | int | float | str):
        return value
    return "" if value is None else str(value)


def _at_exit() -> None:
    """A program that ends without `finish` leaves a finished run; one that ends by an exception a failed one."""
    if run is not None and not run.finished:
        failed = getattr(sys, "last_exc", None) is not None or getattr(sys, "last_value", None) is not None
        run.finish(failed=failed)


atexit.register(_at_exit)
