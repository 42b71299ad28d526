"""`dojo serve` from the start to Ctrl-C: what is said of the store, then the supervisor."""

from __future__ import annotations

import contextlib
import signal
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deepdojo.competition.bundle_facts import kept_back
from deepdojo.competition.host import open_store
from deepdojo.competition.server.supervisor import Supervisor, addresses
from deepdojo.errors import UsageError

__all__ = ["serve_store"]


def serve_store(
    store: str | Path, db: str | None = None, *, host: str = "0.0.0.0", port: int = 8000, workers: int | None = None,
    names: Sequence[str] = (), certificate: Path | None = None, key: Path | None = None,
    bundle: Path | None = None, pages: bool = True, say: Callable[[str], None] = print,
    stop: threading.Event | None = None, ready: Callable[[dict[str, Any]], None] | None = None,
) -> None:  # fmt: skip
    """Serve until `stop` is set, or Ctrl-C or a signal to end comes.

    Args:
        host: the address to listen at; 127.0.0.1 behind a proxy.
        names: further names by which the room asks for this machine.
        bundle: a folder of `dojo bundle`, offered to the room at /install.
        pages: False: workers alone, beside a server on another machine; needs `db`.
        ready: called once it answers, with addresses, events (name, title, state, link) and missing (what of the
            sandbox is not whole, where an event needs it).

    Raises:
        UsageError: options that do not go together. Refusal: no store here, the port is taken.
    """
    if (certificate is None) != (key is None):
        raise UsageError("a certificate and its key go together", where="--certificate",
                         todo="give both --certificate FILE and --key FILE")  # fmt: skip
    for name, file in (("--certificate", certificate), ("--key", key)):
        if file is not None and not file.is_file():
            raise UsageError("there is no such file", where=f"{name} {file}", todo="give a PEM file")
    if certificate is not None and key is not None:
        _fits(certificate, key)
    if not 0 < port < 65536:
        raise UsageError(f"{port} is no port", where="--port", todo="take one from 1 to 65535")
    if workers is not None and workers < 0:
        raise UsageError(f"{workers} workers cannot be", where="--workers", todo="take 1 or more; 0 scores elsewhere")
    folder = Path(store).expanduser().absolute()
    if bundle is not None:
        bundle = Path(bundle).expanduser().absolute()
        if back := kept_back(bundle, folder / "events"):
            say(
                f"note: not offered, since their answers are hidden here: {', '.join(back)}; dojo join gives their data"
            )
    if not pages:
        _check_alone(folder, db, workers)
    places = _places(host, port, names, secure=certificate is not None)
    told = {} if not pages else _told(folder, db, places, workers)
    supervisor = Supervisor(
        folder, db, host=host, port=port, workers=workers, names=names, certificate=certificate, key=key, bundle=bundle,
        pages=pages, say=say,
    )  # fmt: skip
    stop = stop or threading.Event()
    with _signals(stop):
        supervisor.run(stop, None if ready is None else lambda: ready(told))


def _check_alone(folder: Path, db: str | None, workers: int | None) -> None:
    if db is None:
        raise UsageError("workers alone need a database that several machines reach", where="--scoring-only",
                         todo="give --db postgresql://…; beside SQLite raise --workers")  # fmt: skip
    if workers == 0:
        raise UsageError("nothing would run", where="--workers 0", todo="take 1 or more")
    if not (folder / "events").is_dir():
        raise UsageError("the events' answers are not here", where=str(folder),
                         todo="share the server's folder with this machine, or copy it: --store FOLDER")  # fmt: skip


def _fits(certificate: Path, key: Path) -> None:
    """Raise UsageError where TLS cannot be spoken with these files."""

    def no_password() -> str:
        raise UsageError("the key is locked by a password", where=f"--key {key}", todo="give one without")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"certificate and key do not go together, or are no PEM files ({error})",
                         where=f"--certificate {certificate}", todo="give the chain and its key") from None  # fmt: skip


def _places(host: str, port: int, names: Sequence[str], *, secure: bool) -> list[str]:
    """Where the server will answer, the best address for the room first: a certificate is made for names."""
    scheme = "https" if secure else "http"
    if host in ("0.0.0.0", "::"):
        return [*(f"{scheme}://{name}:{port}" for name in names), *addresses(port, secure=secure)]
    return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"]


def _told(folder: Path, db: str | None, places: Sequence[str], workers: int | None) -> dict[str, Any]:
    with open_store(folder, db, upgrade=True) as store:
        found, needs = [], False
        for event in store.service.events():
            code = store.event(event["name"]).code
            found.append({"name": event["name"], "title": event["title"], "state": event["state"],
                          "link": f"{places[0]}/{event['name']}?code={quote(code)}"})  # fmt: skip
            needs = needs or event["code"] or str(event["metric"]).startswith("python:")
        token_file = str(store.token_file)
    missing: list[str] = []
    if needs and workers != 0:
        from deepdojo.competition.sandbox import self_test

        missing = self_test()
    return {"addresses": list(places), "events": found, "missing": missing, "token_file": token_file}


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """A signal to end ends all processes in order. Only the main thread may take signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), lambda *_: stop.set()) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
