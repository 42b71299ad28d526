"""Runtime shape checks (jaxtyping + beartype) are on for layers and models in the tests; production pays nothing."""

from __future__ import annotations

import os

# One thread for each test process, before torch is loaded: several that wait for one another cost more than they give,
# and torch's CPU build aborts in the backward of some narrow float32 convolutions under two.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from jaxtyping import config, install_import_hook

install_import_hook(["deepdojo.layers", "deepdojo.models"], "beartype.beartype")


@pytest.fixture
def production():
    """Shape checks off, as a user has it: what is left is our own sentence about a wrong shape."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)
