"""One process of a training that `torchrun` starts; see test_distributed.py. Arguments: folder, what to do (JSON)."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deepdojo.recipes import TrainSection
from deepdojo.training.checkpoint import latest_checkpoint, save_weights
from deepdojo.training.distributed import gathered, process_group, whole
from tests.training.fitting import fitted, set_up
from tests.training.made_rows import image_rows, table_rows, text_rows

ROWS = {"tabular-classification": table_rows, "text-classification": text_rows, "image-classification": image_rows}


class Dying(nn.Module):
    """Kills its own process on entering a step, once."""

    def __init__(self, model: nn.Module, at: int, mark: Path) -> None:
        super().__init__()
        self.model, self.left, self.mark = model, at, mark

    def forward(self, *inputs: Any) -> Any:
        self.left -= self.training
        if self.left == 0 and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.model(*inputs)


def main(
    folder: Path, task: str, model: str, arguments: dict[str, Any], train: dict[str, Any], die_at: int | None
) -> None:
    with process_group() as ranks:
        parts = set_up(task, model, ROWS[task](120), seed=0 if ranks.first else 1, **arguments)
        own = folder if ranks.first else folder.with_name(f"{folder.name}-{ranks.rank}")
        if die_at is not None and not ranks.first:
            parts = (parts[0], Dying(parts[1], die_at, own.with_suffix(".killed")), *parts[2:])
        elif die_at is not None:
            parts = (parts[0], Dying(parts[1], 10**9, own), *parts[2:])  # the same names of parameters in both
        begun = own.is_dir() and latest_checkpoint(own / "checkpoints") is not None
        resume = bool(gathered(begun, ranks)[0])
        section = TrainSection.model_validate(train)
        done = fitted(own, parts, train=section, ranks=ranks, resume=resume)
        weights = {name: whole(value) for name, value in parts[1].state_dict().items()}
        if ranks.first:
            save_weights(folder / "weights.safetensors", weights)
            (folder / "done.json").write_text(json.dumps({"steps": done.steps, "resumed": resume}))


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    main(Path(sys.argv[1]), **json.loads(sys.argv[2]))
