"""The API as a stranger finds it: taking part, sending, results, boards; and what is refused."""

from __future__ import annotations

import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepdojo.competition.server.endpoints import ENDPOINTS, PREFIX
from tests.competition.server.running import LABELS, python, running


def test_from_joining_to_the_board(server):
    ada = server.join("Ada")
    sent = server.send(ada, server.table(0.9))
    assert sent.status == 202
    told = server.result(ada, sent.json["id"])
    assert told["state"] == "scored"
    assert told["low"] < told["value"] < told["high"]
    assert told["n"] < 50
    assert told["private"] is None
    rows = server.api("GET", "/board").json["rows"]
    assert [row["team"] for row in rows] == ["Ada"]
    assert rows[0]["value"] == told["value"]
    again = server.ask("GET", f"/api/v1/submissions/{told['id']}/file", token=ada)
    assert again.body == server.table(0.9)


def test_the_answer_to_a_repeated_request_is_the_first_submission(server):
    token = server.join("Bo")
    first = server.send(token, server.table(0.8, 2), Idempotency_Key="k1").json
    second = server.send(token, server.table(0.8, 2), Idempotency_Key="k1").json
    assert (second["id"], second["before"]) == (first["id"], True)
    same_file = server.send(token, server.table(0.8, 2))
    assert (same_file.status, same_file.json["code"]) == (409, "already_sent")


