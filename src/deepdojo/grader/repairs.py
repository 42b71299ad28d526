"""Debugging lessons: how many lines that were right a repair changed, for a warning beside the pass."""

from __future__ import annotations

import difflib

from deepdojo.grader.words import Text

__all__ = ["changed_right_lines", "right_lines_warning"]


def changed_right_lines(source: str, stub: str, solution: str) -> int:
    """Lines of code that the stub shares with the solution and that are gone from `source`.

    A line that only moved to another place, another indentation or another blank is not counted; nor are comments.
    """
    given, right, now = (_code(text) for text in (stub, solution, source))
    same = difflib.SequenceMatcher(None, given, right, autojunk=False).get_matching_blocks()
    fine = [line for block in same for line in given[block.a : block.a + block.size]]
    left = list(now)
    gone = 0
    for line in fine:
        if line in left:
            left.remove(line)
        else:
            gone += 1
    return gone


def right_lines_warning(count: int) -> Text | None:
    """The sentence, or None where nothing that was right was changed."""
    if not count:
        return None
    return Text(
        f"Right, but you changed {count} line{'s' * (count > 1)} that {'were' if count > 1 else 'was'} right.",
        f"结果正确，但你改动了 {count} 行原本正确的代码。",
    )


def _code(text: str) -> list[str]:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
