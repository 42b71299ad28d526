"""A server on this machine that speaks the hub's protocol for reading; models and data sets are folders."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Models are folders under `root`, data sets under `root/datasets`; `asked` has every path that was asked for.

    Attributes:
        locked: names that ask for consent on their page.
        revisions: what there is beside `main` and the commit.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.asked = root, []
        self.locked, self.revisions = {"ada/locked"}, {"main", SHA}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def downloads(self) -> list[str]:
        return [path for command, path in self.asked if command == "GET" and "/resolve/" in path]


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append((self.command, path))
        parts = path.strip("/").split("/")
        if parts[:2] in (["api", "models"], ["api", "datasets"]):
            below = self.server.root / "datasets" if parts[1] == "datasets" else self.server.root
            return self.about(below, "/".join(parts[2:4]), parts[4:], body)
        below = self.server.root
        if parts[0] == "datasets":
            below, parts = below / "datasets", parts[1:]
        if len(parts) >= 5 and parts[2] == "resolve":
            return self.file(below / parts[0] / parts[1] / "/".join(parts[4:]), body)
        return self.nothing("RepoNotFound")

    def about(self, below: Path, name: str, rest: list[str], body: bool) -> None:
        folder = below / name
        if name in self.server.locked:
            return self.nothing("GatedRepo", 403)
        if not folder.is_dir():
            return self.nothing("RepoNotFound")
        if rest[:1] == ["revision"] and rest[1] not in self.server.revisions:
            return self.nothing("RevisionNotFound")
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        names = [p.relative_to(folder).as_posix() for p in files]
        if rest[:1] == ["tree"]:
            listed = [
                {"type": "file", "path": n, "size": p.stat().st_size, "oid": SHA}
                for n, p in zip(names, files, strict=True)
            ]
            return self.send(json.dumps(listed).encode(), body)
        siblings = [{"rfilename": n, "size": p.stat().st_size} for n, p in zip(names, files, strict=True)]
        about = {"id": name, "modelId": name, "sha": SHA, "siblings": siblings}
        return self.send(json.dumps(about).encode(), body)

    def file(self, path: Path, body: bool) -> None:
        if not path.is_file():
            return self.nothing("EntryNotFound")
        data = path.read_bytes()
        return self.send(data, body, ETag=f'"{hashlib.sha256(data).hexdigest()}"')

    def nothing(self, code: str, status: int = 404) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, data: bytes, body: bool, **headers: str) -> None:
        self.send_response(200)
        for name, value in {**headers, "X-Repo-Commit": SHA, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)


@contextmanager
def running_hub(root: Path) -> Iterator[Hub]:
    server = Hub(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_a_process_of_its_own(hub: Hub, folder: Path, code: str, **more: str) -> Any:
    """What `code` prints last, as JSON: huggingface_hub reads HF_ENDPOINT when it is imported.

    Args:
        folder: home, cache and working folder of the process.
        more: further environment variables.
    """
    environment = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PATH": "", "HOME": str(folder),
        "DEEPDOJO_CACHE": str(folder / "dojo-cache"), "PYTHONPATH": ":".join(sys.path), **more,
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
