"""Every operation of the OpenAPI description, asked for anything by anybody; longer: benchmarks/fuzz_api.py."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings

from deepdojo.competition.server.openapi import description
from tests.competition.fuzzing.api import Room, operations, requests_of, room

OPERATIONS = operations(description())
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    with room(tmp_path_factory.mktemp("room")) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "told"), OPERATIONS, ids=[told["operationId"] for *_, told in OPERATIONS]
)  # fmt: skip
def test_any_request_is_answered_in_the_form_that_the_description_promises(made: Room, method: str, path: str, told):
    @settings(max_examples=25, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(asked=requests_of(made, method, path, told))
    def answered(asked):
        fault = made.send(asked)
        assert fault is None, (fault, asked)

    answered()


def test_the_server_is_as_good_as_before(made: Room):
    assert made.whole() == []
