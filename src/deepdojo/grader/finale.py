"""What a pass shows: the learner's own function at work on real data, as a picture.

A lesson's `finale.py` gives data, drives the function in the learner's process, and draws what came back.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.grader.lessons import Lesson
from deepdojo.grader.words import Text

if TYPE_CHECKING:
    import numpy as np

    from deepdojo.grader.runner import Runner

__all__ = ["Finale", "finale", "picture_of"]

_RAMP = " .:-=+*#%@"


@dataclass(frozen=True)
class Finale:
    """A picture and what it says.

    Attributes:
        grey: float array (Y, X), 0 the ground and 1 the ink; Y is even.
    """

    grey: np.ndarray
    said: Text

    def lines(self, colour: bool) -> list[str]:
        """Two rows of pixels in each line: blocks in 24-bit colour, else signs of growing weight."""
        upper, lower = self.grey[::2], self.grey[1::2]
        if not colour:
            signs = ((upper + lower) / 2 * (len(_RAMP) - 1)).round().astype(int)
            return ["".join(_RAMP[s] for s in row).rstrip() for row in signs]
        return ["".join(map(_block, *rows)) + "\x1b[0m" for rows in zip(upper, lower, strict=True)]

    def png(self, path: Path) -> None:
        """Raises OSError where the folder may not be written."""
        path.write_bytes(self.as_png())

    def as_png(self, scale: int = 12) -> bytes:
        from PIL import Image

        image = Image.fromarray(((1 - self.grey) * 255).round().astype("uint8"))
        file = io.BytesIO()
        image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(file, "PNG")
        return file.getvalue()


def picture_of(path: Path) -> Path:
    """Where the picture of an answer lies: beside it."""
    return path.with_suffix(".png")


def finale(lesson: Lesson, source: str, path: Path | None, runner: Runner) -> Finale | None:
    """The picture of code that has passed; None where the lesson has none, or the code has no answer to its data."""
    script = lesson.folder / "finale.py"
    if not script.is_file():
        return None
    from deepdojo.grader.grade import Questions
    from deepdojo.grader.loading import load_check

    module = _load(script)
    given = module.given()
    question = {"arguments": given, "grads": [], "cotangents": {}, "float32": False, "layout": False, "seed": 0}
    job = Questions(lesson, load_check(lesson), []).job(source, path)
    reply = runner.run({**job, "driver": inspect.getsource(module.drive), "cases": [question]})
    records = [frame["record"] for frame in reply.frames if frame.get("kind") == "case"]
    if not records or records[0]["faults"]:
        return None
    try:
        return Finale(*module.show(*given.values(), records[0]["plain"]))
    except (IndexError, TypeError, ValueError, RuntimeError):  # an answer of another shape than the checks saw
        return None


def _load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"deepdojo_finale_{script.parent.name.replace('-', '_')}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _block(upper: float, lower: float) -> str:
    """Ink is light on a dark terminal, and readable on a light one: both colours are set."""
    a, b = (round(24 + 231 * float(v)) for v in (upper, lower))
    return f"\x1b[38;2;{a};{a};{a};48;2;{b};{b};{b}m▀"
