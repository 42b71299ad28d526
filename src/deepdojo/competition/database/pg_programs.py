"""pg_dump and pg_restore, wherever PostgreSQL's client programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import make_url

from deepdojo.errors import DojoError

__all__ = ["run_pg"]


def run_pg(program: str, db: str, *words: str) -> None:
    """Run it on the database of this address. The password goes through the environment: arguments can be seen by
    others. Raises DojoError where it is missing or fails."""
    found = shutil.which(program) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)), None
    )
    if found is None:
        raise DojoError(f"{program} is not installed", where="PATH", todo="install PostgreSQL's client programs")
    url = make_url("postgresql:" + db.partition(":")[2])
    query = url.query.get("host")
    names = {"PGPASSWORD": url.password, "PGUSER": url.username, "PGPORT": url.port, "PGDATABASE": url.database,
             "PGHOST": url.host or (query if isinstance(query, str) else None)}  # fmt: skip
    environment = os.environ | {name: str(value) for name, value in names.items() if value is not None}
    more = [f"--dbname={url.database}"] if program == "pg_restore" else []
    done = subprocess.run([found, *more, *words], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DojoError(f"{program} failed: {last[:200]}", where="--db", todo="see that it is of the server's version")
