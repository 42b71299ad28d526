"""What senders state of their costs, and the front of score against cost."""

from __future__ import annotations

import pytest

from deepdojo.competition.cost import COSTS, cost_of, mark_fronts, run_cost, stated_cost
from deepdojo.competition.refusal import Refusal


def test_of_a_metric_where_less_is_better_the_low_ones_are_on_the_front():
    rows = [{"value": v, "parameters": p, "train_flops": None, "seconds": None} for v, p in ((2, 1), (1, 5), (3, 9))]
    mark_fronts(rows, higher_is_better=False)
    assert [row["pareto"] for row in rows] == [["parameters"], ["parameters"], []]


def test_an_unstated_cost_is_on_no_front():
    rows = [{"value": 1.0, **dict.fromkeys(COSTS)}]
    mark_fronts(rows, higher_is_better=True)
    assert rows[0]["pareto"] == []


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("value", [
    "nan", "inf", "-1", -1, "1e400", "abc", "١٢", "1_000", True, [], "0x10", 1e40, float("nan"), "1" * 100,
])  # fmt: skip
def test_what_is_no_cost_is_refused_by_its_name(name, value):
    with pytest.raises(Refusal) as refused:
        stated_cost({name: value})
    assert (refused.value.code, refused.value.where) == ("bad_request", name)


def test_costs_are_read_and_parameters_are_whole():
    assert stated_cost({"parameters": "1e6", "seconds": " 2.5 ", "train_flops": ""}) == {
        "parameters": 1_000_000, "seconds": 2.5,
    }  # fmt: skip
    assert stated_cost({"parameters": 0, "train_flops": None}) == {"parameters": 0}
    with pytest.raises(Refusal, match="whole"):
        stated_cost({"parameters": 1.5})


def test_a_run_states_the_seconds_of_its_training_and_nothing_that_is_no_number():
    score = {"cost": {"parameters": 7, "train_flops": float("nan"), "seconds": 9.0, "train_seconds": 2.0}}
    assert run_cost(score) == {"parameters": 7, "seconds": 2.0}
    assert run_cost({}) == {}
    assert run_cost({"cost": {"seconds": 3.0}}) == {"seconds": 3.0}


def test_a_manifest_without_costs_states_none():
    assert cost_of(None) == dict.fromkeys(COSTS)
    assert cost_of('{"cost":{"seconds":2.0}}')["seconds"] == 2.0
