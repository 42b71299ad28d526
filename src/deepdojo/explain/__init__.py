"""Why a model decides as it does: attributions of a row's pieces, each with the test whether it beats a random order.

Never here: the name of a task, a file, a picture of an explanation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepdojo.explain.run import explain_rows

__all__ = ["explain_rows"]


def __getattr__(name: str) -> Any:
    if name == "explain_rows":
        from deepdojo.explain.run import explain_rows

        return explain_rows
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
