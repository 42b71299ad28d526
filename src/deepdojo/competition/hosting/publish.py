"""From a project folder to a competition: a public folder that is itself a project, and the private answers."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepdojo import __version__
from deepdojo.competition.event import INPUTS
from deepdojo.competition.hidden_answers import keep_sources
from deepdojo.competition.hosting.hidden_inputs import HiddenInputs
from deepdojo.competition.hosting.media_files import MediaFiles, set_times
from deepdojo.competition.hosting.new_ids import keyed, new_id, new_ids
from deepdojo.competition.hosting.openly import refuse_public
from deepdojo.competition.hosting.published_tables import PublishedTables
from deepdojo.competition.hosting.readme import readme_text
from deepdojo.competition.hosting.references import judged_references, keep_references
from deepdojo.competition.hosting.sample_submission import write_sample
from deepdojo.competition.hosting.solution import (
    METRIC_FILE,
    Solution,
    close_to_others,
    public_rows,
    read_solution,
    write_solution,
)
from deepdojo.competition.hosting.staging import check_name, staged
from deepdojo.data.dataset import SPLITS, Dataset, load_dataset
from deepdojo.data.project import Project, find_project, save_project, stock_recipes
from deepdojo.errors import ProjectError, ScoreError, UsageError

__all__ = ["Published", "publish"]

Progress = Callable[[int, int, str], None]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """What was made.

    Attributes:
        rows: of each part. public_rows: test rows of the public board.
        left_out: (raw id, part, reason) of rows whose files cannot be used; beside what reading had left out.
        references: file -> the score or refusal that it got.
        sample: the sample submission's score on all test rows.
        notes: sentences that the host should read.
    """

    name: str
    public: Path
    private: Path
    rows: Mapping[str, int]
    public_rows: int
    left_out: Sequence[tuple[str, str, str]] = field(repr=False)
    references: Mapping[str, Any]
    sample: float
    notes: Sequence[str]
    seconds: float


def publish(
    project: str | Path | Project | Dataset,
    folder: Path,
    *,
    name: str | None = None,
    title: str | None = None,
    public_share: float = 0.3,
    practice: bool = False,
    code: bool = False,
    key: bytes | None = None,
    offline: bool = False,
    yes: bool = False,
    trusted: bool = False,
    progress: Progress | None = None,
) -> Published:
    """Make `folder/public` and `folder/private`, both whole or neither.

    The public folder is a project: training and validation rows with their targets, test rows with the contract's
    inputs and nothing else, all under keyed ids, sorted by them. The private one (0700) holds key and answers.

    Args:
        project: a name, a folder, or what was read of it already (so that a host sees its findings before).
        folder: events/NAME; its last part is the event's name unless `name` is given.
        title: for people. Default: the project's.
        public_share: of the test rows that judge entries while the event runs.
        practice: the host knows that anybody can have the answers.
        code: entrants send programs: the test rows stay in the private folder, and the public one has some training
            rows in their form.
        key: 32 bytes; the same key gives the same ids. Default: drawn.
        trusted: the project's own reader or metric may run.

    Raises:
        ProjectError: nothing can be handed out (language modelling); public answers without `practice`; a reference
            submission that is judged otherwise than expected.
        UsageError: an event of that name is there; a share outside 0 to 1.
        DojoError: what reading the project raises.
    """
    began = time.monotonic()
    folder = Path(folder).expanduser().absolute()
    name = folder.name if name is None else name
    check_name(name)
    if not 0 < public_share < 1:
        raise UsageError(f"the public share is {public_share:g}, not between 0 and 1", where="--public")
    if key is not None and len(key) != 32:
        raise UsageError(f"the key has {len(key)} bytes, not 32", where="key")
    found = project.project if isinstance(project, Dataset) else project
    found = found if isinstance(found, Project) else find_project(found)
    _refuse_unfit(found, practice)
    with staged(folder) as place:
        data = project if isinstance(project, Dataset) else load_dataset(
            found, offline=offline, yes=yes, trusted=trusted, progress=progress
        )  # fmt: skip
        data.refuse_withheld()
        host = _Host(
            data, key or secrets.token_bytes(32), place, name, title, public_share, practice, code,
            trusted or found.builtin,
        )  # fmt: skip
        made = host.make(progress)
    return Published(
        name=name, public=folder / "public", private=folder / "private", seconds=time.monotonic() - began, **made
    )


def _refuse_unfit(project: Project, practice: bool) -> None:
    if not project.contract.inputs:
        raise ProjectError(
            f"nothing of a {project.spec.task} row can be handed out: its text is the answer itself",
            where=project.name, todo="host a project whose test rows have inputs apart from their answers",
        )  # fmt: skip
    refuse_public(project, practice=practice)


@dataclass
class _Host:
    dataset: Dataset
    key: bytes
    place: Path
    name: str
    title: str | None
    public_share: float
    practice: bool
    code: bool
    trusted: bool

    def __post_init__(self) -> None:
        self.project, self.contract = self.dataset.project, self.dataset.project.contract
        self.public, self.private = self.place / "public", self.place / "private"
        self.notes: list[str] = []

    def make(self, progress: Progress | None) -> dict[str, Any]:
        self.public.mkdir(mode=0o755)
        self.private.mkdir(mode=0o700)
        parts: dict[str, list[Row]] = {part: list(self.dataset.rows(part)) for part in SPLITS}
        ids = new_ids(self.key, "row", (row["id"] for rows in parts.values() for row in rows))
        media = MediaFiles(self.public)
        tables = PublishedTables(self.project, ids, self.key, media)
        tables.fit_records(parts.values())
        hidden = HiddenInputs(tables, self.private) if self.code else None
        tables.add_files({part: rows for part, rows in parts.items() if part != "test" or hidden is None}, progress)
        if hidden is not None:
            hidden.tables.add_files({"test": parts["test"]}, progress)
            tables.left_out += hidden.tables.left_out
        parts = self._usable(parts, tables)
        if hidden is not None:
            parts = hidden.held_back(parts)
        shown = dict(parts) if hidden is None else {**parts, "test": hidden.examples}
        self._write_tables(parts, tables, hidden)
        self._metric_file()
        save_project(self.public, self._spec(tables, shown))
        if hidden is not None:
            hidden.take_project(self.public)
        if media.kept_metadata:
            self.notes.append(
                f"{media.kept_metadata:,} videos are handed out with what their files say beside the frames: only MP4,"
                " MOV and AVI are cleaned"
            )
        self._write_solution(parts["test"], ids)
        solution = read_solution(self.private)
        length = len(next(iter(ids.values()))) - 1
        wanted = keep_references(
            self.project.folder, self.private,
            lambda raw: ids.get(raw) or new_id(self.key, "row", raw, length),
        )  # fmt: skip
        references = judged_references(solution, wanted, trusted=self.trusted)
        sample, value, higher = self._sample(parts, ids, solution)
        if hidden is not None:
            sample = write_sample(self.public, self.project, parts["train"], hidden.named())
        text = readme_text(
            self.project, title=self._title(), sample=sample.name, rows={p: len(r) for p, r in shown.items()},
            columns=tables.columns, public_share=self.public_share, practice=self.practice, higher_is_better=higher,
            hidden=len(parts["test"]) if hidden is not None else None,
        )  # fmt: skip
        (self.public / "README.md").write_text(text, encoding="utf-8", newline="\n")
        self._close()
        return {
            "rows": {part: len(rows) for part, rows in parts.items()}, "public_rows": int(solution.public.sum()),
            "left_out": tables.left_out, "references": references, "sample": value, "notes": self.notes,
        }  # fmt: skip

    def _title(self) -> str:
        return self.title or self.project.spec.title or self.name

    def _usable(self, parts: dict[str, list[Row]], tables: PublishedTables) -> dict[str, list[Row]]:
        if not tables.left_out:
            return parts
        gone = {row_id for row_id, _, _ in tables.left_out}
        self.notes.append(f"{len(gone):,} rows are left out because their files cannot be used")
        kept = {part: [row for row in rows if row["id"] not in gone] for part, rows in parts.items()}
        empty = next((part for part, rows in kept.items() if not rows), None)
        if empty is not None:
            first = tables.left_out[0]
            raise ProjectError(f"no {empty} row can be used: {first[2]}", where=first[0], todo="see dojo check")
        return kept

    def _write_tables(
        self, parts: Mapping[str, Sequence[Row]], tables: PublishedTables, hidden: HiddenInputs | None
    ) -> None:
        answers = [*self.contract.inputs, *self.contract.targets, *self.contract.hints]
        for part, rows in parts.items():
            if part == "test" and hidden is not None:
                hidden.write(rows, self.public)
                continue
            roles = list(self.contract.inputs) if part == "test" else answers
            tables.write(self.public / f"{part}.parquet", rows, roles, part)

    def _metric_file(self) -> None:
        metric = self.project.metric
        if metric.startswith("python:"):
            source = self.project.folder / metric.removeprefix("python:")
            for target in (self.public / METRIC_FILE, self.private / METRIC_FILE):
                shutil.copyfile(source, target)

    def _spec(self, tables: PublishedTables, parts: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
        """project.toml of the public folder."""
        spec = self.project.spec
        metric = f"python:{METRIC_FILE}" if self.project.metric.startswith("python:") else self.project.metric
        values: dict[str, Any] = {"name": self.name, "title": self._title(), "task": spec.task, "metric": metric}
        for key in ("licence", "cite", "positive", "threshold"):
            if getattr(spec, key):
                values[key] = getattr(spec, key)
        if spec.recipe in stock_recipes(spec.task):
            values["recipe"] = spec.recipe
        values["rows"] = sum(map(len, parts.values()))
        if spec.published:
            values["published"] = [one.model_dump(exclude_defaults=True) for one in spec.published]
        values["data"] = {
            "reader": "parquet", "id": "id", "withheld": True,
            "split": {part: {"file": f"{part}.parquet"} for part in SPLITS},
        }  # fmt: skip
        optional = [*self.contract.optional]  # there only where they are named
        named = {role: given for role, given in tables.columns.items() if given != role or role in optional}
        if named:
            values["columns"] = named
        if spec.split.twins is not None or spec.split.repeats != "together":
            values["split"] = {"twins": spec.split.twins or "keep"}
        if spec.options:
            values["options"] = dict(spec.options)
        return values

    def _write_solution(self, test: Sequence[Row], ids: Mapping[str, str]) -> None:
        there = {row["id"] for row in test}
        truth = [dict(row) for row in self.dataset.truth("test") if row["id"] in there]
        named: list[str] | None = None
        groups = self.dataset.groups("test")
        if groups is not None:
            all_ids = [row["id"] for row in self.dataset.truth("test")]
            of = dict(zip(all_ids, groups.tolist(), strict=True))
            named = [keyed(self.key, "group", str(of[row["id"]])).hex()[:12] for row in truth]
        order = sorted(range(len(truth)), key=lambda i: ids[truth[i]["id"]])
        rows = [{**truth[i], "id": ids[truth[i]["id"]]} for i in order]
        named = None if named is None else [named[i] for i in order]
        public = public_rows(self.key, [row["id"] for row in rows], named, self.public_share)
        if public.all() or not public.any():
            raise ProjectError(
                "the test rows cannot be parted into a public and a private share", where=self.project.name,
                todo="give more test rows, or more groups of them",
            )  # fmt: skip
        if named is not None and abs(public.mean() - self.public_share) > 0.1:
            self.notes.append(
                f"{public.mean():.0%} of the test rows are on the public board, not {self.public_share:.0%}: groups are"
                " kept whole"
            )
        labels = None
        if "label" in self.contract.targets and "label" in self.contract.predictions:
            labels = sorted({row["label"] for part in SPLITS for row in self.dataset.truth(part)})
        metric = self.project.metric
        write_solution(
            self.private, contract=self.contract, task=self.project.spec.task,
            metric=f"python:{METRIC_FILE}" if metric.startswith("python:") else metric,
            rows=rows, public=public, groups=named, labels=labels, key=self.key,
            facts={"project": self.project.name, "project_digest": self.project.digest, "version": __version__,
                   "public_share": self.public_share},
        )  # fmt: skip
        keep_sources(self.private, self.dataset.places())

    def _sample(
        self, parts: Mapping[str, Sequence[Row]], ids: Mapping[str, str], solution: Solution
    ) -> tuple[Path, float, bool]:
        """The file, its score, whether higher is better. Raises ProjectError where a board could not be computed."""
        test = sorted(({**row, "id": ids[row["id"]]} for row in parts["test"]), key=lambda row: row["id"])
        path = write_sample(self.private if self.code else self.public, self.project, parts["train"], test)
        table = solution.read(path)
        found = solution.score(table, trusted=self.trusted)
        for part, mask in (("public", solution.public), ("private", ~solution.public)):
            try:
                solution.score(table, mask, trusted=self.trusted)
            except ScoreError as error:
                raise ProjectError(
                    f"{self.project.metric} cannot be computed on the {int(mask.sum()):,} rows of the {part} board: "
                    f"{error.what}", where=self.project.name, todo="give another share, or more test rows",
                ) from None  # fmt: skip
        return path, found.value, found.higher_is_better

    def _close(self) -> None:
        close_to_others(self.private)
        for path in [*self.public.rglob("*"), self.public]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.place.chmod(0o755)
        inputs = self.private / INPUTS
        set_times([*self.public.rglob("*"), self.public, *inputs.rglob("*"), *([inputs] if self.code else [])])
