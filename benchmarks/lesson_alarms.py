"""How often a right solution fails, and a wrong one passes, over many seeds: must be never.

    python benchmarks/lesson_alarms.py --seeds 1000            all lessons
    python benchmarks/lesson_alarms.py a2 e2 --seeds 100

Runs lessons' own code in this process: same questions, same judgement as `dojo grade`, without its limits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch

from deepdojo.grader.grade import Questions, prepare
from deepdojo.grader.judge import first_failure
from deepdojo.grader.lessons import Lesson, all_lessons, find_lesson
from deepdojo.grader.loading import as_function, load_check
from deepdojo.grader.observe import observe
from deepdojo.grader.optimizers import light_optimizers


def alarms(lesson: Lesson, seeds: range) -> Iterator[str]:
    """A line for each right solution that fails and each known mistake that passes."""
    check = load_check(lesson)
    right = {"solution.py": lesson.solution, **lesson.accepted()}
    for seed in seeds:
        questions = prepare(lesson, [seed])
        for name, text in right.items():
            found = _failure(questions, as_function(lesson, check, text))
            if found is not None:
                yield f"{lesson.id} {name} seed {seed}: {found.stage} {found.kind} case {found.case} {found.difference}"
        for mutant in check.mutants:
            if not mutant.slow and _failure(questions, as_function(lesson, check, mutant)) is None:
                yield f"{lesson.id} mutant {mutant.name} seed {seed}: passes"


def _failure(questions: Questions, function: object):
    records = [observe(function, each.question) for each in questions.asked]  # type: ignore[arg-type]
    return first_failure(questions.asked, records, questions.check.tolerance)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [find_lesson(each) for each in given.lessons] or all_lessons()
    total = 0
    with light_optimizers():
        for lesson in chosen:
            begun = time.monotonic()
            found = list(alarms(lesson, range(given.first, given.first + given.seeds)))
            total += len(found)
            for line in found:
                print(line, flush=True)
            print(f"{lesson.id}: {len(found)} in {given.seeds} seeds, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{total} alarms")


if __name__ == "__main__":
    main()
