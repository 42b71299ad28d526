"""Attack 4: how long an answer takes tells neither whether predictions are right nor whether a name or token is known.

Slow, since two hundred of each are needed; taken in turns, so that a busy machine is busy for both alike.
"""

from __future__ import annotations

import random
import statistics
import time

import pytest

from tests.competition.attacks.room import Arena

COUNT = 200
pytestmark = pytest.mark.slow


def apart(one: list[float], two: list[float]) -> float:
    """The medians' difference in standard deviations of a single answer."""
    spread = max(statistics.pstdev(one), statistics.pstdev(two))
    return abs(statistics.median(one) - statistics.median(two)) / spread


def timed(ask) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun


def varied(winds: Arena, share: float, number: int) -> bytes:
    """A table of about this share of right rows, and no two alike."""
    return winds.table(share, 5000 + number)


def test_attack_04_right_and_wrong_predictions_are_taken_in_and_scored_in_the_same_time(winds):
    token = winds.entrant()
    sent: dict[float, list[float]] = {0.98: [], 0.02: []}
    scored: dict[float, list[float]] = {0.98: [], 0.02: []}
    for number in range(COUNT):
        for share in random.Random(number).sample([0.98, 0.02], 2):
            body, found = varied(winds, share, number), []
            sent[share].append(timed(lambda body=body, found=found: found.append(winds.send(token, body))))
            if found[0].status == 202:
                told = winds.result(token, found[0].json["id"])
                scored[share].append(told["scored"] - told["created"])
    for times in (sent, scored):
        assert min(map(len, times.values())) > 0.8 * COUNT
        print({share: f"{statistics.median(found) * 1000:.1f} ms" for share, found in times.items()})
        assert apart(*times.values()) < 2


def test_attack_04_a_known_name_or_token_is_not_told_by_the_time(arenas):
    winds = arenas["winds"].anew()
    token = winds.entrant("known to the room")
    asked = {
        "known name": lambda at: at.api("POST", "/join", {"code": "wrong", "name": "known to the room"}),
        "unknown name": lambda at: at.api("POST", "/join", {"code": "wrong", "name": "nobody in particular"}),
        "near token": lambda at: at.api("GET", "/team", token=token[:-1] + ("a" if token[-1] != "a" else "b")),
        "far token": lambda at: at.api("GET", "/team", token="dd_" + "x" * (len(token) - 3)),
        "right code but one": lambda at: at.api("GET", f"/data?code={winds.code[:-1]}"),
        "wrong code": lambda at: at.api("GET", f"/data?code={'x' * (len(winds.code) - 1)}"),
    }
    times: dict[str, list[float]] = {what: [] for what in asked}
    for number in range(COUNT):
        for what in random.Random(number).sample(list(asked), len(asked)):
            at = winds.anew()
            times[what].append(timed(lambda what=what, at=at: asked[what](at)))
    names = list(asked)
    for one, two in zip(names[::2], names[1::2], strict=True):
        print(one, two, [f"{statistics.median(times[what]) * 1000:.2f} ms" for what in (one, two)])
        assert apart(times[one], times[two]) < 2
