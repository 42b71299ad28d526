"""What may stand in project.toml: every key with its meaning. Editors get the same text through `dojo schema
project`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepdojo.contracts import contract_of
from deepdojo.data.readers import options_of
from deepdojo.errors import DojoError, ProjectError, UnknownNameError

__all__ = [
    "DataSpec", "FileColumn", "FilePin", "GalleryColumn", "LabelsSpec", "PixelColumns", "ProjectSpec", "Published",
    "SourceSpec", "SplitSpec", "parse_project",
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


class DataSpec(BaseModel):
    """The reader and its options; `split` may override any of them for one split. A python:FILE reader takes any
    option."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    reader: str | None = None
    """box_table, captions, coco, conll, csv, episodes, files, idx, jsonl, lines, pairs, parallel, parquet, series,
    skeletons, spans, squad, text, voc, or python:FILE (code beside project.toml). Default: by the file's ending."""
    id: str | None = None
    """The column that names a row. Without it rows are numbered from 1 (files: their path)."""
    file: str | list[str] | None = None
    """box_table, captions, coco, conll, csv, jsonl, lines, parquet, series, spans, squad, text: a file, a
    pattern (`part-*.csv`, `a.zip!b.csv`) or several, one below the other."""
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    """csv: the sign between cells. Default: found for each file. conll: the same; default: blanks and tabs."""
    quote: str | None = Field(None, max_length=1)
    """csv: the quotation mark; an empty text when there is none. Default: found for each file."""
    decimal: Literal[".", ","] | None = None
    """csv: the sign before the fraction of a number. Default: found for each file."""
    encoding: str | None = None
    """conll, csv, jsonl, lines, parallel, spans, text: such as utf-8, latin-1, gb18030. Default: found from all bytes
    of each file."""
    header: bool | None = None
    """csv: whether the first line holds the names of the columns. Default: true."""
    names: list[str] | str | None = None
    """voc: a file that names the pictures of this part, one a line. csv: names of the columns, instead of those in
    the file or where it has none. conll: names of the columns, from the first on; default: 1, 2, 3, ... Beside them
    there is `document`: what -DOCSTART- lines part."""
    comment: str | None = Field(None, min_length=1)
    """conll: lines that begin so are left out. Default: none."""
    skip: int | None = Field(None, ge=0)
    """csv, lines: lines to leave out at the beginning."""
    beside: list[dict[str, Any]] | None = None
    """csv: more tables whose columns stand beside these (record k beside record k), each {file, delimiter, names,
    ...}."""
    pattern: str | None = None
    """lines: a regular expression for a line, its named groups are the columns. files, pairs, episodes, skeletons: for
    the path of a file; the group `label` is the name of what the picture shows."""
    annotations: str | list[str] | None = None
    """voc: the XML files, such as `annotations/*.xml`."""
    images: str | None = None
    """box_table, coco, voc: where the pictures lie, such as `train/{file_name}`; of voc `images/{stem}.{jpg,png}`.
    captions: the pattern of picture files; one that no caption names is listed as left out."""
    unlisted: Literal["reject", "pass"] | None = None
    """coco, voc: pictures without an annotation are listed in rejected.csv (reject, the default) or passed over."""
    glob: str | list[str] | None = None
    """files, pairs, episodes, skeletons: which files there are, such as `*/*.{jpg,png}` or `photos.zip!**/*.png`."""
    each: tuple[float, float] | None = None
    """files, pairs, episodes: of the pictures of each name those from the first share to the second, in the order of
    a hash, such as [0.5, 1]."""
    salt: str | None = None
    """files, pairs, episodes: another text orders names and pictures, and draws, otherwise."""
    same: int | None = Field(None, ge=1)
    """pairs: at most so many pairs of one name. Default: 3,000."""
    different: int | None = Field(None, ge=1)
    """pairs: at most so many pairs of two names. Default: 3,000."""
    ways: int | None = Field(None, ge=2)
    """episodes: names in a gallery. Default: 5."""
    shots: int | None = Field(None, ge=1)
    """episodes: pictures of each name in a gallery. Default: 1."""
    asked: int | None = Field(None, ge=1)
    """episodes: pictures of each name that are asked for, a row each. Default: 1."""
    episodes: int | None = Field(None, ge=1)
    """episodes: galleries to draw. Default: 200."""
    within: str | None = None
    """episodes: a named group of `pattern`; the names of one gallery have the same value there."""
    joints: int | None = Field(None, ge=1)
    """skeletons: joints of a frame, where a line of a file is a joint. Default: a line is a frame."""
    listed: str | None = None
    """skeletons: a file that names the files that count, a stem (or its beginning) a line."""
    keep: dict[str, list[str]] | None = None
    """skeletons: column to the values that count, such as action = ["a01", "a05"]; other files are no rows."""
    text: str | None = None
    """spans: the key of the text. Default: text."""
    spans: str | None = None
    """spans: the key of the marked spans. Default: label, labels, entities or spans."""
    sides: dict[str, str] | None = None
    """parallel: column to file, {source = "train.de", target = "train.en"}; line k of each makes row k."""
    only: str | list[str] | None = None
    """captions: files with the name of a picture a line; no others are read."""
    inputs: str | None = None
    """idx: the file of arrays."""
    labels: str | None = None
    """idx: the file of labels."""
    start: Annotated[float, Field(ge=0, le=1)] | str | None = None
    """text: each file is read from this share of its characters on, such as 0.9 for the last tenth. series: what is
    forecast begins at this share of the series, or at this time, such as "2012-10-01". files, pairs, episodes: names
    from this share on, in the order of a hash. Default: 0."""
    stop: Annotated[float, Field(ge=0, le=1)] | str | None = None
    """text, series, files, pairs, episodes: up to this share; series: or before this time. Default: 1."""
    block_chars: int | None = Field(None, ge=1)
    """text: a row has at most so many characters. Default: 1,000."""
    context_chars: int | None = Field(None, ge=0)
    """text: so many characters before a row's own stand beside it. Default: 1,000."""
    context: int | None = Field(None, ge=1)
    """series: steps that a forecast sees."""
    horizon: int | None = Field(None, ge=1)
    """series: steps that are forecast."""
    time: str | list[str] | None = None
    """series: the column of times, or several that are joined by a blank. Without it a line is a step."""
    time_format: str | None = None
    """series: how times are written, for example "%d.%m.%Y". Default: numbers, ISO 8601, or the one usual form that
    fits."""
    series: str | None = None
    """series: the column that says to which series a line belongs."""
    values: str | list[str] | None = None
    """series: columns of values, each a series of its own. Default: all others."""
    known: list[str] | None = None
    """series: columns of numbers that are known of the steps to come, such as a holiday or a plan."""
    calendar: list[Literal["day", "week", "year"]] | None = None
    """series: cycles whose place the model is told of each step to come."""
    gaps: Literal["reject", "zero", "last"] | None = None
    """series: windows with a missing value are left out (reject), or it counts as zero, or as the last value."""
    season: int | None = Field(None, ge=1)
    """series: steps of a season, of which the scale of MASE is made. Default: 24 of hours, 7 of days, 5 of working
    days, 12 of months, else 1."""
    stride: int | None = Field(None, ge=1)
    """series: steps between two origins of forecasts. Default: 1."""
    origins: int | None = Field(None, ge=1)
    """series: so many origins of each series alone, the last ones; 1 hides one horizon of each."""
    split: dict[Literal["train", "validation", "test"], dict[str, Any]] = Field(default_factory=dict)
    """Given splits: for each the options that differ, such as train = {file = "train.csv"}."""
    withheld: bool = False
    """The rows of the given test part have no answers here: the host of a competition keeps them. A training is judged
    on validation rows, and leaves predictions of the test rows to be sent to the host."""

    def options(self, split: str | None = None) -> dict[str, Any]:
        """The reader's options (None left out), with those of one split over them."""
        own = set(type(self).model_fields)
        values = {k: getattr(self, k) for k in own - {"reader", "id", "split", "withheld"}} | dict(
            self.model_extra or {}
        )
        values = {k: v for k, v in values.items() if v is not None}
        return values | {k: v for k, v in self.split.get(split or "", {}).items() if k not in ("reader", "id")}  # type: ignore[call-overload]

    def reader_of(self, split: str | None = None) -> str:
        """The name of the reader of a split: given, else by the ending of its file."""
        given = self.split.get(split or "", {}).get("reader") or self.reader  # type: ignore[call-overload]
        if given:
            return str(given)
        options = self.options(split)
        if "glob" in options:
            return "files"
        if "inputs" in options:
            return "idx"
        if "annotations" in options:
            return "voc"
        if "sides" in options:
            return "parallel"
        file = options.get("file")
        first = (file[0] if isinstance(file, list) and file else file or "") if file else ""
        return _reader_by_name(str(first)) or "csv"


