"""The pages of a code competition: what must be sent, by whom a program's words are seen."""

from __future__ import annotations

import pytest

from tests.competition.attacks.code_room import GOOD, code_room, needs_sandbox, zipped
from tests.competition.server.pages_room import Browser

needs_sandbox()


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    with code_room(tmp_path_factory.mktemp("pages"), run_s=20.0, per_day=7, broken_per_day=9) as found:
        yield found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_says_that_programs_are_sent(room, language):
    ada = Browser(room).sign_in(room.join("ada"))
    pages = {place: ada.page(f"/winds{place}?lang={language}") for place in ("", "/rules", "/submissions", "/data")}
    for place, page in pages.items():
        assert page.faults() == [], place
        assert "predict.py" in page.text, place
    assert "20" in pages["/rules"].text
    assert "256 MiB" in pages["/rules"].text
    assert "file_name=program.zip" in pages[""].text
    assert "sample_submission.csv" not in pages["/submissions"].text
    if language == "en":
        assert "dojo submit FOLDER" in pages[""].text
        assert "after 9 failures a team waits" in pages["/rules"].text
        assert "a team has one member" in pages["/rules"].text
    assert Browser(room).page(f"/winds?lang={language}").faults() == []
    host = Browser(room).sign_in(room.host)
    for place in ("", "/data"):
        assert "code=CODE' --as NAME" in pages[place].text, "the rule is no join code"
        assert f"code={room.code}' --as NAME" in host.page(f"/winds{place}").text


def test_a_program_sent_by_the_form_is_judged_and_only_the_host_sees_what_it_printed(room):
    ada, grace = Browser(room).sign_in(room.join("ada")), Browser(room).sign_in(room.host)
    for program, said in (
        (f"print('seen 7')\n{GOOD}", "accuracy"),
        ("print('seen 7')\nraise KeyError('seen 7')", "KeyError at predict.py, line 2"),
    ):
        answer = ada.upload("/winds/submissions", "mine.zip", zipped({"predict.py": program}))
        assert answer.status == 303, answer.body
        place = answer.headers["location"]
        room.result(room.join("ada"), place.rpartition("/")[2])
        mine, hosts = ada.page(place), grace.page(place)
        assert said in mine.text
        assert "The program ran" in mine.text
        assert "seen 7" not in mine.text
        assert "seen 7" in hosts.text
        assert "for the host alone" in hosts.text
        assert mine.faults() == hosts.faults() == []
        assert ("run it on the example rows first: python predict.py" in mine.text) == (said != "accuracy")
    assert "以退出码 1 结束：KeyError at predict.py, line 2" in ada.page(f"{place}?lang=zh").text


def test_a_table_by_the_form_is_refused_with_what_to_send(room):
    answer = Browser(room).sign_in(room.join("ada")).upload("/winds/submissions", "p.csv", room.table())
    assert answer.status == 415
    assert "this event takes programs" in answer.body.decode()
