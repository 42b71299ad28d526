"""A lesson's Markdown as lines of a terminal: headings, prose, lists, tables and code, in any width, with or without
colour. rich breaks Chinese prose at blanks alone, so that lines end anywhere; hence lines of our own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deepdojo.grader.formulas import FormulaError, plain, reader
from deepdojo.learn.wrapping import columns, fit, ranges

__all__ = ["Style", "render", "wrapped"]

_CODES = {"head": "1", "strong": "1", "em": "3", "code": "36", "dim": "2", "": ""}
_GAP, _IN = 2, 4


@dataclass(frozen=True)
class Style:
    """How to write: columns, and whether with colour."""

    width: int = 80
    colour: bool = False

    def paint(self, text: str, name: str) -> str:
        code = _CODES.get(name, name)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text


@dataclass
class _Run:
    """Text with a style for every sign of it."""

    text: str = ""
    styles: list[str] = field(default_factory=list)

    def add(self, text: str, style: str) -> None:
        self.text += text
        self.styles += [style] * len(text)

    def piece(self, begin: int, end: int, style: Style) -> str:
        parts, at = [], begin
        while at < end:
            stop = at
            while stop < end and self.styles[stop] == self.styles[at]:
                stop += 1
            parts.append(style.paint(self.text[at:stop], self.styles[at]))
            at = stop
        return "".join(parts)


def render(text: str, style: Style) -> str:
    """Lines of at most `style.width` columns; code and links that are longer are left whole. LaTeX becomes text."""
    lines: list[str] = []
    _Page(style, lines).block(reader().parse(text))
    return "\n".join(lines).strip("\n")


class _Page:
    def __init__(self, style: Style, lines: list[str]) -> None:
        self.style, self.lines = style, lines
        self.pads: list[tuple[str, str]] = []  # (the first line's beginning, that of the others)

    def block(self, tokens: Sequence[Any]) -> None:
        at, numbers = 0, []
        while at < len(tokens):
            token = tokens[at]
            kind = token.type
            if kind == "table_open":
                end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
                self._table(tokens[at:end])
                at = end
            elif kind == "heading_open":
                self._blank()
                self._prose(tokens[at + 1], "head")
                at += 2
            elif kind == "inline":
                self._prose(token, "")
            elif kind in ("fence", "code_block"):
                self._code(token)
            elif kind in ("bullet_list_open", "ordered_list_open"):
                numbers.append(int(token.attrGet("start") or 1) if kind.startswith("ordered") else None)
                self._blank()
            elif kind in ("bullet_list_close", "ordered_list_close"):
                numbers.pop()
            elif kind == "list_item_open":
                self._item(numbers)
            elif kind == "list_item_close":
                self.pads.pop()
            elif kind == "paragraph_open" and not self.pads:
                self._blank()
            elif kind == "math_block":
                self._formula(token.content)
            at += 1

    def _item(self, numbers: list[int | None]) -> None:
        number = numbers[-1]
        sign = "• " if number is None else f"{number}. "
        if number is not None:
            numbers[-1] = number + 1
        self.pads.append((sign, " " * len(sign)))

    def _blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def _prose(self, token: Any, base: str) -> None:
        run = _spans(token, base)
        before = "".join(after for _, after in self.pads[:-1])
        first, rest = self.pads[-1] if self.pads else ("", "")
        room = self.style.width - len(before + first)
        for begin, end in ranges(run.text, room, room):
            self.lines.append(before + first + run.piece(begin, end, self.style))
            first = rest
        if self.pads:
            self.pads[-1] = (rest, rest)

    def _code(self, token: Any) -> None:
        self._blank()
        text = token.content.rstrip("\n")
        if self.style.colour and token.info.strip() == "python":
            text = _highlighted(text)
        self.lines += [f"    {line}".rstrip() for line in text.split("\n")]
        self.lines.append("")

    def _formula(self, latex: str) -> None:
        """In from the edge, each equation of it on lines of its own."""
        self._blank()
        for line in _formula(latex.strip()).split("  "):
            self.lines += fit(" " * _IN + line.rstrip(","), self.style.width, indent=2 * _IN)
        self.lines.append("")

    def _table(self, tokens: Sequence[Any]) -> None:
        self._blank()
        rows: list[list[_Run]] = []
        for token in tokens:
            if token.type == "tr_open":
                rows.append([])
            elif token.type == "inline":
                rows[-1].append(_spans(token, "dim" if len(rows) == 1 else ""))
        wide = _shares(
            [max(columns(row[i].text) for row in rows) for i in range(len(rows[0]))], self.style.width - _GAP
        )
        for row in rows:
            self._row(row, wide)
        self.lines.append("")

    def _row(self, row: Sequence[_Run], wide: Sequence[int]) -> None:
        pieces = [ranges(cell.text, size, size) for cell, size in zip(row, wide, strict=True)]
        for i in range(max(map(len, pieces))):
            line, plain = " " * _GAP, " " * _GAP
            for cell, parts, size in zip(row, pieces, wide, strict=True):
                begin, end = parts[i] if i < len(parts) else (0, 0)
                pad = " " * (size - columns(cell.text[begin:end]) + _GAP)
                line += cell.piece(begin, end, self.style) + pad
                plain += cell.text[begin:end] + pad
            self.lines.append(line.rstrip() if plain.strip() else "")


def _shares(wide: list[int], room: int) -> list[int]:
    """The widest columns give way until all fit."""
    while sum(wide) + _GAP * (len(wide) - 1) > room and max(wide) > 6:
        wide[wide.index(max(wide))] -= 1
    return wide


def _spans(token: Any, base: str) -> _Run:
    run, styles, href = _Run(), [base], ""
    for child in token.children or []:
        if child.type in ("text", "text_special"):
            run.add(child.content, styles[-1])
        elif child.type == "code_inline":
            run.add(child.content, "code")
        elif child.type == "softbreak":
            # Between Chinese signs an end of line is no blank.
            run.add("" if run.text and columns(run.text[-1]) == 2 else " ", styles[-1])
        elif child.type == "hardbreak":
            run.add(" ", styles[-1])
        elif child.type in ("strong_open", "em_open"):
            styles.append(child.type.removesuffix("_open"))
        elif child.type in ("strong_close", "em_close"):
            styles.pop()
        elif child.type == "link_open":
            href = str(child.attrGet("href") or "")
        elif child.type == "link_close" and not run.text.endswith(href):
            run.add(f" ({href})", "dim")
        elif child.type == "math_inline":
            run.add(_formula(child.content), styles[-1])
        elif child.type == "image":  # a terminal shows what the picture says
            run.add(f"▣ {child.content}", "em")
    return run


def _formula(latex: str) -> str:
    try:
        return plain(latex)
    except FormulaError:
        return latex


def _highlighted(code: str) -> str:
    from pygments import highlight
    from pygments.formatters import TerminalFormatter
    from pygments.lexers import PythonLexer

    return highlight(code, PythonLexer(), TerminalFormatter()).rstrip("\n")


def wrapped(text: str, width: int) -> str:
    """Plain lines, each broken to fit."""
    return "\n".join(piece for line in text.split("\n") for piece in fit(line, width))
