"""A finished run written in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import Project
from deepdojo.errors import RunError
from deepdojo.runs import Run
from deepdojo.session.listener import Listener
from deepdojo.session.start import code_trusted, split_changes

__all__ = ["FORMATS", "export_run"]

FORMATS = ("onnx",)
_ROWS = 64  # of the project, from which the shapes of the inputs are taken


def export_run(
    run: Run, folder: Path | None, listener: Listener, *, offline: bool, trust: bool
) -> tuple[Path, dict[str, Any]]:
    """(the folder, its manifest). The default folder is `onnx` inside the run.

    Raises:
        RunError: the run holds no network, or one that has no graph. UsageError: a package is missing.
    """
    if run.info.get("kind") == "baseline":
        raise RunError("a baseline holds no network to export", where=run.id, todo="take a run of dojo runs")
    one = run.with_model()
    from deepdojo.interop.onnx import Source, export_onnx
    from deepdojo.interop.onnx_runtime import require_extra

    require_extra("onnx", "onnxscript", "onnxruntime")  # before the data are read
    target = run.folder / "onnx" if folder is None else folder
    listener.stage("read", "some rows, for the shapes of the inputs")
    project = one.project()
    source = Source(one.id, one.read_json("model/config.json"), one.score, project)
    rows = _some_rows(one, project, offline=offline, trust=trust)
    return target, export_onnx(one.task(), one.model(trust=trust), rows, target, source, stage=listener.stage)


def _some_rows(run: Run, project: Project, *, offline: bool, trust: bool) -> list[dict[str, Any]]:
    """Rows as the model reads them, from all over a part of the project that has any."""
    dataset = load_dataset(project, offline=offline, overrides=split_changes(run), trusted=code_trusted(project, trust))
    rows = next((dataset.rows(part) for part in ("validation", "train", "test") if len(dataset.rows(part))), [])
    step = max(1, len(rows) // _ROWS)
    return [rows[i] for i in range(0, len(rows), step)][:_ROWS]
