"""`--from`: what a training goes on from, one of our runs or the folder of a Hugging Face checkpoint.

The network's shape, its weights and what turns rows into its inputs (tokenizer, symbols, size and colours of images,
columns) come from there; what the data fix (classes) and the recipe's other choices do not. Weights are safetensors and
all else is JSON or text: no code of another's runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import RecipeError, RunError, UnknownNameError
from deepdojo.recipes import Recipe
from deepdojo.runs import Run, find_run

if TYPE_CHECKING:
    from torch import Tensor

    from deepdojo.tasks.base import Task

__all__ = ["Origin", "open_origin"]

WEIGHTS = "model.safetensors"
SHARDS = "model*.safetensors"
CODECS = ("tokenizer", "symbols", "pixels", "columns", "ngrams")
"""Fields of tasks that turn cells into what a network reads."""
LENGTHS = ("max_tokens", "context")
"""Options of tasks that a table of places bounds."""
DATA_FIX = ("num_outputs", "head")
"""Arguments of models with a default that nevertheless follow from the data."""


@dataclass(frozen=True)
class Origin:
    """What a training goes on from.

    Attributes:
        folder: of the weights, absolute.
        run: the run that it is, None for a checkpoint.
        sha256: of the weights' bytes.
        model: our name of the network. config: its arguments, as JSON.
    """

    folder: Path
    run: Run | None
    sha256: str
    model: str
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """For people: the project of a run, the folder's name of a checkpoint."""
        return self.folder.name if self.run is None else str(self.run.info["project"])

    def described(self) -> dict[str, Any]:
        """For run.toml."""
        about: dict[str, Any] = {"path": str(self.folder), "sha256": self.sha256, "name": self.name}
        if self.run is None:
            return {**about, "kind": "checkpoint"}
        info = self.run.info
        share = info["options"].get("share", 1.0)
        return {**about, "kind": "run", "run": self.run.id, "project": info["project"], "share": share,
                "seed": info["seed"]}  # fmt: skip

    @cached_property
    def task(self) -> Task | None:
        """The fitted task of a run."""
        return None if self.run is None else self.run.task()

    def tensors(self) -> Mapping[str, Tensor]:
        """The weights by our names."""
        if self.run is None:
            from deepdojo.models.pretrained import from_pretrained

            return from_pretrained(self.folder).state_dict()
        from deepdojo.training.checkpoint import load_weights

        return load_weights(self.folder / WEIGHTS)

    def shaped(self, recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
        """The recipe with this network's name and arguments; those that the recipe gives itself go first.

        Args:
            options: of the task's fit: names and defaults.

        Raises:
            RecipeError: the recipe has another network.
        """
        if recipe.model.name not in ("auto", self.model):
            raise RecipeError(
                f"the weights are of {self.model}, the recipe's network is {recipe.model.name}", where="model.from",
                todo=f"take a recipe of {self.model}",
            )  # fmt: skip
        arguments = {**self.arguments(), **recipe.model.arguments}
        kept = recipe.model.model_dump(by_alias=True, exclude_defaults=True)
        model = {**arguments, **kept, "name": self.model, "from": str(self.folder)}
        task, longest = dict(recipe.task), {**self.config, **arguments}.get("max_length")
        if longest is not None:
            task |= {n: min(int(task.get(n, options[n])), int(longest)) for n in LENGTHS if n in options}
        values = recipe.model_dump(exclude_none=True, by_alias=True)
        return Recipe.parse({**values, "model": model, "task": task}, where="model.from")

    def arguments(self) -> dict[str, Any]:
        """Of the network, where they differ from the defaults and do not follow from the data."""
        from deepdojo.models import MODELS

        found = {}
        for field in fields(MODELS[self.model].config_class()):
            default = json.loads(json.dumps(field.default)) if _plain(field.default) else None
            value = self.config.get(field.name, default)
            if _plain(field.default) and field.name not in DATA_FIX and value != default:
                found[field.name] = value
        return found

    def fitted(self, task: Task) -> Task:
        """The task with what this network reads by.

        Raises:
            RecipeError: the checkpoint says nothing of it, or a table has other columns.
        """
        names = {field.name for field in fields(task)} & set(CODECS)
        mine = getattr(self.task, "__dict__", {}) if self.run is not None else self._files(names)
        missing = sorted(names - set(mine) - {"ngrams"})
        if missing:
            raise RecipeError(f"there is no {missing[0]} there that {task.name} could read by", where=str(self.folder))
        if "columns" in names and _named(mine["columns"]) != _named(task.columns):  # type: ignore[attr-defined]
            raise RecipeError("the table has other columns than that of the run", where=str(self.folder))
        changed: Task = replace(task, **{name: mine[name] for name in names if name in mine})
        return changed.adopted()

    def _files(self, names: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if "tokenizer" in names:
            from deepdojo.data.codecs.tokenizer_pretrained import read_pretrained_tokenizer

            found["tokenizer"] = read_pretrained_tokenizer(self.folder)
        if "pixels" in names:
            from deepdojo.data.codecs.pixels_pretrained import read_pretrained_pixels

            found["pixels"] = read_pretrained_pixels(self.folder)
        return {name: codec for name, codec in found.items() if codec is not None}

    def same_question(self, task: Task) -> bool:
        """Whether the last layer's outputs mean the same: the same task with the same classes."""
        if self.task is None:
            return task.contract.host_run
        same = self.task.name == task.name and self.task.classes() == task.classes()
        return same and getattr(self.task, "labels", None) == getattr(task, "labels", None)


def _plain(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | tuple | list | None)


def _named(columns: Any) -> tuple[list[str], list[str]]:
    return [c.name for c in columns.numbers], [c.name for c in columns.categories]


def open_origin(reference: str | Path, *, recorded: Mapping[str, Any] | None = None) -> Origin:
    """A run (folder, id, beginning of one, `last`) or the folder of a checkpoint.

    Args:
        recorded: what an earlier start of the same run wrote down; the weights must be those.

    Raises:
        RecipeError: nothing is there that could be gone on from. RunError: the weights have changed since.
    """
    folder = Path(reference).expanduser()
    run = _run(reference, folder)
    found = _of_run(run) if run is not None else _of_checkpoint(folder.absolute())
    if recorded is not None and recorded["sha256"] != found.sha256:
        raise RunError("the weights that this run began with have changed since", where=str(found.folder))
    return found


def _run(reference: str | Path, folder: Path) -> Run | None:
    if folder.is_dir():
        at = folder.parent if folder.name == "model" and (folder.parent / "run.toml").is_file() else folder
        return Run(at) if (at / "run.toml").is_file() else None
    try:
        return find_run(reference)
    except UnknownNameError as error:
        raise RecipeError(
            f"there is no run and no folder {str(reference)!r}", where="--from", todo=error.todo or "see dojo board"
        ) from None


def _of_run(run: Run) -> Origin:
    from deepdojo.models import MODELS, config_for

    if not run.finished:
        raise RecipeError("the run is not finished", where=run.id, todo=f"dojo train --resume {run.id}")
    one = run.with_model()
    kept = one.read_json("model/config.json")
    config = config_for(kept["name"], MODELS[kept["name"]], kept["dims"], kept["arguments"])
    folder = (one.folder / "model").resolve()
    return Origin(folder, one, _digest([folder / WEIGHTS]), kept["name"], _json(config))


def _of_checkpoint(folder: Path) -> Origin:
    from deepdojo.models.pretrained import from_pretrained

    model = from_pretrained(folder)
    name = _our_name(model.config)
    return Origin(folder.resolve(), None, _digest(sorted(folder.glob(SHARDS))), name, _json(model.config))


def _our_name(config: Any) -> str:
    from deepdojo.models import MODELS

    return next(name for name, entry in MODELS.items() if type(config).__module__.endswith(f".{entry.module}"))


def _json(config: Any) -> dict[str, Any]:
    from dataclasses import asdict

    values: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return values


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as opened:
                while block := opened.read(1 << 20):
                    total.update(block)
        except OSError:
            raise RunError("the weights are missing", where=str(file), todo="train again") from None
    return total.hexdigest()
