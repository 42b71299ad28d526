"""Who asks, and whether this server may answer: hosts, tokens, cookies, origins, rates; headers on every answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepdojo.competition.database.people import Person
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.server.faults import answer_fault
from deepdojo.competition.service import Service

__all__ = ["SESSION", "Guard", "Rates", "allowed_hosts", "check_csrf"]

SESSION, VISIT = "dojo_session", "dojo_visit"
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_SAFE = ("GET", "HEAD", "OPTIONS")


def allowed_hosts(more: Iterable[str] = ()) -> frozenset[str]:
    """Names by which this machine may be asked, beside its addresses: a foreign name that resolves to us would let
    a page elsewhere read ours (DNS rebinding)."""
    own = socket.gethostname().lower()
    return frozenset({"localhost", "testserver", own, f"{own}.local", socket.getfqdn().lower(), *map(str.lower, more)})


class Rates:
    """How often an address may get something wrong, or ask for something dear."""

    def __init__(self, per_minute: int = 10) -> None:
        self.large = asyncio.Semaphore(1)  # large files are held in memory one after the other
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, what: str, address: str) -> None:
        """Raises Refusal where the address has used up its tries."""
        if not self._limiter.test(self._item, what, address):
            raise Refusal("too_many_requests", "too many wrong tries from this address", todo="wait a minute",
                          retry_after_s=60)  # fmt: skip

    def count(self, what: str, address: str) -> None:
        """One try is used up."""
        self._limiter.hit(self._item, what, address)


class Guard:
    """Stands before every route: checks the host and the origin, finds the viewer, adds the headers.

    `request.state.viewer` is the Person or None, `request.state.csrf` what a form must bring back.
    """

    def __init__(self, app: ASGIApp, service: Service, *, secret: str, hosts: frozenset[str], secure: bool) -> None:
        self.app, self.service, self.hosts, self.secure = app, service, hosts, secure
        self._secret = secret.encode()
        self.rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        visit, fresh = _cookie(request, VISIT), False
        if visit is None:
            visit, fresh = secrets.token_urlsafe(18), True
        csrf = hmac.new(self._secret, visit.encode(), hashlib.sha256).hexdigest()
        state = scope.setdefault("state", {})
        state.update(viewer=None, csrf=csrf, by_token=False)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if fresh and "text/html" in headers.get("content-type", ""):
                    end = "; Secure" if self.secure or scope.get("scheme") == "https" else ""  # a proxy says so
                    headers.append("set-cookie", f"{VISIT}={visit}; HttpOnly; SameSite=Lax; Path=/{end}")
                if state["viewer"] is not None:
                    headers.setdefault("cache-control", "private, no-store")
            await send(message)

        try:
            self._check_host(request.headers)
            _check_path(scope["path"])
            state["viewer"], state["by_token"] = await self._viewer(request)
            if request.method not in _SAFE and not state["by_token"]:
                _check_origin(request)
        except Refusal as refusal:
            await answer_fault(request, refusal)(scope, receive, send_on)
            return
        await self.app(scope, receive, send_on)

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.count(":") == 1 or (host.startswith("[") and "]:" in host) else host
        name = name.strip("[]").lower().rstrip(".")
        try:
            ipaddress.ip_address(name)
        except ValueError:
            if name not in self.hosts:
                raise Refusal("wrong_host", f"this server does not answer to the name {name[:60]!r}",
                              todo="the host adds it: dojo serve --name NAME") from None  # fmt: skip

    async def _viewer(self, request: Request) -> tuple[Person | None, bool]:
        given = request.headers.get("authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            if kind.lower() != "bearer" or not token:
                raise Refusal("wrong_token", "the Authorization header is no bearer token", todo="send Bearer TOKEN")
            try:
                return await run_in_threadpool(self.service.by_token, token.strip()), True
            except Refusal as refusal:
                # A known token passes whatever others at this address try: a room may have one address. A database
                # that is away is nobody's wrong try.
                if refusal.code == "wrong_token":
                    self.rates.check("token", address_of(request))
                    self.rates.count("token", address_of(request))
                raise
        session = _cookie(request, SESSION)
        if session is None:
            return None, False
        return await run_in_threadpool(self.service.by_cookie, session), False


def _check_path(path: str) -> None:
    """Signs that no address of ours has, and that a database may not take."""
    if any(sign < " " or "\x7f" <= sign <= "\x9f" for sign in path):
        raise Refusal("not_found", "there is nothing at this address", todo="see /api/v1/openapi.json")


def _check_origin(request: Request) -> None:
    """A form of another site must not act in our viewer's name."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    same = origin is not None and origin.partition("://")[2] == request.headers.get("host")
    if origin is not None and not same:
        raise Refusal("cross_site", "this form was sent from another site", todo="open the page here and send it again")
    if origin is None and site not in (None, "same-origin", "none"):
        raise Refusal("cross_site", "this form was sent from another site", todo="open the page here and send it again")


def check_csrf(request: Request, given: object) -> None:
    """Each changing form brings back `request.state.csrf` in its field `csrf`. Raises Refusal where it does not."""
    if not isinstance(given, str) or not hmac.compare_digest(
        given.encode("utf-8", "replace"), request.state.csrf.encode()
    ):
        raise Refusal("cross_site", "this form is not from a page of this server, or too old",
                      todo="open the page again and send it from there")  # fmt: skip


def address_of(request: Request) -> str:
    """Where the request comes from; uvicorn puts a trusted proxy's word for it there."""
    return request.client.host if request.client is not None else "unknown"


def _cookie(request: Request, name: str) -> str | None:
    found = request.headers.get("cookie")
    if found is None or name not in found:
        return None
    try:
        morsel = SimpleCookie(found).get(name)
    except CookieError:
        return None
    return None if morsel is None or len(morsel.value) > 200 else morsel.value
