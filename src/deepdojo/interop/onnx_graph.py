"""One method of a model as an ONNX graph, written by one of torch's two exporters and held against torch.

What an exporter writes may be wrong for other shapes than those it saw, without a word. So a graph is run in
onnxruntime on shapes that were not traced, and one that differs is not kept.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.errors import RunError
from deepdojo.interop.onnx_runtime import open_graph, run_graph
from deepdojo.interop.recorder import Graph
from deepdojo.layers.recurrence import Recurrent
from deepdojo.training.predictor import evaluating

__all__ = ["OPSET", "TOLERANCE", "Written", "write_graph"]

OPSET = 18
TOLERANCE = 1e-4  # of the largest number that torch gives: float32 sums in another order differ by 1e-6
UNSEEN = 3  # shapes at the least
_MOST_BYTES = 2_000_000_000  # protobuf's own limit is 2 GiB


@dataclass(frozen=True)
class Written:
    """A graph that is as the model is.

    Attributes:
        exporter: dynamo or torchscript.
        checks: of each shape that was run {axis: size, ..., "difference": share of the largest number}.
    """

    exporter: str
    checks: list[dict[str, Any]]

    @property
    def difference(self) -> float:
        return max(check["difference"] for check in self.checks)


def write_graph(model: nn.Module, graph: Graph, path: Path, *, say: Callable[[str], None] | None = None) -> Written:
    """Write `path` and check it.

    Args:
        model: in evaluation mode, on the CPU.
        say: is told which exporter is at work.

    Raises:
        RunError: no exporter can write the model, or what they write differs; with the shape and the difference.
    """
    size = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    if size > _MOST_BYTES:
        raise RunError(f"its weights take {size / 1e9:.1f} GB, and one ONNX file holds 2 GB", where="export")
    failures = []
    for name in _order(model):
        if say is not None:
            say(name)
        try:
            with _quiet(), evaluating(model), torch.inference_mode(False), torch.no_grad():
                _EXPORTERS[name](_Method(model, graph), graph, path)
        except Exception as error:  # whatever an exporter cannot do; each has its own classes of errors
            failures.append(f"{name}: {_first_line(error)}")
            continue
        checks = _checks(model, graph, path)
        wrong = next((check for check in checks if not check["difference"] <= TOLERANCE), None)
        if wrong is None and len(checks) >= UNSEEN:
            return Written(name, checks)
        failures.append(f"{name}: {_said(wrong)}" if wrong else f"{name}: the model itself took {len(checks)} shapes")
    path.unlink(missing_ok=True)
    raise RunError(
        f"{graph.method} of {type(model).__name__} has no ONNX graph that gives what torch gives "
        f"({'; '.join(failures)})",
        where="export",
    )


class _Method(nn.Module):
    """A method of the model as the `forward` that exporters want, its tensors in the order of the graph's inputs."""

    def __init__(self, model: nn.Module, graph: Graph) -> None:
        super().__init__()
        self.model, self.graph = model, graph
        self.train(model.training)  # exporters put the mode back that they found

    def forward(self, *tensors: Tensor) -> Any:
        given = {entry.parameter: tensor for entry, tensor in zip(self.graph.inputs, tensors, strict=True)}
        found = self.graph.call(self.model, given)
        return found if self.graph.several else found[0]


def _order(model: nn.Module) -> tuple[str, ...]:
    """dynamo knows no GRU and no Elman kernel, and writes an LSTM no better than the older exporter does."""
    recurrent = any(isinstance(module, Recurrent) for module in model.modules())
    return ("torchscript", "dynamo") if recurrent else ("dynamo", "torchscript")


def _with_dynamo(method: nn.Module, graph: Graph, path: Path) -> None:
    free = torch.export.Dim.DYNAMIC
    shapes = tuple({i: free for i, axis in enumerate(entry.axes) if isinstance(axis, str)} for entry in graph.inputs)
    program = torch.onnx.export(
        method, _example(graph), dynamo=True, opset_version=OPSET, dynamic_shapes=(shapes,), verbose=False,
        input_names=_names(graph), output_names=_output_names(graph),
    )  # fmt: skip
    assert program is not None
    _name_axes(program.model.graph, graph)
    program.save(str(path), external_data=False)


def _with_torchscript(method: nn.Module, graph: Graph, path: Path) -> None:
    axes = dict(zip(_names(graph), (entry.axes for entry in graph.inputs), strict=True))
    axes |= dict(zip(_output_names(graph), graph.outputs, strict=True))
    torch.onnx.export(
        method, _example(graph), str(path), dynamo=False, opset_version=OPSET,
        input_names=_names(graph), output_names=_output_names(graph),
        dynamic_axes={n: {i: a for i, a in enumerate(each) if isinstance(a, str)} for n, each in axes.items()},
    )  # fmt: skip


_EXPORTERS: Mapping[str, Callable[[nn.Module, Graph, Path], None]] = {
    "dynamo": _with_dynamo,
    "torchscript": _with_torchscript,
}


