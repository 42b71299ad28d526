"""One built-in project of every task that has inputs: the public folder holds its rows, and the sample scores."""

from __future__ import annotations

import pytest

from deepdojo.competition.event import INPUTS
from deepdojo.competition.hosting.hidden_inputs import EXAMPLES
from deepdojo.competition.hosting.publish import publish
from deepdojo.competition.hosting.solution import read_solution
from deepdojo.contracts import CONTRACTS
from deepdojo.data.dataset import load_dataset
from deepdojo.data.project import find_project
from deepdojo.tables import read_table
from tests.competition.hosting.hosted_equals import assert_same_rows

KEY = bytes(32)
PROJECTS = {
    "image-classification": "pneumonia", "detection": "blood-cells", "video-classification": "surveillance-fights",
    "captioning": "flickr8k-small", "verification": "orl-faces-strangers", "identification": "orl-faces",
    "text-classification": "sst2", "multi-label-classification": "entity-kinds",
    "tabular-classification": "titanic", "tabular-regression": "bike-demand",
    "ordinal-text-classification": "imdb-stars", "forecasting": "bike-forecast", "signal-classification": "heart-beats",
    "skeleton-classification": "msr-action3d", "audio-classification": "speech-commands",
    "speech-recognition": "spoken-digit-strings", "signal-transcription": "an4", "tagging": "conll2003",
    "question-answering": "squad", "speech-synthesis": "kathleen", "translation": "multi30k-de-en",
}  # fmt: skip


def test_every_task_with_inputs_is_named_here():
    assert set(PROJECTS) == {name for name, contract in CONTRACTS.items() if contract.inputs}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("task", PROJECTS)
def test_a_built_in_project_of_the_task_is_hosted_row_by_row(tmp_path, task):
    original = load_dataset(find_project(PROJECTS[task]), trusted=True, offline=True)
    made = publish(original, tmp_path / "event", practice=True, key=KEY)
    assert_same_rows(original, made.public, KEY)
    solution = read_solution(made.private)
    sample = next(made.public.glob("sample_submission.*"))
    assert solution.score(solution.read(sample)).value == made.sample
    assert len(solution.rows) == made.rows["test"]


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("task", PROJECTS)
def test_a_built_in_project_of_the_task_is_hosted_for_programs_with_its_test_rows_hidden(tmp_path, task):
    original = load_dataset(find_project(PROJECTS[task]), trusted=True, offline=True)
    made = publish(original, tmp_path / "event", practice=True, key=KEY, code=True)
    hidden = read_table(made.private / INPUTS / "test.parquet", {}).columns["id"]
    assert set(hidden) == set(read_solution(made.private).ids)
    shown = load_dataset(find_project(made.public))
    for part in ("train", "validation", "test"):
        assert not {row["id"] for row in shown.rows(part)} & set(hidden)
    assert 0 < len(shown.rows("test")) <= EXAMPLES
    files = {path.name for path in (made.public / "files").rglob("*")} if (made.public / "files").is_dir() else set()
    if not original.project.contract.compared:  # there a picture may stand in questions of several parts
        assert not files & {path.name for path in (made.private / INPUTS).rglob("*")}
