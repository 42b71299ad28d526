"""The pages in Chromium: the script runs under the server's own policy, and nothing is refused."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from tests.competition.server.running import Running

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BROWSER is None, reason="needs Chromium"),
]


def opened(server: Running, path: str, profile) -> tuple[str, list[str]]:
    """The page as it stands once its script has run, and what the console says."""
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", "--timeout=3000", "--dump-dom",
               f"http://127.0.0.1:{server.port}{path}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, re.findall(r":CONSOLE.*", done.stderr)


@pytest.mark.parametrize("path", ["/winds/board", "/winds?lang=zh"])
def test_the_script_runs_and_the_console_is_silent(server, tmp_path, path):
    token = server.join("ada")
    told = server.send(token, server.table(0.8, seed=1)).json
    if "id" in told:
        server.result(token, told["id"])
    dom, said = opened(server, path, tmp_path)
    assert said == []
    assert 'class="copyable"' in dom
    times = re.findall(r"<time[^>]*>([^<]*)</time>", dom)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", each) for each in times)
    assert times or "board" not in path
