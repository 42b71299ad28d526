"""A folder with config.json and safetensors, from disk or from the Hugging Face hub; nothing pickled is ever opened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepdojo.errors import RecipeError
from deepdojo.places import write_bytes

__all__ = ["Checkpoint", "open_checkpoint", "write_checkpoint"]

_INDEX = "model.safetensors.index.json"
_WEIGHTS = "model.safetensors"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


@dataclass(frozen=True)
class Checkpoint:
    """What a folder holds.

    Attributes:
        name: how the user called it.
        config: config.json.
        files: which file holds each tensor.
    """

    name: str
    config: Mapping[str, Any]
    files: Mapping[str, Path]

    def names(self) -> list[str]:
        """Names of all tensors."""
        return list(self.files)

    def lazily(self, names: Mapping[str, str]) -> Mapping[str, Tensor]:
        """The tensors under other names, each read when it is asked for."""
        return _Tensors(self, names)


class _Tensors(Mapping[str, Tensor]):
    def __init__(self, checkpoint: Checkpoint, names: Mapping[str, str]) -> None:
        self.checkpoint, self.old = checkpoint, names
        self._opened = {path: safe_open(path, framework="pt") for path in set(checkpoint.files.values())}

    def __getitem__(self, name: str) -> Tensor:
        old = self.old[name]
        return self._opened[self.checkpoint.files[old]].get_tensor(old)

    def __iter__(self) -> Iterator[str]:
        return iter(self.old)

    def __len__(self) -> int:
        return len(self.old)


def open_checkpoint(folder_or_hub_id: str | Path, revision: str | None = None) -> Checkpoint:
    """Opens a folder, or downloads `owner/name` from the hub. Raises RecipeError with one sentence."""
    name = str(folder_or_hub_id)
    folder = Path(folder_or_hub_id).expanduser()
    if folder.is_file():
        said = "" if folder.suffix == ".safetensors" else _pickled_sentence(folder.name) + "; and "
        raise RecipeError(f"{said}this is a file, not a folder", where=name, todo=f"give {folder.parent}")
    if not folder.is_dir():
        from deepdojo.models.pretrained.hub import looks_like_hub_id, snapshot

        if not isinstance(folder_or_hub_id, str) or not looks_like_hub_id(name):
            raise RecipeError(f"there is no folder {name}", where=name, todo="give a folder, or owner/name on the hub")
        folder = snapshot(name, revision)
    return Checkpoint(name, _config(folder, name), _files(folder, name))


def _config(folder: Path, name: str) -> Mapping[str, Any]:
    return _json(folder / "config.json", name, "config.json is not there; it says which model this is")


def _json(path: Path, name: str, absent: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecipeError(absent, where=name) from None
    except (OSError, ValueError) as error:
        raise RecipeError(f"{path.name} cannot be read: {error}", where=name) from error
    if not isinstance(value, dict):
        raise RecipeError(f"{path.name} must hold an object", where=name)
    return value


def _files(folder: Path, name: str) -> dict[str, Path]:
    if (folder / _WEIGHTS).is_file():
        shards = [folder / _WEIGHTS]
    elif (folder / _INDEX).is_file():
        listed = _json(folder / _INDEX, name, "").get("weight_map", {})
        if not isinstance(listed, dict) or any(Path(str(f)).name != f for f in listed.values()):
            raise RecipeError(f"{_INDEX} must map names to files of its own folder", where=name)
        shards = [folder / file for file in sorted(set(listed.values()))]
    else:
        raise RecipeError(*_without_weights(folder), where=name)
    files = {}
    for shard in shards:
        try:
            with safe_open(shard, framework="pt") as file:
                files.update(dict.fromkeys(file.keys(), shard))
        except FileNotFoundError:
            raise RecipeError(f"{shard.name}, which {_INDEX} names, is not there", where=name) from None
        except (SafetensorError, OSError) as error:
            raise RecipeError(f"{shard.name} is damaged: {error}", where=name, todo="copy it again") from error
    return files


def _without_weights(folder: Path) -> tuple[str]:
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    if not pickled:
        return ("there is no model.safetensors",)
    return (_pickled_sentence(pickled[0]),)


def _pickled_sentence(file: str) -> str:
    return (
        f"{file} is not safetensors, and a pickled file can run any code when it is opened, so it is not read; "
        "convert it where you trust it: AutoModel.from_pretrained(folder).save_pretrained(folder)"
    )


def write_checkpoint(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """config.json and model.safetensors, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / _WEIGHTS, save(dict(tensors), metadata={"format": "pt"}))
    text = json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    write_bytes(folder / "config.json", text.encode())
