"""`dojo lessons new`: a lesson's folder with every file that it needs, small but whole: it passes the gate."""

from __future__ import annotations

import re
from pathlib import Path

from deepdojo.errors import UsageError
from deepdojo.places import write_text

__all__ = ["create_lesson"]

_FILES = {
    "lesson.toml": """minutes = 15
needs = []
names = ["double"]
check_version = 1

[title]
en = "Twice as much"
zh = "加倍"

[hints]
en = ["What is twice 3?", "One number and one sign are enough.", "Which sign stands between 2 and x?"]
zh = ["3 的两倍是多少？", "一个数和一个符号就够了。", "2 和 x 之间是什么符号？"]
""",
    "solution.py": '''"""Twice as much."""

from torch import Tensor


def double(x: Tensor) -> Tensor:
    """2 x. Args: x of any shape. Returns: the same shape and dtype."""
    # --- your code ---
    return 2 * x
    # --- end ---
''',
    "check.py": '''"""The check of this lesson: see docs/writing-lessons.md."""

from deepdojo.grader import Check, case, mutant, normal


def oracle(x):
    return x + x


check = Check(
    oracle,
    cases=[case("a vector", x=normal("N")), case("a matrix", x=normal("N D"))],
    mutants=[
        mutant("square", "2 * x", "x**2", en="x is squared, not doubled", zh="x 被平方了，而不是加倍"),
        mutant("unchanged", "2 * x", "1 * x", en="x comes back as it was", zh="x 原样返回了"),
    ],
)
''',
    "accept/sum.py": """import torch


def double(x):
    return torch.stack([x, x]).sum(0)
""",
    "text.en.md": """# Twice as much

## Idea

One idea, in a paragraph.

## A worked number

```python
assert 2 * 3 == 6
```
""",
    "text.zh.md": """# 加倍

## 思路

用一段话讲清一个想法。

## 算一个数

```python
assert 2 * 3 == 6
```
""",
    "why.en.md": "# Why it works\n\nShown after the pass: why, and what real libraries do.\n",
    "why.zh.md": "# 为什么可行\n\n通过后显示：原理，以及真实的库怎么做。\n",
}


def create_lesson(folder: Path) -> Path:
    """Writes the files of a new lesson. Raises UsageError where the folder has something in it, or is named oddly."""
    if not re.fullmatch(r"[a-z]+\d+-[a-z0-9-]+", folder.name):
        raise UsageError(
            f"{folder.name!r} is no lesson's id", todo="write a track, a number and a name, such as x1-double"
        )
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("is not empty", where=str(folder), todo="give a folder that does not exist yet")
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    return folder
