"""`dojo explain` of a run that was trained without explanations."""

from __future__ import annotations

import json

import pytest

import deepdojo as dd
from deepdojo.errors import RunError

QUICK = ["train.epochs=2"]


def test_the_explained_rows_themselves_come_into_the_run_and_its_page(tmp_path, monkeypatch):
    """They used to be missing: a run without explanations keeps its worst errors alone."""
    monkeypatch.chdir(tmp_path)
    folder = dd.train("breast-cancer", set=QUICK, baselines=False, explain=False).folder
    before = {e["id"] for e in json.loads((folder / "examples.json").read_text(encoding="utf-8"))}
    explained = {item["id"] for item in dd.explain(folder)["items"]}
    examples = {e["id"] for e in json.loads((folder / "examples.json").read_text(encoding="utf-8"))}
    assert explained - before
    assert explained <= examples
    assert before <= examples
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count('<table class="signed">') == len(explained)


def test_the_verbs_stay_functions_when_packages_of_their_names_are_imported():
    import importlib.util

    for name in set(dd.__all__) - {"track"}:  # which is a module, and meant to be one
        if importlib.util.find_spec(f"deepdojo.{name}"):
            importlib.import_module(f"deepdojo.{name}")
        assert not hasattr(getattr(dd, name), "__path__")
        assert callable(getattr(dd, name))


def test_closed_rows_stay_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = dd.train("breast-cancer", set=QUICK, baselines=False, explain=False, validation_only=True).folder
    with pytest.raises(RunError, match="closed"):
        dd.explain(folder)
