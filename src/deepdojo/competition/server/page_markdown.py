"""Markdown that a host wrote, as HTML in which nothing can act or fetch."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["markdown"]

_TAGS = {
    "p", "br", "hr", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "h2", "h3", "h4", "a", "table",
    "thead", "tbody", "tr", "th", "td", "del", "sup", "sub",
}  # fmt: skip
_LONGEST = 200_000


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def markdown(text: str, *, below: int = 2) -> Markup:
    """The text as harmless HTML.

    Args:
        below: the level of its highest heading, so that the page's headings stay in order.
    """
    import nh3

    tokens = _reader().parse(text[:_LONGEST])
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    highest, before = min(levels, default=1), below - 1
    for token in tokens:
        if token.type == "heading_open":  # no level is left out on the way down
            before = min(below + int(token.tag[1]) - highest, before + 1, 4)
            token.tag = f"h{before}"
        elif token.type == "heading_close":
            token.tag = f"h{before}"
    made = _reader().renderer.render(tokens, _reader().options, {})
    clean = nh3.clean(
        made, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )  # fmt: skip
    return Markup(clean.replace("<pre>", '<pre tabindex="0">'))  # scrolled by keyboard, too
