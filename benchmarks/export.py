"""Every model that a recipe uses, as ONNX: which exporter, how far from torch, and how fast beside it on one thread.

    python benchmarks/export.py                    # two minutes on an idle core
    python benchmarks/export.py --write            # puts the table into docs/exporting.md
    python benchmarks/export.py --only rnn --json

Models have the arguments of their recipes and the inputs of `deepdojo.models.example_inputs` (what `dojo list models`
is counted at), weights as initialised. torch and onnxruntime take turns; a figure is the median of 9 turns,
CPU milliseconds for one example, in batches of 1 and of 8. The difference is the largest on the shapes that
`dojo export` checks, none of which the exporter saw, as a share of the largest output.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepdojo.contracts import CONTRACTS
from deepdojo.data.project import builtin_projects, stock_recipes
from deepdojo.errors import DojoError
from deepdojo.interop.onnx_graph import write_graph
from deepdojo.interop.onnx_runtime import open_graph, run_graph
from deepdojo.interop.recorder import recorded_calls
from deepdojo.models import create_model
from deepdojo.models.example_inputs import EXAMPLES, Example, Input, example_of, image
from deepdojo.recipes import Recipe
from deepdojo.session.defaults import resolve
from deepdojo.tasks import load_task

PAGE = Path(__file__).parents[1] / "docs" / "exporting.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
TURNS = 9
CALLS = 10


def recipes() -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """(task, recipe, model, its arguments), each model with the same arguments once."""
    paths = [(task, path) for task in CONTRACTS for path in stock_recipes(task).values()]
    for project in builtin_projects():
        paths += [(project.spec.task, path) for path in sorted((project.folder / "recipes").glob("*.toml"))]
    seen = set()
    for task, path in paths:
        model = resolve(Recipe.read(path), task, rows=10_000)[0].model
        key = (model.name, json.dumps(model.arguments, sort_keys=True), CONTRACTS[task].input_kind)
        if key not in seen:
            seen.add(key)
            yield task, path.stem, model.name, model.arguments


def example_for(task: str, model: str) -> Example | None:
    """What the model is counted at, of the task's own kind of input."""
    kind = CONTRACTS[task].input_kind
    own = example_of(model)
    if kind == "image":
        return image(28, channels=1) if model == "lenet" else image(224 if model == "resnet_imagenet" else 32)
    if own is not None and own.kind == kind and own.protocol == load_task(task).protocol:
        return own
    return next((e for e in EXAMPLES if (e.kind, e.protocol) == (kind, load_task(task).protocol)), None)


def tensor(given: Input, rows: int, length: int | None) -> Tensor:
    shape = (rows, *given.shape) if length is None else (rows, length, *given.shape[1:])
    if given.mask:
        return torch.ones(shape, dtype=torch.bool)
    return torch.randn(shape) if given.below is None else torch.randint(0, given.below, shape)


def measured(task: str, recipe: str, name: str, arguments: dict[str, Any], folder: Path) -> dict[str, Any]:
    example = example_for(task, name)
    if example is None or example.call is not None:
        raise DojoError("has no example of one call", where=name)
    dims = {k: v for k, v in example.dims.items() if k not in arguments}
    torch.manual_seed(0)
    model = create_model(name, dims, **arguments).eval()
    text = example.kind == "text"
    inputs = list(example.inputs)
    if text and example.protocol == "Classifier":  # as the task calls it
        inputs.append(replace(inputs[0], below=None, mask=True))

    def batch(rows: int, length: int | None) -> dict[str, Tensor]:
        return {f"input_{i}": tensor(each, rows, length) for i, each in enumerate(inputs)}

    def predict(called: nn.Module, given: dict[str, Tensor]) -> None:
        called(*given.values())

    length = example.inputs[0].shape[0] if text else None
    both = (batch(5, length), batch(3, length // 2 if length else None))
    (graph,), _ = recorded_calls(predict, model, *both)
    written = write_graph(model, graph, folder / "model.onnx")
    session = open_graph(folder / "model.onnx")
    row: dict[str, Any] = {
        "model": name, "recipe": f"{task}/{recipe}", "for": example.says, "exporter": written.exporter,
        "difference": written.difference, "megabytes": (folder / "model.onnx").stat().st_size / 1e6,
    }  # fmt: skip
    for rows in (1, 8):
        given = batch(rows, length)
        named = {entry.name: given[entry.name] for entry in graph.inputs}
        ours, theirs = in_turns(lambda g=given: model(*g.values()), lambda n=named: run_graph(session, n))
        row |= {f"torch_ms_{rows}": ours / rows, f"onnx_ms_{rows}": theirs / rows}
    return row


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Median CPU milliseconds of a call of each."""
    taken: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        for turn in range(TURNS + 1):
            for call, times in zip((ours, theirs), taken, strict=True):
                began = time.process_time()
                for _ in range(CALLS):
                    call()
                if turn:  # the first warms up
                    times.append(1000 * (time.process_time() - began) / CALLS)
    return statistics.median(taken[0]), statistics.median(taken[1])


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| model | recipe | exporter | largest difference | MB | torch, ms | onnxruntime, ms "
        "| torch, ms in a batch of 8 | onnxruntime |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        figures = [f"{r[key]:.3g}" for key in ("torch_ms_1", "onnx_ms_1", "torch_ms_8", "onnx_ms_8")]
        start = [r["model"], r["recipe"], r["exporter"], f"{r['difference']:.0e}", f"{r['megabytes']:.1f}"]
        lines.append("| " + " | ".join([*start, *figures]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="put the table into docs/exporting.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for task, recipe, name, arguments in recipes():
            if given.only not in name:
                continue
            try:
                rows.append(measured(task, recipe, name, arguments, Path(folder)))
            except DojoError as fault:
                print(f"left out: {task}/{recipe}: {fault}", flush=True)
                continue
            if given.json:
                print(json.dumps(rows[-1]), flush=True)
            else:
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    if given.write:
        import onnxruntime

        text = PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        where = (
            f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, {platform.machine()}, one thread, "
            f"{time.strftime('%d %b %Y')}."
        )
        PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n\n{where}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
