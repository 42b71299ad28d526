"""`dojo export`: a trained model in a format that others run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from deepdojo.cli.options import Json, Offline, RunName, Trust, option
from deepdojo.cli.output import answer, next_step, out, print_json, quoted, table
from deepdojo.cli.words import plural

__all__ = ["export"]


def export(
    run: RunName,
    /,
    *,
    to: Annotated[str, option("The format: onnx.", "Output")] = "onnx",
    output: Annotated[
        Path | None, option("The folder to write; default: onnx, inside the run.", "Output", short="-o")
    ] = None,
    offline: Offline = False,
    trust: Trust = False,
    json: Json = False,
) -> None:
    """Write a run's model for onnxruntime.

    dojo export last                   graph, card and task, inside the run
    dojo export last --to onnx -o dir  in a folder of your own
    dojo export last --json            inputs, outputs, how it was checked
    """
    from deepdojo import api
    from deepdojo.cli.terminal import TerminalListener

    listener = TerminalListener()
    try:
        folder, info = api.export(run, output, to=to, listener=listener, offline=offline, trust=trust)
    finally:
        listener.finish()
    if json:
        print_json({"folder": str(folder.absolute()), **info})
        return
    graphs: list[dict[str, Any]] = info["graphs"]
    shapes = sum(len(graph["checks"]) for graph in graphs)
    answer([
        (f"{info['project']} · {info['model']}", "bold"), (f"ONNX, opset {info['opset']}", ""),
        (f"as torch to {max(graph['difference'] for graph in graphs):.0e} on {plural(shapes, 'unseen shape')}", ""),
    ])  # fmt: skip
    out(str(folder))
    out()
    rows = [(g["file"], "in", e["name"], e["dtype"], _axes(e["axes"])) for g in graphs for e in g["inputs"]]
    rows += [
        (g["file"], "out", f"output {i + 1}", "float32", _axes(a)) for g in graphs for i, a in enumerate(g["outputs"])
    ]
    table(rows, ("file", "", "name", "type", "axes"))
    next_step(f"dojo predict {quoted(folder)} new.csv -o predictions.csv", "the same cells, without torch's weights")


def _axes(axes: list[str | int]) -> str:
    return "(" + ", ".join(map(str, axes)) + ")"
