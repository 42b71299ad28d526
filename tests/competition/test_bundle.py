"""A bundle holds all that a computer without a network needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepdojo.competition import bundle
from deepdojo.competition.bundle import bundle_project, install_lines, write_bundle
from deepdojo.data.dataset import load_dataset
from deepdojo.data.new import create
from deepdojo.data.project import find_project, open_project
from deepdojo.errors import DojoError, ProjectError, UsageError


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    lines = ["text,label"] + [f"word{k % 7} thing{k},{'ab'[k % 2]}" for k in range(100)]
    (tmp_path / "reviews.csv").write_text("\n".join(lines) + "\n")
    create(tmp_path / "reviews", tmp_path / "reviews.csv", target="label")
    return tmp_path / "reviews"


def test_a_project_takes_its_own_data_along_and_leaves_its_runs(reviews, tmp_path):
    (reviews / "runs" / "one").mkdir(parents=True)
    bundle_project(open_project(reviews), tmp_path / "copy" / "reviews")
    before = list(load_dataset(open_project(reviews)).rows("train"))
    (tmp_path / "reviews.csv").unlink()
    assert list(load_dataset(open_project(tmp_path / "copy" / "reviews")).rows("train")) == before
    assert not (tmp_path / "copy" / "reviews" / "runs").exists()


def test_a_built_in_project_whose_data_come_with_a_package_is_copied(tmp_path):
    bundle_project(find_project("digits"), tmp_path / "digits", offline=True)
    copy = load_dataset(open_project(tmp_path / "digits"), offline=True)
    assert copy.n == 1797


@pytest.mark.data
def test_a_built_in_project_from_a_mirror_needs_it_no_more(tmp_path, monkeypatch):
    bundle_project(find_project("titanic"), tmp_path / "titanic", offline=True)
    monkeypatch.delenv("DEEPDOJO_DATA")
    monkeypatch.setenv("DEEPDOJO_OFFLINE", "1")
    assert load_dataset(open_project(tmp_path / "titanic"), offline=True).n == 891


def test_a_mirror_without_names_of_files_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "project.toml").write_text(
        'task = "text-classification"\n[source]\nmirror = "x"\n[data]\nfile = "a.csv"\n'
    )
    with pytest.raises(ProjectError, match="none of its files"):
        bundle_project(open_project(tmp_path / "p"), tmp_path / "copy")


def test_a_folder_that_is_there_and_two_projects_of_one_name_are_refused(reviews, tmp_path):
    (tmp_path / "stick").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        write_bundle(tmp_path / "stick", [])
    with pytest.raises(UsageError, match="two projects are named 'reviews'"):
        write_bundle(tmp_path / "other", [reviews, reviews])


def test_what_pip_refuses_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(DojoError, match="pip cannot"):
        write_bundle(tmp_path / "sticks" / "stick", [])
    assert list((tmp_path / "sticks").iterdir()) == []


def test_the_line_quotes_a_folder_with_a_blank():
    assert install_lines("my stick")[0].endswith("--find-links 'my stick/wheels' deepdojo")
    assert install_lines("stick", ["video"])[0].endswith("--find-links stick/wheels 'deepdojo[video]'")


@pytest.mark.slow
def test_a_fresh_environment_installs_from_the_bundle_alone_and_trains(reviews, tmp_path):
    made = write_bundle(tmp_path / "stick", [reviews])
    assert any(name.startswith("torch-") for name in made["wheels"])
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON", "DEEPDOJO"))}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "DEEPDOJO_CACHE": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-m", "venv", "dojo"], cwd=tmp_path, check=True, env=environ)
    line = made["install"].partition(" && ")[2] if os.name == "posix" else made["install_windows"].partition("; ")[2]
    subprocess.run(line, shell=True, cwd=tmp_path, check=True, env=environ, stdout=subprocess.DEVNULL)
    dojo = tmp_path / "dojo" / ("bin/dojo" if os.name == "posix" else "Scripts/dojo.exe")
    command = [dojo, "train", "stick/projects/reviews", "--offline", "--set", "train.epochs=1"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "reviews" in done.stdout


def test_what_is_installed_can_be_packed_again(tmp_path, monkeypatch):
    import importlib.metadata
    import zipfile

    found = importlib.metadata.distribution("tomlkit")  # any pure package will do
    monkeypatch.setattr(bundle.importlib.metadata, "distribution", lambda name: found)
    path = bundle._packed_again(tmp_path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    assert "tomlkit/__init__.py" in names
    assert any(name.endswith(".dist-info/RECORD") for name in names)
    assert not any("__pycache__" in name or name.endswith("INSTALLER") for name in names)
