"""A user's metric file with Kaggle's signature: consent, frames, faults, interval, comparison."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from deepdojo.errors import ConsentError, ScoreError, UnknownNameError
from deepdojo.scoring.custom import Frame, load_metric, score_with_file
from deepdojo.scoring.measured import paired
from deepdojo.scoring.score import score
from deepdojo.tables import Table

from .made import CLASSIFICATION, REGRESSION, classified

MAE = """
HIGHER_IS_BETTER = False
calls = []

class ParticipantVisibleError(Exception):
    pass

def score(solution, submission, row_id_column_name: str, power: float = 1.0) -> float:
    assert sorted(solution.columns) == ["id", "value"]
    assert len(set(solution[row_id_column_name])) == len(solution)
    assert list(solution[row_id_column_name]) == list(submission[row_id_column_name])
    del solution[row_id_column_name]
    if (submission["value"] > 1e6).any():
        raise ParticipantVisibleError("values above a million are not allowed")
    return (abs(solution["value"] - submission["value"]) ** power).mean()
"""


def numbers(n=60, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    solution = [{"id": f"r{i}", "value": float(v)} for i, v in enumerate(rng.normal(size=n))]
    said = [row["value"] + noise * float(e) for row, e in zip(solution, rng.normal(size=n), strict=True)]
    return solution, Table({"id": [row["id"] for row in solution], "value": said})


def put(tmp_path, text, name="metric.py"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_it_equals_the_built_in_one(tmp_path):
    solution, table = numbers()
    ours = score(REGRESSION, "mae", solution, table)
    theirs = score_with_file(put(tmp_path, MAE), REGRESSION, solution, table, trusted=True)
    assert theirs.value == pytest.approx(ours.value)
    assert not theirs.higher_is_better
    assert theirs.influence == pytest.approx(ours.influence)
    width = ours.high - ours.low
    assert theirs.low == pytest.approx(ours.low, abs=0.2 * width)  # 200 draws instead of 1,000
    assert theirs.high == pytest.approx(ours.high, abs=0.2 * width)
    assert (theirs.metric, theirs.interval, theirs.n) == ("python:metric.py", "bootstrap", 60)


def test_table_in_another_order(tmp_path):
    solution, table = numbers()
    backwards = Table({name: cells[::-1] for name, cells in table.columns.items()})
    path = put(tmp_path, MAE)
    first, second = (score_with_file(path, REGRESSION, solution, t, trusted=True).value for t in (table, backwards))
    assert first == second


def test_it_runs_only_with_consent(tmp_path):
    path = put(tmp_path, f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n" + MAE)
    with pytest.raises(ConsentError, match="this metric is code that would run here; read it, then add --trust"):
        load_metric(path, trusted=False)
    assert not (tmp_path / "ran").exists()
    load_metric(path, trusted=True)
    assert (tmp_path / "ran").exists()
    assert not (tmp_path / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("score = 3", "has no function score; define score"),
        ("def score(:", "the metric file does not run .SyntaxError"),
        ("1 / 0", "does not run .ZeroDivisionError"),
        ("import sys; sys.exit(0)", "does not run .SystemExit"),
        ("import surely_not_installed", "needs surely_not_installed, which is not installed"),
        ("def score(s, p, i): return float('nan')", "the metric gave nan; return a finite number"),
        ("def score(s, p, i): return s['nothing'].mean()", "the metric raised KeyError .'nothing'."),
        ("def score(s, p, i): return 'high'", "the metric raised ValueError"),
        ("def score(s): return 1.0", "the metric raised TypeError"),
        ("def score(s, p, i): exit()", "the metric raised SystemExit"),
    ],
)
def test_faults_are_sentences(tmp_path, text, sentence):
    solution, table = numbers()
    with pytest.raises(ScoreError, match=sentence) as caught:
        score_with_file(put(tmp_path, text), REGRESSION, solution, table, trusted=True)
    assert caught.value.where.endswith("metric.py")


def test_missing_file(tmp_path):
    with pytest.raises(ScoreError, match="cannot be read"):
        load_metric(tmp_path / "no.py", trusted=True)


def test_text_for_participants_is_shown_as_it_stands(tmp_path):
    solution, table = numbers(3)
    table.columns["value"][0] = 2e6
    with pytest.raises(ScoreError) as caught:
        score_with_file(put(tmp_path, MAE), REGRESSION, solution, table, trusted=True)
    assert caught.value.what == "values above a million are not allowed"


def test_options(tmp_path):
    path = put(tmp_path, MAE)
    solution, table = numbers()
    squared = score_with_file(path, REGRESSION, solution, table, trusted=True, options={"power": 2.0})
    assert squared.value == pytest.approx(score(REGRESSION, "rmse", solution, table).value ** 2)
    with pytest.raises(UnknownNameError, match="did you mean 'power'"):
        load_metric(path, trusted=True, options={"powr": 2.0})


def test_pandas_is_named_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    path = put(tmp_path, "import pandas as pd\n" + MAE)
    with pytest.raises(ScoreError, match="needs pandas, which is not installed; install it with pip install pandas,"):
        load_metric(path, trusted=True)


def test_data_frames_where_the_file_imports_pandas(tmp_path, monkeypatch):
    """pandas is no dependency, also not of the tests: a stand-in that records what it is given."""

    class DataFrame(Frame):
        pass

    fake = types.ModuleType("pandas")
    fake.DataFrame = DataFrame
    monkeypatch.setitem(sys.modules, "pandas", fake)
    text = MAE.replace(
        "    assert sorted", "    assert isinstance(solution, pd.DataFrame), type(solution)\n    assert sorted"
    )
    solution, table = numbers(10)
    assert (
        score_with_file(put(tmp_path, "import pandas as pd\n" + text), REGRESSION, solution, table, trusted=True).n
        == 10
    )


def test_labels_and_distributions_are_cells(tmp_path):
    truth, labels, cells, _, _ = classified(np.random.default_rng(0), 40, 3)
    solution = [{"id": str(i), "label": t} for i, t in enumerate(truth)]
    table = Table({"id": [row["id"] for row in solution], "label": labels, "probabilities": cells})
    text = "def score(s, p, i):\n    return sum(q[t] for t, q in zip(s['label'], p['probabilities'])) / len(s)"
    found = score_with_file(put(tmp_path, text), CLASSIFICATION, solution, table, trusted=True)
    assert found.value == pytest.approx(np.mean([q[t] for t, q in zip(truth, cells, strict=True)]))
    assert found.higher_is_better


def test_a_resample_on_which_it_is_undefined_is_left_out(tmp_path):
    text = "def score(s, p, i):\n    assert s['value'].max() > 1.9, 'too small'\n    return s['value'].mean()"
    solution = [{"id": str(i), "value": float(i % 3)} for i in range(6)]
    table = Table({"id": [row["id"] for row in solution], "value": [0.0] * 6})
    found = score_with_file(put(tmp_path, text), REGRESSION, solution, table, trusted=True)
    assert found.low < found.value < found.high


def test_blocks_keep_the_paired_test_honest(tmp_path):
    """1,200 rows, 500 calls: the p of the block-wise influence is that of the rows, for equal and unequal entries."""
    path = put(tmp_path, MAE)
    for noise in (1.0, 1.08):
        found = []
        for name in ("file", "ours"):
            made = []
            for seed, spread in ((1, 1.0), (2, noise)):
                solution, _ = numbers(1200)
                errors = spread * np.random.default_rng(seed).normal(size=1200)
                said = [row["value"] + float(e) for row, e in zip(solution, errors, strict=True)]
                table = Table({"id": [row["id"] for row in solution], "value": said})
                if name == "file":
                    made.append(score_with_file(path, REGRESSION, solution, table, trusted=True))
                else:
                    made.append(score(REGRESSION, "mae", solution, table))
            found.append(paired(*(s.measured for s in made), draws=100))
        assert found[0].value == pytest.approx(found[1].value)
        assert found[0].p == pytest.approx(found[1].p, abs=0.12)
    spread = [s.influence.std() for s in made]
    assert score_with_file(path, REGRESSION, solution, table, trusted=True).influence.std() == pytest.approx(
        spread[1], rel=0.15
    )


def test_groups(tmp_path):
    solution, table = numbers(60)
    found = score_with_file(put(tmp_path, MAE), REGRESSION, solution, table, trusted=True, groups=np.arange(60) // 4)
    assert found.interval == "cluster bootstrap"


def test_frame_is_a_mapping_of_columns():
    frame = Frame({"a": np.array([1, 2]), "b": np.array(["x", "y"], dtype=object)})
    frame["c"] = [3, 4]
    del frame["a"]
    assert (list(frame), frame.columns, len(frame), "b" in frame) == (["b", "c"], ["b", "c"], 2, True)
