"""Graphs run by onnxruntime, in the place of the model that they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepdojo.errors import RunError, UsageError
from deepdojo.interop.calls import Calls, EncoderDecoderCalls, bound

__all__ = ["graphs_of", "open_graph", "require_extra", "run_graph"]


def require_extra(*packages: str) -> None:
    """Raises UsageError where a package of the extra `onnx` is missing."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise UsageError(
            f"ONNX needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            todo='pip install "deepdojo[onnx]"',
        )


def open_graph(path: Path) -> Any:
    """An onnxruntime session on the CPU, with as many threads as torch has. Raises RunError for a file that is none."""
    require_extra("onnxruntime")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and said once
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a class of its own for each fault, all without a common parent
        said = str(error).splitlines()[0][:200]
        raise RunError(f"onnxruntime cannot read it ({said})", where=str(path), todo="export again") from None


def run_graph(session: Any, given: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """The outputs for inputs by name, each cast to what the graph takes."""
    feed = {node.name: _array(given[node.name], node.type) for node in session.get_inputs()}
    return tuple(torch.from_numpy(np.asarray(found)) for found in session.run(None, feed))


def _array(tensor: Tensor, kind: str) -> np.ndarray:
    kinds = {"tensor(float)": torch.float32, "tensor(double)": torch.float64, "tensor(int64)": torch.int64,
             "tensor(int32)": torch.int32, "tensor(bool)": torch.bool}  # fmt: skip
    return tensor.detach().cpu().to(kinds.get(kind, tensor.dtype)).contiguous().numpy()


class _Graphs(Calls):
    """The calls of a model, answered by graphs.

    Args:
        folder: where they lie.
        graphs: of export.json.
        config: sizes of the model that callers may ask for; generation asks for `context`.
        parts: further parts of the model.
    """

    def __init__(
        self, folder: Path, graphs: Sequence[Mapping[str, Any]], config: Any, parts: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.graphs = {graph["method"]: graph for graph in graphs}
        self.sessions = {graph["method"]: open_graph(folder / graph["file"]) for graph in graphs}
        self.config, self.parts = config, dict(parts)
        # Tasks ask a model's first parameter where it lies.
        self.nothing = nn.Parameter(torch.empty(0), requires_grad=False)

    def part(self, name: str) -> Any:
        if name not in self.parts:
            raise AttributeError(f"an exported model has no {name}")
        return self.parts[name]

    def run(self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        graph = self.graphs[method]
        given = bound(method, graph["parameters"], args, kwargs)
        names = {entry["parameter"]: entry["name"] for entry in graph["inputs"]}
        if set(given) != set(names):
            raise RunError(
                f"the graph takes {', '.join(names)}, and the task gives {', '.join(given)}", where=graph["file"],
                todo="export again with this version",
            )  # fmt: skip
        found = run_graph(self.sessions[method], {names[parameter]: value for parameter, value in given.items()})
        return found if graph["several"] else found[0]


class _EncoderDecoderGraphs(EncoderDecoderCalls, _Graphs):
    """The same for a model of two halves."""


def graphs_of(folder: Path, graphs: Sequence[Mapping[str, Any]], config: Any, parts: Mapping[str, Any]) -> nn.Module:
    """What stands in the place of the model, in evaluation mode."""
    kind = _EncoderDecoderGraphs if {"encode", "decode"} & {graph["method"] for graph in graphs} else _Graphs
    return kind(folder, graphs, config, parts).eval()
