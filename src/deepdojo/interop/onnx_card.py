"""The card of an exported model: what it is, what it takes, how it is run, what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["card"]

_ZEROS = {"bool": "np.ones({}, dtype=bool)", "float32": "np.zeros({}, dtype=np.float32)"}


def card(info: Mapping[str, Any]) -> str:
    """README.md from export.json."""
    parts = [
        f"# {info['project']} · {info['model']}",
        *([info["title"]] if info["title"] else []),
        f"A {info['model']} of {info['parameters']:,} parameters for {info['task']}, trained by DeepDojo "
        f"{info['deepdojo']} (run {info['id']}) and written as ONNX, opset {info['opset']}.",
        f"Score: {_score(info['score'])}",
        "## From rows to answers",
        '```\npip install "deepdojo[onnx]"\ndojo predict . new.csv -o predictions.csv\n```',
        "The network runs in onnxruntime; `task.json` says how rows become its inputs and its outputs cells. In "
        'Python: `import deepdojo as dd; dd.load(".").predict(rows)`.',
        "## The graph alone",
    ]
    for graph in info["graphs"]:
        parts += [_tensors(graph), f"```python\n{_code(graph)}\n```"]
    parts += [
        "A mask (`..._keep`, `keep`) is true for what is real and false for padding."
        if _masked(info["graphs"])
        else "",
        "## How it was checked",
        _checked(info["graphs"]),
        "## Licence of the data",
        (info["licence"] or "None is stated.") + (f"\n\nCite: {info['cite']}" if info["cite"] else ""),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _score(score: Mapping[str, Any]) -> str:
    def said(s: Mapping[str, Any], rows: str) -> str:
        interval = f"95 % interval [{s['low']:.4g}, {s['high']:.4g}]"
        return f"{score['metric']} {s['value']:.4g}, {interval}, on {s['n']:,} {rows}."

    if score["value"] is not None:
        return said(score, "held-out rows")
    validation = score.get("validation") or {}
    if validation.get("value") is not None:
        return said(validation, "validation rows; the held-out ones were left closed")
    return "not scored."


def _tensors(graph: Mapping[str, Any]) -> str:
    lines = [f"`{graph['file']}`:", "", "| | name | type | axes |", "|---|---|---|---|"]
    lines += [f"| in | {e['name']} | {e['dtype']} | {_axes(e['axes'])} |" for e in graph["inputs"]]
    names = output_names(graph)
    lines += [f"| out | {name} | float32 | {_axes(axes)} |" for name, axes in zip(names, graph["outputs"], strict=True)]
    return "\n".join(lines)


def output_names(graph: Mapping[str, Any]) -> list[str]:
    return [f"output_{i + 1}" for i in range(len(graph["outputs"]))] if graph["several"] else ["output"]


def _axes(axes: Sequence[str | int]) -> str:
    return "(" + ", ".join(map(str, axes)) + ("," if len(axes) == 1 else "") + ")"


def _code(graph: Mapping[str, Any]) -> str:
    """Five lines and an input each: runs as it stands."""
    free = list(dict.fromkeys(a for e in graph["inputs"] for a in e["axes"] if isinstance(a, str)))
    sizes = ", ".join(free) + " = " + ", ".join(str(2 if axis == "batch" else 7 + i) for i, axis in enumerate(free))
    lines = ["import numpy as np", "import onnxruntime", "", f'graph = onnxruntime.InferenceSession("{graph["file"]}")']
    lines += [sizes] if free else []
    for entry in graph["inputs"]:
        template = _ZEROS.get(entry["dtype"], f"np.zeros({{}}, dtype=np.{entry['dtype']})")
        lines.append(f"{entry['name']} = {template.format(_axes(entry['axes']))}")
    feed = ", ".join(f'"{e["name"]}": {e["name"]}' for e in graph["inputs"])
    return "\n".join(
        [*lines, f"{', '.join(output_names(graph))} = graph.run(None, {{{feed}}}){'' if graph['several'] else '[0]'}"]
    )


def _masked(graphs: Sequence[Mapping[str, Any]]) -> bool:
    return any(entry["dtype"] == "bool" for graph in graphs for entry in graph["inputs"])


def _checked(graphs: Sequence[Mapping[str, Any]]) -> str:
    what = "Run in onnxruntime and in torch on shapes that the exporter did not see; the largest difference, as a share"
    lines = [f"{what} of the largest number:", "", "| file | exporter | shapes | difference |", "|---|---|---|---|"]
    lines += [f"| {g['file']} | {g['exporter']} | {len(g['checks'])} | {g['difference']:.1e} |" for g in graphs]
    return "\n".join(lines)
