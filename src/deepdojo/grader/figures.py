"""Figures of the texts: small SVG files in a lesson's folder, shown inside the page, so that they take its colours.

What an SVG may hold is a list of shapes and of what describes them: nothing runs, nothing is fetched, no style leaks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from xml.etree import ElementTree

__all__ = ["figure_html", "svg_faults"]

_SVG = "{http://www.w3.org/2000/svg}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
_SHAPES = {
    "svg", "g", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text",
    "tspan", "defs", "marker",
}  # fmt: skip
_FACTS = {
    "viewBox", "lang", "class", "id", "transform", "opacity", "fill", "fill-opacity", "stroke", "stroke-width",
    "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "font-size", "font-weight",
    "font-style", "font-family", "text-anchor", "dominant-baseline", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy",
    "cx", "cy", "r", "rx", "ry", "d", "points", "width", "height", "refX", "refY", "markerWidth", "markerHeight",
    "marker-end", "orient",
}  # fmt: skip
_MOST_BYTES = 65536


def svg_faults(path: Path) -> Iterator[str]:
    """Why this file is no figure; nothing where it is one."""
    if not path.is_file():
        yield f"{path.name} is missing"
        return
    if path.stat().st_size > _MOST_BYTES:
        yield f"{path.name} has {path.stat().st_size} bytes, more than {_MOST_BYTES}"
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<!" in text.replace("<!--", ""):
        yield f"{path.name} holds a declaration"
        return
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        yield f"{path.name} is no XML: {error}"
        return
    if tree.tag != _SVG + "svg" or not tree.get("viewBox"):
        yield f"{path.name} is no SVG with a viewBox"
    for node in tree.iter():
        name = str(node.tag).removeprefix(_SVG)
        if name not in _SHAPES:
            yield f"{path.name} holds <{name.rpartition('}')[2]}>, which a figure may not"
        for key, value in node.attrib.items():
            if key.removeprefix(_XML) not in _FACTS or re.search(r"url\((?!#)", value):
                yield f"{path.name}: <{name}> has {key.rpartition('}')[2]}={value[:40]!r}, which a figure may not"


def figure_html(folder: Path, name: str, alt: str) -> str:
    """The figure with its text below it; the text alone where there is no sound figure of that name."""
    path = folder / name
    said = f'<span class="caption">{escape(alt)}</span>'
    if "/" in name or "\\" in name or any(svg_faults(path)):
        return f'<span class="figure">{said}</span>'
    drawn = re.sub(r"<\?xml.*?\?>", "", path.read_text(encoding="utf-8")).strip()
    return f'<span class="figure"><span role="img" aria-label="{escape(alt)}">{drawn}</span>{said}</span>'
