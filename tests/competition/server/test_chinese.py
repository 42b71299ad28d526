"""Everything that is ours is in Chinese on a Chinese page: sentences, refusals, faults of files, the log, README."""

from __future__ import annotations

import ast
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

import deepdojo
from deepdojo.competition.server.page_words import PageWords
from deepdojo.competition.server.refusal_words import in_chinese, markdown_in, refusal_sentences, said
from deepdojo.tables import TEXT_FORMS
from tests.competition.server.pages_room import Browser
from tests.competition.server.running import running
from tests.competition.server.test_api import CHANGES, FAULTS, changed

SOURCE = Path(deepdojo.__file__).parent
COMPETITION = SOURCE / "competition"
WEB = [COMPETITION / "service.py", COMPETITION / "desk.py", COMPETITION / "passwords.py", COMPETITION / "cost.py",
       *(COMPETITION / "database").glob("*.py"), *(COMPETITION / "server").glob("*.py")]  # fmt: skip
READERS = [SOURCE / "tables.py", SOURCE / "tables_io.py", SOURCE / "boxes.py", SOURCE / "scoring" / "submission.py",
           SOURCE / "scoring" / "submission_files.py", *(COMPETITION / "worker").glob("*.py")]  # fmt: skip
# Said in a terminal of the host alone, when a server or a database is opened; between our own processes.
TERMINAL = {"supervisor.py", "engine.py", "__main__.py", "frames.py"}
# A host's act that the pages do not have, and blanks alone, whose sentences stand elsewhere.
ELSEWHERE = {"an event is named {} already", "give another with --name", "{} ({})", "a score is not finite", "{}",
             "let `decode` of the task give every prediction column of its contract",
             "give each held-out id once: RUN/predictions.parquet and the test rows of RUN/split.parquet have them",
             }  # fmt: skip


