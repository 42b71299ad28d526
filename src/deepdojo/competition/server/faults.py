"""What went wrong, said as JSON under /api and as a page elsewhere; never a traceback, never a 500 without a word."""

from __future__ import annotations

import logging
import math

from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deepdojo.competition.database.engine import unkept
from deepdojo.competition.refusal import STATUSES, Refusal
from deepdojo.competition.server.page_words import PageWords, language_of
from deepdojo.competition.server.refusal_words import fault_in
from deepdojo.errors import DojoError

__all__ = ["answer_fault", "as_refusal"]

_log = logging.getLogger("deepdojo.server")
_OF_STATUS = {404: ("not_found", "there is nothing at this address"), 405: ("bad_request", "this cannot be done here")}


def as_refusal(error: Exception) -> Refusal:
    """Any error as something that can be said to a stranger."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DojoError):
        return Refusal("bad_request", error.what, where=error.where, todo=error.todo)
    if isinstance(error, HTTPException):
        code, what = _OF_STATUS.get(error.status_code, ("bad_request", "this request cannot be understood"))
        return Refusal(code, what, todo="see /api/v1/openapi.json")
    if isinstance(error, DataError | UnicodeEncodeError):  # of the writer's thread, which hands errors on as they are
        return unkept()
    _log.exception("a fault of the server", exc_info=error)
    return Refusal("unavailable", "the server made a mistake", todo="tell the host; its log says more")


def answer_fault(request: Request, error: Exception) -> Response:
    """The answer: status, one sentence, a code."""
    refusal = as_refusal(error)
    headers = {}
    if refusal.retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(refusal.retry_after_s))
    if refusal.code == "not_signed_in":
        headers["www-authenticate"] = "Bearer"
    if not request.url.path.startswith("/api/"):
        from deepdojo.competition.server.pages import fault_page

        response = fault_page(request, refusal)
        response.headers.update(headers)
        return response
    language = language_of(request)
    headers |= {"vary": "accept-language, cookie", "content-language": PageWords(language).tag}
    return JSONResponse(fault_in(refusal.as_json(), language), STATUSES[refusal.code], headers)
