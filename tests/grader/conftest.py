"""One runner for all tests of a process: the warm process is begun once, with limits that tests can wait for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deepdojo.grader.grade import Questions, prepare
from deepdojo.grader.lessons import find_lesson
from deepdojo.grader.runner import Runner

WALL_S = 3.0


@pytest.fixture(scope="session")
def quick() -> Iterator[Runner]:
    """Forks where the system can, with a limit that a test can wait for."""
    made = Runner(wall_s=WALL_S)
    yield made
    made.close()


@pytest.fixture(scope="session")
def spare() -> Iterator[Runner]:
    made = Runner("spare", wall_s=WALL_S)
    yield made
    made.close()


@pytest.fixture(scope="session")
def forked() -> Iterator[Runner]:
    made = Runner(wall_s=20.0)
    yield made
    made.close()


@pytest.fixture(scope="session")
def softmax() -> Questions:
    return prepare(find_lesson("a2-softmax"))
