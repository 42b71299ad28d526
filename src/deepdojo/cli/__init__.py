"""`dojo`: one file a command. A command reads its options, calls `deepdojo.api` and prints; it computes nothing itself.

Listings read TOML and sources without importing torch, so that looking around is instant.
"""

from __future__ import annotations

from deepdojo.cli.app import main

__all__ = ["main"]
