"""Formulas of the texts, written in LaTeX between dollars: MathML for a browser, one line of text for a terminal.

The line is read off the MathML, so that both always say the same. Several indices stand in brackets there, as in code.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from deepdojo.errors import DojoError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["FormulaError", "mathml", "plain", "reader"]

_SPACE = "http://www.w3.org/1998/Math/MathML"
_LOW = dict(zip("0123456789+−=()aeijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
_HIGH = dict(zip("0123456789+−=()iknrtDLᵀ′*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱᵏⁿʳᵗᴰᴸᵀ′*", strict=True))
_ACCENTS = {"^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303", "¯": "\u0304", "‾": "\u0304"}
_SPACED = set("=←→≤≥<>≈≠∈·×+−±∣∪∩∝⋯…") | {":="}
_PARTS = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
_OPENING, _CLOSING = set("([{‖⌊"), set(")]}⌋")
_FENCES = set("|‖")
_LIMITS = {"Σ", "∏", "∫", "max", "min", "argmax"}  # what they run over stands below them
_LARGE, _BARE = {"Σ", "∏", "∫"}, {"∂", "∇", "−", "+", "±", "/"}


class FormulaError(DojoError):
    """A formula that cannot be shown."""


def reader() -> MarkdownIt:
    """Reads a lesson's Markdown: tables, `$…$` and, in a paragraph of its own, `$$…$$`; raw HTML stays text."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    found = MarkdownIt("commonmark", {"html": False}).enable("table")
    dollarmath_plugin(found, allow_labels=False, allow_space=False, allow_blank_lines=False, renderer=_shown)
    return found


def _shown(latex: str, options: dict[str, Any]) -> str:
    """What stands on the page; a formula that is none stays as it was written (the gate refuses it)."""
    try:
        if not options["display_mode"]:
            return mathml(latex)
        return "".join(
            mathml(part, block=True) for part in latex.split(r"\qquad")
        )  # a narrow page has one below the other
    except FormulaError:
        return f"<code>{escape(latex)}</code>"


def mathml(latex: str, *, block: bool = False) -> str:
    """MathML of one formula, which every browser draws by itself. Raises FormulaError naming the formula."""
    return ElementTree.tostring(_parsed(latex, "block" if block else "inline"), encoding="unicode")


def plain(latex: str) -> str:
    """The same in one line: `\\frac{1}{N}\\sum_i x_i^2` gives `1/N Σᵢ xᵢ²`; what a quad parts, two blanks part."""
    line = re.sub(r" *\u2003[ \u2003]*", "\u2003", re.sub(r" +", " ", _line(_parsed(latex)))).strip()
    return re.sub(r" (?=[)\]}])", "", line).replace(": = ", " := ").replace("∣", "|").replace("\u2003", "  ")


def _parsed(latex: str, display: str = "inline") -> Element:
    from latex2mathml.converter import convert

    try:
        tree = ElementTree.fromstring(convert(latex, display=display))
    except Exception as error:  # the library has a kind of error for each mistake, and plain ones besides
        raise FormulaError(f"the formula {latex!r} is no LaTeX: {type(error).__name__} {error}".rstrip()) from None
    for node in tree.iter():
        node.tag = node.tag.rsplit("}")[-1]
    for node in tree.iter():
        if node.tag in ("mi", "mo", "mn") and (node.text or "").startswith("\\"):
            raise FormulaError(f"the formula {latex!r} holds {node.text}, which is unknown")
        if len(node) != _PARTS.get(node.tag, len(node)):
            raise FormulaError(f"the formula {latex!r} lacks a part of a fraction, an index or a power")
        _names(node)
        _spacing(list(node))
    tree.set("xmlns", _SPACE)
    return tree


def _names(node: Element) -> None:
    """Letters of one upright name become one identifier: a screen reader then reads a word."""
    children = list(node)
    if len(children) > 1 and all(c.tag == "mi" and c.get("mathvariant") == "normal" for c in children):
        name = Element("mi", {"mathvariant": "normal"})
        name.text = "".join(c.text or "" for c in children)
        node[:] = [name]


def _spacing(kids: list[Element]) -> None:
    """What the library takes for an operator between two quantities, and is none."""
    for before, node in zip([None, *kids], kids, strict=False):
        if node.tag != "mo":
            continue
        if node.text in ("∞", "⊤"):
            node.tag = "mi"
        elif node.text in _FENCES:
            node.attrib.update(lspace="0", rspace="0", stretchy="false")
        elif node.text == "−" and before is not None and (before.text in _SPACED or before.text in _OPENING):
            node.set("form", "prefix")


def _line(node: Element) -> str:
    kids = list(node)
    if kids and node.tag in ("msub", "msup", "msubsup", "munder", "munderover", "mover"):
        return _scripted(node.tag, kids)
    if node.tag == "mfrac":
        return _fraction(kids)
    if node.tag == "msqrt":
        inside = "".join(_joined(kids)).strip()
        return f"√{inside}" if _atom(inside) else f"√({inside})"
    return "".join(_joined(kids)) if kids else _text(node)


