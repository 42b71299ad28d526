"""One server for all attacks that leave it as it was: hosting and starting take seconds."""

from __future__ import annotations

import pytest

from tests.competition.attacks.room import opened


@pytest.fixture(scope="package")
def shared(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("attacks")) as found:
        yield found


@pytest.fixture(scope="package")
def arenas(shared):
    return shared


@pytest.fixture
def winds(arenas):
    return arenas["winds"].anew()
