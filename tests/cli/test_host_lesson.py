"""`dojo host --lesson` where it cannot be: one sentence, before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Dojo


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lesson", "a2-sofmax"), "no lesson is named 'a2-sofmax'; did you mean 'a2-softmax'?"),
        ((), "nothing to host is named; give a project, or --lesson ID"),
        (("reviews", "--lesson", "a2"), "--lesson: a lesson is hosted alone, not with 'reviews'"),
        (("--lesson", "a2", "--until", "soon"), "--until: 'soon' is no date and time"),
        (("--lesson", "a2", "--per-day", "0"), "--per-day: "),
        (("--lesson", "a2", "--run-memory", "0"), "--run-memory"),
        (("--lesson", "a2", "--public", "1.5"), "--public: the public share is 1.5, not between 0 and 1"),
        (("--lesson", "a2", "--name", "api"), "'api' is an address of the server's own"),
    ],
)
def test_what_cannot_be_hosted_is_one_sentence(dojo: Dojo, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    found = dojo("host", *words, "--store", "store")
    assert (found.code, said in found.err) == (2, True), found.err
    assert len(found.err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("store/events/*"))


def test_a_lesson_from_outside_asks_before_its_check_runs(
    dojo: Dojo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPDOJO_CONFIG", str(tmp_path / "config"))
    (tmp_path / "x1-double").mkdir()
    (tmp_path / "x1-double" / "check.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "x1-double" / "lesson.toml").write_text(
        "minutes = 1\nneeds = []\nnames = ['double']\ncheck_version = 1\ntitle = {en = 'a', zh = '甲'}\n"
        "hints = {en = [], zh = []}\n"
    )
    found = dojo("host", "--lesson", "x1-double")
    assert (found.code, "read it, then give --trust" in found.err) == (2, True), found.err
