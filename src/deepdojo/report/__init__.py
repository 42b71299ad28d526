"""One self-contained HTML page for a run, a board, a learning curve, a look at the data, from files and plain rows.

Nothing is computed here that ranks or judges: scores, intervals and comparisons are read as they were written.
Torch-free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["board_page", "curve_page", "look_page", "write_report"]

if TYPE_CHECKING:
    from deepdojo.report.board import board_page
    from deepdojo.report.curve import curve_page
    from deepdojo.report.look import look_page
    from deepdojo.report.page import write_report


def __getattr__(name: str) -> Any:
    if name == "board_page":
        from deepdojo.report.board import board_page

        return board_page
    if name == "curve_page":
        from deepdojo.report.curve import curve_page

        return curve_page
    if name == "look_page":
        from deepdojo.report.look import look_page

        return look_page
    if name == "write_report":
        from deepdojo.report.page import write_report

        return write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
