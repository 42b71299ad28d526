"""Attacks 24, 25, 26, 30: guessing, finding out what is there, other people's things, other people's cached pages."""

from __future__ import annotations

import re
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from deepdojo.competition.server.endpoints import PREFIX
from tests.competition.attacks.room import Visitor, dojo
from tests.competition.attacks.routes import Door, doors, opened_by
from tests.competition.server.pages_room import Page

NOTE = "a note of the owner alone"


@pytest.fixture(scope="module")
def owned(arenas):
    """An owner who has sent, a mate of the same team, a rival in another, a stranger of another event, the host."""
    winds, storms = arenas["winds"].anew(), arenas["storms"].anew()
    owner, mate, rival, stranger = (
        winds.entrant("owner"), winds.entrant("mate"), winds.entrant("rival"), storms.entrant("stranger")
    )  # fmt: skip
    invite = winds.api("GET", "/team", token=owner).json["invite"]
    assert winds.api("POST", "/team", {"invite": invite}, mate).status == 200
    sent = winds.api("POST", f"/submissions?file_name=own.csv&note={NOTE.replace(' ', '%20')}", winds.table(0.9, 1),
                     owner, headers={"content-type": "text/csv"})  # fmt: skip
    told = winds.result(owner, sent.json["id"])
    people = {"nobody": None, "stranger": stranger, "rival": rival, "mate": mate, "owner": owner, "host": winds.host}
    browsers = {who: Visitor(winds.anew()) if token is None else Visitor(winds.anew()).sign_in(token)
                for who, token in people.items()}  # fmt: skip
    return SimpleNamespace(winds=winds, people=people, browsers=browsers, told=told, invite=invite)


OPEN_PAGES = {"/", "/static/{name}", "/sign-in", "/{event}", "/{event}/board", "/{event}/data", "/{event}/rules",
              "/{event}/join"}  # fmt: skip


def expected(door: Door, who: str) -> tuple[int, ...]:
    """The statuses that this role may get: of the API by its table, of pages by what the address names."""
    api, post = door.path.startswith("/api/"), door.method == "POST"
    if "{id}" in door.path:
        return {"nobody": (401,), "stranger": (404,), "rival": (404,)}.get(who, (200,))
    if door.role == "host" or door.path.endswith("/desk"):
        return {"nobody": (401,), "host": (200, 303, 400)}.get(who, (403,))
    if door.path.endswith("/data") and api:
        return {"nobody": (403,), "stranger": (403,)}.get(who, (200,))
    if door.role == "signed_in":  # of oneself alone
        return {"nobody": (401,)}.get(who, (200,))
    if door.role == "anyone":
        return (200, 400) if post else (200,)
    if door.path in OPEN_PAGES or door.path == "/sign-out":
        return (200, 303, 400) if post else (200,)
    inside = {"nobody": (401,), "stranger": (403,)}.get(who)
    if inside is None:
        inside = (200, 202, 303, 400, 403, 409, 415) if who == "host" or post else (200,)
    return (*inside, 400, 415) if post and who == "stranger" else inside  # the form is looked at first


@pytest.mark.parametrize("door", [d for d in doors() if not d.path.endswith(("/stream", "/sign-out"))], ids=str)
def test_attack_26_every_route_gives_each_role_its_own_and_no_more(owned, door):
    """The matrix of all routes and six roles; the host's things are done by the host last."""
    winds, told = owned.winds, owned.told
    for who in ("nobody", "stranger", "rival", "mate", "owner", "host"):
        if who == "host" and door.method == "POST" and (door.role == "host" or door.path.endswith("/desk")):
            continue
        answer = opened_by(winds.anew(), owned.browsers[who], owned.people[who], door, told["id"])
        assert answer.status in expected(door, who), (who, answer.status, answer.body[-300:])
        if who in ("nobody", "stranger", "rival"):
            said = answer.body.decode("utf-8", "replace")
            for secret in (NOTE, told["sha256"], owned.invite, "own.csv"):
                assert secret not in said, who
    listed = winds.api("GET", "/submissions", token=owned.people["owner"]).json
    assert [(each["id"], each["chosen"]) for each in listed] == [(told["id"], False)]
    assert winds.api("GET", "").json["frozen"] is False


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"])
def test_attack_26_nobody_can_delete_or_replace_anything(owned, method):
    winds, browser = owned.winds, owned.browsers["owner"]
    for door in doors():
        path = door.filled("winds", owned.told["id"])
        for token in (owned.people["owner"], owned.people["rival"], winds.host):
            answer = winds.ask(method, path, b"", token)
            assert answer.status in (400, 401, 403, 404, 405), (path, answer.status)
        assert browser.ask(method, path, b"").status in (400, 401, 403, 404, 405)
    assert len(winds.api("GET", "/submissions", token=owned.people["owner"]).json) == 1


