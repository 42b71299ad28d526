"""What may stand in project.toml: every key with its meaning. Editors get the same text through `dojo schema
project`. What goes together is in `spec_checks`, the options of readers in `spec_reader`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepdojo.data.spec_reader import DataSpec

__all__ = [
    "ByValue", "FileColumn", "FilePin", "GalleryColumn", "LabelsSpec", "PixelColumns", "ProjectSpec", "Published",
    "SourceSpec", "SplitSpec",
]  # fmt: skip

_CONFIG = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = _CONFIG


class Published(_Section):
    """A result from the literature: a greyed row of the board, not re-scored, without a rank."""

    model: str
    """What was trained."""
    score: float
    """In the metric's own unit: fractions, not percent."""
    source: str
    """Where the figure stands: paper, page, README at a commit."""
    protocol: Literal["same", "context"] = "context"
    """same: trained and tested on the same rows as here. context: another split, more data or a selection; only for
    orientation."""
    metric: str | None = None
    """The metric of the figure, when it is not the project's."""
    note: str = ""
    """What a reader must know to compare."""


class FilePin(_Section):
    """One file by its content."""

    sha256: Sha256 | None = None
    """SHA-256 of the file. A file with another sum is never used; one that lies there compressed (`NAME.gz`, `.bz2`,
    `.xz`) is known by what is in it."""
    content_sha256: Sha256 | None = None
    """For an archive: SHA-256 over its sorted lines `member NUL sha256 LF`, so that any packing of the same members
    will do."""
    url: str | None = None
    """An http(s) address that gives exactly these bytes; needs sha256."""
    bytes: int | None = Field(None, ge=0)
    """Size in bytes, said before a download."""


class SourceSpec(_Section):
    """Where the files are. Tried in this order: path, the project's folder, dependency, mirror, cache, url, hub."""

    path: str | list[str] | None = None
    """The user's own files or folders, relative to project.toml. They are not pinned; each run records their
    digests."""
    dependency: str | None = None
    """A folder of an installed package, such as sklearn/datasets/data."""
    mirror: str | None = None
    """A subfolder of the folder that DEEPDOJO_DATA names."""
    hub: str | None = None
    """A data set of the Hugging Face hub, owner/name@revision; its files are those that [source.files] names. A
    revision that moves, such as main, is looked up once and kept with its commit."""
    files: dict[str, FilePin] = Field(default_factory=dict)
    """File name to its checksum and address. Without this table any file of the places above is taken as it is."""
    origin: str | None = None
    """Where a person can get the original, said when it is nowhere."""


class PixelColumns(_Section):
    """An image whose pixels stand in a row's columns."""

    columns: tuple[int, int]
    """First and last column by position from 0, both included."""
    shape: tuple[int, int] | tuple[int, int, int]
    """[height, width] or [height, width, 3]."""
    scale: float = Field(1.0, gt=0)
    """A cell times this, rounded, is the grey value 0 to 255."""


class FileColumn(_Section):
    """An image, a video or a sound in a file that a cell names."""

    column: str
    """The column whose cell names the file."""
    file: str = "{}"
    """The file's name with {} for the cell, such as images/{}.jpg."""


class GalleryColumn(_Section):
    """A gallery that all rows share: the files that a pattern gives, but for the row's own picture."""

    glob: str | list[str]
    """As of the files reader."""
    pattern: str | None = None
    """As of the files reader; its group `label` is the name. Default: the folder."""
    start: float | None = None
    """As of the files reader."""
    stop: float | None = None
    """As of the files reader."""
    each: tuple[float, float] | None = None
    """As of the files reader."""
    salt: str | None = None
    """As of the files reader."""


Column = str | list[str] | PixelColumns | FileColumn | GalleryColumn


class LabelsSpec(_Section):
    """How labels are called."""

    names: dict[str, str] | list[str] = Field(default_factory=dict)
    """Raw label to its name, or the names of 0, 1, 2, ... A raw label without a name keeps its own."""
    parted_by: str | None = Field(None, min_length=1)
    """Several labels in one cell: the sign between them, such as ";". Default: | or ; or a comma, the first of them
    that a cell has."""
    corrections: str | None = None
    """A CSV file with the columns id and label, as `dojo errors RUN --suspect-labels -o FILE` writes it: the rows that
    it names get these labels instead of their own."""


