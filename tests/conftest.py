"""Runtime shape checks (jaxtyping + beartype) are on for layers and models in the tests; production pays nothing."""

from __future__ import annotations

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
