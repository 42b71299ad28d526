"""A trained model as a folder that predicts without it: graphs, the fitted task, how new rows are read, a card.

model.onnx        what the task calls (encode.onnx and decode.onnx of a model of two halves)
task.json         the fitted task: how rows become inputs, and outputs cells
config.json       the model's name and sizes
project.toml      how files of new rows are read; with the project's own reader, where it has one
parts.safetensors what the task asks of the model beside its calls, where there is such a thing
export.json       graphs, what they take, how they were checked; SHA-256 of every file above
README.md         the card
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepdojo import __version__
from deepdojo.data.project import Project, builtin_names, find_project, open_project, save_project
from deepdojo.errors import RunError, UsageError
from deepdojo.interop.onnx_card import card
from deepdojo.interop.onnx_graph import OPSET, Written, write_graph
from deepdojo.interop.onnx_runtime import graphs_of, require_extra
from deepdojo.interop.recorder import Graph, recorded
from deepdojo.models import create_model
from deepdojo.places import cannot_write, write_json, write_text
from deepdojo.runs import Run, now_utc
from deepdojo.tasks.base import Row, Task
from deepdojo.training.checkpoint import load_weights, save_weights

__all__ = ["MANIFEST", "Exported", "Source", "export_onnx", "is_exported"]

MANIFEST = "export.json"
FORMAT = 1
_PARTS = "parts.safetensors"
_NOT_READ = ("source", "metric", "published", "recipe", "rows", "availability")  # of project.toml, by who predicts


@dataclass(frozen=True)
class Source:
    """Where a model comes from.

    Attributes:
        run: id.
        config: name, dims and arguments of the model, as `model/config.json` has them.
        score: score.json.
        project: how rows are read, and the licence of the data.
    """

    run: str
    config: Mapping[str, Any]
    score: Mapping[str, Any]
    project: Project


def export_onnx(
    task: Task,
    model: nn.Module,
    rows: Sequence[Row],
    folder: Path,
    source: Source,
    *,
    stage: Callable[[str, str], None] = lambda name, detail: None,
) -> dict[str, Any]:
    """Write the folder; gives export.json. Where a graph differs from the model nothing is left behind.

    Args:
        rows: some, with what the task reads: shapes, names and values of the inputs come from them.
        stage: is told what is being done.

    Raises:
        UsageError: a package of the extra is missing, or the folder holds something else.
        RunError: the model has no graph that gives what it gives.
    """
    require_extra("onnx", "onnxscript", "onnxruntime")
    _require_free(folder)
    model = model.to("cpu").eval()
    graphs, asked = recorded(task, model, rows)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}-{secrets.token_hex(2)}")
    try:
        partial.mkdir(parents=True)
        written = []
        for graph in graphs:
            name = "model.onnx" if graph.method == "forward" else f"{graph.method}.onnx"
            written.append((graph, name, write_graph(model, graph, partial / name, say=functools.partial(stage, name))))
        info = _manifest(task, model, source, [_entry(*each) for each in written], _parts(model, asked, partial))
        _write_rest(partial, task, source, info)
        info["files"] = {path.name: _sha256(path) for path in sorted(partial.iterdir())}
        write_json(partial / MANIFEST, info)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return info


def _require_free(folder: Path) -> None:
    """An older export may be replaced, and nothing else."""
    if folder.exists() and not is_exported(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "there is something else here", where=str(folder), todo="give the name of a new folder with -o"
        )


def _entry(graph: Graph, name: str, written: Written) -> dict[str, Any]:
    return {
        "file": name, "method": graph.method, "parameters": list(graph.parameters),
        "inputs": [asdict(entry) for entry in graph.inputs], "outputs": [list(axes) for axes in graph.outputs],
        "several": graph.several, "exporter": written.exporter, "difference": written.difference,
        "checks": written.checks,
    }  # fmt: skip


def _parts(model: nn.Module, asked: set[str], folder: Path) -> dict[str, str]:
    """Name -> what it is: `module`, whose weights go into a file, or `none`."""
    found: dict[str, str] = {}
    weights: dict[str, torch.Tensor] = {}
    for name in sorted(asked):
        part = getattr(model, name)
        if isinstance(part, nn.Module):
            found[name] = "module"
            weights |= {f"{name}.{key}": value for key, value in part.state_dict().items()}
        elif part is None:
            found[name] = "none"
    if weights:
        save_weights(folder / _PARTS, weights)
    return found


def _manifest(
    task: Task, model: nn.Module, source: Source, graphs: list[dict[str, Any]], parts: Mapping[str, str]
) -> dict[str, Any]:
    project, score = source.project, source.score
    return {
        "format": FORMAT, "deepdojo": __version__, "torch": torch.__version__, "opset": OPSET, "made": now_utc(),
        "id": source.run, "project": project.name, "title": project.spec.title, "task": task.name,
        "model": source.config["name"], "parameters": sum(p.numel() for p in model.parameters()),
        "builtin": project.digest if project.builtin else None, "licence": project.spec.licence,
        "cite": project.spec.cite,
        "score": {key: score.get(key) for key in ("metric", "value", "low", "high", "n", "validation", "verdict")},
        "graphs": graphs, "parts": dict(parts),
    }  # fmt: skip


def _write_rest(folder: Path, task: Task, source: Source, info: Mapping[str, Any]) -> None:
    write_json(folder / "task.json", task.state())
    write_json(folder / "config.json", dict(source.config))
    spec = source.project.spec.model_dump(mode="json", exclude_unset=True, exclude=set(_NOT_READ))
    save_project(folder, {key: value for key, value in spec.items() if value is not None} | {"name": info["project"]})
    code = source.project.reader
    if code.startswith("python:"):
        shutil.copy(source.project.folder / code.removeprefix("python:"), folder)
    write_text(folder / "README.md", card(info))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_exported(folder: Path) -> bool:
    """Whether a folder was written by `export_onnx`."""
    return (folder / MANIFEST).is_file()


class Exported(Run):
    """An exported folder where a run is expected: it predicts as the run does, and holds nothing else of it.

    Raises: RunError for a folder of another format, or a file that is not the one that was written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        if self.info.get("format") != FORMAT:
            raise RunError(
                f"is an export of format {self.info.get('format')}, and this version reads {FORMAT}",
                where=str(folder), todo="export the run again",
            )  # fmt: skip
        for name, digest in self.info["files"].items():
            path = self.folder / name
            if not path.is_file() or _sha256(path) != digest:
                what = "is not what was exported: its SHA-256 differs" if path.is_file() else "is missing"
                raise RunError(what, where=str(path), todo="export the run again")

    @cached_property
    def info(self) -> dict[str, Any]:
        """export.json."""
        info = self.read_json(MANIFEST)
        if not isinstance(info, dict) or not {"id", "task", "project", "files", "graphs", "score"} <= info.keys():
            raise RunError(f"{MANIFEST} is damaged", where=str(self.folder), todo="export the run again")
        return info

    @property
    def finished(self) -> bool:
        return True

    @cached_property
    def score(self) -> dict[str, Any]:
        return self.info["score"]

    def project(self) -> Project:
        """The built-in project, where it is still the same; else the folder's own copy."""
        if self.info["builtin"] is not None and self.info["project"] in builtin_names():
            found = find_project(self.info["project"])
            if found.digest == self.info["builtin"]:
                return found
        return open_project(self.folder)

    def model(self, *, trust: bool = False) -> nn.Module:
        """Graphs in onnxruntime, in the place of the model."""
        config = _Config(self.read_json("config.json"))
        return graphs_of(self.folder, self.info["graphs"], config, self._parts())

    def _parts(self) -> dict[str, Any]:
        """What the task asks for beside the calls. Only that much of the model is made in torch."""
        kinds = self.info["parts"]
        found: dict[str, Any] = {name: None for name, kind in kinds.items() if kind == "none"}
        named = [name for name, kind in kinds.items() if kind == "module"]
        if named:
            config = self.read_json("config.json")
            with torch.device("meta"):  # costs no memory
                whole = create_model(config["name"], config["dims"], **config["arguments"])
            weights = load_weights(self.folder / _PARTS)
            for name in named:
                part = getattr(whole, name).to_empty(device="cpu")
                part.load_state_dict({k[len(name) + 1 :]: v for k, v in weights.items() if k.startswith(f"{name}.")})
                found[name] = part.eval()
        return found


class _Config:
    """The sizes of a model by name, as `model.config` has them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        vars(self).update({**config["dims"], **config["arguments"]})
