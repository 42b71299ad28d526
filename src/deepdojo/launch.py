"""What `torchrun` tells a process that it starts; torch-free."""

from __future__ import annotations

import os

__all__ = ["launch_name", "local_rank", "local_world", "rank", "restarts", "under_torchrun"]


def under_torchrun() -> bool:
    """Whether this process is one of several that `torchrun` started."""
    return "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """0 is the process that has the run; alone it is that one."""
    return int(os.environ["RANK"]) if under_torchrun() else 0


def local_rank() -> int:
    """The number of this process on its machine, and of its device."""
    return int(os.environ["LOCAL_RANK"]) if under_torchrun() else 0


def local_world() -> int:
    """How many processes of this training share this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if under_torchrun() else 1


def launch_name() -> str:
    """The same for every start and restart of one `torchrun`, so that a restarted training finds its run again."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "") if under_torchrun() else ""


def restarts() -> int:
    """How often `torchrun` has started all processes anew."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
