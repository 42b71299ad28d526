"""One server for a module's tests: starting one takes seconds."""

from __future__ import annotations

import pytest

from tests.competition.server.running import running


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("room"), per_day=1000) as found:
        yield found
