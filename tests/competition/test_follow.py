"""A board followed: by events, by asking where no events come through, and back again after any fault."""

from __future__ import annotations

import itertools

import pytest

from deepdojo.competition.client import Client
from deepdojo.competition.follow import follow
from deepdojo.competition.refusal import Refusal
from deepdojo.errors import DojoError
from tests.competition.scripted import scripted, told


def board(version):
    return told({"rows": [], "version": version}, etag=f'"{version}"')


def events(*versions):
    body = "retry: 3000\n" + "".join(f"event: version\ndata: {v}\n\n: still there\n\n" for v in versions)
    return 200, {"content-type": "text/event-stream"}, body.encode()


SAME = (304, {}, b"")
AWAY = told({"error": "busy", "code": "unavailable"}, 503)


def seen(server, number, waits=None):
    """The first so many moments: (version or None, state)."""
    waits = [] if waits is None else waits
    client = Client(server.address, tries=1, timeout_s=5)
    found = itertools.islice(follow(client, "winds", sleep=waits.append, draw=lambda: 1.0), number)
    return [(None if one.board is None else one.board["version"], one.state) for one in found]


def test_each_event_brings_the_board_where_it_is_new():
    with scripted(board(1), events(1, 2, 2), SAME, board(2), SAME, SAME) as server:
        assert seen(server, 4) == [(1, "live"), (None, "live"), (2, "live"), (None, "live")]
        tags = [headers.get("if-none-match") for _, path, headers, _ in server.asked if path.endswith("/board")]
        assert tags[:3] == [None, '"1"', '"1"']


def test_where_no_events_come_through_it_is_asked_every_two_seconds():
    waits: list[float] = []
    html = (200, {"content-type": "text/html"}, b"<h1>proxy</h1>")
    with scripted(board(1), html, SAME, html, board(2), html, SAME, SAME, SAME, SAME) as server:
        got = seen(server, 5, waits)
    assert got == [(1, "live"), (None, "polling"), (2, "polling"), (None, "polling"), (None, "polling")]
    assert waits == [1.0, 2.0, 2.0], "one second after the first fault, then two, then four in steps of two"


def test_a_server_that_is_away_is_tried_after_longer_and_longer_pauses():
    waits: list[float] = []
    with scripted(board(1), AWAY) as server:
        got = seen(server, 9, waits)
    assert got[1:] == [(None, "lost")] * 8
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_it_is_live_again_once_the_server_is_back_and_pauses_are_short_again():
    waits: list[float] = []
    with scripted(board(1), "hang up", "hang up", "hang up", AWAY, events(7), board(7), AWAY, AWAY) as server:
        got = seen(server, 5, waits)
    assert got == [(1, "live"), (None, "lost"), (None, "lost"), (7, "live"), (None, "lost")]
    assert waits == [1.0, 2.0]


def test_pauses_differ_so_that_a_room_does_not_come_back_at_one_moment():
    for draw, wanted in ((0.0, 0.5), (1.0, 1.0)):
        waits: list[float] = []
        with scripted(board(1), AWAY) as server:
            client = Client(server.address, tries=1)
            list(itertools.islice(follow(client, "w", sleep=waits.append, draw=lambda d=draw: d), 3))
        assert waits == [wanted]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_waiting_does_not_mend_is_raised(at):
    gone = told({"error": "no event is named 'winds'", "code": "not_found"}, 404)
    with scripted(*[board(1), events(1)][:at], gone) as server, pytest.raises(Refusal, match="no event"):
        seen(server, 9)


def test_a_server_that_was_never_there_is_said_at_once():
    with pytest.raises(DojoError, match="nothing listens there"):
        next(follow(Client("http://127.0.0.1:9", tries=1), "winds"))
