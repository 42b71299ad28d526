"""What a host does to people, on the store itself: look, hand out tokens, revoke, a password for the desk, the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepdojo.competition.host import Store, join_link
from deepdojo.errors import UsageError

__all__ = ["PEOPLE_VERBS"]


def _people(store: Store, name: str, _argument: str | None, **_: Any) -> dict[str, Any]:
    store.event(name)
    return {"event": name, "people": store.service.desk.people(name, store.host)}


def _token(
    store: Store, name: str, argument: str | None, *, role: str | None = None, port: int = 8000, **_: Any
) -> dict[str, Any]:
    event = store.event(name)
    made = store.service.desk.hand_out(name, store.host, _who(argument, "token"), role)
    return {**made, "link": join_link(name, event.code, port=port)}


def _revoke(store: Store, name: str, argument: str | None, **_: Any) -> dict[str, Any]:
    store.event(name)
    return store.service.desk.revoke(name, store.host, _who(argument, "revoke"))


def _password(
    store: Store, name: str, _argument: str | None, *, secret: str | None = None, **_: Any
) -> dict[str, Any]:  # fmt: skip
    """An empty secret takes the password away."""
    from deepdojo.competition.passwords import hashed

    store.event(name)
    if secret is None:
        raise UsageError("no password is given", where="dojo host EVENT password", todo="give it as secret=…")
    store.service.desk.set_password(name, store.host, hashed(secret) if secret else None)
    return {"event": name, "name": store.host.name, "password": bool(secret)}


def _log(store: Store, name: str, _argument: str | None, **_: Any) -> dict[str, Any]:
    store.event(name)
    return {"event": name, "log": store.service.audit(name, store.host)}


def _who(argument: str | None, verb: str) -> str:
    if argument is None or not argument.strip():
        raise UsageError("it is not said who", where=f"dojo host EVENT {verb}", todo=f"name the person: {verb} ada")
    return argument.strip()


PEOPLE_VERBS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "people": _people, "token": _token, "revoke": _revoke, "password": _password, "log": _log,
}  # fmt: skip
