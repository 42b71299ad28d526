"""kill -9 of web process, workers and scoring processes under load; a thousand: benchmarks/kills.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.competition.faults import both
from tests.competition.faults.processes import site
from tests.competition.faults.under_fire import under_fire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


def check(address: str, folder: Path, kills: int) -> None:
    with site(address, folder) as served:
        toll = under_fire(served, kills, seed=kills)
    assert toll.clean, toll
    assert sum(toll.kills.values()) == kills
    assert toll.acknowledged > kills


@both
def test_fault_01_server_and_workers_killed_under_load_lose_and_double_nothing(address: str, tmp_path: Path):
    check(address, tmp_path, 4)


@pytest.mark.slow
def test_fault_01_a_hundred_kills_lose_and_double_nothing(address: str, tmp_path: Path):
    check(address, tmp_path, 100)
