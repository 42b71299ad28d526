"""What is printed, and how it survives any terminal: results on stdout, the rest on stderr, 80 columns."""

from __future__ import annotations

import codecs
import json
import os
import shlex
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from deepdojo.errors import DojoError

__all__ = [
    "answer",
    "clip",
    "colourful",
    "complain",
    "draws_over_itself",
    "err",
    "head",
    "never_crash_on_encoding",
    "next_step",
    "out",
    "paragraph",
    "point",
    "print_json",
    "quiet_exit",
    "styled",
    "table",
    "text_width",
    "width",
]

# What our own signs become where the terminal cannot show them; anything else that it cannot show becomes "?".
_PLAIN = {
    "·": "|", "…": "...", "–": "-", "—": "-", "─": "-", "━": "-", "│": "|", "●": "o", "○": "o", "◆": "*", "✓": "ok",
    "✗": "x", "█": "#", "░": ".", "×": "x", "²": "2", "±": "+-", "≥": ">=", "≤": "<=", "→": "->", "“": '"', "”": '"',
    "‘": "'", "’": "'", "é": "e", "ï": "i", "−": "-", "\u00a0": " ", "√": "sqrt", "ᵀ": "^T",
}  # fmt: skip

_STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "31", "warn": "33", "accent": "36"}


def _plain_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


def never_crash_on_encoding() -> None:
    """Let stdout and stderr write the nearest plain sign where their encoding lacks one (Windows cp1252, LANG=C)."""
    codecs.register_error("dojo", _plain_signs)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="dojo")


