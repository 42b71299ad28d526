"""Reference submissions: what `dojo check` says of tables whose score or refusal is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepdojo import api
from deepdojo.cli import main
from deepdojo.errors import DojoError

EXPECTED = """
["majority.csv"]
low = 0.4
high = 0.75

["perfect.csv"]
low = 1

["half.csv"]
error = "ids are missing"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """120 rows, two classes; three submissions: always one class, the truth, and one with half of the ids."""
    rng = np.random.default_rng(0)
    lines = [f"r{k},{'ab'[int(x > 0)]},{x}" for k, x in enumerate(rng.normal(size=120))]
    (tmp_path / "t.csv").write_text("id,label,x\n" + "\n".join(lines) + "\n", encoding="utf-8")
    folder = tmp_path / "p"
    api.new(folder, tmp_path / "t.csv", target="label", id="id")
    truth = [(row["id"], row["label"]) for row in api.open_dataset(folder).truth("test")]
    (folder / "submissions").mkdir()
    for name, rows in {
        "majority": [(key, "a") for key, _ in truth], "perfect": truth, "half": truth[::2],
    }.items():  # fmt: skip
        text = "".join(f"{key},{label}\n" for key, label in rows)
        (folder / f"submissions/{name}.csv").write_text(f"id,label\n{text}", encoding="utf-8")
    (folder / "submissions/expected.toml").write_text(EXPECTED, encoding="utf-8")
    return folder


def change(project: Path, old: str, new: str) -> None:
    page = project / "submissions/expected.toml"
    page.write_text(page.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def references(report):
    return [problem for problem in report.problems if problem.kind == "reference submission"]


def test_all_three_as_expected(project, capsys):
    report = api.check(project)
    assert references(report) == []
    judged = report.facts["submissions"]
    assert judged["perfect.csv"] == {"score": 1.0, "error": None, "as_expected": True}
    assert "ids are missing" in judged["half.csv"]["error"]
    assert judged["majority.csv"]["score"] == api.score(project, project / "submissions/majority.csv").value
    assert main(["check", str(project)]) == 0
    assert "3 of 3 reference submissions are judged as expected." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "file", "sentence"),
    [
        ("low = 0.4\nhigh = 0.75", "low = 0.8", "majority.csv", "expected is a score of at least 0.8"),
        ("low = 1\n", "high = 0.9\n", "perfect.csv", "has accuracy 1; expected is a score of at most 0.9"),
        ('error = "ids are missing"', "low = 0\nhigh = 1", "half.csv", "expected is a score from 0 to 1"),
        ('"ids are missing"', '"a column"', "half.csv", "expected is an error with 'a column'"),
        ("low = 1\n", 'error = "any"\n', "perfect.csv", "expected is an error with 'any'"),
        ('["perfect.csv"]', '["absent.csv"]', "absent.csv", "this file does not exist"),
    ],
)
def test_each_that_falls_outside_is_an_error(project, capsys, old, new, file, sentence):
    change(project, old, new)
    problem = references(api.check(project))[0]
    assert (problem.level, problem.where) == ("error", f"submissions/{file}")
    assert sentence in problem.what
    assert main(["check", str(project), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["facts"]["submissions"][file]["as_expected"] is False
    assert found["problems"][0]["kind"] == "reference submission"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("low = 1", "lo = 1", "no key is named 'lo'; did you mean 'low'?"),
        ("low = 1", 'low = "1"', "low is '1', which is no number"),
        ("low = 1", "low = true", "low is True, which is no number"),
        ("low = 1", "", "needs low, high or both, or else error alone"),
        ("low = 1", 'low = 1\nerror = "x"', "needs low, high or both, or else error alone"),
        ("high = 0.75", "high = 0.3", "low is 0.4 and high 0.3"),
        ("low = 1", 'error = ""', "error is '', which is no text"),
        ('["perfect.csv"]', '["../t.csv"]', "must lie in the folder submissions"),
        ('["perfect.csv"]\nlow = 1', "", "is no TOML"),
        ('["majority.csv"]\nlow = 0.4\nhigh = 0.75', '"majority.csv" = 0.5', "expects a table for each file"),
    ],
)
def test_faults_of_the_page_are_named(project, capsys, old, new, sentence):
    change(project, old, f"{new} [" if sentence == "is no TOML" else new)
    with pytest.raises(DojoError, match=r"expected\.toml"):
        api.check(project)
    assert main(["check", str(project)]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