def shapes(node: ast.expr) -> list[str]:
    """A sentence as it stands in the source, blanks as {}; several where it depends."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return ["".join(p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)]  # type: ignore[misc]
    if isinstance(node, ast.IfExp):
        return shapes(node.body) + shapes(node.orelse)
    return []


def raised(paths: list[Path], errors: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if not isinstance(node, ast.Call) or name not in errors or path.name in TERMINAL:
                continue
            what = node.args[1 if name == "Refusal" else 0 :][:1]
            found |= {s for each in [*what, *(k.value for k in node.keywords if k.arg == "todo")] for s in shapes(each)}
    return found - ELSEWHERE


def without_chinese(found: set[str]) -> list[str]:
    return [each for each in sorted(found) if in_chinese(each.replace("{}", "7")) is None]


def test_each_refusal_of_the_server_has_its_chinese_sentence():
    found = raised(WEB, ("Refusal",))
    assert len(found) > 100
    assert without_chinese(found) == []


def test_each_fault_of_a_file_has_its_chinese_sentence():
    found = raised(READERS, ("ScoreError", "ValueError"))
    for path in (SOURCE / "tables.py", SOURCE / "boxes.py"):  # what a cell's check returns
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("_fault"):
                found |= {s for r in ast.walk(node) if isinstance(r, ast.Return) and r.value for s in shapes(r.value)}
    assert len(found) > 60
    assert without_chinese(found - ELSEWHERE) == []
    assert [form for form in TEXT_FORMS.values() if in_chinese(f"the form is: {form}") is None] == []


def test_each_fault_of_a_program_has_its_chinese_sentence():
    sandbox = COMPETITION / "sandbox"
    found = raised([sandbox / name for name in ("code.py", "unpack.py")], ("ScoreError",)) - {
        "{} {}",
        "{} larger than {} MiB",
    }
    for path in (sandbox / "code.py", sandbox / "words.py", sandbox / "pickles.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ProgramFault":
                found |= {s for each in (*node.args[1:2], *(k.value for k in node.keywords)) for s in shapes(each)}
            if isinstance(node, ast.Dict) and len(node.keys) > 1 and path.name != "pickles.py":
                found |= {s for value in node.values for s in shapes(value)}
            if isinstance(node, ast.Return) and node.value is not None and path.name == "pickles.py":
                found |= {f"{{}} {s}" for s in shapes(node.value)}
    found -= {"{}", "{}, {}", "{}: {}"}
    assert len(found) > 30
    assert without_chinese(found) == []


def test_each_line_of_the_audit_log_has_its_chinese_words():
    found = set()
    for path in COMPETITION.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "log":
                for each in node.args[4:5]:
                    found |= set(shapes(each))
                for detail in node.args[5:6]:
                    found |= {key.value for key in getattr(detail, "keys", []) if isinstance(key, ast.Constant)}
    assert len(found) > 15
    assert without_chinese(found) == []


def test_both_sentences_have_the_same_blanks():
    for english, chinese in refusal_sentences().items():
        blanks = [len(re.findall(r"(?<!\{)\{\d*\}(?!\})", each)) for each in (english, chinese)]
        assert blanks[0] == blanks[1], english


def test_names_in_a_sentence_stay_as_they_are():
    assert in_chinese("the column 'label' is missing") == "缺少 'label' 列"
    assert markdown_in("- `label`: the answer\n- `label`: as is", "zh").split("\n")[1] == "- `label`：原样"
    assert markdown_in("anything of the host", "zh") == "anything of the host"
    assert markdown_in("## Data", "en") == "## Data"


def test_what_is_not_known_stays_english_and_is_marked():
    assert said("a sentence of a host's <own>", "zh", ".") == (
        '<span lang="en">a sentence of a host&#39;s &lt;own&gt;.</span>'
    )
    assert said("tell the host", "zh", ".") == "请告诉主办方。"
    assert said("did you mean 'a'?", "en", ".") == "did you mean &#39;a&#39;?"
    assert said(None, "zh") == ""
    assert in_chinese("x " * 100_000) is None


@pytest.mark.parametrize(
    "part", [" is ", " of box ", "`: ", ", judged by **", " files, more than ", "the probability of "]
)
def test_a_sentence_made_to_fit_every_shape_a_little_costs_no_time(part):
    begun = time.process_time()
    in_chinese(("the probability of " + part * 300)[:600])
    in_chinese((part * 300)[:600])
    assert time.process_time() - begun < 1


def test_a_place_in_a_file_is_said_in_chinese():
    assert PageWords("zh").place("a.csv, line 3, id 'b', column 'x'") == "a.csv，第 3 行，id 'b'，列 'x'"
    assert PageWords("zh").place(None) == ""
    assert PageWords("en").place("a.csv, line 3") == "a.csv, line 3"


class English(HTMLParser):
    """Runs of three English words outside of what is code, a name, somebody's own text, or marked as English."""

    PLAIN = frozenset({"code", "pre", "bdi", "script", "style", "title", "time"})
    EMPTY = frozenset({"input", "meta", "link", "br", "hr", "img", "line", "circle", "path"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[bool] = []
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name in ("aria-label", "title", "data-head", "placeholder"):
            self.look(dict(attrs).get(name) or "")
        if tag not in self.EMPTY:
            self.open.append(tag in self.PLAIN or dict(attrs).get("lang") == "en")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """It holds nothing."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.open):
            self.look(data)

    def look(self, text: str) -> None:
        self.found += re.findall(r"[A-Za-z]{2,}(?:[ ,:;]+[a-z]{2,}){2,}", text)


def marked_english(html: str) -> list[str]:
    return re.findall(r'<span lang="en">([^<]*)</span>', html)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """One team's results and every kind of fault; an announcement, a copy, a freeze in the log."""
    with running(tmp_path_factory.mktemp("room"), per_day=100, team_size=2, practice=True) as server:
        ada = server.join("ada")
        sent = [server.send(ada, server.table(0.8, seed=1), headers_seconds="1")]
        sent += [server.send(ada, body, name=f"f{k}.csv") for k, (body, _) in enumerate(FAULTS.values())]
        sent += [
            server.send(ada, changed(server, change), name=f"c{k}.csv") for k, change in enumerate(CHANGES.values())
        ]
        server.told = [server.result(ada, each.json["id"]) for each in sent if each.status == 202]
        server.send(server.join("bo"), server.table(0.8, seed=1))
        for action in ("freeze", "unfreeze"):
            server.api("POST", f"/host/{action}", {}, server.host)
        server.api("POST", "/host/token", {"name": "vera", "role": "viewer"}, server.host)
        yield server


def browsers(room):
    made = {"nobody": Browser(room), "ada": Browser(room).sign_in(room.tokens["ada"]),
            "host": Browser(room).sign_in(room.host)}  # fmt: skip
    for each in made.values():
        each.cookies["dojo_lang"] = "zh"
    return made


PAGES = ("/", "/install", "/sign-in", "/winds", "/winds/board", "/winds/data", "/winds/rules", "/winds/submissions",
         "/winds/team",
         "/winds/join", "/winds/join?code=x", "/winds/desk", "/winds/desk?team=ada", "/winds/board?part=private",
         "/winds/board?cost=seconds", "/nothing", "/winds/nothing", "/submissions/nothing",
         "/winds/board?part=x")  # fmt: skip


@pytest.mark.parametrize("who", ["nobody", "ada", "host"])
def test_no_chinese_page_holds_an_english_sentence_of_ours(room, who):
    browser = browsers(room)[who]
    for path in PAGES:
        html = browser.get(path).body.decode()
        assert 'lang="zh-CN"' in html
        assert English(html).found == [], path
        assert marked_english(html) == [], path


def test_every_fault_that_a_file_brings_is_told_in_chinese(room):
    ada = browsers(room)["ada"]
    refused = [each for each in room.told if each["state"] == "refused"]
    assert len(refused) > 12
    for each in refused:
        html = ada.get(f"/submissions/{each['id']}").body.decode()
        assert marked_english(html) == [], each["fault"]
        assert English(html).found == [], each["fault"]


FORMS = [
    ("/sign-in", {"token": "dd_x"}), ("/sign-in", {"token": ""}), ("/winds/join", {"code": "x", "name": "emmy"}),
    ("/winds/team", {"invite": "x"}), ("/winds/finals", {"chosen": ["x"]}), ("/winds/finals", {"chosen": list("abc")}),
    ("/winds/desk", {"action": "freeze"}), ("/nothing/join", {"code": "x", "name": "a"}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_a_form_that_is_refused_says_why_in_chinese(room, path, fields):
    who = "nobody" if path.endswith(("join", "sign-in")) else "ada"
    html = browsers(room)[who].post(path, fields).body.decode()
    assert "怎么办" in html
    assert marked_english(html) == []
    assert English(html).found == []


@pytest.mark.parametrize("fields", [
    {"action": "extend", "ends": "soon"}, {"action": "announce", "text": " "}, {"action": "destroy"},
    {"action": "apply"}, {"action": "revoke", "who": "nobody"}, {"action": "token", "who": "ada", "role": "host"},
    {"action": "token", "who": "\u200b", "role": "entrant"}, {"action": "revoke", "who": "grace"},
])  # fmt: skip
def test_what_the_desk_refuses_is_said_in_chinese(room, fields):
    html = browsers(room)["host"].post("/winds/desk", fields).body.decode()
    assert marked_english(html) == []
    assert English(html).found == []


def test_the_api_speaks_the_language_that_is_asked_for_and_its_codes_stay(room):
    plain = room.api("GET", "/board?part=private")
    chinese = room.api("GET", "/board?part=private", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert plain.json["error"] == "the private board opens at the end"
    assert chinese.json == {**plain.json, "error": "最终榜在结束时公布", "todo": "请看公开榜"}
    assert (chinese.headers["content-language"], plain.headers["content-language"]) == ("zh-CN", "en")
    one = next(each for each in room.told if each["state"] == "refused")
    told = room.ask("GET", f"/api/v1/submissions/{one['id']}", token=room.tokens["ada"],
                    headers={"accept-language": "zh"}).json  # fmt: skip
    assert told["fault"]["error"] != one["fault"]["error"]
    assert told["fault"]["where"] == one["fault"]["where"]
