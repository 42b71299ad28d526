"""A host's own metric in the sandbox: equal to the one in process, in one start, and silent about what it saw."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from deepdojo.competition.sandbox import metric as sandboxed
from deepdojo.competition.sandbox.metric import METRIC_LIMITS, HostMetricError, score_in_sandbox
from deepdojo.contracts import Contract
from deepdojo.errors import ScoreError
from deepdojo.scoring.custom import score_with_file
from deepdojo.scoring.measured import paired_influence
from deepdojo.tables import Table

REGRESSION = Contract({"x": "number"}, {"value": "number"}, {"value": "number"}, "rmse")
LABELS = Contract({"text": "text"}, {"label": "label"}, {"label": "label", "probabilities": "distribution"}, "accuracy")
MAE = """
HIGHER_IS_BETTER = False
class ParticipantVisibleError(Exception): pass
def score(solution, submission, row_id_column_name, power=1.0):
    del solution[row_id_column_name]
    if (submission["value"] > 1e6).any():
        raise ParticipantVisibleError("values above a million are not allowed")
    return (abs(solution["value"] - submission["value"]) ** power).mean()
"""
SURE = """
def score(solution, submission, row_id_column_name):
    return sum(p.get(right, 0.0) for right, p in zip(solution["label"], submission["probabilities"])) / len(solution)
"""

FORGED = """
import atexit, json
part = {"value": float("nan"), "low": 0, "high": 1, "interval": "none", "influence": ""}
answer = {"name": "x", "higher_is_better": 1, "parts": {"all": part}}
atexit.register(lambda: json.dump(answer, open("/tmp/output/answer.json", "w")))
def score(s, t, i): return 1
"""


def numbers(n=60, noise=1.0, seed=0):
    generator = np.random.default_rng(seed)
    solution = [{"id": f"r{i}", "value": float(v)} for i, v in enumerate(generator.normal(size=n))]
    said = [row["value"] + noise * float(e) for row, e in zip(solution, generator.normal(size=n), strict=True)]
    return solution, Table({"id": [row["id"] for row in solution][::-1], "value": said[::-1]})


def put(tmp_path, text):
    (tmp_path / "metric.py").write_text(text, encoding="utf-8")
    return tmp_path / "metric.py"


def test_it_gives_what_the_one_in_process_gives(sandbox, tmp_path):
    path = put(tmp_path, MAE)
    solution, table = numbers()
    groups = np.repeat(np.arange(20), 3)
    given = {"groups": groups, "options": {"power": 2.0}, "seed": 3}
    here = score_with_file(path, REGRESSION, solution, table, trusted=True, **given)
    there = score_in_sandbox(sandbox, path, REGRESSION, solution, table, **given)["all"]
    for name in ("metric", "value", "low", "high", "n", "higher_is_better", "interval"):
        assert getattr(there, name) == getattr(here, name)
    assert np.array_equal(there.influence, here.influence)


def test_parts_are_scored_in_one_process(sandbox, tmp_path, monkeypatch):
    starts = []
    original = type(sandbox).run
    monkeypatch.setattr(type(sandbox), "run", lambda self, *a, **k: starts.append(1) or original(self, *a, **k))
    path = put(tmp_path, SURE)
    solution = [{"id": str(i), "label": "ab"[i % 2]} for i in range(40)]
    p = np.random.default_rng(0).uniform(size=40)
    table = Table({
        "id": [str(i) for i in range(40)], "label": ["a"] * 40,
        "probabilities": [{"a": float(x), "b": 1 - float(x)} for x in p],
    })  # fmt: skip
    parts = {"public": np.arange(10), "private": np.arange(10, 40)}
    found = score_in_sandbox(sandbox, path, LABELS, solution, table, parts=parts)
    right = np.where(np.arange(40) % 2 == 0, p, 1 - p)
    assert found["public"].value == pytest.approx(right[:10].mean())
    assert found["private"].value == pytest.approx(right[10:].mean())
    assert (found["public"].n, len(found["private"].influence)) == (10, 30)
    assert len(starts) == 1


def test_two_scores_can_be_compared(sandbox, tmp_path):
    path = put(tmp_path, MAE)
    scores = []
    for noise in (0.1, 2.0):
        solution, table = numbers(noise=noise)
        scores.append(score_in_sandbox(sandbox, path, REGRESSION, solution, table)["all"])
    a, b = scores
    assert paired_influence(a.influence, b.influence, a.value, b.value).p < 0.01


def test_only_a_participant_visible_error_reaches_the_sender(sandbox, tmp_path):
    solution, table = numbers(5)
    table.columns["value"] = [1e9] * 5
    with pytest.raises(ScoreError, match="values above a million are not allowed") as caught:
        score_in_sandbox(sandbox, put(tmp_path, MAE), REGRESSION, solution, table)
    assert not isinstance(caught.value, HostMetricError)


@pytest.mark.parametrize(
    ("source", "details"),
    [
        ("def score(s, t, i): raise ValueError(f'labels {list(s[\"value\"])}')", r"ValueError.*labels \["),
        ("def score(s, t, i): return float('nan')", "the metric gave nan"),
        ("def score(s, t, i): return None", "TypeError"),
        ("raise RuntimeError('at import')", "at import"),
        ("syntax error here", "SyntaxError"),
        ("x = 1", "the metric file has no function score"),
        ("import no_such_module", "no_such_module"),
        ("def score(s, t, i): import socket; socket.create_connection(('127.0.0.1', 1))", "Address family not"),
        ("def score(s, t, i): open('/etc/shadow')", "FileNotFoundError"),
        ("def score(s, t, i): import os; os._exit(0)", "it gave no answer, exit code 0"),
        ("def score(s, t, i): import os; os.kill(os.getpid(), 9)", "ended by a signal"),
        ("def score(s, t, i):\n while True: pass", "it took longer than 2 s"),
        ("def score(s, t, i): return [bytearray(1 << 20) + b'x' for _ in range(4000)]", "MiB of memory|MemoryError"),
        (
            "import atexit, json\natexit.register(lambda: open('/tmp/output/answer.json', 'w').write('[1]'))\n"
            "def score(s, t, i): return 1",
            "an answer that is none",
        ),
        (
            FORGED,
            "no finite score of 8 rows",
        ),
    ],
)  # fmt: skip
def test_any_other_fault_is_one_sentence_to_the_sender_and_its_cause_to_the_host(source, details, sandbox, tmp_path):
    solution, table = numbers(8)
    limits = replace(METRIC_LIMITS, wall_s=2.0 if "while" in source else 30.0, memory_bytes=512 << 20)
    with pytest.raises(HostMetricError, match=r"^the host's metric failed; the host sees why$") as caught:
        score_in_sandbox(sandbox, put(tmp_path, source), REGRESSION, solution, table, limits=limits)
    assert re.search(details, caught.value.details, re.DOTALL), caught.value.details


def test_a_submission_with_wrong_ids_never_starts_a_process(tmp_path):
    solution, _ = numbers(4)
    table = Table({"id": ["r0", "r1", "r2", "r9"], "value": [1.0] * 4})
    with pytest.raises(ScoreError, match=r"1 id is missing \('r3'\)"):
        score_in_sandbox(sandboxed.Sandbox(), put(tmp_path, MAE), REGRESSION, solution, table)


def test_missing_metric_file_is_the_hosts(tmp_path):
    solution, table = numbers(4)
    with pytest.raises(HostMetricError) as caught:
        score_in_sandbox(sandboxed.Sandbox(), tmp_path / "none.py", REGRESSION, solution, table)
    assert "cannot be read" in caught.value.details
