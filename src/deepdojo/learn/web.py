"""`dojo learn --web`: the same watch, seen in a browser on this machine: text on the left, verdict live on the right.

Keys come by POST, what is to be seen goes out by server-sent events, always whole. Nothing is fetched from elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.grader.figures import figure_html
from deepdojo.grader.finale import Finale, picture_of
from deepdojo.grader.formulas import reader
from deepdojo.grader.lessons import Lesson
from deepdojo.learn.folder import shown_path
from deepdojo.learn.learner import Learner, Row
from deepdojo.learn.screen import Screen, counted
from deepdojo.learn.watch import Watch
from deepdojo.learn.words import ids_said, refuse, say

if TYPE_CHECKING:
    from markdown_it.token import Token
    from starlette.applications import Starlette

__all__ = ["Page", "application", "serve"]

_HOST = "127.0.0.1"
_KEYS = "hnltrs"
_MARKS = {"31": "bad", "32": "good", "33": "warn", "2": "dim", "1": "strong"}


class Page(Screen):
    """What is to be seen, as HTML; whoever looks is told when it changes."""

    def __init__(self, learner: Learner) -> None:
        super().__init__(learner, colour=False)
        self._seen: dict[str, Any] = {"head": "", "title": "", "text": "", "todo": "", "panel": "", "busy": False}
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    def state(self) -> dict[str, Any]:
        names = {key: say(self.lang, f"button_{key}") for key in _KEYS}
        return {**self._seen, "lang": "zh-CN" if self.lang == "zh" else "en", "keys": names}

    async def changes(self) -> AsyncIterator[dict[str, Any]]:
        """The state now, and after each change."""
        event = asyncio.Event()
        me = (asyncio.get_running_loop(), event)
        with self._lock:
            self._waiting.append(me)
        try:
            while True:
                yield self.state()
                with suppress(TimeoutError):  # a line now and then: a browser that has gone is noticed
                    await asyncio.wait_for(event.wait(), 15)
                event.clear()
        finally:
            with self._lock:
                self._waiting.remove(me)

    def write(self, *lines: str, mark: str = "") -> None:
        if any(lines):
            self._add(f'<p class="{_MARKS.get(mark, "")}">{escape(" ".join(lines))}</p>')

    def say(self, name: str, mark: str = "", **values: Any) -> None:
        if name != "keys":  # they are buttons here
            super().say(name, mark, **values)

    def lesson(self, lesson: Lesson, path: Path, rows: Sequence[Row]) -> None:
        passed, total = counted(rows)
        head = [
            lesson.id,
            say(self.lang, "minutes", n=lesson.minutes),
            say(self.lang, "bar", passed=passed, total=total),
        ]
        if lesson.needs:
            head.insert(2, say(self.lang, "needs", ids=ids_said(self.lang, lesson.needs)))
        todo = escape(say(self.lang, "do_mend" if lesson.planted else "do_write"))
        file = escape(say(self.lang, "file", file=shown_path(path)))
        self._seen.update(
            head=escape(" · ".join(head)), title=escape(lesson.title[self.lang]),
            text=_html(lesson.text(self.lang), lesson.folder),
            todo=f"<p><strong>{file}</strong></p><p>{todo}</p>",
            panel="", busy=False, share=passed / total if total else 0,
        )  # fmt: skip
        self._tell()

    def checking(self) -> None:
        self._seen["busy"] = say(self.lang, "checking")
        self._tell()

    def verdict(self, verdict: Any, *, keys: bool) -> None:
        head, *rest = verdict.render(self.lang, width=0).split("\n")
        mark = "good" if verdict.passed else "bad"
        body = "".join(f"<p>{escape(line.strip())}</p>" for line in rest if line.strip())
        self._seen.update(busy=False, panel=f'<section class="verdict {mark}"><h2>{escape(head)}</h2>{body}</section>')
        self._tell()

    def passed(self, lesson: Lesson, path: Path, following: Lesson | None, finale: Finale | None = None) -> None:
        self._add(f'<section class="why">{_html(lesson.why(self.lang), lesson.folder)}</section>')
        if finale is not None:
            self.finale(finale, path)
        super().passed_on(lesson, path, following)

    def finale(self, finale: Finale, path: Path) -> None:
        said = escape(finale.said[self.lang])
        with suppress(OSError):
            finale.png(picture_of(path), self.lang)
        data = base64.b64encode(finale.as_png(self.lang)).decode("ascii")
        self._add(
            f'<figure><img alt="{said}" src="data:image/png;base64,{data}"><figcaption>{said}</figcaption></figure>'
        )

    def rows(self, rows: Sequence[Row]) -> None:
        cells = "".join(
            f'<li class="{row.shown}"><button data-open="{escape(row.lesson.id)}">{escape(row.lesson.id)}</button> '
            f"{escape(row.lesson.title[self.lang])} <small>{escape(self.known(row))}</small></li>"
            for row in rows
        )
        self._add(f'<ul class="list">{cells}</ul>')

    def _raw(self, text: str) -> None:
        self._add(f"<pre>{escape(text)}</pre>")

    def _add(self, html: str) -> None:
        self._seen["panel"] += html
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            for loop, event in self._waiting:
                with suppress(RuntimeError):  # it is closing
                    loop.call_soon_threadsafe(event.set)


def serve(learner: Learner, lesson: Lesson, port: int, told: Callable[[str], None]) -> int:
    """Until Ctrl-C, or q in the terminal. Raises LearnError where the port is taken."""
    import uvicorn

    line = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        line.bind((_HOST, port))
        line.listen(64)  # whoever comes before the server runs waits for it
    except OSError as error:
        line.close()
        raise refuse("no_browser", port=port) from error
    page = Page(learner)
    watch = Watch(learner, page, lines=False)
    settings = uvicorn.Config(application(page, watch), log_level="error", timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [line]}, name="pages", daemon=True)

    def begin() -> None:  # after the checker's fork
        thread.start()
        told(f"http://{_HOST}:{line.getsockname()[1]}/")

    try:
        watch.run(lesson, begin)
    except KeyboardInterrupt:
        print()
    finally:
        server.should_exit = True
        if thread.ident is not None:
            thread.join(5.0)
        line.close()
    print(watch.bye())
    return 0


def application(page: Page, watch: Watch) -> Starlette:
    """The page, its events, its keys. Answers to this machine's own names only: no other site can speak through it."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def show(_: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = (f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
                  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")  # fmt: skip
        return HTMLResponse(_template(nonce, page.state()), headers={"content-security-policy": policy})

    async def events(_: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            async for state in page.changes():
                yield f"data: {json.dumps(state, ensure_ascii=False)}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def press(request: Request) -> Response:
        if request.headers.get("x-dojo") != "1":  # a form of another site cannot set it
            return Response(status_code=403)
        name = request.path_params["name"]
        if name in _KEYS and len(name) == 1:
            watch.events.put(("key", name))
        elif any(each.id == name for each in watch.learner.lessons):
            watch.events.put(("open", name))
        else:
            return Response(status_code=404)
        return Response(status_code=204)

    routes = [Route("/", show), Route("/events", events), Route("/press/{name}", press, methods=["POST"])]
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[_HOST, "localhost"])
    return Starlette(routes=routes, middleware=[hosts])


def _template(nonce: str, state: dict[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader

    environment = Environment(loader=PackageLoader("deepdojo.learn", "pages"), autoescape=True)
    return environment.get_template("lesson.html").render(nonce=nonce, state=state)


def _html(text: str, folder: Path) -> str:
    """Markdown without its first heading, which is the page's; raw HTML in it stays text, figures are drawn."""
    page = reader()
    page.add_render_rule("image", lambda _, tokens, at, *rest: _figure(folder, tokens[at]))
    head, _, rest = text.partition("\n")
    return str(page.render(rest if head.startswith("# ") and "\n## " in text else text))


def _figure(folder: Path, token: Token) -> str:
    return figure_html(folder, str(token.attrs.get("src", "")), token.content)