FAULTS = {
    "wrong head": (b"row,label\n1,a\n", "id"),
    "one row": (b"id,label\n1,zq7north\n", "ids"),
    "nothing but a head": (b"id,label\n", "ids are missing"),
    "NUL": (b"id,label\n\x00,a\n", None),
    "UTF-16": ("id,label\n1,a\n".encode("utf-16"), None),
    "not text": (bytes(range(256)) * 4, None),
    "unclosed quote": (b'id,label\n"1,a\n', None),
    "zip in the clothes of a table": (b"PK\x03\x04" + b"x" * 100, None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_table_is_refused_with_one_sentence_and_no_quota(server, fault):
    body, words = FAULTS[fault]
    token = server.join("Cy")
    sent = server.send(token, body)
    assert sent.status == 202
    told = server.result(token, sent.json["id"])
    assert told["state"] == "refused"
    assert set(told["fault"]) >= {"error", "where", "todo"}
    assert words is None or words in told["fault"]["error"]
    assert not any(label in json.dumps(told) for label in LABELS)


def changed(server, change):
    lines = server.table(1.0).decode().splitlines()
    change(lines)
    return "\n".join(lines).encode()


CHANGES = {
    "missing id": lambda lines: lines.pop(7),
    "doubled id": lambda lines: lines.append(lines[5]),
    "doubled for a missing one": lambda lines: lines.__setitem__(7, lines[5]),
    "foreign id": lambda lines: lines.append("nobody,zq7north"),
    "empty id": lambda lines: lines.__setitem__(3, ",zq7north"),
    "label never heard of": lambda lines: lines.__setitem__(3, lines[3].partition(",")[0] + ",west"),
    "empty label": lambda lines: lines.__setitem__(3, lines[3].partition(",")[0] + ","),
    "too many columns": lambda lines: lines.__setitem__(3, lines[3] + ",1,2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_single_wrong_row_is_named(server, change):
    token = server.join("Di")
    told = server.result(token, server.send(token, changed(server, CHANGES[change])).json["id"])
    assert told["state"] == "refused", told
    assert told["fault"]["where"]


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["Windows", "Unix"])
def test_windows_ends_and_a_byte_order_mark_are_no_fault(server, ends):
    token = server.join("Ed")
    body = b"\xef\xbb\xbf" + server.table(0.7, len(ends)).replace(b"\n", ends.encode())
    assert server.result(token, server.send(token, body).json["id"])["state"] == "scored"


def test_sizes_types_and_packings_are_refused_before_they_are_read(server):
    token = server.join("Flo")
    empty = server.send(token, b"")
    assert (empty.status, empty.json["code"]) == (400, "bad_request")
    packed = server.send(token, b"id,label\n", Content_Encoding="gzip")
    assert (packed.status, packed.json["code"]) == (415, "wrong_type")
    kind = server.api("POST", "/submissions?file_name=a.exe", b"x", token, headers={"content-type": "x/y"})
    assert (kind.status, kind.json["where"]) == (415, "file_name")
    large = server.send(token, b"x", Content_Length=str(10 << 30))
    assert (large.status, large.json["code"]) == (413, "too_large")


@pytest.mark.slow
def test_a_zip_bomb_is_refused(server):
    token, kept = server.join("Gus"), io.BytesIO()
    with (
        zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("predictions.csv", "w", force_zip64=True) as file,
    ):
        for _ in range(1100):
            file.write(b"0" * (1 << 20))
    sent = server.api("POST", "/submissions?file_name=a.zip", kept.getvalue(), token)
    told = server.result(token, sent.json["id"])
    assert told["state"] == "refused"
    assert "larger" in told["fault"]["error"]


def test_the_public_folder_holds_no_answer_of_a_test_row(server):
    token = server.join("Hal")
    assert server.api("GET", "/data").status == 403
    assert server.api("GET", "/data?code=wrong").status == 403
    fetched = server.api("GET", "/data", token=token)
    assert fetched.status == 200
    with zipfile.ZipFile(io.BytesIO(fetched.body)) as archive:
        names = archive.namelist()
        assert {"project.toml", "README.md", "sample_submission.csv"} <= set(names)
        assert not [name for name in names if "solution" in name or "key" in name or name.startswith("/")]


def test_a_board_is_not_sent_twice(server):
    first = server.api("GET", "/board")
    again = server.api("GET", "/board", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_the_description_names_every_route(server):
    told = server.ask("GET", "/api/v1/openapi.json").json
    for row in ENDPOINTS:
        assert row.method.lower() in told["paths"][PREFIX + row.path]


def roles(server):
    other = server.join("Ida")
    return {"nobody": None, "stranger": other, "host": server.host, "wrong": None}


def path_of(server, row, submission):
    return PREFIX + row.path.replace("{event}", server.event).replace("{id}", submission).replace("{action}", "freeze")


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")
def test_every_route_asks_for_its_role(server, row):
    """The matrix of all routes and roles, from the table of routes."""
    owner = server.join("Jo")
    known = server.ask("GET", f"/api/v1/events/{server.event}/submissions", token=owner).json
    submission = known[0]["id"] if known else server.send(owner, server.table(0.6, 77)).json["id"]
    path = path_of(server, row, submission)
    if row.name == "stream":
        return
    body = {} if row.method == "POST" else None
    nobody = server.ask(row.method, path, body).status
    stranger = server.ask(row.method, path, body, server.join("Ida")).status
    if row.role == "anyone":
        assert nobody not in (401, 500)
    else:
        assert nobody == 401
    if row.role == "host":
        assert stranger == 403
    if "{id}" in row.path:
        assert stranger == 404
        assert server.ask(row.method, path, body, server.host).status == 200
    assert stranger != 500


def test_a_known_and_an_unknown_event_are_told_alike_to_one_without_the_code(server):
    first = server.api("POST", "/join", {"code": "x", "name": "Kim"})
    second = server.ask("POST", "/api/v1/events/no-such/join", {"code": "x", "name": "Kim"})
    assert (first.status, first.body) == (second.status, second.body)


def test_a_foreign_name_of_the_server_is_refused(server):
    answer = server.ask("GET", "/api/v1/events", headers={"host": "evil.example"})
    assert (answer.status, answer.json["code"]) == (421, "wrong_host")


def test_a_changing_request_without_a_token_is_refused_however_it_comes(server):
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        answer = server.api("POST", "/team", {"invite": "x"}, headers=headers)
        assert answer.status in (401, 403)


def test_answers_carry_the_headers_that_browsers_obey(server):
    headers = server.api("GET", "/board").headers
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_stream_tells_of_a_new_board(server):
    import http.client

    token = server.join("Lou")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", f"/api/v1/events/{server.event}/stream")
    answer = connection.getresponse()
    seen = b""
    while seen.count(b"data:") < 1:
        seen += answer.read1(1000)
    server.send(token, server.table(0.95, 5))
    while seen.count(b"data:") < 2:
        seen += answer.read1(1000)
    connection.close()
    assert seen.count(b"event: version") >= 2


def test_twenty_at_once_never_pass_the_quota_and_a_freeze_shows_nothing(tmp_path):
    with running(tmp_path, per_day=5) as server:
        token = server.join("Mo")
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda i: server.send(token, server.table(0.5 + i / 50, i)), range(20)))
        assert sorted(answer.status for answer in answers) == [202] * 5 + [429] * 15
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.json["code"] == "quota"
        assert int(refused.headers["retry-after"]) > 0
        for answer in answers:
            if answer.status == 202:
                server.result(token, answer.json["id"])
        assert server.api("POST", "/host/freeze", {}, server.host).json["frozen"]
        time.sleep(1.5)  # the ranking of what was sent before may still end
        before = server.api("GET", "/board")
        other = server.join("Ned")
        server.result(other, server.send(other, server.table(1.0)).json["id"])
        time.sleep(0.5)
        after = server.api("GET", "/board")
        assert after.body == before.body
        assert after.headers["etag"] == before.headers["etag"]
        assert [row["team"] for row in server.api("GET", "/board", token=server.host).json["rows"]] == ["Ned", "Mo"]
        server.api("POST", "/host/unfreeze", {}, server.host)
        time.sleep(0.2)  # the version is looked up every 50 ms at most
        assert [row["team"] for row in server.api("GET", "/board").json["rows"]] == ["Ned", "Mo"]


def test_ten_wrong_codes_are_enough(tmp_path):
    with running(tmp_path) as server:
        answers = [server.api("POST", "/join", {"code": str(i), "name": f"N{i}"}) for i in range(12)]
        assert [answer.status for answer in answers] == [403] * 10 + [429] * 2
        assert server.api("GET", "/board").status == 200


def test_the_web_process_loads_nothing_heavy():
    """numpy alone is 15 MB of its 60; reading, training and scoring are for other processes."""
    heavy = ("numpy", "duckdb", "pandas", "torch", "jaxtyping", "deepdojo.data", "deepdojo.competition.hosting")
    code = f"import sys, deepdojo.competition.server.__main__; print([n for n in {heavy} if n in sys.modules])"
    assert python("-c", code).stdout.strip() == "[]"
