"""What a proxy before a competition server answers in its own words: the server's own refusals are JSON."""

from __future__ import annotations

__all__ = ["PROXY_FAULTS"]

_ALONE = ("a proxy is there, and cannot reach the competition server behind it", "try again, or tell the host")
PROXY_FAULTS = {
    413: ("a proxy before the server takes no file as large as this",
          "send less, or tell the host to raise the proxy's own limit (nginx: client_max_body_size)"),
    502: _ALONE, 504: _ALONE,
}  # fmt: skip
"""Status -> what is wrong, and what to do."""
