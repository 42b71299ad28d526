"""project.toml against its sections: mistyped keys, wrong values, and settings that contradict one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from deepdojo.contracts import contract_of
from deepdojo.data.readers import options_of
from deepdojo.data.spec import ByValue, FilePin, LabelsSpec, ProjectSpec, Published, SourceSpec, SplitSpec
from deepdojo.data.spec_reader import DataSpec
from deepdojo.errors import DojoError, ProjectError, UnknownNameError

__all__ = ["parse_project"]

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
    given = spec.data.split
    missing = [part for part in ("train", "validation", "test") if part not in given]
    if contract_of(spec.task).compared and missing:
        raise ProjectError(
            f"{spec.task} learns from named pictures and asks about others, and data.split gives no {missing[0]} part",
            where=where, todo="give train, validation and test in [data.split]; `dojo new` writes them for a folder",
        )  # fmt: skip
    if spec.data.withheld and (contract_of(spec.task).host_run or "test" not in given):
        why = f"{spec.task} has no answers beside its rows" if "test" in given else "data.split gives no test part"
        raise ProjectError(f"data.withheld is set, and {why}", where=where, todo="leave withheld out")
    _check_parts(spec, where)
    _check_draw(spec.split, where)


def _check_parts(spec: ProjectSpec, where: str) -> None:
    """Each part comes from one place."""
    given, split, fraction = spec.data.split, spec.split, spec.split.fraction or {}
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


def _check_draw(split: SplitSpec, where: str) -> None:
    """How rows are drawn is possible."""
    fraction = split.fraction or {}
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