def _name_axes(ir: Any, graph: Graph) -> None:
    """`batch` and `length` in the place of s77, for a stranger who looks into the file. What lies between inputs and
    outputs was named after s77 too; onnxruntime infers it anew."""
    import onnx_ir

    for node in ir.all_nodes():
        for value in node.outputs:
            value.shape = None
    told = zip([*ir.inputs, *ir.outputs], [*(e.axes for e in graph.inputs), *graph.outputs], strict=True)
    for value, axes in told:
        value.shape = onnx_ir.Shape(axes)


def _example(graph: Graph) -> tuple[Tensor, ...]:
    return tuple(graph.example[entry.parameter].clone() for entry in graph.inputs)


def _names(graph: Graph) -> list[str]:
    return [entry.name for entry in graph.inputs]


def _output_names(graph: Graph) -> list[str]:
    return [f"output_{i + 1}" for i in range(len(graph.outputs))] if graph.several else ["output"]


def _checks(model: nn.Module, graph: Graph, path: Path) -> list[dict[str, Any]]:
    """The largest difference at each shape that the model itself takes, as a share of the largest number."""
    try:
        session = open_graph(path)
    except RunError as error:
        return [{"shape": "any", "difference": float("inf"), "error": error.what}]
    checks = []
    for said, given in _unseen(graph):
        try:
            with evaluating(model):
                wanted = graph.call(model, given)
        except Exception:  # a shape that the model refuses, such as a text longer than its table of positions
            continue
        try:
            found = run_graph(session, {entry.name: given[entry.parameter] for entry in graph.inputs})
        except Exception as error:
            checks.append({**said, "difference": float("inf"), "error": _first_line(error)})
            continue
        checks.append({**said, "difference": max(map(_difference, wanted, found))})
    return checks


def _unseen(graph: Graph) -> Iterator[tuple[dict[str, Any], dict[str, Tensor]]]:
    """Inputs of shapes that were not traced, made of the example's own values; then other masks."""
    seen: dict[str, int] = {}
    for entry in graph.inputs:
        tensor = graph.example[entry.parameter]
        seen |= {a: n for a, n in zip(entry.axes, tensor.shape, strict=True) if isinstance(a, str)}
    lengths = [axis for axis in seen if axis != "batch"]
    many = seen.get("batch", 1)
    plans = [(1, lambda n: 1), (2, lambda n: max(1, n // 2 + 1)), (many + 4, lambda n: n + 3), (many + 1, lambda n: n)]
    plans += [(3, lambda n: 2 * n + 1)] if lengths else [(17, lambda n: n)]
    for rows, of in plans:
        sizes = {axis: rows if axis == "batch" else of(n) for axis, n in seen.items()}
        yield sizes, _sized(graph, sizes)
    masks = [entry.parameter for entry in graph.inputs if entry.dtype == "bool"]
    if masks:
        sizes = {axis: n + 2 if axis == "batch" else n for axis, n in seen.items()}
        given = _sized(graph, sizes)
        yield {**sizes, "mask": "all"}, {**given, **{name: torch.ones_like(given[name]) for name in masks}}
        some = {name: given[name].clone() for name in masks}
        for mask in some.values():
            mask[0] = False
            mask[1:, ::3] = False
        yield {**sizes, "mask": "gaps"}, {**given, **some}


def _sized(graph: Graph, sizes: Mapping[str, int]) -> dict[str, Tensor]:
    given = {}
    for entry in graph.inputs:
        tensor = graph.example[entry.parameter]
        for i, axis in enumerate(entry.axes):
            if isinstance(axis, str):
                tensor = tensor.index_select(i, torch.arange(sizes[axis]) % tensor.shape[i])
        given[entry.parameter] = tensor
    return given


def _difference(wanted: Tensor, found: Tensor) -> float:
    if wanted.shape != found.shape:
        return float("inf")
    if wanted.numel() == 0:
        return 0.0
    a, b = wanted.double().cpu(), found.double()
    finite = a.isfinite()
    if not torch.equal(a[~finite].nan_to_num(), b[~finite].nan_to_num()) or not b[finite].isfinite().all():
        return float("inf")
    if not finite.any():
        return 0.0
    return float((a - b)[finite].abs().max() / a[finite].abs().max().clamp(min=1e-6))


def _said(check: Mapping[str, Any]) -> str:
    shape = ", ".join(f"{axis} {size}" for axis, size in check.items() if axis not in ("difference", "error"))
    more = f" ({check['error']})" if "error" in check else ""
    return f"at {shape} it differs by {check['difference']:.1e}, and {TOLERANCE:.0e} is allowed{more}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    told = next((line for line in lines if line.startswith("<class")), lines[0])
    return f"{type(error).__name__}: {told[:160]}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters print (from C++ too, so the file itself is turned away), log and warn about what the check decides."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
        logging.disable(before)
