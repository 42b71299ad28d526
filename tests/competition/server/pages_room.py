"""A browser without a screen: cookies, forms, and what a page holds that could act or fetch."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from tests.competition.server.running import Answer, Running


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.scripts: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("script", "style") and data.strip():
            self.scripts.append(data)
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def field(self, name: str) -> str:
        """The value of the first input of this name."""
        return next(str(each["value"]) for each in self.named("input") if each.get("name") == name)

    def faults(self) -> list[str]:
        """What a page may not hold: inline scripts and styles, handlers, addresses elsewhere that are fetched."""
        found = [f"inline: {text[:60]}" for text in self.scripts]
        for tag, attributes in self.tags:
            for name, value in attributes.items():
                if name.startswith("on") or name == "style":
                    found.append(f"<{tag} {name}>")
                if tag != "a" and name in ("src", "href", "action", "srcset", "data") and urlsplit(value or "").netloc:
                    found.append(f"<{tag} {name}={value}>")
                if (value or "").strip().lower().startswith("javascript:"):
                    found.append(f"<{tag} {name}={value}>")
        levels = [int(tag[1]) for tag, _ in self.tags if tag in ("h1", "h2", "h3", "h4", "h5", "h6")]
        found += [f"h{b} after h{a}" for a, b in zip([0, *levels], levels, strict=False) if b > a + 1]
        if levels.count(1) != 1:
            found.append(f"{levels.count(1)} headings of the first level")
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        found += [f"id {each} twice" for each in {i for i in ids if ids.count(i) > 1}]
        labelled = {attributes.get("for") for attributes in self.named("label")}
        for each in [*self.named("input"), *self.named("textarea")]:
            if (
                each.get("type") not in ("hidden", "radio")
                and each.get("id") not in labelled
                and not each.get("aria-label")
            ):
                found.append(f"no label: {each}")
        return found


@dataclass
class Browser:
    """One person's browser at the server."""

    server: Running
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        sent = dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            given, data = answer.getheaders(), answer.read()
        finally:
            connection.close()
        for name, value in given:
            if name.lower() == "set-cookie":
                self.set_cookies.append(value)
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0].strip('"')
        return Answer(answer.status, {name.lower(): value for name, value in given}, data)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def page(self, path: str, status: int = 200) -> Page:
        answer = self.get(path)
        assert answer.status == status, (path, answer.status, answer.body[-800:])
        return Page(answer.body.decode())

    def csrf(self) -> str:
        return self.page("/sign-in").field("csrf")

    def post(self, path: str, fields: dict[str, object], *, csrf: str | None = None, **headers: str) -> Answer:
        """A form, with the secret of a page of this browser unless another is given."""
        filled = {"csrf": self.csrf() if csrf is None else csrf, **fields}
        body = urlencode(filled, doseq=True).encode()
        return self.ask("POST", path, body, {"content-type": "application/x-www-form-urlencoded", **headers})

    def upload(self, path: str, name: str, data: bytes, *, note: str = "", **more: str) -> Answer:
        """The upload form; `more` are its further fields."""
        edge = "edge-of-the-form"
        parts = [f'--{edge}\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
                 for key, value in {"csrf": self.csrf(), "note": note, **more}.items()]  # fmt: skip
        head = f'--{edge}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = b"".join(parts) + head.encode() + data + f"\r\n--{edge}--\r\n".encode()
        return self.ask("POST", path, body, {"content-type": f"multipart/form-data; boundary={edge}"})

    def sign_in(self, token: str) -> Browser:
        answer = self.post("/sign-in?next=/", {"token": token})
        assert answer.status == 303, answer.body
        return self
