"""The command that each idea names trains it: a recipe of that project takes a lesson's own solution."""

from __future__ import annotations

from itertools import pairwise

import pytest

from deepdojo.data.project import find_project
from deepdojo.errors import DojoError
from deepdojo.grader.lessons import all_lessons
from deepdojo.recipes import parse_overrides
from deepdojo.session.own_recipe import recipe_taking
from deepdojo.stand_ins.own import OwnCode, ideas_of
from deepdojo.stand_ins.table import EXAMPLES, STAND_INS


def test_each_idea_with_a_place_has_an_example_and_no_other_has() -> None:
    assert set(EXAMPLES) == {each.idea for each in STAND_INS if not each.absent}
    assert {place for lesson in all_lessons() for place in lesson.stands_in_for} <= {each.idea for each in STAND_INS}


@pytest.mark.slow
@pytest.mark.parametrize("idea", EXAMPLES)
def test_the_example_of_an_idea_takes_it(idea: str) -> None:
    entry = next(each for each in STAND_INS if each.idea == idea)
    lesson = next((each for each in all_lessons() if entry.names[0] in each.names), None)
    if lesson is None:
        pytest.skip("no lesson has it yet")
    own = OwnCode(tuple(ideas_of(lesson.solution, "mine.py", names=[idea])))
    project, *rest = EXAMPLES[idea].split()
    changes = parse_overrides([word for before, word in pairwise(rest) if before == "--set"])
    try:
        recipe, _ = recipe_taking(find_project(project), own, changes)
    except DojoError as fault:
        pytest.fail(str(fault))
    assert "-r" not in rest or recipe in find_project(project).recipes()
