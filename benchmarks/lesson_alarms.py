"""How often a right solution fails, and a wrong one passes, over many seeds: must be never.

    python benchmarks/lesson_alarms.py --seeds 1000 --log alarms.jsonl      all lessons; go on where it was stopped
    python benchmarks/lesson_alarms.py a2 e2 --seeds 100
    python benchmarks/lesson_alarms.py --seeds 1000 --right                 solutions and accepted variants only
    python benchmarks/lesson_alarms.py --seeds 1000 --log alarms.jsonl --until 23:50

Runs lessons' own code in this process and its workers: same questions, same judgement as `dojo grade`, without its
limits. Seeds are taken in blocks, the same seeds of all lessons before the next ones, so that a run that is stopped has
tried every lesson equally often. The log holds one block a line; a block counts for the lesson as it was then (a lesson
that was changed is run again).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import torch

from deepdojo.grader.grade import Questions, prepare
from deepdojo.grader.judge import first_failure
from deepdojo.grader.lessons import Lesson, all_lessons, find_lesson
from deepdojo.grader.loading import as_function, load_check
from deepdojo.grader.observe import observe
from deepdojo.grader.optimizers import light_optimizers

BLOCK = 5


def alarms(lesson: Lesson, seeds: range, right_only: bool) -> Iterator[str]:
    """A line for each right solution that fails and each known mistake that passes."""
    check = load_check(lesson)
    right = {"solution.py": lesson.solution, **lesson.accepted()}
    functions = {name: as_function(lesson, check, text) for name, text in right.items()}
    wrong = {} if right_only else {m.name: as_function(lesson, check, m) for m in check.mutants if not m.slow}
    for seed in seeds:
        questions = prepare(lesson, [seed])
        for name, function in functions.items():
            found = _failure(questions, function)
            if found is not None:
                yield f"{lesson.id} {name} seed {seed}: {found.stage} {found.kind} case {found.case} {found.difference}"
        for name, function in wrong.items():
            if _failure(questions, function) is None:
                yield f"{lesson.id} mutant {name} seed {seed}: passes"


def _failure(questions: Questions, function: object):
    records = [observe(function, each.question) for each in questions.asked]  # type: ignore[arg-type]
    return first_failure(questions.asked, records, questions.check.tolerance)


def block(job: tuple[str, int, int, bool, str]) -> dict[str, Any]:
    """One lesson, a few seeds."""
    name, first, count, right_only, digest = job
    torch.set_num_threads(1)
    begun = time.process_time()
    with light_optimizers():
        found = list(alarms(find_lesson(name), range(first, first + count), right_only))
    seconds = round(time.process_time() - begun, 2)
    return {"lesson": name, "first": first, "count": count, "right_only": right_only, "digest": digest,
            "seconds": seconds, "alarms": found}  # fmt: skip


def digest_of(lesson: Lesson) -> str:
    """Of the check, the solution and the accepted variants: what a block's outcome rests on."""
    files = sorted([lesson.folder / "check.py", lesson.folder / "solution.py", *lesson.folder.glob("accept/*.py")])
    return hashlib.sha256(b"\0".join(each.read_bytes() for each in files)).hexdigest()[:16]


def before(text: str | None) -> float:
    """The next time of day HH:MM, in seconds since the epoch."""
    if text is None:
        return float("inf")
    now = datetime.now().astimezone()
    hour, minute = map(int, text.split(":"))
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (then if then > now else then + timedelta(days=1)).timestamp()


def key(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line[k] for k in ("lesson", "first", "count", "right_only", "digest"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--right", action="store_true", help="known mistakes are left out")
    parser.add_argument("--log", type=Path, help="a line for each block; blocks that stand there are not run again")
    parser.add_argument("--until", help="HH:MM; no block begins after it")
    given = parser.parse_args()
    chosen = [find_lesson(each) for each in given.lessons] or all_lessons()
    digests = {each.id: digest_of(each) for each in chosen}
    starts = range(given.first, given.first + given.seeds, BLOCK)
    jobs = [
        (name, start, min(BLOCK, given.first + given.seeds - start), given.right, digest)
        for start in starts
        for name, digest in digests.items()
    ]
    lines = given.log.read_text().splitlines() if given.log and given.log.exists() else []
    wanted = set(map(tuple, jobs))
    done = {key(line): line for line in map(json.loads, lines) if key(line) in wanted}
    begun, end = time.monotonic(), before(given.until)
    left = (job for job in jobs if job not in done and time.time() < end)
    with multiprocessing.get_context("spawn").Pool(given.processes) as pool:
        for line in _few_at_a_time(pool, left, given.processes):
            done[key(line)] = line
            if given.log:
                with given.log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
            for alarm in line["alarms"]:
                print(alarm, flush=True)
    _sum_up(list(done.values()), list(digests), time.monotonic() - begun)


def _few_at_a_time(pool: Any, jobs: Iterator[Any], processes: int) -> Iterator[dict[str, Any]]:
    """Results as they come; no job is handed out before one is free, so that an end in time is kept."""
    running = []
    while True:
        while len(running) < processes and (job := next(jobs, None)) is not None:
            running.append(pool.apply_async(block, (job,)))
        if not running:
            return
        ready = [each for each in running if each.ready()]
        running = [each for each in running if each not in ready]
        yield from (each.get() for each in ready)
        if not ready:
            time.sleep(0.05)


def _sum_up(lines: list[dict[str, Any]], lessons: list[str], wall: float) -> None:
    for lesson in lessons:
        own = [line for line in lines if line["lesson"] == lesson]
        seeds, seconds = sum(line["count"] for line in own), sum(line["seconds"] for line in own)
        print(f"{lesson}: {sum(len(line['alarms']) for line in own)} alarms in {seeds} seeds, {seconds:.0f} s")
    total = sum(line["seconds"] for line in lines)
    print(
        f"{sum(len(line['alarms']) for line in lines)} alarms; {sum(line['count'] for line in lines)} lesson-seeds of "
        f"{len(lessons)} lessons, {total:.0f} s of processor time (all runs of the log), {wall:.0f} s now"
    )


if __name__ == "__main__":
    main()
