"""How a page is made: templates, language, theme, and the two files that every page brings along."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from deepdojo.competition.event import size_text
from deepdojo.competition.server.page_markdown import markdown
from deepdojo.competition.server.page_pareto import cost_text
from deepdojo.competition.server.page_words import LANGUAGE_COOKIE, PageWords, language_of
from deepdojo.report.figures import count, size
from deepdojo.report.svg import cut, tag
from deepdojo.report.tokens import stylesheet

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "render", "static_file", "when"]

_YEAR_S = 365 * 86_400
_THEMES = ("light", "dark")


@cache
def environment() -> Environment:
    """The templates; everything that they insert is escaped unless our own SVG module or `markdown` made it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("deepdojo.competition.server", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"cut": cut, "count": count, "size": size, "limit": size_text, "when": when, "markdown": markdown,
                     "cost_text": cost_text}  # fmt: skip
    return made


def when(seconds: float | None) -> Markup | str:
    """A moment in UTC, to the minute; the page's script writes it in the reader's own time."""
    if seconds is None:
        return "–"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return "–"
    return tag("time", moment.strftime("%Y-%m-%d %H:%M UTC"), datetime=moment.isoformat(timespec="seconds"))


def render(request: Request, template: str, status: int = 200, **more: Any) -> HTMLResponse:
    """One page in the reader's language and theme."""
    language = language_of(request)
    theme = request.cookies.get("dojo_theme", "")
    context = {
        "t": PageWords(language), "lang": PageWords(language).tag, "theme": theme if theme in _THEMES else "auto",
        "viewer": getattr(request.state, "viewer", None), "csrf": getattr(request.state, "csrf", ""),
        "other_language": str(request.url.include_query_params(lang="en" if language == "zh" else "zh").query),
        "path": request.url.path, "origin": str(request.base_url).rstrip("/"),
        "css": _named("look.css"), "js": _named("pages.js"), "event": None, "fault": None,
    }  # fmt: skip
    response = HTMLResponse(environment().get_template(template).render(context | more), status)
    response.headers["vary"] = "cookie, accept-language"
    response.headers["cache-control"] = "private, no-cache" if context["viewer"] is None else "private, no-store"
    if request.query_params.get("lang") == language:
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="lax", path="/")
    return response


@cache
def _static(name: str) -> tuple[bytes, str] | None:
    folder = files("deepdojo.competition.server").joinpath("static")
    if name == "look.css":
        return (stylesheet() + "\n" + folder.joinpath("pages.css").read_text(encoding="utf-8")).encode(), "text/css"
    if name == "pages.js":
        return folder.joinpath("pages.js").read_bytes(), "text/javascript"
    return None


@cache
def _named(name: str) -> str:
    """The file's address with its digest, so that it may be kept for ever."""
    found = _static(name)
    assert found is not None
    return f"/static/{name}?v={hashlib.sha256(found[0]).hexdigest()[:12]}"


def static_file(name: str) -> Response | None:
    """look.css or pages.js; None for anything else."""
    found = _static(name)
    if found is None:
        return None
    headers = {"cache-control": f"public, max-age={_YEAR_S}, immutable"}
    return Response(found[0], media_type=found[1], headers=headers)
