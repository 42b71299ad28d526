"""What a pass shows: the learner's own function at work on real data, as a picture.

A lesson's `finale.py` gives data, drives the function in the learner's process, and draws what came back.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepdojo.grader.drawing import Grey, Picture
from deepdojo.grader.lessons import Lesson
from deepdojo.grader.words import Text

if TYPE_CHECKING:
    from deepdojo.grader.runner import Runner

__all__ = ["About", "Finale", "OwnRun", "finale", "picture_of"]


@dataclass(frozen=True)
class Finale:
    """A picture and what it says."""

    picture: Picture
    said: Text

    def lines(self, colour: bool, lang: str = "en") -> list[str]:
        """For a terminal of 60 columns, with 24-bit colour or without any."""
        return self.picture.lines(colour, lang)

    def png(self, path: Path, lang: str = "en") -> None:
        """Raises OSError where the folder may not be written."""
        path.write_bytes(self.as_png(lang))

    def as_png(self, lang: str = "en") -> bytes:
        return self.picture.as_png(lang)


@dataclass(frozen=True)
class OwnRun:
    """The learner's own newest run with one label a row, as far as finales look at it.

    Attributes:
        names: of the classes, in order. y, p: numbers of the true and of the predicted one, row by row.
        second, sure: the second likeliest class, and the probability of the first; None where the run has none.
        score: of score.json. floor: name and predictions of the best floor beside it, where there is one.
    """

    id: str
    project: str
    names: list[str]
    y: list[int]
    p: list[int]
    second: list[int] | None
    sure: list[float] | None
    score: Mapping[str, Any]
    floor: tuple[str, list[int]] | None


@dataclass(frozen=True)
class About:
    """What a finale may know of the learner.

    Attributes:
        seed: the learner's own; it chose the fault that a debugging lesson planted.
        run: their newest run.
    """

    lesson: Lesson
    seed: int = 0
    run: OwnRun | None = field(default=None, repr=False)

    @cached_property
    def planted(self) -> str:
        """The name of the fault in the code that the learner was given."""
        from deepdojo.grader.loading import load_check

        faults = load_check(self.lesson).mutants
        return self.lesson.fault or faults[self.seed % len(faults)].name

    def broken(self, *others: str) -> list[str]:
        """The code that the learner was given, then the solution with each of the other faults."""
        from deepdojo.grader.loading import load_check, mutated

        known = {m.name: m for m in load_check(self.lesson).mutants}
        names = [self.planted, *(name for name in others if name != self.planted)]
        return [mutated(self.lesson.solution, known[name]) for name in names]

    def cost(self, shown: int, others: tuple[str, ...], cost: Text) -> Text:
        """The sentence under two curves: which fault the dashed one has, and what that cost.

        Args:
            shown: which of `broken(*others)` is drawn; not the first where that one's curve shows nothing.
        """
        from deepdojo.grader.loading import load_check

        said = {m.name: m.text for m in load_check(self.lesson).mutants}
        names = [self.planted, *(name for name in others if name != self.planted)]
        own, drawn = said[names[0]], said[names[shown]]
        if shown == 0:
            return Text(f"The fault that you mended: {own.en}. {cost.en}", f"你改好的错误：{own.zh}。{cost.zh}")
        return Text(
            f"The fault that you mended: {own.en}. These data do not show it, and so such faults live long. "
            f"Drawn is another of this lesson: {drawn.en}. {cost.en}",
            f"你改好的错误：{own.zh}。在这份数据上看不出它，所以这类错误能藏很久。画出的是本课的另一个错误："
            f"{drawn.zh}。{cost.zh}",
        )


def picture_of(path: Path) -> Path:
    """Where the picture of an answer lies: beside it."""
    return path.with_suffix(".png")


def finale(
    lesson: Lesson, source: str, path: Path | None, runner: Runner, *, seed: int = 0, run: OwnRun | None = None
) -> Finale | None:
    """The picture of code that has passed; None where the lesson has none, or the code has no answer to its data.

    Args:
        seed, run: see `About`; a script whose `given` takes an argument gets one, and its `show`, too.
    """
    script = lesson.folder / "finale.py"
    if not script.is_file():
        return None
    from deepdojo.grader.grade import Questions
    from deepdojo.grader.loading import load_check

    module = _load(script)
    about = [About(lesson, seed, run)] if inspect.signature(module.given).parameters else []
    given = module.given(*about)
    question = {"arguments": given, "grads": [], "cotangents": {}, "seed": 0, "runs": ["plain"]}
    job = Questions(lesson, load_check(lesson), []).job(source, path)
    reply = runner.run({**job, "driver": inspect.getsource(module.drive), "speed": None, "cases": [question]})
    records = [frame["record"] for frame in reply.frames if frame.get("kind") == "case"]
    if not records or records[0]["faults"]:
        return None
    try:
        picture, said = module.show(*about, *given.values(), records[0]["plain"])
    except (IndexError, KeyError, TypeError, ValueError, RuntimeError):  # an answer of another shape than checks saw
        return None
    return Finale(Grey(picture) if isinstance(picture, np.ndarray) else picture, said)


def _load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"deepdojo_finale_{script.parent.name.replace('-', '_')}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
