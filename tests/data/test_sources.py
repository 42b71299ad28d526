"""Where files come from, and a server that misbehaves."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from types import SimpleNamespace

import pytest

from deepdojo import places
from deepdojo.data import download as downloads
from deepdojo.data.download import cached, download
from deepdojo.data.sources import available, locate
from deepdojo.data.spec import SourceSpec
from deepdojo.errors import SourceError

DATA = bytes(range(256)) * 4000
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def clean_places(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPDOJO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEEPDOJO_DATA", raising=False)
    monkeypatch.delenv("DEEPDOJO_OFFLINE", raising=False)
    monkeypatch.setattr(downloads, "WAIT_S", 0.01)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    places.cache_folder.cache_clear()
    yield
    places.cache_folder.cache_clear()


@pytest.fixture
def server():
    """A server that sends DATA; `breaks` says after how many bytes each coming answer is cut."""
    state = SimpleNamespace(breaks=[], ranges=[], know_ranges=True, status=[], data=DATA, said_bytes=None)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
            state.ranges.append(start)
            code = state.status.pop(0) if state.status else 200
            if self.path != "/x.bin":
                code = 404
            if code >= 400:
                return self.send_error(code)
            if start and state.know_ranges:
                if start >= len(state.data):
                    return self.send_error(416)
                code = 206
            else:
                start = 0
            self.send_response(code)
            self.send_header("Content-Length", str(state.said_bytes or len(state.data) - start))
            self.end_headers()
            end = start + state.breaks.pop(0) if state.breaks else len(state.data)
            self.wfile.write(state.data[start:end])
            return None

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{running.server_address[1]}/x.bin"
    yield state
    running.shutdown()
    running.server_close()
    thread.join()


def test_a_download_is_checked_and_kept(server):
    told = []
    path = download(server.url, SUM, "x.bin", progress=lambda *a: told.append(a))
    assert path.read_bytes() == DATA
    assert cached(SUM) == path
    assert "downloading x.bin (1.0 MB) from http://127.0.0.1" in told[0][2]
    assert str(path.parent) in told[0][2]
    assert told[-1][:2] == (len(DATA), len(DATA))
    assert list(path.parent.iterdir()) == [path]  # no part, no lock


def test_a_broken_download_goes_on_where_it_was(server):
    server.breaks = [100_000, 200_000, 50_000]
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert server.ranges == [0, 100_000, 300_000, 350_000]


def test_a_later_command_goes_on_too(server):
    server.breaks = [300_000] + [0] * 10
    with pytest.raises(SourceError, match=r"broke off 5 times .* 300,000 bytes kept"):
        download(server.url, SUM, "x.bin")
    server.breaks = []
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert server.ranges[-1] == 300_000


def test_a_server_without_ranges_begins_anew(server):
    server.know_ranges, server.breaks = False, [100_000]
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA


def test_a_whole_part_that_was_never_renamed_is_used(server):
    target = downloads._place(SUM)
    target.parent.mkdir(parents=True)
    target.with_name(SUM + ".part").write_bytes(DATA)
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert server.ranges == [len(DATA)]


def test_a_part_of_another_file_is_thrown_away(server):
    target = downloads._place(SUM)
    target.parent.mkdir(parents=True)
    target.with_name(SUM + ".part").write_bytes(b"other" * 1000)
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert server.ranges == [5000, 0]


def test_a_wrong_sum_is_an_error_and_nothing_is_kept(server):
    server.data = DATA[::-1]
    with pytest.raises(SourceError, match=f"expected {SUM[:12]}…; it is not used"):
        download(server.url, SUM, "x.bin")
    assert cached(SUM) is None
    assert list(downloads._place(SUM).parent.iterdir()) == []


def test_not_found_is_said_at_once(server):
    with pytest.raises(SourceError, match=r"no x.bin any more \(HTTP 404\)"):
        download(server.url.replace("x.bin", "y.bin"), SUM, "x.bin")
    assert len(server.ranges) == 1


def test_a_busy_server_is_asked_again(server):
    server.status = [503, 500]
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    server.status = [403]
    with pytest.raises(SourceError, match="HTTP 403"):
        download(server.url, "0" * 64, "x.bin")


def test_no_network():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(SourceError, match="network cannot be reached"):
        download(f"http://127.0.0.1:{port}/x.bin", SUM, "x.bin")


def test_offline_forbids_it(server, monkeypatch):
    with pytest.raises(SourceError, match="switched off"):
        download(server.url, SUM, "x.bin", offline=True)
    monkeypatch.setenv("DEEPDOJO_OFFLINE", "1")
    with pytest.raises(SourceError, match="switched off"):
        download(server.url, SUM, "x.bin")
    assert server.ranges == []


def test_large_downloads_are_asked_about(server, monkeypatch):
    monkeypatch.setattr(downloads, "ASK_BYTES", 1000)
    with pytest.raises(SourceError, match="give --yes"):
        download(server.url, SUM, "x.bin")
    answers = ["n\n", "y\n"]
    terminal = SimpleNamespace(isatty=lambda: True, readline=lambda: answers.pop(0))
    monkeypatch.setattr(downloads.sys, "stdin", terminal)
    with pytest.raises(SourceError, match="was not downloaded"):
        download(server.url, SUM, "x.bin")
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert download(server.url, SUM, "x.bin", yes=True).read_bytes() == DATA


def test_a_second_process_does_not_disturb_the_first(server):
    target = downloads._place(SUM)
    target.parent.mkdir(parents=True)
    target.with_name(SUM + ".lock").touch()
    target.with_name(SUM + ".part").write_bytes(DATA[:1000])
    assert download(server.url, SUM, "x.bin").read_bytes() == DATA
    assert target.with_name(SUM + ".part").read_bytes() == DATA[:1000]


# ----- the order of places


def spec(**values):
    return SourceSpec.model_validate(values)


def test_the_order_of_places(tmp_path, server, monkeypatch):
    folder, mirror = tmp_path / "project", tmp_path / "data" / "set"
    folder.mkdir()
    mirror.mkdir(parents=True)
    monkeypatch.setenv("DEEPDOJO_DATA", str(tmp_path / "data"))
    source = spec(mirror="set", files={"x.bin": {"sha256": SUM, "url": server.url}})
    assert not available(source, folder)
    assert locate(source, folder).path("x.bin") == cached(SUM)
    assert available(source, folder)
    (mirror / "x.bin").write_bytes(DATA)
    assert locate(source, folder).path("x.bin") == mirror / "x.bin"
    (folder / "x.bin").write_bytes(DATA)
    assert locate(source, folder).path("x.bin") == folder / "x.bin"
    (tmp_path / "x.bin").write_bytes(b"mine, not pinned")
    own = spec(path="../x.bin", mirror="set", files={"x.bin": {"sha256": SUM}})
    assert locate(own, folder).bytes("x.bin") == b"mine, not pinned"


def test_a_wrong_file_is_passed_over_and_named_when_nothing_better_is_there(tmp_path, server):
    (tmp_path / "x.bin").write_bytes(b"old version")
    pinned = spec(files={"x.bin": {"sha256": SUM, "url": server.url}})
    assert locate(pinned, tmp_path).bytes("x.bin") == DATA
    alone = spec(files={"x.bin": {"sha256": "1" * 64}})
    with pytest.raises(SourceError, match=r"should have the SHA-256 111111111111…, but .*x.bin has"):
        locate(alone, tmp_path)
    with pytest.raises(SourceError, match=r"HTTP 404.*; and x.bin should have"):
        locate(spec(files={"x.bin": {"sha256": "1" * 64, "url": server.url + "y"}}), tmp_path)


def test_a_file_that_is_nowhere(tmp_path):
    source = spec(files={"x.bin": {"sha256": SUM}}, origin="https://example.org/x")
    with pytest.raises(SourceError, match=r"x.bin is nowhere .*; get it from https://example.org/x"):
        locate(source, tmp_path)
    with pytest.raises(SourceError, match=r"no file or folder '../no.csv'"):
        locate(spec(path="../no.csv"), tmp_path)


def test_a_dependency_is_found_without_importing_it_and_checked(tmp_path):
    files = {"iris.csv": {"sha256": "0" * 64}}
    with pytest.raises(SourceError, match=r"should have the SHA-256 000000000000…, but .*iris.csv has"):
        locate(spec(dependency="sklearn/datasets/data", files=files), tmp_path)
    assert locate(spec(dependency="sklearn/datasets/data"), tmp_path).has("iris.csv")
    with pytest.raises(SourceError, match="nowhere"):
        locate(spec(dependency="no_such_package/data", files=files), tmp_path)


def test_an_archive_may_be_pinned_by_its_content(tmp_path):
    import zipfile

    from deepdojo.data.files import content_sha256

    for level in (0, 9):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
            archive.writestr("x.txt", "x" * 1000)
        digest = content_sha256(tmp_path / "a.zip", "a.zip")
        assert locate(spec(files={"a.zip": {"content_sha256": digest}}), tmp_path).bytes("a.zip!x.txt") == b"x" * 1000
    with pytest.raises(SourceError, match="should have"):
        locate(spec(files={"a.zip": {"content_sha256": "0" * 64}}), tmp_path)
