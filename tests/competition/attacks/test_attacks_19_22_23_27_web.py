"""Attacks 19, 22, 23, 27: requests that the server or a browser is made to send for somebody else."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from urllib.parse import quote, urlsplit

import pytest

from deepdojo.competition.server.endpoints import ENDPOINTS, PREFIX
from tests.competition.attacks.room import Visitor
from tests.competition.attacks.routes import doors

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def listener():
    """Counts who connects."""
    found = []
    with socket.create_server(("127.0.0.1", 0)) as waiting:
        waiting.settimeout(0.1)
        stop = threading.Event()

        def listen():
            while not stop.is_set():
                try:
                    found.append(waiting.accept()[1])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield waiting.getsockname()[1], found
        stop.set()
        thread.join()


def test_attack_19_no_field_of_any_route_makes_the_server_fetch_anything(winds, listener, tmp_path):
    port, seen = listener
    places = [f"http://127.0.0.1:{port}/a", f"http://[::1]:{port}/", f"http://2130706433:{port}/",
              f"//127.0.0.1:{port}",
              f"file://127.0.0.1:{port}/etc/passwd", f"http://localhost:{port}/x.parquet"]  # fmt: skip
    token = winds.entrant()
    for place in places:
        at = quote(place, safe="")
        for row in ENDPOINTS:
            path = PREFIX + row.path.format(event="winds", id=at, action="announce")
            asked = "&".join(f"{name}={at}" for name in ("file_name", "note", "part", "code", "url", "source"))
            names = ("code", "name", "invite", "text", "ends", "url", "callback", "webhook")
            body = dict.fromkeys(names, place) | {"chosen": [place]} if row.method == "POST" else None
            if row.name != "stream":
                who = token if row.role != "host" else winds.host
                assert winds.anew().ask(row.method, f"{path}?{asked}", body, who).status < 500
        table = winds.table().replace(b",zq7north", f",{place}".encode(), 1)
        assert winds.told(token, table, "p.csv")["state"] == "refused"
        assert winds.told(token, f"id,label\n{place},{place}\n".encode(), "p.tsv")["state"] == "refused"
    assert seen == []


EVIL = ({"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {})  # fmt: skip


@pytest.mark.parametrize("door", [d for d in doors() if d.method == "POST"], ids=str)
def test_attack_22_a_form_of_another_site_does_nothing_with_the_viewers_cookie(winds, door):
    token = winds.entrant()
    browser, path = Visitor(winds).sign_in(token), door.filled("winds", "x")
    fields = "action=freeze&chosen=&invite=x&name=eve&code=x&text=x&csrf="
    for who in (browser, Visitor(winds).sign_in(winds.host)):
        for headers in EVIL:
            for kind, body in ((FORM, fields.encode()), ("text/plain", b"{}"), ("application/json", b"{}")):
                answer = who.ask("POST", path, body, {"content-type": kind, **headers})
                assert answer.status in ((401, 403, 415) if headers else (400, 401, 403, 415)), (headers, answer.body)
                if headers:
                    assert answer.status in (401, 403), headers
    assert winds.api("GET", "").json["frozen"] is False
    assert browser.get("/winds/team").status == 200, "still signed in"


def test_attack_22_the_secret_of_another_browser_is_none(winds):
    one, two = (Visitor(winds).sign_in(winds.entrant()) for _ in range(2))
    assert one.csrf() != two.csrf()
    for secret in (two.csrf(), "", "0" * 64):
        assert one.post("/winds/finals", {"chosen": []}, csrf=secret).status == 403
    assert one.post("/winds/finals", {"chosen": []}).status == 303


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:80", "127.0.0.1.evil.example", "2130706433", "0x7f.1", "localhost.evil.example", "",
    "127.0.0.1:80:80", "a@127.0.0.1", "127.0.0.1#x", "localhost/", "xn--lcalhost-r4a", "\x00", "١٢٧.0.0.1",
])  # fmt: skip
def test_attack_23_a_foreign_name_is_refused_on_pages_and_api(winds, host):
    for path in ("/", "/winds/board", f"{PREFIX}/events/winds/board"):
        answer = raw(
            winds, f"GET {path} HTTP/1.1\r\nhost: ".encode() + host.encode() + b"\r\nconnection: close\r\n\r\n"
        )
        assert answer.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400")), answer[:200]
        assert b"zq7" not in answer
        assert b"winds</a>" not in answer


def test_attack_23_forwarded_names_and_two_hosts_do_not_count(winds):
    told = winds.ask("GET", "/winds", headers={"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"})
    assert b"evil.example" not in told.body
    twice = raw(winds, b"GET / HTTP/1.1\r\nhost: evil.example\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
    assert twice.startswith((b"HTTP/1.1 421", b"HTTP/1.1 400"))


def raw(arena, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", arena.port), timeout=20) as wire:
        wire.sendall(said)
        found = b""
        while chunk := wire.recv(65536):
            found += chunk
    return found


@pytest.mark.parametrize("following", [
    "//evil.example", "/\\evil.example", "\\\\evil.example", "http://evil.example", "https:evil.example",
    "/\t/evil.example",
    "/%09/evil.example", "javascript:alert(1)", "///evil.example", "/\r\nlocation: http://evil.example", "/%0d%0ax: y",
    " //evil.example", "/\x00//evil.example", "/é//evil.example", "@evil.example", "/winds/../..//evil.example",
])  # fmt: skip
def test_attack_27_signing_in_leads_to_this_server_alone(winds, following):
    browser = Visitor(winds)
    path = f"/sign-in?next={quote(following, safe='')}"
    page = browser.page(path)
    assert not [a for a in page.named("form") if urlsplit(a.get("action") or "").netloc]
    answer = browser.post(path, {"token": winds.entrant()})
    assert answer.status == 303
    place = answer.headers["location"]
    assert place.startswith("/")
    assert not place.startswith(("//", "/\\", "/\t"))
    assert urlsplit(place).netloc == ""
    assert "x" not in answer.headers


def test_attack_27_no_path_redirects_to_another_host(winds):
    for path in ("//evil.example/", "//evil.example/board/", "/\\evil.example/", "/winds/board/", "//evil.example/..",
                 "/api/v1/events//evil.example/"):  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", winds.port, timeout=20)
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("host", f"127.0.0.1:{winds.port}")
        connection.endheaders()
        answer = connection.getresponse()
        place = urlsplit(answer.headers.get("location") or "/")
        assert place.netloc in ("", f"127.0.0.1:{winds.port}"), place
        assert not place.path.startswith("//") or place.netloc, place
        connection.close()


def test_attack_22_an_api_call_with_a_cookie_alone_changes_nothing(winds):
    browser = Visitor(winds).sign_in(winds.entrant())
    own = {"origin": f"http://127.0.0.1:{winds.port}", "content-type": "application/json"}
    for row in ENDPOINTS:
        if row.method == "POST" and row.name != "join":
            path = PREFIX + row.path.format(event="winds", action="freeze", id="x")
            answer = browser.ask("POST", path, json.dumps({"invite": "x"}).encode(), own)
            assert (answer.status, json.loads(answer.body)["code"]) in [(401, "not_signed_in"), (403, "forbidden")], (
                path
            )
