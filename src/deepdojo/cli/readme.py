"""The README.md of a project: what it is, what can be learned from it, what to try next, and the same in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["CHINESE", "SECTIONS", "passages", "read_readme"]

CHINESE = "中文"
SECTIONS = ("What it is", "What to learn from it", "What to try next", CHINESE)
"""The headings that the README of every built-in project has."""


def read_readme(folder: Path) -> dict[str, str]:
    """Heading -> text below it; empty where there is no README.md. What stands before the first heading of the second
    rank is left out: it repeats the title."""
    path = folder / "README.md"
    if not path.is_file():
        return {}
    parts = re.split(r"^## +(.+?) *$", path.read_text("utf-8", "replace"), flags=re.MULTILINE)[1:]
    return {heading: text.strip() for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def passages(text: str) -> list[tuple[bool, str]]:
    """(whether it stands as it is, the words) of each paragraph, list item and line of code; line ends within are
    blanks."""
    found: list[tuple[bool, str]] = []
    code = fresh = False
    for line in text.splitlines():
        if line.startswith("```"):
            code, fresh = not code, True
        elif code:
            found.append((True, line))
        elif not line.strip():
            fresh = True
        elif fresh or not found or found[-1][0] or line.startswith("- "):
            found.append((False, line.strip()))
            fresh = False
        else:
            found[-1] = (False, f"{found[-1][1]} {line.strip()}")
    return found
