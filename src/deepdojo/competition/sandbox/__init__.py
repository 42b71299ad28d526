"""Runs what a stranger or a host has sent: bubblewrap, seccomp, limits, a watchdog. Linux alone; elsewhere it refuses.

`Sandbox` runs a program, `self_test` says what is not whole, `code` runs submissions that are code, `metric` a host's
own metric. No database, no HTTP.
"""

from __future__ import annotations

from deepdojo.competition.sandbox.limits import Limits, Outcome, SandboxError
from deepdojo.competition.sandbox.runner import Sandbox
from deepdojo.competition.sandbox.selftest import self_test

__all__ = ["Limits", "Outcome", "Sandbox", "SandboxError", "self_test"]
