"""What is sent by mistake or in bad faith: one sentence, a code, no quota used, never a fault of the server.

Ids are attack 7, numbers attack 6, bombs attack 10, paths and links attack 11, encodings of rubbish attack 13; heads,
sizes and packings are in tests/competition/server/test_api.py.
"""

from __future__ import annotations

import json
import socket

import pytest

from deepdojo.competition.server.endpoints import ENDPOINTS, PREFIX
from tests.competition.attacks.room import Arena, Visitor, opened
from tests.competition.attacks.routes import doors
from tests.competition.databases import postgresql


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def arenas(request, shared, tmp_path_factory):
    """The shared room, and one like it over PostgreSQL, which takes other texts."""
    if request.param == "sqlite":
        yield shared
        return
    with postgresql() as server, opened(tmp_path_factory.mktemp("pg"), db=server.fresh()) as found:
        yield found


@pytest.fixture
def winds(arenas):
    return arenas["winds"].anew()


def chances(odds: Arena, cell: str) -> bytes:
    """Even chances, but for the third row; JSON lines, so that a cell needs no quotes of its own."""
    even = '{"zq7north": 0.5, "zq7south": 0.4, "zq7hidden": 0.1}'
    lines = [f'{{"id": "{row}", "probabilities": {cell if k == 2 else even}}}' for k, row in enumerate(odds.ids)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("cell", [
    '{"zq7north": 0.5, "zq7south": 0.4, "zq7hidden": 0.2}', '{"zq7north": 0, "zq7south": 0, "zq7hidden": 0}', "{}",
    '{"zq7north": -0.5, "zq7south": 1.4, "zq7hidden": 0.1}', '{"zq7north": NaN, "zq7south": 0.4, "zq7hidden": 0.1}',
    '{"zq7north": Infinity, "zq7south": 0, "zq7hidden": 0}', '{"zq7north": 1e400, "zq7south": 0, "zq7hidden": 0}',
    '{"zq7north": "half", "zq7south": 0.4, "zq7hidden": 0.1}', "[0.5, 0.5]", '"even"', "7", "null", "{",
    '{"west": 1.0}', '{"zq7north": 0.5, "zq7north": 0.5}', '{"zq7north": {"a": 1}}', "[" * 5000,
])  # fmt: skip
def test_chances_that_are_none_are_refused_by_row(arenas, cell):
    odds = arenas["odds"].anew()
    told = odds.told(odds.entrant(), chances(odds, cell), "p.jsonl")
    assert (told["state"], told["fault"]["code"]) == ("refused", "bad_file"), told
    assert "line 3" in told["fault"]["where"] or odds.ids[2] in told["fault"]["where"], told


def test_windows_line_ends_byte_order_marks_and_utf_16_are_read(winds):
    text = winds.table(0.8, 3)
    forms = [b"\xef\xbb\xbf" + text, text.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"),
             text.decode().encode("utf-16"), text.decode().encode("utf-16-le"), text.replace(b"\n", b"\r")]  # fmt: skip
    values = {winds.told(winds.entrant(), form)["value"] for form in forms}
    assert len(values) == 1
    assert None not in values


def test_formula_cells_are_labels_that_nobody_knows(winds):
    for cell in ("=1+1", '"=HYPERLINK(""http://x"")"', "@SUM(A1)", "+zq7north", "-zq7north", "'zq7north"):
        table = winds.table().replace(b",zq7north\n", f",{cell}\n".encode(), 1)
        told = winds.told(winds.entrant(), table)
        assert (told["state"], told["fault"]["code"]) == ("refused", "bad_file"), told


@pytest.mark.parametrize(("name", "code"), [("soon", "not_started"), ("over", "ended")])
def test_before_the_start_and_after_the_end_nothing_is_taken(arenas, name, code):
    event = arenas[name].anew()
    token = event.join(f"early or late {name}")
    sent = event.send(token, event.table())
    assert (sent.status, sent.json["code"]) == (403, code)
    page = Visitor(event).sign_in(token).upload(f"/{name}/submissions", "p.csv", event.table())
    assert page.status == 403
    assert event.api("GET", "/submissions", token=token).json == []


def test_no_refusal_uses_quota_and_the_same_file_counts_once(arenas):
    storms = arenas["storms"].anew()
    token = storms.entrant()
    for _ in range(7):
        assert storms.told(token, b"id,label\nnobody,zq7north\n")["state"] == "refused"
    for name, body in (("a.exe", b"x"), ("p.csv", b"")):
        assert storms.send(token, body, name, content_type="x/y").status in (400, 415)
    for k in range(5):
        assert storms.send(token, storms.table(0.9, k)).status == 202
        again = storms.send(token, storms.table(0.9, k))
        assert (again.status, again.json["code"]) == (409, "already_sent")
    over = storms.send(token, storms.table(0.9, 9))
    assert (over.status, over.json["code"]) == (429, "quota")


ODD = (
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"\xff\xfe{}", b"{" * 50_000, b"[" * 60_000, b'{"a": ' * 10_000,
    b'{"code": 1, "name": 2, "invite": 3, "chosen": 4, "ends": [], "text": {}}',
    b'{"code": "\\ud800", "name": "\\udfff", "invite": "\\ud800", "chosen": ["\\ud800"], "ends": "\\ud800", "text":'
    b' "\\ud800"}',
    b'{"code": "\\u0000", "name": "a\\u0000", "invite": "\\u0000", "chosen": ["\\u0000"], "ends": "\\u0000", "text":'
    b' "a\\u0000b"}',
    b'{"code": NaN, "name": NaN, "invite": NaN, "chosen": NaN, "ends": NaN, "text": NaN}', b'{"ends": Infinity}',
    b'{"ends": -Infinity}', b'{"ends": 1e400}', b'{"ends": 1' + b"0" * 400 + b"}", b'{"ends": 1' + b"0" * 5000 + b"}",
    b'{"ends": 1e300}', b'{"ends": -1e300}', b'{"ends": true}', b'{"ends": "9999-12-31T23:59:59-23:59"}',
    b'{"ends": 1e17}', b'{"chosen": [[]]}', b'{"chosen": ["' + b"a" * 60_000 + b'"]}', b'{"chosen": ["a", "b", "c"]}',
    b'{"code": "' + b"a" * 70_000 + b'"}', b'{"text": "  "}', b'{"code": "", "name": "", "invite": "", "text": ""}',
    b'{"code": "\xff", "name": "\xc3", "invite": "\xff", "text": "\xff"}',
)  # fmt: skip


@pytest.mark.parametrize("row", [r for r in ENDPOINTS if r.method == "POST" and r.body != "raw"], ids=lambda r: r.path)
def test_odd_json_is_a_sentence_with_a_code_on_every_route(arenas, row):
    winds, actions = arenas["winds"], ("extend", "announce") if "{action}" in row.path else ("",)
    token = winds.host if row.role == "host" else winds.entrant()
    for action in actions:
        path = PREFIX + row.path.format(event="winds", action=action, id="x")
        for body in ODD:
            for kind in ("application/json", "text/plain"):
                answer = winds.anew().ask("POST", path, body, token, headers={"content-type": kind})
                assert 400 <= answer.status < 500, (path, body[:80], answer.body)
                assert set(answer.json) >= {"error", "where", "todo", "code"}
    assert winds.api("GET", "").json["ends"] is None, "nothing of it was taken"


def test_odd_names_and_notes_are_kept_as_they_are_or_refused(winds):
    token = winds.entrant()
    for number, (name, note) in enumerate([
        ("%00.csv", "%00"), ("%ff%fe.csv", "%ff"), ("%ED%A0%80.csv", "%ED%A0%80"), ("a" * 300 + ".csv", "a" * 300),
        ("p.csv", "a" * 1001), ("..%2f..%2fp.csv", "..%2f"), ("%E2%80%AEvsc.csv", "%E2%80%AE"), (".csv", ""),
        ("%0d%0aset-cookie:a=b.csv", "%0d%0a"), ("", "%F0%9F%98%80"), ("p.csv%20", "%1b[31m"),
    ]):  # fmt: skip
        path = f"/submissions?file_name={name}&note={note}"
        sent = winds.api("POST", path, winds.table(0.6, 50 + number), token, headers={"content-type": "text/csv"})
        assert sent.status in (202, 400), (name, sent.body)
        if sent.status == 202:
            told = winds.ask("GET", sent.headers["location"], token=token).json
            assert not set(told["file_name"]) & set("/\\\0\r\n\u202e\ud800"), told["file_name"]
            fetched = winds.ask("GET", f"{sent.headers['location']}/file", token=token)
            assert fetched.status == 200
            assert "set-cookie" not in fetched.headers
    for key in ("a" * 101, "\xff\xfe", " "):
        assert winds.send(token, winds.table(0.1, 90), idempotency_key=key).status in (202, 400, 409)


@pytest.mark.parametrize(
    "odd", ["%00", "%ED%A0%80", "%F0%9F%98%80", "%E2%80%AE", "..%2f..", "%0a", "a" * 3000, "%25%30%30"]
)
def test_odd_addresses_are_a_sentence_on_every_route(winds, odd):
    token = winds.entrant()
    browser = Visitor(winds).sign_in(token)
    for door in doors():
        if "{" not in door.path or door.method != "GET":
            continue
        path = door.path.format(event=odd, id=odd, name=odd, action=odd)
        answer = winds.ask(door.method, path, token=token) if door.role else browser.get(path)
        assert 400 <= answer.status < 500, (path, answer.body[-200:])
        if door.role:
            assert answer.json["code"]


@pytest.mark.parametrize(
    "charset", ["utf-8", "utf-7", "unicode_escape", "raw_unicode_escape", "utf-16", "idna", "hex", "x"]
)
def test_odd_forms_are_a_page_and_no_fault(winds, charset):
    browser = Visitor(winds).sign_in(winds.entrant())
    secret = browser.csrf()
    for text in (b"\\ud800", b"+2AA-", b"\x00", b"\xff", b"\xed\xa0\x80"):
        parts = b"".join(
            b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, value)
            for name, value in (
                (b"token", text),
                (b"csrf", text),
                (b"name", text),
                (b"invite", text),
                (b"chosen", text),
            )
        )
        for path in ("/sign-in", "/winds/join", "/winds/team", "/winds/finals", "/winds/desk", "/winds/submissions"):
            for body in (parts, parts.replace(b"\r\n\r\n" + text, b"\r\n\r\n" + secret.encode(), 2)):
                kind = f"multipart/form-data; boundary=x; charset={charset}"
                answer = browser.ask("POST", path, body + b"--x--\r\n", {"content-type": kind})
                assert 400 <= answer.status < 500, (path, text, answer.body[-300:])