def test_attack_26_a_rival_can_choose_no_other_teams_submission(owned):
    answer = owned.winds.api("POST", "/finals", {"chosen": [owned.told["id"]]}, owned.people["rival"])
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    page = owned.browsers["rival"].post("/winds/finals", {"chosen": [owned.told["id"]]})
    assert page.status == 404


def test_attack_25_another_teams_submission_and_none_are_told_alike(owned):
    winds, rival, browser = owned.winds, owned.people["rival"], owned.browsers["rival"]
    for path in ("/submissions/{}", "/submissions/{}/file"):
        there, none = (winds.ask("GET", PREFIX + path.format(i), token=rival) for i in (owned.told["id"], "a" * 16))
        assert (there.status, there.body) == (none.status, none.body)
        pages = [browser.get(path.format(i)) for i in (owned.told["id"], "a" * 16)]
        assert [page.status for page in pages] == [404, 404]
        assert len({Page(page.body.decode()).text for page in pages}) == 1
    wrong = [
        winds.anew().api("POST", "/team", {"invite": i}, rival) for i in ("x", owned.invite[:-1], owned.invite[::-1])
    ]
    assert len({(answer.status, answer.body) for answer in wrong}) == 1


def test_attack_25_ids_codes_and_tokens_cannot_be_guessed(owned):
    winds = owned.winds
    token = winds.entrant()
    ids = [winds.send(token, winds.table(0.5, 300 + k)).json["id"] for k in range(8)]
    assert len({each[:4] for each in ids}) == 8, "no counter, no clock"
    assert all(re.fullmatch(r"[\w-]{16}", each) for each in ids)
    assert len(winds.code) >= 12
    assert len(owned.invite) >= 12
    assert len(token) >= 35


def wrong_tries(arena, what: str, count: int = 14) -> list[int]:
    """What an address is told that guesses."""
    browser, token = Visitor(arena), arena.entrant()
    asked = {
        "token": lambda i: arena.ask("GET", f"{PREFIX}/events", token=f"dd_{i}"),
        "join": lambda i: arena.api("POST", "/join", {"code": f"{i}", "name": f"guess {i}"}),
        "code for the data": lambda i: arena.api("GET", f"/data?code={i}"),
        "invitation": lambda i: arena.api("POST", "/team", {"invite": f"{i}"}, token),
        "page: token": lambda i: browser.post("/sign-in", {"token": f"dd_{i}"}),
        "page: join": lambda i: browser.post("/winds/join", {"code": f"{i}", "name": f"guess {i}"}),
    }  # fmt: skip
    return [asked[what](i).status for i in range(count)]


@pytest.mark.parametrize("what", ["token", "join", "code for the data", "invitation", "page: token", "page: join"])
def test_attack_24_after_ten_wrong_tries_an_address_waits(winds, what):
    said = wrong_tries(winds, what)
    assert set(said[:10]) <= {401, 403}
    assert set(said[10:]) == {429}
    assert winds.api("GET", "/board").status == 200, "reading goes on"
    assert winds.anew().api("POST", "/join", {"code": winds.code, "name": f"other {what}"}).status == 201


def test_attack_24_one_who_guesses_does_not_lock_out_others_at_the_same_address(winds):
    """A room may have one address for all: whose token is right goes on working."""
    token = winds.entrant()
    assert wrong_tries(winds, "token")[-1] == 429
    assert winds.api("GET", "/team", token=token).status == 200
    assert winds.send(token, winds.table(0.5, 400)).status == 202


def test_attack_24_a_flood_of_wrong_tokens_leaves_the_board_alone(winds):
    """From forty addresses at once, with no slow hash to wait for; all boards come while it lasts."""
    flood = [winds.anew() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(wrong_tries, each, "token", 12) for each in flood]
        boards, begun = [], time.monotonic()
        while not all(each.done() for each in waiting) and time.monotonic() - begun < 60:
            boards.append(winds.api("GET", "/board").status)
        assert all(each.result()[-1] == 429 for each in waiting)
    assert set(boards) == {200}
    assert len(boards) >= 10


