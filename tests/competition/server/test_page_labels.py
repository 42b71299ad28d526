"""Names in the picture of score against cost: none over another, over a point, or out of the picture."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from deepdojo.competition.cost import mark_fronts
from deepdojo.competition.server.page_board import board_view
from deepdojo.competition.server.page_labels import Box, columns_of, cut_columns, placed
from deepdojo.competition.server.page_words import PageWords

FRAME = Box(48, 18, 398, 210)
NAMES = ["the-very-long-team-name-of-the-university", "深度学习课程第三小组注意力机制爱好者", "ada", "王小明",
         "Hephaistos & Söhne GmbH", "x"]  # fmt: skip


def fields(n: int, seed: int) -> tuple[list[tuple[float, float]], list[str]]:
    """A front that goes up to the right, and names of all kinds."""
    draws = random.Random(seed)
    across = sorted(draws.uniform(52, 378) for _ in range(n))
    upward = sorted((draws.uniform(30, 200) for _ in range(n)), reverse=True)
    return list(zip(across, upward, strict=True)), [cut_columns(NAMES[k % len(NAMES)], 18) for k in range(n)]


@pytest.mark.parametrize("n", [0, 1, 2, 3, 12, 40, 300])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("up", [True, False])
def test_no_name_lies_over_another_a_point_or_the_axes(n, seed, up):
    points, names = fields(n, seed)
    if not up:
        points = [(a, 228 - b) for a, b in points]
    labels = placed(points, names, FRAME, up=up, most=10)
    there = [(k, one) for k, one in enumerate(labels) if one is not None]
    assert len(labels) == n
    assert len(there) <= 10
    for k, one in there:
        assert one.words == names[k]
        assert one.box.within(FRAME)
        assert not any(one.box.meets(Box(a - 4, b - 4, a + 4, b + 4)) for j, (a, b) in enumerate(points) if j != k)
    for (_, one), (_, other) in combinations(there, 2):
        assert not any(a.meets(b) for a in one.covers for b in other.covers)


def test_where_there_is_room_every_name_stands():
    points, names = [(60.0, 190.0), (200.0, 120.0), (378.0, 40.0)], [cut_columns(name, 18) for name in NAMES[:3]]
    assert all(placed(points, names, FRAME, up=True, most=10))
    assert len([one for one in placed(*fields(12, 1), FRAME, up=True, most=10) if one]) >= 8


def test_a_name_is_cut_by_how_wide_it_is():
    assert columns_of("ada 王e\u0301") == 7
    assert cut_columns("深度学习课程第三小组", 9) == "深度学习…"
    assert cut_columns("short", 9) == "short"
    assert columns_of(cut_columns("a very long name indeed", 9)) <= 9


def test_the_picture_of_forty_names_its_ends_and_no_tick_leaves_it():
    found = [{"team": NAMES[k % 6] + str(k), "rank": 1, "value": 0.5 + k / 100, "low": 0.48 + k / 100,
              "high": 0.52 + k / 100, "n": 9, "submissions": 1, "moved": 0.0, "parameters": None, "train_flops": None,
              "seconds": 72.0 * (1 + k / 39)} for k in range(40)]  # fmt: skip
    mark_fronts(found, higher_is_better=True)
    board = {"part": "public", "rows": found, "published": [], "metric": "accuracy", "closed": False}
    picture = str(board_view(board, PageWords("en"), cost="seconds")["pareto"]["picture"])
    assert picture.count('class="label"') >= 5
    assert '<text x="398" y="227" text-anchor="end" class="tick">2 min 24 s</text>' in picture