def test_a_body_that_claims_ten_gigabytes_is_refused_before_it_comes(winds):
    """By its head alone, also where a small JSON object or a form is asked for."""
    token = winds.entrant()
    for path, kind in ((f"{PREFIX}/events/winds/submissions?file_name=p.csv", "text/csv"),
                       (f"{PREFIX}/events/winds/team", "application/json"),
                       ("/winds/join", "application/x-www-form-urlencoded")):  # fmt: skip
        with socket.create_connection(("127.0.0.1", winds.port), timeout=20) as wire:
            head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {10 << 30}\r\n"
            wire.sendall(f"{head}authorization: Bearer {token}\r\n\r\n".encode())
            said = wire.recv(4096)
        assert said.startswith(b"HTTP/1.1 413"), said


def test_a_body_without_a_length_is_cut_off_at_the_limit(winds):
    token = winds.entrant()

    def endless():
        for _ in range(80):
            yield b"x" * (1 << 20)

    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", winds.port, timeout=60)
    try:
        path, head = f"{PREFIX}/events/winds/submissions?file_name=p.csv", {"authorization": f"Bearer {token}"}
        connection.request("POST", path, endless(), head, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server has said it and closed while we still wrote
    finally:
        connection.close()
    assert winds.api("GET", "/submissions", token=token).json == []
