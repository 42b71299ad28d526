"""Is the suite worth anything? Faults planted one by one in a copy of the source: each must turn a named test red.

    python benchmarks/planted_faults.py                 # prints a table; exit code 1 where a fault is not noticed
    python benchmarks/planted_faults.py --only token --only seccomp

The working tree is never touched: `src`, `tests` and `pyproject.toml` are copied, the copy is changed, the test runs
there. Each test runs on the unchanged copy first and must pass there (one that is skipped shows nothing).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = "src/deepdojo/competition/"
FAULTS = "tests/competition/faults/"
GUARDS = "tests/competition/database/test_queue_guards.py::"


@dataclass(frozen=True)
class Fault:
    """What is taken out.

    Attributes:
        old, new: text of `file`, which must be there exactly once.
    """

    name: str
    about: str
    file: str
    old: str
    new: str
    test: str


PLANTED = (
    Fault("token", "a late worker's result counts", "database/lease.py", "if FENCED:", "if False:",
          GUARDS + "test_a_late_worker_with_an_old_token_changes_nothing"),
    Fault("skip-locked", "no FOR UPDATE SKIP LOCKED", "database/lease.py", "and SKIP_LOCKED:", "and False:",
          "tests/competition/database/test_skip_locked.py"),
    Fault("waiting-lock", "FOR UPDATE without SKIP LOCKED", "database/lease.py", "with_for_update(skip_locked=True)",
          "with_for_update()", "tests/competition/database/test_skip_locked.py"),
    Fault("deferred-begin", "SQLite's deferred BEGIN for writers", "database/engine.py",
          'BEGIN_WRITE = "BEGIN IMMEDIATE"', 'BEGIN_WRITE = "BEGIN"',
          GUARDS + "test_writers_wait_for_each_other[sqlite]"),
    Fault("early-answer", "202 before the commit", "server/writer.py",
          "                answers = [_tried(connection, change) for change, _ in batch]\n",
          "                answers = [_tried(connection, change) for change, _ in batch]\n"
          "                for (_, early), (fine, value) in zip(batch, answers, strict=True):\n"
          "                    if fine:\n"
          "                        early.set_result(value)\n",
          FAULTS + "test_fault_03_killed_between_commit_and_answer.py::"
          "test_fault_03_killed_before_the_commit_nobody_was_told_and_nothing_is_there"),
    Fault("normal", "synchronous NORMAL", "database/engine.py", '"synchronous = FULL"', '"synchronous = NORMAL"',
          FAULTS + "test_fault_08_power_loss.py::test_fault_08_no_202_leaves_before_the_log_is_on_the_disk"),
    Fault("seccomp", "the sandbox without its filter", "sandbox/runner.py", "filtered=self._filtered",
          "filtered=False", "tests/competition/sandbox/test_abuse.py::test_hostile_program_is_stopped[vsock]"),
    Fault("quota-lock", "the team is not locked while its quota is counted", "database/accept.py",
          "if not database.sqlite:  # two", "if False:  # two",
          GUARDS + "test_twenty_at_once_get_exactly_the_quota[postgresql]"),
    Fault("idempotency", "a repeated key is a new submission", "database/accept.py", "if again is not None:",
          "if False:", FAULTS + "test_fault_03_killed_between_commit_and_answer.py::"
          "test_fault_03_killed_after_the_commit_the_same_key_gets_the_first_submission[sqlite]"),
    Fault("clock", "a lease from a clock put back holds", "database/lease.py",
          " | (jobs.c.lease_until > now + LONGEST_S)", "",
          FAULTS + "test_fault_07_clock_jumps.py::test_fault_07_a_lease_from_a_clock_that_was_put_back_does_not_hold"),
    Fault("version", "workers of another version work", "database/versions.py",
          "if found not in (None, __version__):", "if False:",
          FAULTS + "test_fault_10_versions.py::test_fault_10_a_worker_of_another_version_refuses_to_run[sqlite]"),
    Fault("copy-first", "an upgrade without a copy", "database/migrate.py",
          "copy = None if keep is None else _copy(database, found, keep, db)", "copy = None",
          FAULTS + "test_fault_10_versions.py::test_fault_10_postgresql_is_copied_by_pg_dump_and_brought_up"),
    Fault("wrong-tries", "a database that is away counts as a wrong token", "server/security.py",
          'if refusal.code == "wrong_token":', "if True:",
          FAULTS + "test_fault_05_database_away.py::"
          "test_fault_05_while_it_is_away_503_and_afterwards_all_goes_on_by_itself"),
)  # fmt: skip


def copied(folder: Path) -> Path:
    """A copy of what the tests need."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def passes(place: Path, *tests: str) -> tuple[bool, str]:
    """Whether they pass there, and pytest's last line."""
    environ = {**os.environ, "PYTHONPATH": str(place / "src"), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", *tests]
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest itself failed ({done.returncode}): {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0, (done.stdout.strip().splitlines() or [""])[-1]


def plant(place: Path, fault: Fault) -> None:
    """Change the copy. The text must be there once, or the fault is not the one that is meant."""
    path = place / HERE / fault.file
    text = path.read_text(encoding="utf-8")
    if text.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: {fault.old!r} stands {text.count(fault.old)} times in {fault.file}")
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")


def noticed(fault: Fault) -> tuple[bool, bool, str, float]:
    """Whether the test passes without the fault, and fails with it; what pytest said then; seconds."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dojo-planted-") as folder:
        place = copied(Path(folder))
        clean, said = passes(place, fault.test)
        if not clean or "passed" not in said:
            return False, False, said, time.monotonic() - begun
        plant(place, fault)
        after, said = passes(place, fault.test)
    return True, not after, said, time.monotonic() - begun


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=[fault.name for fault in PLANTED])
    given = parser.parse_args()
    missed = 0
    print("| fault | what is taken out | named test | without it | with it | s |\n|---|---|---|---|---|---|")
    for fault in PLANTED:
        if given.only and fault.name not in given.only:
            continue
        clean, red, said, took = noticed(fault)
        missed += not (clean and red)
        without = "passes" if clean else f"**{said}**"
        found = "fails" if red else "**not noticed**" if clean else "–"
        test = fault.test.rpartition("/")[2]
        print(f"| {fault.name} | {fault.about} | {test} | {without} | {found} | {took:.0f} |", flush=True)
    print(f"{missed} not shown" if missed else "each is noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
