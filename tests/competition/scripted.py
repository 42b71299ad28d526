"""A server that answers what a test has written down, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Scripted:
    """Answers in turn, the last one for ever: (status, headers, body), or "hang up".

    Attributes:
        asked: (method, path, headers in small letters, body).
    """

    answers: list[Any] = field(default_factory=list)
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    address: str = ""

    def next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def told(value: Any, status: int = 200, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """An answer in JSON."""
    named = {key.replace("_", "-"): text for key, text in headers.items()}
    return status, {"content-type": "application/json", **named}, json.dumps(value).encode()


@contextlib.contextmanager
def scripted(*answers: Any) -> Iterator[Scripted]:
    """Serve them on a free port of this machine."""
    found = Scripted(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size)
            found.asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            said = found.next()
            self.close_connection = True
            if said == "hang up":
                return
            status, headers, data = said
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content-length" not in headers:
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET: Callable[[Handler], None] = answer
        do_POST: Callable[[Handler], None] = answer

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
