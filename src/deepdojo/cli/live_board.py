"""`dojo board ADDRESS --watch`: the picture on a terminal is drawn over itself; in a pipe each change is printed."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from deepdojo.cli.output import clip, draws_over_itself, err, print_json, styled

__all__ = ["watch_board"]

_ALONE, _BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"  # a screen of one's own without a cursor, and back
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
_SAYS = {"live": "live", "polling": "asked every 2 s, for no live stream comes through", "lost": "no connection"}
Print = Callable[[dict[str, Any], dict[str, str], int | None], None]


def watch_board(address: str, part: str, show: Print, *, json: bool) -> None:
    """Until Ctrl-C, which ends it like any other end.

    Args:
        show: prints a board with a mark for some teams, and at most so many rows.
    """
    from deepdojo import api

    seen = api.follow_board(address, part)
    try:
        if json or not draws_over_itself(sys.stdout):
            _printed(seen, show, json=json)
        else:
            _drawn(seen, show)
    except KeyboardInterrupt:
        err("stopped watching")


def _printed(seen: Iterator[tuple[dict[str, Any] | None, str, float]], show: Print, *, json: bool) -> None:
    """Each board after the other; what becomes of the connection on stderr."""
    before, was = None, "live"
    for board, state, _ in seen:
        if state != was and "lost" in (state, was):
            err("no connection; trying again" if state == "lost" else "connected again")
        was = state
        if board is not None and (before is None or board["rows"] != before["rows"]):
            print_json(board["rows"]) if json else show(board, marks(before, board), None)
            sys.stdout.flush()
            before = board


def _drawn(seen: Iterator[tuple[dict[str, Any] | None, str, float]], show: Print) -> None:
    shown: dict[str, Any] | None = None
    moved: dict[str, str] = {}
    sys.stdout.write(_ALONE)
    try:
        for board, state, again_s in seen:
            if board is not None:
                if shown is not None:
                    moved = marks(shown, board)
                shown = board
            if shown is None:
                continue
            again = f", again in {again_s:.0f} s" if state == "lost" else ""
            said = f"{_SAYS[state]}{again} · {time.strftime('%H:%M:%S')} · Ctrl-C ends it"
            _draw(partial(show, shown, moved, _rows_that_fit()), styled(said, "bad" if state == "lost" else "dim"))
    finally:
        sys.stdout.write(_BACK)
        if shown is not None:
            show(shown, {}, None)  # what was seen last stays in the terminal
        sys.stdout.flush()


class _Paper(io.StringIO):
    """Takes what is printed, as if it were the terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def _draw(picture: Callable[[], None], foot: str) -> None:
    paper = _Paper()
    with contextlib.redirect_stdout(paper):
        picture()
    lines = paper.getvalue().rstrip("\n").split("\n")[: shutil.get_terminal_size().lines - 2]
    sys.stdout.write(_HOME + "".join(f"{line}{_REST_OF_LINE}\n" for line in [*lines, ""]) + foot + _REST)
    sys.stdout.flush()


def _rows_that_fit() -> int:
    """Head, legend and foot need some ten lines."""
    return max(3, shutil.get_terminal_size().lines - 11)


def marks(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, str]:
    """Of each team that has moved between two pictures: ▲ or ▼ by its rank, ● by its value alone or as a new one."""
    if before is None:
        return {}
    old = {row["name"]: row for row in before["rows"] if row["kind"] == "run"}
    found = {}
    for row in now["rows"]:
        was = old.get(row["name"])
        if row["kind"] != "run":
            continue
        if was is None or (row["score"] != was["score"] and row["rank"] in (was["rank"], None)):
            found[clip(row["name"], 200)] = "●"
        elif row["rank"] is not None and was["rank"] is not None and row["rank"] != was["rank"]:
            found[clip(row["name"], 200)] = "▲" if row["rank"] < was["rank"] else "▼"
    return found
