"""Attack 29: what was sent cannot be taken back for quota, and no score changes in silence.

That both versions of a score stay, and that no entrant sees the new one before it is applied, is shown by
tests/cli/test_compete.py::answers_that_were_wrong_are_scored_anew_seen_and_applied against a server of its own.
"""

from __future__ import annotations

import json

import pytest

from tests.competition.attacks.room import HIDDEN, Visitor, dojo, hosted, served
from tests.competition.attacks.room import arena as arena_of
from tests.competition.attacks.routes import doors
from tests.competition.server.running import a_project


def test_attack_29_no_request_gives_quota_back(arenas):
    storms = arenas["storms"].anew()
    token = storms.entrant()
    ids = [storms.send(token, storms.table(0.7, 1100 + k)).json["id"] for k in range(5)]
    browser = Visitor(storms).sign_in(token)
    for door in doors():
        path = door.filled("storms", ids[0])
        for method in ("DELETE", "PUT", "PATCH", "POST"):
            if method != door.method and "stream" not in path:
                storms.ask(method, path, {"state": "refused", "counted": False, "delete": True}, token)
    for action in ("delete", "cancel", "withdraw", "remove"):
        assert storms.ask("POST", f"/api/v1/submissions/{ids[0]}/{action}", {}, token).status == 404
        assert browser.post(f"/submissions/{ids[0]}", {"action": action}).status in (400, 405)
    assert storms.api("POST", "/finals", {"chosen": []}, token).status == 200
    assert {each["id"] for each in storms.api("GET", "/submissions", token=token).json} == set(ids)
    over = storms.send(token, storms.table(0.7, 1200))
    assert (over.status, over.json["code"]) == (429, "quota")
    joined = storms.anew().api("POST", "/team", {"invite": "x"}, token)
    assert joined.status in (403, 409), "a team that has sent is not left for another one's quota"


@pytest.mark.slow
def test_attack_29_scoring_anew_is_announced_by_version_and_logged(tmp_path):
    a_project(tmp_path)
    told = hosted(tmp_path, "winds", "project", "--per-day", "5")
    with served(tmp_path) as (port, log, pid):
        winds = arena_of(tmp_path, port, log, pid, told)
        token = winds.entrant("ada")
        first = winds.told(token, winds.table(0.8, 1))
        assert winds.api("GET", "").json["rubric"] == 1
        lines = (tmp_path / "test.csv").read_text().splitlines()
        lines[1:41] = [line.replace("zq7north", "\0").replace("zq7south", "zq7north").replace("\0", "zq7south")
                       for line in lines[1:41]]  # fmt: skip
        (tmp_path / "test.csv").write_text("\n".join(lines) + "\n")
        code, _, said = dojo(tmp_path, "host", "winds", "rescore", "--reason", "forty labels turned", "--preview")
        assert code == 0, said
        assert winds.ask("GET", f"/api/v1/submissions/{first['id']}", token=token).json["value"] == first["value"]
        assert winds.api("GET", "").json["rubric"] == 1
        code, _, said = dojo(tmp_path, "host", "winds", "rescore", "--apply")
        assert code == 0, said
        assert winds.api("GET", "").json["rubric"] == 2
        news = json.dumps(winds.api("GET", "").json["announcements"])
        logged = json.dumps(winds.api("GET", "/host/audit", token=winds.host).json)
        assert "forty labels turned" in news
        assert "forty labels turned" in logged
        after = winds.ask("GET", f"/api/v1/submissions/{first['id']}", token=token).json
        assert after["value"] != first["value"]
        assert HIDDEN not in news
        counted = [winds.send(token, winds.table(0.5, 50 + k)).status for k in range(5)]
        assert counted == [202] * 4 + [429], "scoring anew gives no quota back"
