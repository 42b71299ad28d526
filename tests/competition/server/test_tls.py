"""The server with a certificate of its own: who trusts it is served, cookies travel over TLS alone."""

from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepdojo.competition.client import Client
from deepdojo.competition.database.engine import open_database
from deepdojo.errors import DojoError
from tests.competition.server.running import free_port

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, to make a certificate")


@dataclass
class Served:
    port: int
    certificate: Path

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("tls"), free_port()
    chain, key = folder / "c.pem", folder / "k.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", chain, "-days", "2",
         "-subj", "/CN=room.test", "-addext", "subjectAltName=DNS:room.test,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    open_database(folder / "server.sqlite").close()
    command = [sys.executable, "-m", "deepdojo.competition.server", folder / "server.sqlite", folder, "--with-parent",
               "--host", "127.0.0.1", "--port", str(port), "--name", "room.test", "--certificate", chain,
               "--key", key]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        found = Served(port, chain)
        end = time.monotonic() + 30
        while _answered(found, "/") != 200:
            assert time.monotonic() < end, "the server did not come up"
            time.sleep(0.1)
        yield found
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def _asked(served: Served, path: str, host: str = "room.test") -> http.client.HTTPResponse:
    context = ssl.create_default_context(cafile=str(served.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", served.port, context=context, timeout=10)
    connection.request("GET", path, headers={"host": f"{host}:{served.port}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def _answered(served: Served, path: str, host: str = "room.test") -> int | None:
    try:
        return _asked(served, path, host).status
    except OSError:
        return None


def test_a_client_that_trusts_the_certificate_is_served_and_another_is_told_why_not(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DojoError, match="not trusted") as refused:
        Client(served.address, tries=1).events()
    assert "SSL_CERT_FILE" in str(refused.value)
    monkeypatch.setenv("SSL_CERT_FILE", str(served.certificate))
    assert Client(served.address, tries=1).events() == []


def test_cookies_travel_over_tls_alone(served: Served) -> None:
    cookie = _asked(served, "/sign-in").getheader("set-cookie") or ""
    assert cookie.startswith("dojo_visit=")
    assert "; Secure" in cookie


def test_a_name_that_was_not_given_is_not_answered(served: Served) -> None:
    assert _answered(served, "/", "elsewhere.test") == 421


def test_without_tls_nothing_is_said(served: Served) -> None:
    with pytest.raises(DojoError, match="cannot be reached"):
        Client(f"http://127.0.0.1:{served.port}", tries=1).events()
