"""Data sets of the hub, against a server on this machine: fetched once, checked, never code; faults are sentences."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deepdojo.data.hub import HubFile, HubPlace, is_data
from deepdojo.data.new_hub import choose
from deepdojo.data.project import find_project
from deepdojo.errors import DojoError, ProjectError, SourceError, UsageError
from tests.hub_server import SHA, Hub, in_a_process_of_its_own, running_hub

FETCH = """
import json
from pathlib import Path
from deepdojo.data.sources import locate
from deepdojo.data.spec import SourceSpec
from deepdojo.errors import DojoError
said = []
for values, given in json.loads({cases!r}):
    try:
        told = []
        files = locate(SourceSpec(**values), Path("."), progress=lambda *a: told.append(a), **given)
        said.append([files.bytes(name).decode()[:60] for name in values["files"]] + [len(told)])
    except DojoError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def rows(n: int, start: int = 0) -> str:
    words = ["good film", "bad film", "a joy", "a bore"]
    lines = [f"{words[i % 4]} number {i},{'pos' if i % 2 == 0 else 'neg'}" for i in range(start, start + n)]
    return "text,label\n" + "\n".join(lines) + "\n"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "hub" / "datasets" / "ada" / "films"
    folder.mkdir(parents=True)
    (folder / "train.csv").write_text(rows(80))
    (folder / "test.csv").write_text(rows(40, 80))
    (folder / "model.pkl").write_bytes(b"never opened")
    (folder / "films.py").write_text("raise SystemExit")
    with running_hub(tmp_path / "hub") as server:
        yield server


def fetched(hub: Hub, folder: Path, *cases: tuple[dict, dict], **environment: str) -> list:
    return in_a_process_of_its_own(hub, folder, FETCH.format(cases=json.dumps(cases)), **environment)


def test_a_file_is_fetched_once_checked_and_then_needs_no_network(hub: Hub, tmp_path: Path) -> None:
    content = rows(80)
    good = {"hub": "ada/films", "files": {"train.csv": {"sha256": hashlib.sha256(content.encode()).hexdigest()}}}
    plain = {"hub": f"ada/films@{SHA}", "files": {"test.csv": {}}}
    first, second = fetched(hub, tmp_path, (good, {}), (plain, {}))
    assert first[0] == content[:60]
    assert first[1] > 0  # what is fetched is said
    assert second[0].startswith("text,label")
    assert len(hub.downloads()) == 2
    hub.asked.clear()
    again = fetched(hub, tmp_path, (good, {"offline": True}), (plain, {}), DEEPDOJO_OFFLINE="1")
    assert [one[0] for one in again] == [first[0], second[0]]
    assert hub.asked == []


def test_each_fault_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    one, (folder) = {"train.csv": {}}, tmp_path / "hub" / "datasets"
    (folder / "ada" / "locked").mkdir()
    cases = [
        ({"hub": "ada/filmz", "files": one}, {}),
        ({"hub": "ada/films@v9", "files": one}, {}),
        ({"hub": "ada/locked", "files": one}, {}),
        ({"hub": "ada/films", "files": {"trian.csv": {}}}, {}),
        ({"hub": "ada/films", "files": {"train.csv": {"sha256": "0" * 64}}}, {}),
        ({"hub": "ada/films", "files": {"model.pkl": {}}}, {}),
        ({"hub": "ada/films", "files": {"test.csv": {}}}, {"offline": True}),
    ]
    said = fetched(hub, tmp_path, *cases)
    assert said[0] == "ada/filmz@main: the hub has no such data set (or it is private); check the name, or set HF_TOKEN"
    assert said[1] == "ada/films@v9: the data set has no revision v9"
    assert said[2] == "ada/locked@main: the data set asks for consent on its page; give it there and set HF_TOKEN"
    assert said[3] == "ada/films@main: the data set has no file trian.csv; did you mean 'train.csv'?"
    assert "train.csv has the SHA-256" in said[4]
    assert "expected 000000000000…; it is not used" in said[4]
    assert "model.pkl is not fetched" in said[5]
    assert "test.csv is not on this machine and the network is switched off; run once without --offline" in said[6]
    assert not any("model.pkl" in path for path in hub.downloads())
    assert all("\n" not in sentence for sentence in said)


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    with running_hub(tmp_path) as gone:
        pass
    said = fetched(gone, tmp_path, ({"hub": "ada/films", "files": {"train.csv": {}}}, {}))[0]
    assert said.startswith("ada/films@main: the hub cannot be reached (")
    assert "\n" not in said


