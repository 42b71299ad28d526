"""A lesson as an event: stub and texts are handed out; its check stays, with seeds that the host alone has.

    public/    event.json, README.md, the stub, text.en.md, text.zh.md
    private/   lesson/ID/ (the folder, with check and solution), seeds.json, solution.parquet (every check is "right")

A graded file becomes a table that says of each seed and case whether it is right, so that Ladder, interval, ranks,
scoring anew, audit and archive are those of any other event. What grades is `deepdojo.session.lesson_grading`.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepdojo.competition.hidden_answers import keep_sources
from deepdojo.competition.hosting.solution import Solution, close_to_others, read_solution, write_solution
from deepdojo.competition.hosting.staging import check_name, staged
from deepdojo.contracts import contract_of
from deepdojo.places import write_json, write_text

__all__ = ["EVENT_FILE", "LESSON", "RIGHT", "SEEDS", "WRONG", "check_ids", "publish_lesson", "stub_name"]

LESSON, SEEDS, EVENT_FILE = "lesson", "seeds.json", "event.json"
RIGHT, WRONG = "right", "wrong"
_TASK, _METRIC = "text-classification", "accuracy"
"""Of the table: a label for each id, and the share of those that are right."""


def stub_name(lesson_id: str) -> str:
    """The file that an entrant starts from, as `dojo learn` names it."""
    return f"{lesson_id.replace('-', '_')}.py"


def check_ids(seeds: int, checks: int) -> list[str]:
    """One for each check under each seed, seed by seed; sorted."""
    return [f"seed{seed:03d}-check{check:03d}" for seed in range(seeds) for check in range(checks)]


def publish_lesson(
    folder: Path, lesson: Path, *, title: str, about: Mapping[str, Any], handed_out: Mapping[str, str],
    seeds: Sequence[int], public: int, checks: int,
) -> Solution:  # fmt: skip
    """Make `folder/public` and `folder/private`, both whole or neither.

    Args:
        folder: events/NAME.
        lesson: its folder.
        about: what the public folder says of itself in event.json: lesson, function, file.
        handed_out: file name -> text.
        seeds: the cases are drawn for each; the first `public` of them stand behind the public board.
        checks: how many there are under one seed.

    Raises:
        UsageError: an event of that name is there.
    """
    check_name(folder.name)
    with staged(folder) as place:
        (place / "public").mkdir(mode=0o755)
        (place / "private").mkdir(mode=0o700)
        told = {"event": folder.name, "title": title, **about}
        write_text(place / "public" / EVENT_FILE, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
        for name, text in handed_out.items():
            write_text(place / "public" / name, text)
        _private(place / "private", lesson, seeds, public, checks)
    return read_solution(folder / "private")


def _private(place: Path, lesson: Path, seeds: Sequence[int], public: int, checks: int) -> None:
    kept = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(lesson, place / LESSON / lesson.name, ignore=kept, copy_function=shutil.copyfile)
    write_json(place / SEEDS, {"seeds": list(seeds), "public": public})
    ids = check_ids(len(seeds), checks)
    write_solution(
        place, contract=contract_of(_TASK), task=_TASK, metric=_METRIC, groups=None, labels=[RIGHT, WRONG],
        rows=[{"id": each, "label": RIGHT} for each in ids], public=np.arange(len(ids)) < public * checks,
        key=secrets.token_bytes(32), facts={"lesson": lesson.name},
    )  # fmt: skip
    keep_sources(place, [])
    close_to_others(place)
