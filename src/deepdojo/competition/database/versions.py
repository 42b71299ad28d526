"""Which DeepDojo serves a database. Workers of another version would score by other rules: they refuse to run."""

from __future__ import annotations

import sqlalchemy as sa

from deepdojo import __version__
from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.tables import meta
from deepdojo.competition.refusal import Refusal

__all__ = ["OtherVersion", "same_version", "serve_as_this_version"]

_KEY = "version"
_SERVED_BY = sa.select(meta.c.value).where(meta.c.key == _KEY)


class OtherVersion(Refusal):
    """The server is of another version than this process."""


def serve_as_this_version(database: Database) -> None:
    """From now on this version serves; workers of another one end."""
    with database.read() as connection:
        if connection.execute(_SERVED_BY).scalar() == __version__:
            return
    with database.write() as connection:
        connection.execute(database.upsert(meta), {"key": _KEY, "value": __version__})


def same_version(connection: sa.Connection) -> None:
    """Raises OtherVersion unless this version serves, or nobody has served yet."""
    found = connection.execute(_SERVED_BY).scalar()
    if found not in (None, __version__):
        raise OtherVersion(
            "unavailable", f"this worker is DeepDojo {__version__}, the server {found}",
            todo=f'install the server\'s here: pip install "deepdojo=={found}"',
        )  # fmt: skip