class ByValue(_Section):
    """A split by the value of a column."""

    column: str
    """The column."""
    values: list[str | int | float | bool]
    """A row with one of these values is in the test part."""


class SplitSpec(_Section):
    """How rows are split where [data.split] does not give all parts. Hashes decide, so no seed is needed."""

    fraction: dict[Literal["validation", "test"], Annotated[float, Field(ge=0, lt=1)]] | None = None
    """Shares of all rows. Default: test 0.2 and validation 0.1; only validation 0.1 where the test part is given
    otherwise."""
    stratify: bool | None = None
    """Each class in its share in all parts. Default: true for classification, unless `group` or `order` is given."""
    group: str | None = None
    """Rows with the same value in this column are in one part; intervals follow the groups."""
    validation_by: Literal["groups", "rows"] = "groups"
    """With `group`: whether validation takes whole groups, or single rows of the groups to train on, for few groups of
    which none can be spared; the validation score then says nothing about groups that are new."""
    order: str | None = None
    """A column of times or numbers: the last rows are the test part, those before it validation."""
    order_format: str | None = None
    """How times are written, for example %d.%m.%Y. Default: numbers, ISO dates, or the one usual form that fits all."""
    test: ByValue | None = None
    """The test part by the value of a column."""
    folds: int | None = Field(None, ge=2)
    """Cross-validation with so many parts."""
    fold: int = Field(0, ge=0)
    """Which of the folds is the test part."""
    repeats: Literal["together", "apart"] = "together"
    """Whether rows with equal inputs fall in one part, or are drawn one by one, as in many papers: a model is then
    tested on what it has seen, and `dojo check` says so."""
    twins: Literal["drop", "keep"] | None = None
    """drop: a row to train on is left out where a row with the same input validates or is tested on, and a row to
    validate on where one is tested on; all are listed in rejected.csv. keep: they stay, and `dojo check` says so.
    Default: drop for texts and pictures, unless repeats = "apart"; keep for tables and numbers, where equal rows are
    different cases that look alike."""
    salt: str = ""
    """Another text draws another split."""


class ProjectSpec(_Section):
    """`project.toml`: what the data are, where they come from, the task, the metric, the split."""

    name: str
    """The name on every board."""
    title: str = ""
    """One line for people."""
    task: str
    """One of `dojo list tasks`."""
    metric: str | None = None
    """A metric of `dojo list metrics`, or python:FILE with Kaggle's score function. Default: the task's."""
    recipe: str | None = None
    """The recipe that `dojo train` takes. Default: the task's stock recipe."""
    licence: str = ""
    """What the data may be used for."""
    cite: str = ""
    """Whom to cite."""
    availability: Literal["open", "bundled", "mirror", "own"] = "own"
    """open: anybody can download it. bundled: comes with a dependency. mirror: no public address gives it. own: the
    user's."""
    rows: int | None = Field(None, ge=0)
    """Rows in all parts, for `dojo list`."""
    positive: str | None = None
    """The label that is looked for, of two: what sensitivity and specificity are about."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | str | None = None
    """From which probability on a row gets the positive label: a number, or a metric of labels such as
    balanced_accuracy: the threshold that is best by it on validation rows, of the network and of each floor. Default:
    the likelier label."""
    published: list[Published] = Field(default_factory=list)
    """Results from the literature."""
    source: SourceSpec = Field(default_factory=SourceSpec)
    """Where the files are."""
    data: DataSpec = Field(default_factory=DataSpec)
    """How they are read."""
    columns: dict[str, Column] = Field(default_factory=dict)
    """Role to column: a name; for features a list of names or "*" (all but id, target, group and `drop`); for an
    image "file",
    {columns, shape, scale} or {column, file}. `drop` lists columns to leave out of "*". A role that is missing here
    has the column of its own name."""
    labels: LabelsSpec = Field(default_factory=LabelsSpec)
    """Names for raw labels."""
    split: SplitSpec = Field(default_factory=SplitSpec)
    """How rows are split."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Options of the task, as in a recipe's [task]; a recipe goes before."""
