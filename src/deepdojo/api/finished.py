"""Verbs on finished runs, and on tables of predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.api.projects import open_dataset
from deepdojo.errors import DataError, RunError, UnknownNameError, UsageError
from deepdojo.session.listener import Listener
from deepdojo.session.loaded import LoadedRun

if TYPE_CHECKING:
    from deepdojo.scoring.score import Score
    from deepdojo.tables import Table

__all__ = ["_load_run", "errors", "explain", "export", "load", "predict", "report", "runs", "score"]


def load(run: str | Path) -> LoadedRun:
    """A run by path, id, unique beginning of one, or `last`; or an exported folder, which can `predict`."""
    if isinstance(run, str | Path) and _exported(run):
        from deepdojo.interop.onnx import Exported

        return LoadedRun(Exported(Path(run).expanduser()))
    return _load_run(run)


def _exported(run: str | Path) -> bool:
    return (Path(run).expanduser() / "export.json").is_file()


def _load_run(run: str | Path) -> LoadedRun:
    """Where a whole run is needed. Raises RunError for an exported folder, which holds the model alone."""
    from deepdojo.runs import find_run

    if isinstance(run, str | Path) and _exported(run):
        raise RunError("is an exported model, which predicts and no more", where=str(run), todo="give the run itself")

    found = find_run(run)
    if not found.finished:
        raise RunError("the run is not finished", where=found.id, todo=f"go on with dojo train --resume {found.id}")
    return LoadedRun(found)


def predict(
    run: str | Path,
    rows: str | Path,
    output: str | Path | None = None,
    *,
    listener: Listener | None = None,
    trust: bool = False,
) -> tuple[Table, list[Any]]:
    """Predictions of new rows as a table, written to `output` (.csv, .parquet, .jsonl, or a .zip that also holds
    sounds and pictures) when given; and what was left out, which is listed beside it (`predictions.rejected.csv`)."""
    from deepdojo.runs import write_rejected
    from deepdojo.scoring.submission import Manifest
    from deepdojo.scoring.submission_files import write_submission
    from deepdojo.session.evaluate import table_of
    from deepdojo.tables import write_table
    from deepdojo.tables_io import require_table_name

    loaded = load(run)
    if output is not None:  # before the work, not after it
        require_table_name(Path(output), loaded.run.contract.predictions)
    found, rejected = loaded.predict_with_rejected(rows, listener=listener, trust=trust)
    if not found:
        raise DataError(
            "none of the rows can be predicted", where=str(rows), todo=rejected[0].reason if rejected else None
        )
    contract = loaded.run.contract
    table = table_of(found, contract)
    if output is not None:
        if Path(output).suffix.lower() == ".zip":
            info = loaded.run.info
            made = Manifest(project=str(info["project"]), run=str(info["id"]))
            write_submission(output, table, dict(contract.predictions), made)
        else:
            write_table(Path(output), table, dict(contract.predictions))
        if rejected:
            write_rejected(Path(output).with_suffix(".rejected.csv"), rejected)
    return table, rejected


def score(project: str | Path, table: str | Path, *, trust: bool = False, offline: bool = False) -> Score:
    """Score a prediction table on the project's held-out rows.

    Raises:
        UsageError: for a task whose tables prove nothing, since whoever makes one has read the answers.
    """
    from deepdojo.data.project import find_project
    from deepdojo.session.references import score_file
    from deepdojo.session.start import judge_of

    if find_project(project).contract.host_run:
        raise UsageError(
            "a table from outside proves nothing here: whoever makes it has read the text that it is judged on",
            where=str(table), todo=f"train with dojo train {project}, whose run reads that text itself",
        )  # fmt: skip
    dataset = open_dataset(project, offline=offline, trust=trust)
    return score_file(dataset, judge_of(dataset.project, trust), Path(table))


def runs(
    project: str | None = None, *, state: str | None = None, sort: str = "time", runs: str | Path | None = None
) -> list[dict[str, Any]]:
    """All runs seen from here, finished or not: what each is, how far it is, what to do about it (`run_list.py`)."""
    from deepdojo.run_list import list_runs

    places = None
    if runs is not None:
        place = Path(runs)
        places = [place, *sorted(p for p in place.iterdir() if p.is_dir())] if place.is_dir() else [place]
    return list_runs(places, project=project, state=state, sort=sort)


def report(run: str | Path, *, language: str = "en") -> Path:
    """Write report.html again from the run folder alone, in English ("en") or Chinese ("zh")."""
    from deepdojo.report import write_report

    return write_report(_load_run(run).folder, language=language)


def explain(
    run: str | Path,
    *,
    with_: Sequence[str | Path | Callable[..., Any]] = (),
    listener: Listener | None = None,
    offline: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """Explain decisions on held-out rows anew and put them into the run and its report.

    Args:
        with_: your own integrated gradients or deletion curve in the place of ours, as in `train`.
    """
    from deepdojo.session.again import explain_again
    from deepdojo.session.own_code import own_code

    whole = _load_run(run).run
    own = own_code(with_) if with_ else None
    explained = explain_again(whole.with_model(), listener or Listener(), offline=offline, trust=trust, own=own)
    if whole.group is not None:  # its page shows what its member knows
        report(whole.folder)
    return explained


def errors(
    run: str | Path,
    *,
    suspect_labels: bool = False,
    n: int = 50,
    output: str | Path | None = None,
    listener: Listener | None = None,
    offline: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """The held-out rows that a run got most wrong; or the training rows whose labels are likely wrong.

    Args:
        suspect_labels: judge each row to learn from by a model of the same recipe that did not see it (five folds).
        n: rows to give, the worst first.
        output: a .csv file for all of them; one of suspects has the columns that `[labels] corrections` reads.

    Returns:
        `rows`, one dict each; `labels`, whether the task has labels that can be suspected. Of suspects also
        `suspects`, `judged` and `wrong`, the estimated share with its interval.
    """
    from deepdojo.places import write_text
    from deepdojo.session.errors import worst_held_out
    from deepdojo.session.suspects import find_suspects

    if output is not None and Path(output).suffix.lower() != ".csv":  # before the work, not after it
        raise UsageError("the rows are written as CSV", where=str(output), todo="let the name end in .csv")
    whole, listener = load(run).run, listener or Listener()
    one = whole.with_model()
    found: dict[str, Any] = {"run": whole.id, "project": whole.info["project_path"] or whole.info["project"]}
    found["labels"] = whole.contract.target_kind == "label"
    if suspect_labels:
        suspects = find_suspects(one, listener, offline=offline, trust=trust)
        everything = [vars(item) for item in suspects.found]
        found |= {
            "suspects": len(everything), "judged": suspects.rows, "folds": suspects.folds, "wrong": vars(suspects.wrong)
        }  # fmt: skip
    else:
        everything = worst_held_out(one, listener, count=n, offline=offline, trust=trust)
    found["rows"] = everything[:n]
    if output is not None:
        written = [{"id": row["id"], "label": row["given"], **row} if "given" in row else row for row in everything]
        write_text(Path(output), _as_csv(written))
        found |= {"output": str(output), "written": len(written)}
    return found


def _as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def export(
    run: str | Path,
    folder: str | Path | None = None,
    *,
    to: str = "onnx",
    listener: Listener | None = None,
    offline: bool = False,
    trust: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Write a run's model for onnxruntime, checked against torch; gives the folder and what its export.json says.

    `predict` and `load` take the folder where they take a run; it needs neither the run, nor its data, nor its weights.

    Args:
        folder: what to write; default `onnx` inside the run. An older export there is replaced.

    Raises:
        RunError: the model has no graph that gives what torch gives; the sentence says where it differs.
        UsageError: the extra `onnx` is not installed.
    """
    from deepdojo.session.exporting import FORMATS, export_run

    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS, where="--to")
    target = Path(folder).expanduser() if folder is not None else None
    return export_run(_load_run(run).run, target, listener or Listener(), offline=offline, trust=trust)
