"""What each command prints, from made answers of `deepdojo.api`: the answer first, one next step last, 80 columns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deepdojo import api
from deepdojo.cli.output import text_width

from .conftest import Answer, Dojo

RUN = "2026-11-24-0640-cnn-3f2a"
SUMMARY = {
    "run": f"/made/runs/digits/{RUN}", "project": "digits", "task": "image-classification", "model": "cnn",
    "recipe": "cnn", "metric": "accuracy", "score": 0.9916, "low": 0.9813, "high": 0.9976, "n": 477, "seconds": 5.53,
    "train_seconds": 3.2, "rejected": 0, "seed": 0,
    "baselines": [{"name": "logistic", "title": "Logistic regression", "score": 0.969, "low": 0.95, "high": 0.98,
                   "better": "network", "p": 0.0042}],
}  # fmt: skip


def row(rank: int | None, name: str, score: float, **more: Any) -> dict[str, Any]:
    return {
        "rank": rank, "name": name, "kind": "run", "score": score, "low": score - 0.01, "high": min(1.0, score + 0.008),
        "n": 477, "seeds": 1, "parameters": 98_000, "train_flops": 1.2e12, "seconds": 3.2, "peak_bytes": 10**8,
        "inference_ms": 0.2, "data_share": 1.0, "pareto": False, "run": f"/made/runs/digits/{name}",
        "metric": "accuracy", "higher_is_better": True, "digest": "d", "id": f"2026-11-24-0640-{name}-aaaa", "seed": 0,
        "note": None, **more,
    }  # fmt: skip


BOARD = [
    row(1, "cnn", 0.992, id=RUN),
    row(1, "cnn", 0.990, id=RUN[:-1] + "b", pareto=True),
    row(None, "LeNet (LeCun 1998)", 0.985, kind="published", low=None, high=None, n=None, parameters=None,
        train_flops=None, seconds=None, note="not re-scored, same protocol: x"),
    row(3, "Logistic regression", 0.969, kind="baseline", parameters=None, train_flops=None, seconds=0.4, pareto=True),
    row(4, "\u5377\u79ef\u7f51\u7edc " * 6, 0.90),
    row(None, "old", 0.95, note="other held-out rows", digest="e"),
]  # fmt: skip


def lines(said: Answer) -> list[str]:
    """The lines of a whole screen: exit code 0, after the answer nothing wider than 80 columns, one next step."""
    assert said.code == 0, said.err
    found = said.out.splitlines()
    assert all(text_width(line) <= 80 for line in found[1:] if not line.startswith("Run:")), said.out
    assert sum(line.startswith("Next: dojo ") for line in found) == 1
    assert "\x1b" not in said.out
    return found


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """`api.train` that keeps what it was given and answers with SUMMARY."""
    given: dict[str, Any] = {"summary": dict(SUMMARY)}

    def train(project: Any, recipe: Any = None, **options: Any) -> Any:
        given.update(options, project=project, recipe=recipe)
        options["listener"].stage("train", "cnn")
        options["listener"].say("batch size: 64")
        return SimpleNamespace(folder=tmp_path / "runs" / "digits" / RUN, id=RUN, summary=lambda: given["summary"])

    monkeypatch.setattr(api, "train", train)
    return given


def test_train_answers_in_one_line(dojo: Dojo, trained: dict[str, Any]) -> None:
    said = dojo("train", "digits")
    found = lines(said)
    assert found[0] == (
        "digits · cnn · 99.2 % right [98.1, 99.8] of 477 · beats logistic regression (96.9), p = 0.004 · 5.5 s"
    )
    assert found[1] == f"Run: {Path('runs') / 'digits' / RUN}"
    assert said.err == "train · cnn\nbatch size: 64\n"


def test_train_passes_its_options_on(dojo: Dojo, trained: dict[str, Any]) -> None:
    line = "train digits -r cnn --set train.lr=3e-4 --seed 3 --budget 1h30m --runs elsewhere --no-baselines"
    dojo(*line.split(), "--set", "model.channels=[8, 16]", "--no-explain", "--share", ".1", "--yes")
    wanted = {
        "project": "digits", "recipe": "cnn", "set": ["train.lr=3e-4", "model.channels=[8, 16]"], "seed": 3,
        "budget": 5400.0, "runs": Path("elsewhere"), "baselines": False, "explain": False, "share": 0.1, "yes": True,
        "trust": False, "offline": False, "validation_only": False, "resume": None,
    }  # fmt: skip
    assert {key: trained[key] for key in wanted} == wanted


def test_train_resume_takes_no_project(dojo: Dojo, trained: dict[str, Any]) -> None:
    assert dojo("train", "--resume", "last").code == 0
    assert (trained["project"], trained["resume"]) == (None, "last")


def test_train_json_is_the_summary(dojo: Dojo, trained: dict[str, Any]) -> None:
    assert json.loads(dojo("train", "digits", "--json").out) == SUMMARY


def test_train_without_held_out_score(dojo: Dojo, trained: dict[str, Any]) -> None:
    none = dict.fromkeys(("score", "low", "high", "n"))
    validation = {"value": 0.98, "low": 0.95, "high": 0.99, "n": 142}
    trained["summary"] |= {**none, "baselines": [], "rejected": 2, "validation": validation}
    found = lines(dojo("train", "digits", "--validation-only"))
    assert found[0] == "digits · cnn · not scored on held-out rows · 5.5 s"
    assert found[1] == "Validation rows: 98.0 % right [95.0, 99.0] of 142"
    assert found[2].startswith("Left out: 2 items, listed in ")


def test_board_shows_ranks_intervals_and_cost(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "board", lambda project, runs: BOARD)
    found = lines(dojo("board", "digits"))
    assert found[0] == "digits · accuracy, % · higher is better · 3 runs scored on 477 held-out rows"
    text = "\n".join(found)
    assert [line.split()[0] for line in found[3:8]] == ["1", "1", "–", "3", "4"]
    assert "[98.2, 100]" in text
    assert "●" in text
    assert "cnn 3f2a" in text
    assert "cnn 3f2b" in text
    assert "   old accuracy 95.0 of 477: other held-out rows" in text
    assert found[-1] == f"Next: dojo compare {RUN} {RUN[:-1]}b"


def test_board_fits_narrow_terminals(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "board", lambda project, runs: BOARD[:2])
    monkeypatch.setenv("COLUMNS", "66")
    assert all(len(line) <= 66 for line in dojo("board", "digits").out.splitlines()[2:5])


def test_board_as_json_and_page(dojo: Dojo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(api, "board", lambda project, runs: BOARD)
    said = dojo("board", "digits", "--json", "--html", "board.html")
    assert json.loads(said.out) == BOARD
    assert "<html" in (tmp_path / "board.html").read_text(encoding="utf-8")


def test_empty_board(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "board", lambda project, runs: [])
    assert lines(dojo("board", "digits")) == ["digits: no runs yet.", "", "Next: dojo train digits"]


@dataclass(frozen=True)
class Found:
    a: dict[str, Any]
    b: dict[str, Any]
    metric: str = "accuracy"
    higher_is_better: bool = True
    difference: float = 0.023
    low: float = 0.008
    high: float = 0.041
    p: float = 0.004
    n: int = 477
    better: str = "run-a"
    rows_sd: float = 0.008
    seeds_sd: float | None = None
    seeds_share: float | None = None


COSTS = {"parameters": 1200, "train_flops": 1e12, "train_seconds": 3.0}
SIDES = [
    {"run": f"run-{x}", "recipe": "cnn", "score": 0.99, "low": 0.98, "high": 0.998, "seeds": 1, "sd": None, **COSTS}
    for x in "ab"
]


def test_compare_says_who_is_better_and_how_sure(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "compare", lambda a, b, **_: Found(*SIDES))
    first = lines(dojo("compare", "run-a", "run-b"))[0]
    assert first == "cnn a is better than cnn b by 2.3 points · difference [0.8, 4.1] · p = 0.004 · n = 477"


def test_compare_says_when_nobody_is(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        api, "compare", lambda a, b, **_: Found(*SIDES, difference=-0.01, low=-0.03, high=0.012, p=0.4, better="tie")
    )
    first = lines(dojo("compare", "run-a", "run-b"))[0]
    assert first.startswith("cnn a and cnn b cannot be told apart · difference −1.0 [−3.0, 1.2] points · p = 0.40")
    assert json.loads(dojo("compare", "run-a", "run-b", "--json").out)["better"] == "tie"


def test_compare_of_several_seeds_says_what_part_they_have(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    sides = [SIDES[0] | {"seeds": 5, "sd": 0.004}, SIDES[1]]
    found = Found(*sides, seeds_sd=0.006, seeds_share=0.36)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(api, "compare", lambda a, b, **names: asked.update(names) or found)
    text = lines(dojo("compare", "cnn", "mlp", "--project", "digits"))
    assert asked == {"project": "digits", "runs": None}
    assert "5, ± 0.40" in text[3]
    said = " ".join(text)
    assert "0.80 from the choice of rows, 0.60 from that of seeds (36 % of its square)." in said
    assert "cnn b is one training and stands for itself." in said


def test_check_shows_problems_and_fails_on_errors(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = {"kind": "leak", "where": "column id", "what": "column 'id' alone predicts the label", "todo": "drop it",
               "examples": ["r1", "r2"], "false_alarm": 0.001}  # fmt: skip
    problems = [SimpleNamespace(level="warning", as_json=lambda: problem, **problem)]
    report = SimpleNamespace(problems=problems, seen=100, total=200, facts={}, as_json=lambda: {"problems": [problem]})
    monkeypatch.setattr(api, "check", lambda project, **_: report)
    found = lines(dojo("check", "reviews"))
    assert found[0] == "reviews · 1 problem · looked at 100 of 200 rows"
    assert "  warning: column 'id' alone predicts the label (column id)" in found
    assert found[-4:-2] == ["    Rows: 'r1', 'r2'", "    False alarm: 0.001 or less"]
    assert found[-1] == "Next: dojo train reviews"
    assert json.loads(dojo("check", "reviews", "--json").out) == {"problems": [problem]}
    problems[0].level = "error"
    assert dojo("check", "reviews").code == 1


def test_check_has_a_budget(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    report = SimpleNamespace(problems=[], seen=5, total=5, facts={})
    monkeypatch.setattr(api, "check", lambda project, **given: asked.update(given) or report)
    assert dojo("check", "reviews", "--budget", "1m30s").code == 0
    assert asked["budget"] == 90
    assert "'soon' is no duration" in dojo("check", "reviews", "--budget", "soon").err


def test_predict_shows_the_first_rows_or_writes_all(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [{"id": str(i), "label": "cat", "probabilities": {"cat": 0.75, "dog": 0.25}} for i in range(12)]
    table = SimpleNamespace(rows=lambda: answers, columns={"id": [], "label": [], "probabilities": []})
    left = SimpleNamespace(file="new.csv", line=7, id=None, reason="text is empty")
    monkeypatch.setattr(api, "predict", lambda run, rows, output, listener, trust: (table, [left]))
    said = dojo("predict", "last", "new.csv")
    found = lines(said)
    assert found[0].split() == ["id", "label", "probability"]
    assert found[1].split() == ["0", "cat", "0.75"]
    assert "… and 2 more rows" in found
    assert "left out: 7: text is empty" in said.err
    assert lines(dojo("predict", "last", "new.csv", "-o", "out.csv"))[0] == "12 rows predicted · out.csv"
    assert json.loads(dojo("predict", "last", "new.csv", "--json").out) == answers


def test_score(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = SimpleNamespace(metric="rmse", value=54.12, low=50.2, high=58.3, n=111, interval="bootstrap")
    monkeypatch.setattr(api, "score", lambda project, table, **_: judged)
    assert lines(dojo("score", "diabetes", "p.csv"))[0] == "diabetes · p.csv · RMSE 54.1 [50.2, 58.3] on 111 rows"
    assert json.loads(dojo("score", "diabetes", "p.csv", "--json").out)["score"] == 54.12


@pytest.mark.parametrize(("same", "code", "words"), [(True, 0, "The same score"), (False, 1, "Not the same score")])
def test_reproduce(dojo: Dojo, monkeypatch: pytest.MonkeyPatch, same: bool, code: int, words: str) -> None:
    again = api.Reproduction("r", "cnn", "accuracy", 0.99, 0.99 if same else 0.98, same, same)
    monkeypatch.setattr(api, "reproduce", lambda run, **_: again)
    said = dojo("reproduce", "last")
    assert said.code == code
    assert said.out.startswith(words)


def test_explain_stands_beside_chance(dojo: Dojo, monkeypatch: pytest.MonkeyPatch) -> None:
    method = {"method": "occlusion", "title": "Occlusion", "gap": 1.54, "low": 0.9, "high": 2.1, "random_gap": 0.02,
              "random_low": -0.2, "random_high": 0.2, "n": 20, "passes": 640, "seconds": 0.8}  # fmt: skip
    monkeypatch.setattr(api, "explain", lambda run, **_: {"summary": [method], "items": []})
    said = dojo("explain", "last")
    assert said.code == 0
    assert "Occlusion finds what matters" in said.out
    assert "random order 0.02 [−0.20, 0.20]" in said.out


def test_report_opens_the_browser_on_request(dojo: Dojo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import webbrowser

    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    monkeypatch.setattr(api, "report", lambda run, language: tmp_path / "a b" / "report.html")
    assert dojo("report", "last").out.startswith(str(tmp_path / "a b" / "report.html"))
    assert opened == []
    said = dojo("report", "last", "--open")
    assert opened == [(tmp_path / "a b" / "report.html").as_uri()]
    assert "open the file by hand" in said.err


def test_new_says_what_it_inferred(dojo: Dojo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = SimpleNamespace(task="text-classification", metric="accuracy")
    project = SimpleNamespace(name="reviews", folder=tmp_path / "reviews", spec=spec)
    given: dict[str, Any] = {}

    def new(folder: Path, source: Path, **choices: Any) -> Any:
        given.update(choices, folder=folder, source=source)
        return project, ["the task is text-classification: two classes"]

    monkeypatch.setattr(api, "new", new)
    said = dojo("new", "reviews", "--from", "reviews.csv", "--target", "label")
    assert said.code == 0
    assert "  the task is text-classification: two classes" in said.out
    assert said.out.rstrip().endswith("Next: dojo check reviews   what is wrong with the data")
    assert (given["folder"], given["source"], given["target"]) == (Path("reviews"), Path("reviews.csv"), "label")
