"""How many classes a checkpoint's config.json has, and what ours writes there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdojo.models.checks import require

__all__ = ["number_of_labels", "their_labels"]


def number_of_labels(theirs: Mapping[str, Any]) -> int:
    """From id2label, or num_labels; Transformers leaves both out where there are two. Raises RecipeError for none."""
    names = theirs.get("id2label")
    count = len(names) if names is not None else int(theirs.get("num_labels", 2))
    require(count > 0, "num_labels", "the checkpoint has no labels, so its head is missing; take head = 'none'")
    return count


def their_labels(count: int) -> dict[str, Any]:
    """id2label and label2id with the names that Transformers itself gives to labels without one."""
    names = [f"LABEL_{i}" for i in range(count)]
    return {"id2label": {str(i): n for i, n in enumerate(names)}, "label2id": {n: i for i, n in enumerate(names)}}
