"""A hub id, against a server on this machine that speaks the hub's protocol for reading."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hugging_face import random_gpt2, written

SHA = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Models are folders under `root`; `asked` has every path that was asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked = root, []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append((self.command, path))
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self.about("/".join(parts[2:4]), parts[4:], body)
        if len(parts) >= 5 and parts[2] == "resolve":
            return self.file(self.server.root / parts[0] / parts[1] / "/".join(parts[4:]), body)
        return self.nothing("RepoNotFound")

    def about(self, name: str, rest: list[str], body: bool) -> None:
        folder = self.server.root / name
        if name == "ada/locked":
            return self.nothing("GatedRepo", 403)
        if not folder.is_dir():
            return self.nothing("RepoNotFound")
        if rest[:1] == ["revision"] and rest[1] not in ("main", SHA):
            return self.nothing("RevisionNotFound")
        if rest[:1] == ["tree"]:
            listed = [{"type": "file", "path": p.name, "size": p.stat().st_size, "oid": SHA} for p in folder.iterdir()]
            return self.send(json.dumps(listed).encode(), body)
        files = [{"rfilename": p.name} for p in sorted(folder.iterdir())]
        return self.send(json.dumps({"id": name, "modelId": name, "sha": SHA, "siblings": files}).encode(), body)

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


@pytest.fixture
def hub(tmp_path):
    server = Hub(tmp_path / "hub")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def asked_in_a_process_of_its_own(hub: Hub, tmp_path: Path, name: str, **arguments: str) -> dict:
    """huggingface_hub reads HF_ENDPOINT when it is imported, so every call has a fresh process."""
    code = f"""
import json, sys, torch
from deepdojo.errors import DojoError
from deepdojo.models import from_pretrained
try:
    model = from_pretrained({name!r}, **{arguments!r})
    print(json.dumps({{"scores": model(torch.tensor([[1, 2, 3]])).tolist()}}))
except DojoError as error:
    print(json.dumps({{"error": str(error)}}))
"""
    environment = {
        "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PATH": "", "HOME": str(tmp_path),
        "PYTHONPATH": ":".join(sys.path),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_hub_id_is_downloaded_without_its_pickled_files_and_then_kept(hub, tmp_path):
    theirs = random_gpt2(0)
    folder = written(theirs, hub.root / "ada" / "tiny")
    (folder / "pytorch_model.bin").write_bytes(b"never opened")
    found = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny")
    wanted = theirs(torch.tensor([[1, 2, 3]])).logits.detach()
    torch.testing.assert_close(torch.tensor(found["scores"]), wanted, rtol=0, atol=1e-5 * float(wanted.abs().max()))
    assert not any("pytorch_model" in path for _, path in hub.asked)
    downloads = sum(command == "GET" and "resolve" in path for command, path in hub.asked)
    again = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny")
    assert again == found
    assert sum(command == "GET" and "resolve" in path for command, path in hub.asked) == downloads


@pytest.mark.slow
def test_what_the_hub_does_not_have_is_said_in_a_sentence(hub, tmp_path):
    written(random_gpt2(0), hub.root / "ada" / "tiny")
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tinny")["error"]
    assert "there is no folder ada/tinny, and the hub has no such model" in said
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/tiny", revision="v9")["error"]
    assert "ada/tiny has no revision v9" in said
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/locked")["error"]
    assert "ada/locked asks for consent on its page; give it there and set HF_TOKEN" in said
    hub.shutdown()
    hub.server_close()
    said = asked_in_a_process_of_its_own(hub, tmp_path, "ada/other")["error"]
    assert "the hub cannot be reached" in said