def _joined(kids: list[Element]) -> list[str]:
    """Each part's text with the blanks that a reader needs between it and its neighbours."""
    said: list[str] = []
    for at, node in enumerate(kids):
        core, line = _core(node), _line(node)
        before = "".join(said).rstrip(" ")
        sign = core in "−+±" and (not before or before[-1] in _OPENING | _SPACED | set(",;^"))
        if core and core in _SPACED and not sign:
            line = f" {line} "
        elif core in (",", ";", ":"):
            line = f"{line} "
        elif before and _gap(before, line, kids[at - 1], core):
            line = f" {line}"
        said.append(line)
    return said


def _gap(before: str, line: str, last: Element, core: str) -> bool:
    """Two quantities side by side: `μ v`, `log Σ`, `Σ (a + b)`, but `2x`, `f(x)` and `∂f`."""
    if not line or line[0] == " " or line[0] in _CLOSING or before[-1] in _OPENING or core in ("/", "!"):
        return False
    if _core(last) in _BARE:
        return False
    if line[0] in _FENCES:
        return before.count(line[0]) % 2 == 0 and (len(_core(last)) > 1 or _core(last) in _LARGE)
    if before[-1] in _FENCES:
        return before.count(before[-1]) % 2 == 0
    if line[0] in _OPENING:
        return _core(last) in _LARGE or before[-1] in _CLOSING or last.tag == "mfrac"
    return last.tag != "mn" or core.isdigit() or len(core) > 1


def _core(node: Element) -> str:
    """The sign that decides on spacing: that of the base where there are scripts."""
    while node.tag in ("msub", "msup", "msubsup", "munder", "munderover", "mrow") and len(node):
        if node.tag == "mrow" and len(node) > 1:
            return ""
        node = node[0]
    return _text(node)


def _text(node: Element) -> str:
    if node.tag == "mspace":
        return "\u2003" if node.get("width") in ("1em", "2em") else " "
    text = (node.text or "").replace("\u00a0", " ")
    return {"∑": "Σ", "⊤": "ᵀ", "∗": "*", "-": "−"}.get(text, text)


def _scripted(kind: str, kids: list[Element]) -> str:
    base, *scripts = ("".join(_joined([k])).strip() for k in kids)
    if kind == "mover":
        return base + _ACCENTS.get(scripts[0], scripts[0])
    low = scripts[0] if kind in ("msub", "msubsup", "munder", "munderover") else ""
    high = scripts[-1] if kind in ("msup", "msubsup", "munderover") else ""
    if base in _LIMITS and "=" in low and high:
        return f"{base}_{{{low}}}^{{{high}}}"
    if low and not high.strip("′"):  # the prime belongs to the name
        return base + high + _below(base, low)
    return base + _below(base, low) + _above(high)


def _below(base: str, low: str) -> str:
    """`xᵢ`, `W_hh`, `bias_o`; several or compound indices of a name stand in brackets: `out[n, m]`."""
    if not low:
        return ""
    tight = low.replace(" ", "")
    simple = len(tight) == 1 or (tight.isascii() and tight.isalnum())
    limits, name = base in _LIMITS, len(base) > 1 and base.replace("_", "").isalpha()
    if limits and not simple:
        return f"_{{{low if len(tight) > 4 else tight}}}"
    if "," in low or (not simple and (name or base in _CLOSING)):
        return f"[{low}]"
    small = all(sign in _LOW for sign in tight)
    if small and (tight.isdigit() or not (tight.isalpha() and (len(tight) > 1 or (name and not limits)))):
        return "".join(_LOW[sign] for sign in tight)
    return f"_{tight}" if simple else f"_{{{tight}}}"


def _above(high: str) -> str:
    if not high:
        return ""
    if all(sign in _HIGH for sign in high.replace(" ", "")):
        return "".join(_HIGH[sign] for sign in high.replace(" ", ""))
    return f"^{high}" if high.isalnum() or high == "ᵀ" else f"^({high})"


def _fraction(kids: list[Element]) -> str:
    above, below = (_line(k).strip() for k in kids)
    top = above if _product(above) else f"({above})"
    bottom = below if _atom(below) else f"({below})"
    return f"{top}/{bottom}" if " " not in top + bottom else f"{top} / {bottom}"


def _atom(text: str) -> bool:
    """One quantity: nothing outside brackets parts it."""
    signs = "+−·/" if text.startswith("Σ") else " +−·/"
    return not any(sign in signs for sign in _outside(text))


def _product(text: str) -> bool:
    outside = _outside(text).lstrip("−")
    return not any(sign in "+−±" for sign in outside) and not ("Σ" in outside and " " in outside)


def _outside(text: str) -> str:
    depth, kept = 0, list[str]()
    for sign in re.sub(r"\|[^|]*\||‖[^‖]*‖", "x", text):
        depth -= sign in ")]}"
        if depth == 0 and sign not in "([{)]}":
            kept.append(sign)
        depth += sign in "([{"
    return "".join(kept)
