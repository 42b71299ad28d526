"""The ten faults that a server must survive; README.md says which test shows which."""

from pathlib import Path

import pytest

dying_server_path = str(Path(__file__).with_name("dying_server.py"))

# On SQLite in every run; on PostgreSQL, which costs as much again, with `-m slow`.
both = pytest.mark.parametrize("address", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
