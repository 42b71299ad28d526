"""Whether a call is being written down as a graph, for other data than those of the call."""

from __future__ import annotations

import torch

__all__ = ["traced"]


def traced() -> bool:
    """True while torch exports or traces a model.

    A branch on the values of a tensor (are all steps real?) would be taken for good, and a table that is made now would
    be one of the tracer's: a layer that has either takes, where this is True, the way that is right for all values.
    """
    return torch.compiler.is_exporting() or torch.jit.is_tracing()