def test_attack_30_two_browsers_side_by_side_never_get_each_others_pages(owned):
    """Alternately and at once, every page of each: the own name, never the other's."""
    winds = owned.winds
    names = ("zoe of the left", "yan of the right")
    browsers = {name: Visitor(winds.anew()).sign_in(winds.entrant(name)) for name in names}
    paths = [d.path.format(event="winds", name="pages.js", id="x") for d in doors()
             if d.method == "GET" and d.role is None and "static" not in d.path and "{id}" not in d.path]  # fmt: skip
    asked = [(name, path + more) for path in paths for more in ("", "?lang=zh") for name in names]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: browsers[each[0]].get(each[1]), asked * 2))
    for (name, path), answer in zip(asked * 2, answers, strict=True):
        if answer.status != 200:
            continue
        said = answer.body.decode()
        assert name in said, path
        assert names[names[0] == name] not in said, path
        assert answer.headers["cache-control"] == "private, no-store", path
        assert "cookie" in answer.headers["vary"]
    nobody = Visitor(winds.anew())
    for path in paths:
        assert not [name for name in names if name in nobody.get(path).body.decode()], path
    tag = winds.api("GET", "/board", token=owned.people["owner"]).headers["etag"]
    for path in paths:  # an ETag of another's answer opens nothing
        assert browsers[names[0]].get(path, if_none_match=tag).status != 304


def test_attack_30_signing_out_ends_the_session_everywhere(owned):
    token = owned.winds.entrant()
    one, two = (Visitor(owned.winds).sign_in(token) for _ in range(2))
    kept = dict(one.cookies)
    assert one.post("/sign-out", {}).status == 303
    one.cookies = kept
    assert (one.get("/winds/team").status, two.get("/winds/team").status) == (401, 401)


def test_attack_30_another_teams_file_cannot_be_had_by_its_key_or_digest(owned):
    winds, rival = owned.winds, owned.people["rival"]
    first = winds.send(winds.entrant(), winds.table(0.7, 500), idempotency_key="one key").json
    other = winds.send(rival, winds.table(0.7, 501), idempotency_key="one key").json
    assert (other["before"], other["id"] == first["id"]) == (False, False)
    for name in (owned.told["sha256"], f"sha256:{owned.told['sha256']}"):
        assert winds.ask("GET", f"{PREFIX}/submissions/{name}/file", token=rival).status == 404
    same = winds.send(rival, winds.table(0.9, 1)).json
    assert same["id"] != owned.told["id"], "the same bytes are the rival's own submission"


@pytest.mark.parametrize("member", ["../outside", "/tmp/outside-of-it", "events/../../outside", "events\\..\\outside"])
def test_attack_30_a_hostile_backup_with_right_checksums_writes_nothing_outside(arenas, tmp_path, member):
    import hashlib
    import json

    shutil.copytree(arenas["winds"].folder / "config-host", tmp_path / "config-host")
    code, _, complaint = dojo(
        tmp_path, "host", "winds", "backup", "good.zip", "--store", str(arenas["winds"].folder / "dojo-server")
    )
    assert code == 0, complaint
    with zipfile.ZipFile(tmp_path / "good.zip") as old, zipfile.ZipFile(tmp_path / "bad.zip", "w") as new:
        told = json.loads(old.read("manifest.json"))
        told["files"][member] = told["files"][next(iter(told["files"]))]
        sha = hashlib.sha256(b"gone").hexdigest()
        told["files"][member] = {**told["files"][member], "sha256": sha, "bytes": 4} if isinstance(
            told["files"][member], dict) else sha  # fmt: skip
        for info in old.infolist():
            data = json.dumps(told).encode() if info.filename == "manifest.json" else old.read(info)
            new.writestr(info.filename, data)
        new.writestr(member, b"gone")
    before = {path.name for path in tmp_path.iterdir()}
    code, _, said = dojo(tmp_path, "host", "winds", "restore", "bad.zip", "--store", "second")
    assert (code, said.count("\n")) == (2, 1), said
    assert {path.name for path in tmp_path.iterdir()} == before
