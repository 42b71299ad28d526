"""Property tests from the OpenAPI description against a real server process, for as long as one likes.

    pip install "deepdojo[fuzz]"                       # schemathesis
    python benchmarks/fuzz_api.py --seconds 600 [--postgresql]

The description is asked of the server itself. Half of the requests are schemathesis's (as described, and broken on
purpose), half our own (tests/competition/fuzzing/api.py), which know the event, its submissions and its people. A
finding is: 5xx but for 503 with Retry-After and 507, a fault that is no sentence with a code and its status, an answer
that contradicts the description, more than five seconds, a traceback in the server's log, a server of more than 250 MB
or one that no longer scores a good file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from tests.competition.databases import postgresql
from tests.competition.fuzzing.api import CHANCE, Asked, Room, operations, requests_of, room

AT_ONCE = 40
_QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}


def described(made: Room, description: dict[str, Any]) -> dict[str, list[Any]]:
    """Strategies of requests by operation, from both generators."""
    import schemathesis
    from schemathesis import GenerationMode

    found: dict[str, list[Any]] = {}
    for method, path, told in operations(description):
        found[told["operationId"]] = [requests_of(made, method, path, told)]
    for result in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.as_strategy(generation_mode=mode)
            name = operation.definition.raw["operationId"]
            found[name].append(strategy.map(lambda case, name=name: as_asked(made, name, case)))
    return found


def as_asked(made: Room, name: str, case: Any) -> Asked:
    """A case of schemathesis as a request; half of its path's parts are those of things that are there."""
    path = case.path
    for part, value in (case.path_parameters or {}).items():
        known = made.known.get(part, [])
        text = CHANCE.choice(known) if known and CHANCE.random() < 0.5 else str(value)
        path = path.replace(f"{{{part}}}", quote(text, safe="", errors="surrogatepass") or "%25")
    query = case.query or {}
    if query:
        path += "?" + urlencode(query, doseq=True, errors="surrogatepass")
    headers = {
        str(key): str(value).translate({10: " ", 13: " ", 0: " "}) for key, value in (case.headers or {}).items()
    }
    headers = {key: value for key, value in headers.items() if key and key.lower() not in ("host", "content-length")}
    signed = CHANCE.choice(list(made.who.values()))
    headers.pop("Authorization", None)
    if signed is not None:
        headers["authorization"] = signed
    body = case.body if not isinstance(case.body, str) else case.body.encode("utf-8", "surrogatepass")
    if type(body).__name__ == "NotSet":
        body = None
    elif not isinstance(body, bytes):
        body = json.dumps(body, default=str).encode("utf-8", "surrogatepass")
    if case.media_type:
        headers["content-type"] = case.media_type
    return Asked(name, case.method.upper(), path, headers, body)


def rounds(strategies: dict[str, list[Any]], until: float) -> Iterator[tuple[Any, int]]:
    """Each strategy by turns, each time with another seed."""
    number = 0
    while True:
        for each in strategies.values():
            for strategy in each:
                number += 1
                if time.monotonic() > until:
                    return
                yield strategy, number


def run(made: Room, seconds: float, said: Callable[[str], None]) -> tuple[int, dict[str, str]]:
    """How many requests, and the findings: what -> the first request that shows it."""
    description = json.loads(made.site.ask("GET", "/api/v1/openapi.json").body)
    strategies, found, sent = described(made, description), dict[str, str](), Counter[str]()
    for strategy, number in rounds(strategies, time.monotonic() + seconds):

        @seed(number)
        @settings(max_examples=AT_ONCE, **_QUIET)  # type: ignore[arg-type]
        @given(asked=strategy)
        def one(asked: Asked) -> None:
            sent["requests"] += 1
            fault = made.send(asked)
            if fault is not None:
                key = f"{asked.operation}: {fault[:120]}"
                if key not in found:
                    found[key] = f"{fault}\n{asked}"
                    said(f"finding: {key}")

        with contextlib.suppress(Unsatisfiable):  # nothing can be broken where nothing is asked for
            one()
    for fault in made.whole():
        found[fault[:120]] = fault
    return sent["requests"], found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--postgresql", action="store_true", help="on a PostgreSQL of its own; default: SQLite")
    given_words = parser.parse_args()
    try:
        import schemathesis  # noqa: F401
    except ImportError:
        print('this needs schemathesis: pip install "deepdojo[fuzz]"', file=sys.stderr)
        return 2
    begun = time.monotonic()
    with contextlib.ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="dojo-fuzz-"))
        db = held.enter_context(postgresql()).fresh() if given_words.postgresql else None
        made = held.enter_context(room(Path(folder), db))
        count, found = run(made, given_words.seconds, lambda text: print(text, flush=True))
        memory = made.memory_mb()
    print(f"{count:,} requests in {time.monotonic() - begun:,.0f} s; slowest {made.slowest_s:.2f} s; {memory:.0f} MB")
    names = sorted({name for name, _ in made.statuses})
    for name in names:
        each = sorted((status, many) for (other, status), many in made.statuses.items() if other == name)
        print(f"  {name}: " + ", ".join(f"{many:,} × {status}" for status, many in each))
    for text in found.values():
        print(f"finding: {text}\n")
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
