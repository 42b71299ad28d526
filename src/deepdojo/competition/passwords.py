"""A host's password: argon2, one at a time, so that a flood of tries cannot take the server's memory and cores.

A password has few bits, unlike a token, so what is kept of it must be slow to try. 7 MiB and five passes are one of the
least settings that OWASP's password storage cheat sheet holds equally good; those with fewer passes and more memory
would stay in the web process, which is to be small.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import TYPE_CHECKING

from deepdojo.competition.refusal import Refusal

if TYPE_CHECKING:
    from argon2 import PasswordHasher

__all__ = ["TOKEN", "hashed", "is_password_of"]

TOKEN = "dd_"
"""How tokens begin, and no password does: one field takes either."""
_LEAST, _LONGEST, _WAIT = 8, 200, 4
_one = threading.Lock()
_waiting = threading.BoundedSemaphore(_WAIT)


def hashed(password: str) -> str:
    """What is kept of a password: algorithm, cost, salt and digest in one text.

    Raises:
        Refusal: shorter than 8 signs, longer than 200, or begun as a token.
    """
    plain = _plain(password)
    if len(plain) < _LEAST:
        raise Refusal("bad_request", f"the password has {len(plain)} signs", where="password",
                      todo=f"give at least {_LEAST}")  # fmt: skip
    if len(plain) > _LONGEST or plain.startswith(TOKEN):
        what = "begins as a token does" if plain.startswith(TOKEN) else f"has more than {_LONGEST} signs"
        raise Refusal("bad_request", f"the password {what}", where="password", todo="give another")
    with _one:
        return _hasher().hash(plain)


def is_password_of(kept: str, password: str) -> bool:
    """Whether the password is the one that `hashed` made `kept` of; some 30 ms of a core.

    Raises:
        Refusal: four others wait for the same already.
    """
    from argon2.exceptions import InvalidHashError, VerificationError

    if not _waiting.acquire(blocking=False):
        raise Refusal("too_many_requests", "too many sign in at once", todo="try again in some seconds",
                      retry_after_s=5)  # fmt: skip
    try:
        with _one:
            return _hasher().verify(kept, _plain(password)[: _LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _waiting.release()


def _plain(password: str) -> str:
    """The same signs whatever keyboard wrote them."""
    return unicodedata.normalize("NFKC", password)


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=5, memory_cost=7 << 10, parallelism=1)
