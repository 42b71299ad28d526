"""Chromium without a window, spoken to by its debugging protocol: pages as a person sees them, wide and narrow, light
and dark, and what the console says of them."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.competition.server.running import free_port

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-allow-origins=*"]  # fmt: skip


class Tab:
    """One tab."""

    def __init__(self, socket: ClientConnection, base: str) -> None:
        self.socket, self.base, self.number = socket, base, 0
        self.events: list[dict[str, Any]] = []
        for name in ("Page", "Runtime", "Network", "Log"):
            self.do(f"{name}.enable")

    def do(self, method: str, **given: Any) -> dict[str, Any]:
        """One command; what happens meanwhile is kept in `events`."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": given}))
        while True:
            told = json.loads(self.socket.recv(timeout=30))
            if told.get("id") == self.number:
                assert "error" not in told, (method, told)
                return dict(told["result"])
            self.events.append(told)

    def open(self, path: str, *, width: int, dark: bool, cookies: Mapping[str, str]) -> None:
        """Show a page, and wait until its script has run."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Network.clearBrowserCookies")
        for name, value in cookies.items():
            self.do("Network.setCookie", name=name, value=value, url=self.base)
        self.events.clear()
        self.do("Page.navigate", url=self.base + path)
        end = time.monotonic() + 20
        while self.js("document.readyState + location.href") != f"complete{self.base}{path}":
            assert time.monotonic() < end, path
            time.sleep(0.03)

    def js(self, expression: str) -> Any:
        """The value of an expression on the page, awaited."""
        told = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def faults(self) -> list[str]:
        """Errors of the console, and requests that leave the server."""
        found = []
        for event in self.events:
            told = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"])[:300])
            if event["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(str(told["entry"])[:300])
            url = told.get("request", {}).get("url", "") if event["method"] == "Network.requestWillBeSent" else ""
            if url and not url.startswith((self.base, "data:")):
                found.append(f"a request to {url}")
        return found


@contextlib.contextmanager
def chromium(profile: Path, port: int) -> Iterator[Tab]:
    """A tab for the server at `port` of this machine."""
    debugging = free_port()
    process = subprocess.Popen(
        [str(BROWSER), *FLAGS, f"--remote-debugging-port={debugging}", f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with connect(_address(debugging), max_size=None, open_timeout=20) as socket:
            yield Tab(socket, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _address(port: int) -> str:
    end = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                tabs = json.load(answer)
            return str(next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"))
        except (OSError, StopIteration, ValueError):
            assert time.monotonic() < end, "Chromium does not answer"
            time.sleep(0.1)