def quiet_exit() -> int:
    """The reader of our pipe has gone: keep the interpreter from complaining at exit. Returns 128 + SIGPIPE."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(nowhere, stream.fileno())
    return 141


def width() -> int:
    """Columns to use: those of the terminal, at most 80; 80 where there is none."""
    return max(40, min(80, shutil.get_terminal_size((80, 24)).columns))


def colourful(stream: TextIO) -> bool:
    """Colour only on a terminal that wants it (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    if not stream.isatty():
        return False
    return os.name != "nt" or _windows_colours()


def draws_over_itself(stream: TextIO) -> bool:
    """Whether a picture can be drawn over the last one: a terminal that moves its cursor, colours or not."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and (os.name != "nt" or _windows_colours())


def _windows_colours() -> bool:
    """Newer Windows consoles understand escape codes once asked; older ones keep plain text."""
    if os.environ.get("WT_SESSION") or os.environ.get("ANSICON") or os.environ.get("TERM_PROGRAM"):
        return True
    import ctypes

    windll = getattr(ctypes, "windll", None)
    if windll is None:
        return False
    mode = ctypes.c_uint32()
    handle = windll.kernel32.GetStdHandle(-11)
    return bool(windll.kernel32.GetConsoleMode(handle, ctypes.byref(mode)) and mode.value & 4)


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in one of our styles (bold, dim, good, bad, warn, accent), or as it is where colour is not wanted."""
    stream = sys.stdout if stream is None else stream
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if text and colourful(stream) else text


def out(line: str = "") -> None:
    """One line of the result."""
    print(line, file=sys.stdout)


def err(line: str = "") -> None:
    """One line beside the result."""
    print(line, file=sys.stderr, flush=True)


def paragraph(text: str, *, indent: int = 0, style: str = "") -> None:
    """Prose on stdout, wrapped at the width; commands and paths longer than a line are left whole."""
    pad = " " * indent
    lines = textwrap.wrap(
        text, width() - 1, initial_indent=pad, subsequent_indent=pad, break_long_words=False, break_on_hyphens=False
    )
    out("\n".join(styled(line, style) if style else line for line in lines))


def answer(parts: Iterable[tuple[str, str]]) -> None:
    """The first sentence of a screen: (text, style) parts, joined by dots.

    One line in pipes and where the terminal is wide enough; else broken between parts.
    """
    room = _room(sys.stdout)
    line, used = "", 0
    for text, style in parts:
        if not text:
            continue
        shown, size = styled(text, style) if style else text, text_width(text)
        if line and used + size + 3 >= room:
            out(line)
            line, used = f"  {shown}", size + 2
        else:
            line, used = (f"{line} · {shown}", used + size + 3) if line else (shown, size)
    out(line)


def head(text: str) -> None:
    """A heading of one line."""
    out(styled(text, "bold"))


def quoted(name: object) -> str:
    """A name or path as a shell takes it: blanks and the like in quotation marks."""
    text = str(name)
    plain = text and all(sign.isalnum() or sign in "@%+=:,./-_" for sign in text)
    return text if plain else shlex.quote(text)


def next_step(command: str, why: str = "", *, word: str = "Next: ") -> None:
    """The one next step at the end of a screen, as a command that can be copied; what for, below it if it is long."""
    line = f"{word}{styled(command, 'accent')}"
    fits = 3 + text_width(word) + text_width(command) + text_width(why) < _room(sys.stdout)
    out()
    out(line + (f"   {styled(why, 'dim')}" if why and fits else ""))
    if why and not fits:
        out(f"      {styled(why, 'dim')}")


def point(sentence: str) -> None:
    """One of several sentences under a head: indented, on a terminal broken between words, in a pipe one line."""
    out(_between_words(f"  {sentence}", sys.stdout, indent=4))


def _between_words(line: str, stream: TextIO, *, indent: int) -> str:
    room = _room(stream)
    if text_width(line) < room:
        return line
    pad = " " * indent
    return textwrap.fill(line, room - 1, subsequent_indent=pad, break_long_words=False, break_on_hyphens=False)


def _room(stream: TextIO) -> int:
    """Columns of the terminal that `stream` is; endless in pipes, where a line stays a line."""
    return shutil.get_terminal_size().columns if stream.isatty() else sys.maxsize


def complain(fault: DojoError) -> None:
    """What is wrong, where, and what to do: one sentence on stderr, on a terminal broken between words."""
    said = _between_words(f"{fault.label}{' '.join(str(fault).split())}", sys.stderr, indent=7)
    err(styled(fault.label, "bad", sys.stderr) + said.removeprefix(fault.label))


def print_json(value: Any) -> None:
    """JSON on stdout, as UTF-8 where the stream allows it; numbers that JSON lacks become null."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "").replace("_", "")
    out(json.dumps(_plain(value), ensure_ascii=not encoding.startswith("utf"), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()  # a numpy scalar
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def text_width(text: str) -> int:
    """Columns that a text takes: East Asian wide signs take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clip(text: str, columns: int) -> str:
    """At most so many columns, with … where something is left out."""
    text = " ".join(text.split())
    if text_width(text) <= columns:
        return text
    kept = ""
    for sign in text:
        if text_width(kept + sign) > columns - 1:
            break
        kept += sign
    return kept.rstrip() + "…"


def table(
    rows: Iterable[Sequence[str]], columns: Sequence[str], *, right: Iterable[int] = (), last_wraps: bool = False
) -> None:
    """Aligned columns, two blanks apart, a dim head, no lines; the last column is clipped (or wrapped) to fit.

    A wrapped cell may have several lines, parted by the end of a line: those after the first are dim.
    """
    body = [[*map(str, row)] for row in rows]
    right = set(right)
    sizes = [max(text_width(row[i]) for row in [list(columns), *body]) for i in range(len(columns))]
    room = width() - 1 - 2 * (len(sizes) - 1)
    while sum(sizes[:-1]) + 10 > room and max(sizes[:-1]) > 8:  # the widest gives way, the name of a row as the last
        widest = max(sizes[1:-1], default=0)
        sizes[sizes.index(widest, 1) if widest > 8 else sizes.index(max(sizes[:-1]))] -= 1
    room -= sum(sizes[:-1])
    sizes[-1] = max(10, min(sizes[-1], room))
    if any(columns):
        out(styled(_line(list(columns), sizes, right), "dim"))
    for row in body:
        parts = row[-1].split("\n") if last_wraps else [row[-1]]
        wraps = (
            [(line, i) for i, part in enumerate(parts) for line in textwrap.wrap(part, sizes[-1])] if last_wraps else []
        )
        out(_line([*row[:-1], wraps[0][0] if wraps else row[-1]], sizes, right))
        for more, part in wraps[1:]:
            line = _line([*[""] * (len(row) - 1), more], sizes, right)
            out(styled(line, "dim") if part else line)


def _line(cells: Sequence[str], sizes: Sequence[int], right: set[int]) -> str:
    parts = []
    for i, (cell, size) in enumerate(zip(cells, sizes, strict=True)):
        text = clip(cell, size)
        gap = " " * (size - text_width(text))
        parts.append(gap + text if i in right else text + gap)
    return "  ".join(parts).rstrip()
