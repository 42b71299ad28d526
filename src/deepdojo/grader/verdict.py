"""The verdict on a learner's file: one object, rendered in English or Chinese, or as JSON."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deepdojo.grader.words import Text

__all__ = ["Verdict"]

_COLUMN = 57  # where the case stands behind the first sentence, when there is room
_CAUSE = Text("Likely cause: ", "可能的原因：")
_WAITING = Text("{} more checks wait behind this one", "后面还有 {} 项检查")
_WAITING_ONE = Text("one more check waits behind this one", "后面还有 1 项检查")
_PRINTED = Text("Your code printed:", "你的代码输出了：")


@dataclass
class Verdict:
    """What is said about one file.

    Attributes:
        lesson, function: the lesson's id and the name that was graded.
        passed: right in every check.
        stage, kind: where it failed ("value", "wrong"), or "pass".
        head: the first sentence. context: case, seed, shapes.
        facts: lines below it. causes: known mistakes that give these very numbers (several: joined by "or").
        todo: what helps, where no cause is known.
        mutants: names of the causes.
        waiting: checks that were not reached.
        trace, output: traceback and what was printed, for whoever asks.
    """

    lesson: str
    function: str
    passed: bool
    stage: str
    kind: str
    head: Text
    context: Text = field(default_factory=lambda: Text("", ""))
    facts: list[Text] = field(default_factory=list)
    causes: list[Text] = field(default_factory=list)
    todo: Text | None = None
    mutants: list[str] = field(default_factory=list)
    case: str | None = None
    seed: int | None = None
    waiting: int = 0
    trace: str = ""
    output: str = ""
    seconds: float = 0.0

    def cause(self, lang: str) -> str | None:
        """One sentence; twins are joined by "or"."""
        if not self.causes:
            return None
        parts = [c[lang].rstrip(" .。") for c in self.causes]
        return (
            (" or ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]) + "."
            if (lang != "zh")
            else "，或者".join(parts) + "。"
        )

    def lines(self, lang: str = "en", *, width: int = 10_000, keys: str | None = None) -> list[str]:
        """The message as the terminal shows it.

        Args:
            width: columns; where the case does not fit behind the first sentence it stands below it.
            keys: the last line, such as "h hint · t details".
        """
        mark = "✓ " if self.passed else "✗ "
        colon = "：" if lang == "zh" else ": "
        lines = _beside(mark + self.function + colon + self.head[lang], self.context[lang], width)
        lines += [f"  {fact[lang]}" for fact in self.facts]
        cause = self.cause(lang)
        if cause is not None:
            lines.append(f"  {_CAUSE[lang]}{cause}")
        elif self.todo is not None:
            lines.append(f"  {self.todo[lang]}")
        waiting = (_WAITING_ONE if self.waiting == 1 else _WAITING)[lang].format(self.waiting) if self.waiting else ""
        last = " · ".join(filter(None, [keys, waiting]))
        return [*lines, f"  {last}"] if last else lines

    def render(self, lang: str = "en", *, width: int = 10_000, keys: str | None = None, output: bool = True) -> str:
        text = "\n".join(self.lines(lang, width=width, keys=keys))
        if output and self.output.strip():
            text += f"\n\n  {_PRINTED[lang]}\n" + "\n".join(f"  │ {line}" for line in _few(self.output.splitlines()))
        return text

    def __str__(self) -> str:
        return self.render()

    def as_json(self) -> dict[str, Any]:
        said = {lang: self.cause(lang) for lang in ("en", "zh")}
        return {
            "verdict": "pass" if self.passed else "not yet",
            "lesson": self.lesson, "function": self.function, "stage": self.stage, "kind": self.kind,
            "case": self.case, "seed": self.seed,
            "head": self.head.as_json(), "context": self.context.as_json(),
            "facts": [f.as_json() for f in self.facts],
            "cause": said if self.causes else None,
            "todo": self.todo.as_json() if self.todo else None,
            "mutants": self.mutants, "waiting": self.waiting,
            "message": {lang: "\n".join(self.lines(lang)) for lang in ("en", "zh")},
            "output": self.output, "trace": self.trace, "seconds": round(self.seconds, 3),
        }  # fmt: skip


def _beside(head: str, context: str, width: int) -> list[str]:
    if not context:
        return [head]
    size = _columns(head)
    gap = max(_COLUMN - size, 3)
    if size + gap + _columns(context) <= width:
        return [head + " " * gap + context]
    return [head, f"  {context}"]


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _few(lines: Sequence[str], most: int = 20) -> list[str]:
    return list(lines) if len(lines) <= most else [*lines[:most], f"… ({len(lines) - most})"]
