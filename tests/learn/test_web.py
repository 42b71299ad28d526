"""`dojo learn --web`: the page, its live verdicts, and who may speak to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import LAST_AXIS, RIGHT, environment, save, state

pytestmark = pytest.mark.skipif(os.name == "nt", reason="ended by a signal")


@pytest.fixture
def address(place: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "deepdojo.cli", "learn", "a2", "--web"]
    process = subprocess.Popen(
        command, cwd=place, env=environment(place.parent), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield re.findall(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "dojo learn" in process.stdout.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ask(url: str, **headers: str) -> tuple[int, str, Any]:
    request = urllib.request.Request(url, method="POST" if "press" in url else "GET", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, "", error.headers


def states(address: str) -> Iterator[dict[str, Any]]:
    with urllib.request.urlopen(f"{address}events", timeout=90) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def test_the_page_holds_the_lesson_and_the_verdict_comes_by_itself(address: str, place: Path) -> None:
    status, page, headers = ask(address)
    assert status == 200
    assert "Softmax that survives 1000" in page
    assert "default-src 'none'" in headers["content-security-policy"]
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page), "nothing is fetched from elsewhere"
    seen = states(address)
    assert "<h2>Formula</h2>" in next(seen)["text"]
    save(place / "a2_softmax.py", LAST_AXIS)
    wrong = next(s for s in seen if 'class="verdict bad"' in s["panel"])
    assert "the last axis is normalised" in wrong["panel"]
    ask(f"{address}press/h", **{"x-dojo": "1"})
    assert "Hint 1 of 4" in next(s for s in seen if "Hint" in s["panel"])["panel"]
    save(place / "a2_softmax.py", RIGHT)
    right = next(s for s in seen if "Why it works" in s["panel"])
    assert 'class="verdict good"' in right["panel"]
    assert state(place)["lessons"]["a2-softmax"]["state"] == "passed"
    ask(f"{address}press/s", **{"x-dojo": "1"})
    assert next(s for s in seen if s["lang"] == "zh-CN" and s["title"] == "不溢出的 softmax")
    ask(f"{address}press/m1-loop", **{"x-dojo": "1"})
    assert next(s for s in seen if s["title"] == "四行循环，八种错法")
    seen.close()  # type: ignore[attr-defined]


def test_no_other_site_can_speak_through_the_browser(address: str, place: Path) -> None:
    assert ask(f"{address}press/n")[0] == 403, "a form cannot set the header"
    assert ask(f"{address}press/n", **{"x-dojo": "1", "host": "evil.example"})[0] == 400, "a name bent to 127.0.0.1"
    assert ask(address, host="evil.example")[0] == 400
    assert ask(f"{address}press/q", **{"x-dojo": "1"})[0] == 404
    assert ask(f"{address}press/nowhere", **{"x-dojo": "1"})[0] == 404
    time.sleep(0.2)
    assert state(place)["lessons"]["a2-softmax"]["state"] == "open"