NEW = """
import json
import deepdojo as dd
from deepdojo import api
from deepdojo.errors import DojoError
try:
    project, said = api.new("films", {source!r}, target="label")
    dataset = api.open_dataset("films", offline=True)
    print(json.dumps([said, [len(dataset.rows(s)) for s in ("train", "validation", "test")]]))
except DojoError as error:
    print(json.dumps(str(error)))
"""


def test_a_project_of_a_data_set_pins_commit_and_sums_and_reads_offline(hub: Hub, tmp_path: Path) -> None:
    said, counts = in_a_process_of_its_own(hub, tmp_path, NEW.format(source="hf:ada/films"))
    spec = tomllib.loads((tmp_path / "films" / "project.toml").read_text())
    assert spec["source"]["hub"] == f"ada/films@{SHA}"
    assert set(spec["source"]["files"]) == {"train.csv", "test.csv"}
    assert spec["source"]["files"]["train.csv"]["sha256"] == hashlib.sha256(rows(80).encode()).hexdigest()
    assert spec["data"]["split"]["test"]["file"] == "test.csv"
    assert counts == [72, 8, 40]
    assert any("2 files with their sums" in sentence for sentence in said)
    assert find_project(tmp_path / "films").spec.source.hub == f"ada/films@{SHA}"


def test_a_data_set_of_code_and_pickles_gives_no_project(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "datasets" / "ada" / "code"
    folder.mkdir()
    (folder / "train.pkl").write_bytes(b"never opened")
    (folder / "load.py").write_text("raise SystemExit")
    said = in_a_process_of_its_own(hub, tmp_path, NEW.format(source="hf:ada/code"))
    assert "no Parquet, JSONL or CSV file is in it" in said
    assert "never fetched" in said
    assert hub.downloads() == []


def test_parts_are_told_by_their_names_and_several_folders_are_not_guessed() -> None:
    def files(*names: str) -> list[HubFile]:
        return [HubFile(name, 10, None) for name in names]

    shards = files(
        "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/valid.parquet", "x.csv"
    )
    found = choose(shards, "", "a/b")
    assert {part: len(some) for part, some in found.items()} == {"train": 2, "validation": 1}
    with pytest.raises(UsageError, match="tables in 2 folders: 'de', 'en'"):
        choose(files("de/train.csv", "en/train.csv"), "", "a/b")
    assert choose(files("de/train.csv", "en/train.csv"), "en", "a/b") == {"train": files("en/train.csv")}
    with pytest.raises(UsageError, match="no name says which"):
        choose(files("one.csv", "two.csv"), "", "a/b")


@pytest.mark.parametrize(
    "name", ["a.pkl", "a.pickle", "a.pt", "a.bin", "a.npy", "load.py", "a.joblib", "a.h5", "a.pkl.gz"]
)
def test_what_can_run_code_is_no_data(name: str) -> None:
    assert not is_data(name)
    assert is_data("data/train.csv.gz")


@pytest.mark.parametrize("text", ["", "a/b/c", "a b", "../x", "a/b@", "a/b@x y"])
def test_what_is_no_place_of_the_hub_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match="write it as owner/name@revision"):
        HubPlace.of(text)


def test_a_project_without_named_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text('task = "text-classification"\n[source]\nhub = "ada/films"\n')
    with pytest.raises(ProjectError, match="names no file of it") as caught:
        find_project(tmp_path)
    assert isinstance(caught.value, DojoError)