def _reader_by_name(file: str) -> str | None:
    name = file.lower().removesuffix(".gz")
    for ending, reader in _ENDINGS.items():
        if name.endswith(ending):
            return reader
    return None


_ENDINGS = {
    ".conll": "conll",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


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


_SECTIONS: dict[str, type[BaseModel]] = {
    "published": Published, "source": SourceSpec, "files": FilePin, "data": DataSpec, "labels": LabelsSpec,
    "split": SplitSpec, "test": ByValue,
}  # fmt: skip


def parse_project(values: Mapping[str, Any], *, where: str) -> ProjectSpec:
    """Checks what a project says about itself; no file of data is looked at.

    Raises:
        UnknownNameError: a key, task, role, reader or option that does not exist; with the nearest right one.
        ProjectError: a value of a wrong kind, or settings that contradict one another.
    """
    try:
        spec = ProjectSpec.model_validate(values)
    except ValidationError as error:
        raise _first_fault(error, where) from None
    _check_names(spec, where)
    _check_split(spec, where)
    return spec


def _first_fault(error: ValidationError, where: str) -> DojoError:
    # A mistyped key is also a missing one: the mistyped one is what the user sees.
    fault = min(error.errors(), key=lambda f: f["type"] != "extra_forbidden")
    loc = [str(p) for p in fault["loc"]]
    if loc[0] == "columns":
        kinds = "a name, a list of names, {columns, shape, scale} or {column, file}"
        return ProjectError(f"columns.{loc[1]} must be {kinds}", where=where)
    place = ".".join(p for p in loc if p not in ("str", "list[str]", "[key]"))
    if fault["type"] == "extra_forbidden":
        section: type[BaseModel] = ProjectSpec
        for part in loc[:-1]:
            section = _SECTIONS.get(part, section)
        return UnknownNameError("key", loc[-1], section.model_fields, where=f"{where}: {place}")
    if fault["type"] == "missing":
        return ProjectError(f"{place} is missing", where=where, todo=f"give {place} = ...")
    if fault["type"] == "literal_error" and "[key]" in loc:
        return UnknownNameError(
            "split", str(fault["input"]), ("train", "validation", "test"), where=f"{where}: {place}"
        )
    message = fault["msg"][0].lower() + fault["msg"][1:]
    return ProjectError(f"{place}: {message}, got {fault['input']!r}", where=where)


def _check_names(spec: ProjectSpec, where: str) -> None:
    if (
        any(c in spec.name for c in '/\\:\0\n"')
        or spec.name.strip() != spec.name
        or spec.name.startswith(".")
        or not spec.name
    ):
        raise ProjectError(
            f"the name {spec.name!r} cannot name a folder", where=where, todo="use letters, digits, - and _"
        )
    contract = contract_of(spec.task)
    roles = list(contract.columns)
    for role in spec.columns:
        if role not in (*roles, "drop"):
            raise UnknownNameError("column role", role, [*roles, "drop"], where=f"{where}: columns")
    for name, pin in spec.source.files.items():
        if pin.url is not None and pin.sha256 is None:
            raise ProjectError(
                f"source.files.{name} has a url but no sha256", where=where, todo="give the file's SHA-256"
            )
    _check_threshold(spec, where)
    _check_hub(spec, where)
    for split in (None, *spec.data.split):
        reader = spec.data.reader_of(split)
        known = options_of(reader)
        if isinstance(spec.data.options(split).get("names"), str) != (reader == "voc") and "names" in spec.data.options(
            split
        ):
            kind = "a file" if reader == "voc" else "a list of names"
            raise ProjectError(f"data.names of the {reader} reader is {kind}", where=where)
        for option in spec.data.options(split):
            if known is not None and option not in known:
                at = "data" if split is None else f"data.split.{split}"
                raise UnknownNameError(f"option of the {reader} reader", option, [*known, "id"], where=f"{where}: {at}")


def _check_threshold(spec: ProjectSpec, where: str) -> None:
    contract = contract_of(spec.task)
    if spec.positive is not None and contract.target_kind != "label":
        raise ProjectError("positive names a label, and this task has none", where=where, todo="leave it out")
    if spec.threshold is None:
        return
    if contract.distribution is None or contract.ordered:
        raise ProjectError(
            f"a threshold is for two classes with probabilities, which {spec.task} has not", where=where,
            todo="leave threshold out",
        )  # fmt: skip
    if spec.positive is None:
        raise ProjectError("threshold is about one of two labels", where=where, todo="say which one: positive = LABEL")


def _check_hub(spec: ProjectSpec, where: str) -> None:
    if spec.source.hub is None:
        return
    from deepdojo.data.hub import HubPlace

    HubPlace.of(spec.source.hub)
    if not spec.source.files:
        raise ProjectError(
            "source.hub is given, but [source.files] names no file of it", where=where,
            todo='name each, "data/train.parquet" = {}, with its sha256 where you know it',
        )  # fmt: skip


def _check_split(spec: ProjectSpec, where: str) -> None:
    given, split = spec.data.split, spec.split
    missing = [part for part in ("train", "validation", "test") if part not in given]
    if contract_of(spec.task).compared and missing:
        raise ProjectError(
            f"{spec.task} learns from named pictures and asks about others, and data.split gives no {missing[0]} part",
            where=where, todo="give train, validation and test in [data.split]; `dojo new` writes them for a folder",
        )  # fmt: skip
    if spec.data.withheld and (contract_of(spec.task).host_run or "test" not in given):
        why = f"{spec.task} has no answers beside its rows" if "test" in given else "data.split gives no test part"
        raise ProjectError(f"data.withheld is set, and {why}", where=where, todo="leave withheld out")
    fraction = split.fraction or {}
    ways = {
        "data.split.test": "test" in given,
        "split.test": split.test is not None,
        "split.folds": split.folds is not None,
        "split.fraction.test": fraction.get("test", 0) > 0,
    }
    chosen = [name for name, there in ways.items() if there]
    if len(chosen) > 1:
        raise ProjectError(
            f"the test part is given twice, by {' and '.join(chosen)}", where=where, todo="keep one of them"
        )
    if "validation" in given and fraction.get("validation", 0) > 0:
        raise ProjectError(
            "the validation part is given twice, by data.split.validation and split.fraction", where=where
        )
    if given and "train" not in given:
        raise ProjectError("data.split gives no train part", where=where, todo="give data.split.train")
    if not chosen and split.fraction is not None and "test" not in split.fraction:
        raise ProjectError("there is no test part", where=where, todo="give split.fraction.test, or [data.split] test")
    if sum(fraction.values()) >= 1:
        raise ProjectError(
            f"the fractions of split sum to {sum(fraction.values()):g}: nothing is left to train on", where=where
        )
    if split.folds is None and split.fold:
        raise ProjectError(f"split.fold is {split.fold}, but split.folds is not given", where=where, todo="give both")
    if split.folds is not None and split.fold >= split.folds:
        raise ProjectError(f"split.fold is {split.fold}, but folds are numbered 0 to {split.folds - 1}", where=where)
    if split.order is not None and (split.group is not None or split.folds is not None or split.stratify):
        raise ProjectError(
            "split.order goes with neither group, nor folds, nor stratify", where=where, todo="keep one of them"
        )
