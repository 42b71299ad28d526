"""What may stand in [data]: the reader and its options, every key with its meaning."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DataSpec"]


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
