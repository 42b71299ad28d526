"""What the pages' forms do. A form that is refused is shown again, with what was wrong beside it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deepdojo.competition.cost import COSTS, stated_cost
from deepdojo.competition.event import Rules, moment
from deepdojo.competition.packing import pack
from deepdojo.competition.passwords import TOKEN
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.bodies import LARGE_BYTES, file_kind
from deepdojo.competition.server.page_forms import fields_of, form_of, local_path, text_field
from deepdojo.competition.server.security import SESSION, Rates, address_of
from deepdojo.competition.service import HOST_ACTIONS, Service

if TYPE_CHECKING:
    from deepdojo.competition.server.pages import Pages

__all__ = ["Actions"]

_FORTNIGHT_S = 14 * 86_400
# A form of these is not shown again: the fault is not in what was filled in.
_NOT_THE_FORM = ("cross_site", "not_signed_in", "not_found")


class Actions:
    """The handlers that change something."""

    def __init__(self, service: Service, rates: Rates, pages: Pages) -> None:
        self.service, self.rates, self.pages = service, rates, pages

    async def sign_in(self, request: Request) -> Response:
        fields = await fields_of(request)
        following = local_path(request.query_params.get("next"))
        address = address_of(request)
        try:
            self.rates.check("token", address)
            given = text_field(fields, "token")
            if not given.startswith(TOKEN):  # counted before it is tried: trying costs
                self.rates.check("password", address)
                self.rates.count("password", address)
            _, secret = await run_in_threadpool(self.service.sign_in, given)
        except Refusal as refusal:
            if refusal.code == "wrong_token":
                self.rates.count("token", address)
            return await self._again(request, self.pages.sign_in, refusal, "token")
        response = RedirectResponse(following, 303)
        _remember(request, response, secret)
        return response

    async def sign_out(self, request: Request) -> Response:
        await fields_of(request)
        viewer = request.state.viewer
        if viewer is not None:
            await run_in_threadpool(self.service.sign_out, viewer)
        response = RedirectResponse("/", 303)
        response.delete_cookie(SESSION, path="/", httponly=True, samesite="lax")
        return response

    async def join(self, request: Request) -> Response:
        fields = await fields_of(request)
        name, viewer, address = request.path_params["event"], request.state.viewer, address_of(request)
        filled = {"code": fields.get("code", [""])[0][:100], "name": fields.get("name", [""])[0][:100]}
        try:
            self.rates.check("join", address)
            code = text_field(fields, "code")
            if viewer is not None:
                await run_in_threadpool(self.service.enter, name, code, viewer)
                return RedirectResponse(f"/{name}", 303)
            told = await run_in_threadpool(self.service.join, name, code, text_field(fields, "name"))
        except Refusal as refusal:
            if refusal.code in ("wrong_code", "name_taken"):
                self.rates.count("join", address)
            return await self._again(request, self.pages.join, refusal, "join", filled=filled)
        person, secret = await run_in_threadpool(self.service.sign_in, told["token"])
        request.state.viewer = person
        response = await run_in_threadpool(lambda: self.pages.event_page(request, "joined.html", 201, **_token(told)))
        response.headers["cache-control"] = "no-store"
        _remember(request, response, secret)
        return response

    async def join_team(self, request: Request) -> Response:
        viewer, fields = _known(request), await fields_of(request)
        name, address = request.path_params["event"], address_of(request)
        try:
            self.rates.check("invite", address)
            await run_in_threadpool(self.service.join_team, name, text_field(fields, "invite"), viewer)
        except Refusal as refusal:
            if refusal.code == "wrong_code":
                self.rates.count("invite", address)
            return await self._again(request, self.pages.team, refusal, "invite")
        return RedirectResponse(f"/{name}/team", 303)

    async def send(self, request: Request) -> Response:
        viewer, name = _known(request), request.path_params["event"]
        rules: Rules = await run_in_threadpool(self.service.check_sending, name, viewer)
        try:
            async with form_of(request, rules.largest_bytes) as form:
                told = await self._take(request, name, rules, form)
        except Refusal as refusal:
            return await self._again(request, self.pages.submissions, refusal, "file")
        return RedirectResponse(f"/submissions/{told['id']}", 303)

    async def _take(self, request: Request, name: str, rules: Rules, form: Mapping[str, Any]) -> dict[str, Any]:
        file, note = form.get("file"), form.get("note")
        if not isinstance(file, UploadFile) or not file.filename or not file.size:
            raise Refusal("bad_request", "no file was chosen, or it is empty", where="file", todo="choose one")
        kind, file_name = file_kind(file.filename, file.content_type or "", rules)
        cost = stated_cost({name: text for name in COSTS if isinstance(text := form.get(name), str)})
        async with self.rates.large if file.size > LARGE_BYTES else contextlib.nullcontext():
            sent = await run_in_threadpool(
                lambda: self.service.send(
                    name, request.state.viewer, pack(file.file.read()), file_name=file_name, kind=kind,
                    note=note.strip() if isinstance(note, str) else "", address=address_of(request),
                    key=secrets.token_urlsafe(18), cost=cost,
                )
            )  # fmt: skip
            return await asyncio.wrap_future(sent)

    async def choose(self, request: Request) -> Response:
        viewer, fields = _known(request), await fields_of(request)
        name = request.path_params["event"]
        try:
            await run_in_threadpool(self.service.choose, name, viewer, fields.get("chosen", []))
        except Refusal as refusal:
            return await self._again(request, self.pages.submissions, refusal, "chosen")
        return RedirectResponse(f"/{name}/submissions", 303)

    async def host(self, request: Request) -> Response:
        viewer, fields = _known(request), await fields_of(request)
        if viewer.role != "host":
            raise Refusal("forbidden", "only the host may do this", todo="ask the host")
        name, action = request.path_params["event"], fields.get("action", [""])[0]
        try:
            if action == "token":
                return await self._handed_out(request, name, fields)
            if action in ("revoke", "apply", "cancel"):
                who = (text_field(fields, "who"),) if action == "revoke" else ()
                await run_in_threadpool(getattr(self.service.desk, action), name, viewer, *who)
                return RedirectResponse(f"/{name}/desk", 303)
            if action not in HOST_ACTIONS:
                raise Refusal("bad_request", "no action was named", where="action", todo="use a button of the page")
            values: dict[str, Any] = {}
            if action == "extend":
                values["ends"] = moment(text_field(fields, "ends") + "+00:00")
            if action == "announce":
                values["text"] = text_field(fields, "text", 10_000)
            await run_in_threadpool(lambda: self.service.host(name, viewer, action, **values))
        except Refusal as refusal:
            return await self._again(request, self.pages.desk, refusal, action)
        return RedirectResponse(f"/{name}/desk", 303)

    async def _handed_out(self, request: Request, name: str, fields: Mapping[str, list[str]]) -> Response:
        who, role = text_field(fields, "who"), text_field(fields, "role")
        told = await run_in_threadpool(self.service.desk.hand_out, name, request.state.viewer, who, role)
        response = await run_in_threadpool(lambda: self.pages.event_page(request, "token.html", 201, given=told))
        response.headers["cache-control"] = "no-store"
        return response

    async def _again(
        self, request: Request, page: Callable[..., Response], refusal: Refusal, form: str, **more: Any
    ) -> Response:
        """The form's page with the fault beside the form."""
        if refusal.code in _NOT_THE_FORM and not (form == "chosen" and refusal.where):
            raise refusal
        fault = {"form": form, "what": refusal.what, "todo": refusal.todo, "where": refusal.where}
        return await run_in_threadpool(lambda: page(request, status=refusal.status, fault=fault, **more))


def _known(request: Request) -> Any:
    from deepdojo.competition.server.pages import known

    return known(request)


def _token(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": told["name"], "token": told["token"]}


def _remember(request: Request, response: Response, secret: str) -> None:
    """The cookie of a session; over TLS it travels over TLS alone."""
    response.set_cookie(
        SESSION, secret, max_age=_FORTNIGHT_S, path="/", httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
