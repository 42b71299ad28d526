"""`dojo curve`, `dojo train --all` and `--search` as a user types them: what is printed, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepdojo.cli.curve import parse_shares
from deepdojo.errors import UsageError
from tests.session.test_again import made

from .conftest import Dojo

QUICK = ("--set", "train.epochs=2", "--no-baselines")


def test_a_curve_prints_the_answer_first_and_as_json_the_points(dojo: Dojo, tmp_path: Path) -> None:
    made(tmp_path / "made")
    given = ("curve", "made", "--shares", "20,50,100%", "--seeds", "2", *QUICK)
    said = dojo(*given)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("made · mlp")
    assert lines[2].startswith("Would twice the data help? ")
    assert [line.split()[0] for line in lines if line.lstrip()[:1].isdigit()] == ["20%", "50%", "100%"]
    assert max(map(len, lines)) <= 80
    assert "Next: dojo board made" in said.out
    found = json.loads(dojo(*given, "--json").out)
    assert [point["share"] for point in found["points"]] == [0.2, 0.5, 1.0]
    board = dojo("board", "made").out
    assert {"20%", "50%", "100%"} <= set(board.split())
    assert "data" in board.splitlines()[2].split()


def test_all_recipes_end_in_one_board_that_says_what_was_left_out(dojo: Dojo, tmp_path: Path) -> None:
    made(tmp_path / "made")
    said = dojo("train", "made", "--all", *QUICK)
    assert said.code == 0
    assert "2 runs scored" in said.out
    assert "mlp: is the same here as default" in said.out
    found = json.loads(dojo("train", "made", "--all", *QUICK, "--json").out)
    assert set(found) == {"runs", "left", "board"}


def test_a_search_says_on_the_board_of_how_many_it_is_the_best(dojo: Dojo, tmp_path: Path) -> None:
    made(tmp_path / "made")
    said = dojo("train", "made", "--search", "2", *QUICK, "--no-explain")
    assert said.code == 0
    assert "search: 2 trials over train.lr" in said.err
    board = dojo("board", "made").out
    assert "mlp" in board
    assert "of 2" in board
    assert "the best of 2 settings that were tried on validation rows" in board


@pytest.mark.parametrize("text", ["", "a", "0,10", "10,120", "-1"])
def test_what_is_no_list_of_shares_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="are no shares"):
        parse_shares(text)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("train", "digits", "--all", "--seeds", "3"), "--seeds does not go with --all"),
        (("train", "digits", "--all", "-r", "cnn"), "--recipe does not go with --all"),
        (("train", "--all"), "a project or --resume RUN is needed"),
        (("train", "digits", "--all", "--budget", "2s"), "too short"),
        (("train", "digits", "--search", "1"), "no search"),
        (("curve", "digits", "--budget", "soon"), "is no duration"),
        (("curve", "digitz"), "did you mean 'digits'"),
        (("curve", "digits", "--language", "xx"), "no language is named"),
        (("new", "x", "--from", "hf:a/b/c"), "no data set of the hub"),
        (("new", "x", "--from", "hf:a/b", "--offline"), "the network is switched off"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(dojo: Dojo, given: tuple[str, ...], said: str) -> None:
    answer = dojo(*given)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert sum(line.startswith("error:") for line in answer.err.splitlines()) == 1
