"""Every page in Chromium: light, dark, 390 pixels wide, in Chinese; and what axe-core says of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.competition.server.chromium import BROWSER, chromium
from tests.competition.server.pages_room import Browser
from tests.competition.server.running import running

pytestmark = [pytest.mark.browser, pytest.mark.skipif(BROWSER is None, reason="needs Chromium")]

VIEWS = ((1200, False, "en"), (1200, True, "zh"), (390, False, "zh"), (390, True, "en"))
OPEN = [
    "/",
    "/sign-in",
    "/winds",
    "/winds/board",
    "/winds/board?cost=parameters",
    "/winds/data",
    "/winds/rules",
    "/winds/join",
]
ABSENT = ["/nothing", "/install"]  # nothing to install lies in this store
PATHS = {"nobody": [*OPEN, *ABSENT],
         "ada": ["/winds/board", "/winds/submissions", "/winds/team", "/submissions/SCORED", "/submissions/REFUSED"],
         "host": ["/winds/desk", "/winds/desk?team=ada", "/winds/board?part=private"]}  # fmt: skip
AXE = os.environ.get("DEEPDOJO_AXE", "")
FOUND = """axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(
  one => one.id + ": " + one.nodes.map(node => node.html.slice(0, 120)).slice(0, 2).join(" | ")))"""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Four teams with costs, a refused file, a copy, an announcement, a text of the host's."""
    text = "# About\n\nWinds *of* change.\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    with running(tmp_path_factory.mktemp("room"), per_day=50, team_size=3, description=text) as server:
        for k, name in enumerate(("ada", "bo", "a team of a long name, longer than most", "李明")):
            token = server.join(name)
            path = f"/submissions?file_name=p.csv&parameters={10 ** (k + 3)}&seconds={3 * k}"
            sent = server.api("POST", path, server.table(0.6 + 0.1 * k, seed=k), token,
                              headers={"content-type": "text/csv"})  # fmt: skip
            server.result(token, sent.json["id"])
            if name == "ada":
                server.scored = sent.json["id"]
        server.refused = server.send(server.tokens["ada"], b"id,label\n1,2\n").json["id"]
        server.result(server.tokens["ada"], server.refused)
        copy = server.send(server.tokens["bo"], server.table(0.6, seed=0)).json["id"]
        server.result(server.tokens["bo"], copy)
        server.api("POST", "/host/announce", {"text": "The lab *closes* at six."}, server.host)
        yield server


@pytest.fixture(scope="module")
def tab(room, tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile"), room.port) as opened:
        opened.do("Page.setBypassCSP", enabled=bool(AXE))
        yield opened


def cookies(room, who):
    if who == "nobody":
        return {}
    browser = Browser(room).sign_in(room.host if who == "host" else room.tokens[who])
    return {name: browser.cookies[name] for name in ("dojo_session", "dojo_visit")}


@pytest.mark.parametrize("who", PATHS)
def test_every_page_fits_its_window_and_the_console_is_silent(room, tab, who):
    own = cookies(room, who)
    for path in PATHS[who]:
        place = path.replace("SCORED", room.scored).replace("REFUSED", room.refused)
        for width, dark, language in VIEWS:
            tab.open(place, width=width, dark=dark, cookies={**own, "dojo_lang": language})
            told = (path, width, language)
            assert tab.js("document.documentElement.scrollWidth - innerWidth") <= 0, told
            assert tab.js("document.documentElement.lang") == {"zh": "zh-CN", "en": "en"}[language], told
            faults = tab.faults()
            assert [f for f in faults if path not in ABSENT or "404" not in f] == [], told


def test_dark_and_light_are_two_looks(room, tab):
    seen = []
    for dark in (False, True):
        tab.open("/winds/board", width=1200, dark=dark, cookies={})
        seen.append(tab.js("getComputedStyle(document.body).color"))
    assert seen[0] != seen[1]


def test_the_front_is_drawn_in_the_accent_colour_within_its_picture(room, tab):
    tab.open("/winds/board?cost=parameters", width=390, dark=True, cookies={})
    inside = """(() => { const box = document.querySelector("svg.pareto").getBoundingClientRect();
      return [...document.querySelectorAll("svg.pareto text, svg.pareto circle")].every(one => {
        const at = one.getBoundingClientRect();
        return at.left >= box.left - 1 && at.right <= box.right + 1 && at.top >= box.top - 1; }); })()"""
    assert tab.js(inside) is True
    colours = "[...document.querySelectorAll('svg.pareto .dot.network')].map(one => getComputedStyle(one).fill)"
    assert len(set(tab.js(colours))) == 1


@pytest.mark.skipif(not Path(AXE).is_file(), reason="DEEPDOJO_AXE names no axe.min.js (npm install axe-core)")
@pytest.mark.parametrize("who", PATHS)
def test_axe_core_finds_nothing(room, tab, who):
    source, own = Path(AXE).read_text(encoding="utf-8"), cookies(room, who)
    for path in PATHS[who]:
        place = path.replace("SCORED", room.scored).replace("REFUSED", room.refused)
        for width, dark, language in VIEWS:
            tab.open(place, width=width, dark=dark, cookies={**own, "dojo_lang": language})
            tab.js(source + "; 0")
            assert tab.js(FOUND) == [], (path, width, dark, language)


@pytest.mark.skipif(not Path(AXE).is_file(), reason="DEEPDOJO_AXE names no axe.min.js (npm install axe-core)")
def test_axe_core_would_find_something(room, tab):
    tab.open("/winds", width=1200, dark=False, cookies={})
    tab.js("document.body.append(document.createElement('img')); 0")
    tab.js(Path(AXE).read_text(encoding="utf-8") + "; 0")
    assert any(each.startswith("image-alt") for each in tab.js(FOUND))
