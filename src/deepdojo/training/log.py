"""metrics.jsonl: one JSON object a line, readable while training goes on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from deepdojo.places import cannot_write, write_text

__all__ = ["MetricsLog"]


class MetricsLog:
    """Appends whole lines; a line survives a kill of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **values: Any) -> None:
        text = json.dumps(_finite(values), ensure_ascii=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def keep_until(self, step: int) -> None:
        """Forget what was logged after a step, which will be trained again."""
        if not self.path.is_file():
            return
        kept = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line)
            except (ValueError, KeyError, TypeError):  # the last line of a killed process may be cut
                continue
        write_text(self.path, "".join(f"{line}\n" for line in kept))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
