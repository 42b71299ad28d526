"""Atomic checkpoints without pickle: tensors in safetensors, all else in JSON.

A checkpoint is a folder `step-N`, written under another name and renamed when whole. Loading it and going on
gives, on a CPU, bit for bit what an uninterrupted training gives.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepdojo.errors import RunError
from deepdojo.places import cannot_write
from deepdojo.training.averages import Average
from deepdojo.training.distributed import ALONE, Ranks, gathered, placed, whole

__all__ = ["latest_checkpoint", "load_checkpoint", "load_weights", "save_checkpoint", "save_weights"]


def save_weights(path: Path, state: dict[str, Tensor]) -> None:
    """One safetensors file, atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({k: v.detach().cpu().contiguous() for k, v in state.items()}, temporary)
        _synced(temporary)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    except Exception as error:
        # safetensors wraps the system's error in one of its own, whose text holds the number
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, _system_error(error)) from error


def _system_error(error: Exception) -> OSError:
    import errno

    text = str(error)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
        if f"os error {number}" in text or os.strerror(number) in text:
            return OSError(number, os.strerror(number))
    raise error


def load_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise RunError("the weights are missing", where=str(path), todo="train again") from None
    except Exception as error:
        raise RunError(f"the weights cannot be read ({error})", where=str(path), todo="train again") from None


def save_checkpoint(
    folder: Path,
    step: int,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor] | None,
    state: dict[str, Any],
    average: Average | None = None,
    ranks: Ranks = ALONE,
) -> Path:
    """Everything that the loop needs to go on after `step`, as `folder/step-N`; older checkpoints are removed after.

    Where several processes train together all must call it; the first one writes, the whole of every tensor.
    """
    target = folder / f"step-{step:08d}"
    temporary = folder / f".writing-{os.getpid()}"
    tensors = {f"model.{k}": whole(v) for k, v in model.state_dict().items()}
    tensors |= {f"best.{k}": whole(v) for k, v in (best or {}).items()}
    if average is not None:
        tensors |= {f"average.{k}": whole(v) for k, v in average.values.items()}
    numbers: dict[str, dict[str, Any]] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{key}"] = whole(value)
            else:
                numbers.setdefault(str(index), {})[key] = value
    for rank, drawn in enumerate(gathered(_random_state(), ranks)):
        tensors |= {f"random.{rank}.{k}": v for k, v in drawn.items()}
    if not ranks.first:
        return target
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        save_weights(temporary / "tensors.safetensors", tensors)
        everything = {**state, "step": step, "optimizer": numbers, "has_best": best is not None}
        (temporary / "state.json").write_text(json.dumps(everything), encoding="utf-8")
        _synced(temporary / "state.json")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise cannot_write(target, error) from error
    for old in folder.glob("step-*"):
        if old.name < target.name:
            shutil.rmtree(old, ignore_errors=True)
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None."""
    found = sorted(p for p in folder.glob("step-*") if (p / "state.json").is_file())
    return found[-1] if found else None


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None = None,
    ranks: Ranks = ALONE,
) -> tuple[dict[str, Any], dict[str, Tensor] | None]:
    """Put a checkpoint back into model, optimizer and random generators; gives (state, best weights).

    Where several processes train together all must call it; the first one reads, and hands on what it read.
    """
    state, tensors = ranks.from_first(_read(path) if ranks.first else ({}, {}))
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "average": {}, "optimizer": {}, "random": {}}
    for key, value in tensors.items():
        part, _, name = key.partition(".")
        parts[part][name] = value
    like = model.state_dict()
    for part in ("model", "best", "average"):
        parts[part] = {name: placed(value, like[name]) for name, value in parts[part].items()}
    model.load_state_dict(parts["model"])
    if average is not None:
        average.load(parts["average"])
    restored = _optimizer_state(parts["optimizer"], state.pop("optimizer"), optimizer)
    optimizer.load_state_dict({"state": restored, "param_groups": optimizer.state_dict()["param_groups"]})
    drawn = parts["random"].get(f"{ranks.rank}.cpu")
    if drawn is not None:  # else more processes than before: the new ones keep the state of their seed
        torch.set_rng_state(drawn)
        if f"{ranks.rank}.cuda" in parts["random"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(parts["random"][f"{ranks.rank}.cuda"])
    return state, (parts["best"] if state.pop("has_best") else None)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tensors = load_weights(path / "tensors.safetensors")
    try:
        return json.loads((path / "state.json").read_text(encoding="utf-8")), tensors
    except (OSError, ValueError) as error:
        todo = "delete this folder and resume again: training then begins at its first step"
        raise RunError(f"the checkpoint cannot be read ({error})", where=str(path), todo=todo) from None


def _optimizer_state(
    tensors: dict[str, Tensor], numbers: dict[str, dict[str, Any]], optimizer: torch.optim.Optimizer
) -> dict[int, dict[str, Any]]:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    restored: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        same = value.shape == parameter.shape
        restored.setdefault(int(index), {})[name] = placed(value, parameter) if same else value
    for number, values in numbers.items():
        restored.setdefault(int(number), {}).update(values)
    return restored


def _random_state() -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def _synced(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
