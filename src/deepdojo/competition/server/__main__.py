"""The web process: `python -m deepdojo.competition.server DATABASE STORE --port 8000`; `dojo serve` starts it.

The database's address may stand in DEEPDOJO_DATABASE instead (then DATABASE is `-`): arguments can be seen by others.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

import uvicorn

from deepdojo.competition.database.engine import open_when_there
from deepdojo.competition.database.versions import serve_as_this_version
from deepdojo.competition.server.app import create_app
from deepdojo.errors import DojoError


def main(arguments: list[str]) -> int:
    """Serve until a signal to stop comes, or the pipe on stdin closes where `--with-parent` is given."""
    parser = argparse.ArgumentParser(prog="python -m deepdojo.competition.server", description=__doc__)
    parser.add_argument("database")
    parser.add_argument("store", type=Path)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--name", action="append", default=[], help="a further name of this server")
    parser.add_argument("--certificate", type=Path)
    parser.add_argument("--key", type=Path)
    parser.add_argument("--bundle", type=Path, help="what dojo bundle wrote, offered below /install")
    parser.add_argument("--no-workers", action="store_true", help="all scoring is done by other machines")
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    given = parser.parse_args(arguments)
    try:
        address = os.environ["DEEPDOJO_DATABASE"] if given.database == "-" else given.database
        database = open_when_there(address)
        serve_as_this_version(database)
        app = create_app(
            database,
            given.store,
            names=given.name,
            secure=given.certificate is not None,
            bundle=given.bundle,
            elsewhere=given.no_workers,
        )
    except (DojoError, KeyError) as error:
        print(error, file=sys.stderr)
        return 2
    config = uvicorn.Config(
        app, host=given.host, port=given.port, log_level="warning", access_log=False, server_header=False,
        proxy_headers=True, forwarded_allow_ips="127.0.0.1,::1", timeout_keep_alive=30, timeout_graceful_shutdown=5,
        ssl_certfile=given.certificate, ssl_keyfile=given.key,
    )  # fmt: skip
    server = uvicorn.Server(config)
    if given.with_parent:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    server.run()
    database.close()
    return 0 if server.started else 1


def _end_with_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock, held here, would abort the interpreter when it ends first
        pass
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
