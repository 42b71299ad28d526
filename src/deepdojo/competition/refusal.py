"""What the server refuses: one sentence, a code that programs read, and the HTTP status that goes with it."""

from __future__ import annotations

from typing import Any

from deepdojo.errors import DojoError

__all__ = ["STATUSES", "Refusal"]

STATUSES = {
    "bad_request": 400, "unknown_fields": 400, "not_signed_in": 401, "wrong_token": 401, "wrong_code": 403,
    "forbidden": 403, "cross_site": 403, "not_found": 404, "not_acceptable": 406, "already_sent": 409,
    "name_taken": 409, "in_a_team": 409, "team_full": 409, "key_reused": 409, "not_started": 403, "ended": 403,
    "frozen": 403, "no_length": 411, "too_large": 413, "wrong_type": 415, "wrong_host": 421, "bad_file": 422,
    "quota": 429, "too_many_requests": 429, "no_sandbox": 503, "unavailable": 503, "disk_full": 507,
}  # fmt: skip
"""Code -> HTTP status."""


class Refusal(DojoError):
    """A request that is not carried out. Nothing was changed, and no quota was used.

    Args:
        code: one of `STATUSES`.
        retry_after_s: when it is worth trying again.
    """

    def __init__(
        self, code: str, what: str, *, where: str | None = None, todo: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(what, where=where, todo=todo)
        self.code, self.status, self.retry_after_s = code, STATUSES[code], retry_after_s

    def as_json(self) -> dict[str, Any]:
        return {**super().as_json(), "code": self.code}
