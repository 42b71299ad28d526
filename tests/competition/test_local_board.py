"""The board beside the runs: what it shows, how it ranks; the file beside it can be lost, broken and shared."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepdojo.competition.board import record, rows
from deepdojo.competition.entry import read_entry
from deepdojo.errors import RunError

from .conftest import MakeRun, answers

KEYS = (
    "rank", "name", "kind", "score", "low", "high", "n", "seeds", "parameters", "train_flops", "seconds", "peak_bytes",
    "inference_ms", "data_share", "pareto", "run",
)  # fmt: skip


def project(metric: str = "accuracy", published: list[dict[str, Any]] | None = None) -> Any:
    return SimpleNamespace(metric=metric, spec=SimpleNamespace(published=published or []))


def test_empty_folder_gives_an_empty_board(runs: Path) -> None:
    assert rows(runs) == []
    assert rows(runs / "missing") == []


def test_rows_have_the_keys_of_the_convention(runs: Path, make_run: MakeRun) -> None:
    folder = make_run("2026-11-24-0640-cnn-aaaa", answers(200, 190))
    (row,) = rows(runs)
    assert tuple(row)[: len(KEYS)] == KEYS
    assert (row["rank"], row["name"], row["kind"], row["n"], row["run"]) == (1, "cnn", "run", 200, str(folder))
    assert row["score"] == pytest.approx(0.95)
    assert row["seconds"] == 3.0  # training alone, not the whole command


def test_rank_is_one_plus_the_number_of_significantly_better_entries(runs: Path, make_run: MakeRun) -> None:
    rng = np.random.default_rng(0)
    good, twin, bad = answers(400, 380), answers(400, 380), answers(400, 200)
    twin = rng.permutation(twin)  # as good, on other rows
    for name, right in (("a", good), ("b", twin), ("c", bad)):
        make_run(name, right)
    assert [(Path(r["run"]).name, r["rank"]) for r in rows(runs)] in (
        [("a", 1), ("b", 1), ("c", 3)],
        [("b", 1), ("a", 1), ("c", 3)],
    )


def test_rows_are_aligned_by_id_whatever_their_order(runs: Path, make_run: MakeRun) -> None:
    right = answers(300, 150)
    make_run("a", right)
    make_run("b", right, order=np.random.default_rng(1).permutation(300))
    first, second = (read_entry(runs / name) for name in "ab")
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.influence, second.influence)


def test_entries_of_other_rows_or_metrics_stand_below_without_rank(runs: Path, make_run: MakeRun) -> None:
    make_run("old", answers(100, 99), digest="d0", created="2026-01-01T00:00:00Z")
    make_run("other", answers(100, 98), metric="macro_f1", created="2026-02-01T00:00:00Z")
    make_run("new", answers(100, 60), created="2026-03-01T00:00:00Z")
    found = [(Path(r["run"]).name, r["rank"], r["note"]) for r in rows(runs, project())]
    assert found == [("new", 1, None), ("other", None, "other metric"), ("old", None, "other held-out rows")]


def test_baselines_stand_once_each(runs: Path, make_run: MakeRun) -> None:
    for name, day in (("baseline-logistic-1111", 1), ("baseline-logistic-2222", 2)):
        make_run(name, answers(100, 80 + day), kind="baseline", title="Logistic regression", created=f"2026-11-2{day}")
    make_run("run", answers(100, 90), created="2026-11-24")
    found = [(r["kind"], r["name"], r["score"]) for r in rows(runs)]
    assert found == [("run", "cnn", pytest.approx(0.9)), ("baseline", "Logistic regression", pytest.approx(0.82))]


def test_a_floor_of_a_tenth_of_the_rows_does_not_stand_in_for_that_of_all(runs: Path, make_run: MakeRun) -> None:
    make_run("baseline-logistic-1111", answers(100, 85), kind="baseline", title="Logistic", created="2026-11-21")
    tenth = make_run(
        "baseline-logistic-2222", answers(100, 60), kind="baseline", title="Logistic", created="2026-11-22"
    )
    score = json.loads((tenth / "score.json").read_text())
    (tenth / "score.json").write_text(json.dumps({**score, "data_share": 0.1}))
    assert [r["score"] for r in rows(runs)] == [pytest.approx(0.85)]


def test_the_default_recipe_is_called_by_its_model(runs: Path, make_run: MakeRun) -> None:
    make_run("a", answers(50, 40), recipe="default", model={"name": "mlp"}, overrides={"train": {"lr": 0.1}})
    assert rows(runs)[0]["name"] == "mlp lr=0.1"


def test_without_runs_published_errors_stand_the_least_first(runs: Path) -> None:
    published = [{"model": name, "score": score, "source": "s"} for name, score in (("a", 60.0), ("b", 50.0))]
    found = rows(runs, project("rmse", published))
    assert [(r["name"], r["higher_is_better"]) for r in found] == [("b", False), ("a", False)]


def test_published_results_have_a_place_but_no_rank(runs: Path, make_run: MakeRun) -> None:
    make_run("run", answers(100, 90))
    published = [
        {"model": "Kim 2014", "score": 0.95, "source": "EMNLP", "protocol": "same"},
        {"model": "other metric", "score": 0.5, "metric": "macro_f1", "source": "x"},
    ]
    found = rows(runs, project(published=published))
    assert [(r["name"], r["rank"], r["kind"]) for r in found] == [("Kim 2014", None, "published"), ("cnn", 1, "run")]
    assert "not re-scored" in found[0]["note"]
    assert "EMNLP" in found[0]["note"]


def test_overrides_are_part_of_the_name(runs: Path, make_run: MakeRun) -> None:
    make_run("run", answers(50, 40), overrides={"train.lr": "0.0003", "model": {"width": 8}})
    assert rows(runs)[0]["name"] == "cnn lr=0.0003 width=8"


def test_pareto_front_is_what_nothing_beats_for_less_time(runs: Path, make_run: MakeRun) -> None:
    make_run("slow-good", answers(100, 95), seconds=10.0)
    make_run("fast-poor", answers(100, 80), seconds=1.0)
    make_run("slow-poor", answers(100, 79), seconds=12.0)
    assert {Path(r["run"]).name: r["pareto"] for r in rows(runs)} == {
        "slow-good": True, "fast-poor": True, "slow-poor": False,
    }  # fmt: skip


def test_unscored_and_unfinished_runs_are_left_out(runs: Path, make_run: MakeRun) -> None:
    make_run("good", answers(50, 40))
    make_run("going.partial", answers(50, 45))
    closed = make_run("closed", answers(50, 45))
    score = json.loads((closed / "score.json").read_text())
    (closed / "score.json").write_text(json.dumps({**score, "value": None}))
    record(closed)
    assert [Path(r["run"]).name for r in rows(runs)] == ["good"]


def test_a_run_without_per_row_losses_has_no_rank(runs: Path, make_run: MakeRun) -> None:
    folder = make_run("a", answers(50, 40))
    (folder / "rows.parquet").write_bytes(b"no parquet")
    (row,) = rows(runs)
    assert (row["rank"], row["score"]) == (None, 0.8)


def test_the_folders_are_the_truth(runs: Path, make_run: MakeRun) -> None:
    first = make_run("a", answers(50, 40))
    record(first)
    make_run("b", answers(50, 45))  # never recorded
    assert len(rows(runs)) == 2
    (runs / "board.sqlite").unlink()
    assert len(rows(runs)) == 2
    shutil.rmtree(first)
    assert [Path(r["run"]).name for r in rows(runs)] == ["b"]
    score = json.loads((runs / "b" / "score.json").read_text())
    (runs / "b" / "score.json").write_text(json.dumps({**score, "value": 0.123456}))
    assert rows(runs)[0]["score"] == 0.123456


def test_recording_twice_changes_nothing(runs: Path, make_run: MakeRun) -> None:
    folder = make_run("a", answers(50, 40))
    record(folder)
    before = rows(runs)
    record(folder)
    assert rows(runs) == before


@pytest.mark.parametrize("damage", [b"", b"this is no database" * 100])
def test_a_broken_file_is_built_anew(runs: Path, make_run: MakeRun, damage: bytes) -> None:
    make_run("a", answers(50, 40))
    (runs / "board.sqlite").write_bytes(damage)
    assert len(rows(runs)) == 1
    with sqlite3.connect(runs / "board.sqlite") as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    database.close()


def test_a_torn_file_is_built_anew(runs: Path, make_run: MakeRun) -> None:
    for i in range(3):
        record(make_run(f"run{i}", answers(2000, 1000 + i)))
    path = runs / "board.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes(len(whole) - 5000))
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    assert len(rows(runs)) == 3


def test_another_version_of_the_file_is_built_anew(runs: Path, make_run: MakeRun) -> None:
    make_run("a", answers(50, 40))
    database = sqlite3.connect(runs / "board.sqlite")
    database.executescript("CREATE TABLE entries (something); PRAGMA user_version = 99;")
    database.close()
    assert len(rows(runs)) == 1


def test_a_folder_that_cannot_be_written_still_has_a_board(
    runs: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("a", answers(50, 40))
    connect = sqlite3.connect

    def refuse(path: Any, **given: Any) -> sqlite3.Connection:
        if path != ":memory:":
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path, **given)

    monkeypatch.setattr(sqlite3, "connect", refuse)  # root may write everywhere, so permissions cannot be tested
    assert len(rows(runs)) == 1
    record(runs / "a")
    assert not (runs / "board.sqlite").exists()


def test_a_broken_run_is_named_when_it_is_recorded(runs: Path, make_run: MakeRun) -> None:
    folder = make_run("a", answers(50, 40))
    (folder / "run.toml").write_text("= broken")
    with pytest.raises(RunError, match="cannot be read") as caught:
        record(folder)
    assert caught.value.where == str(folder)
    assert rows(runs) == []  # and does not take the others down


WRITER = """
import sys, time
from pathlib import Path
from deepdojo.competition.board import record, rows
runs, mine = Path(sys.argv[1]), sys.argv[2]
while not (runs.parent / "go").exists():
    time.sleep(0.001)
for folder in sorted(runs.glob(f"{mine}*")):
    record(folder)
print(len(rows(runs)))
"""


def test_two_processes_write_at_once_and_nothing_is_lost(runs: Path, make_run: MakeRun, tmp_path: Path) -> None:
    for writer in "ab":
        for i in range(12):
            make_run(f"{writer}{i:02d}", answers(60, 30 + i))
    command = [sys.executable, "-c", WRITER, str(runs)]
    writers = [subprocess.Popen([*command, w], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for w in "ab"]
    (tmp_path / "go").touch()
    for writer in writers:
        said, wrong = writer.communicate(timeout=60)
        assert writer.returncode == 0, wrong
        assert said.strip() == "24"
    with sqlite3.connect(runs / "board.sqlite") as database:
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (24,)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_no_torch(runs: Path, make_run: MakeRun) -> None:
    make_run("a", answers(50, 40))
    code = f"import sys; from deepdojo.competition.board import rows; rows({str(runs)!r}); "
    code += "assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
