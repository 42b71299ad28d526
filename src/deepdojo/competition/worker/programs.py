"""A worker's second hand: runs entrants' programs, one at a time, by a thread beside the one that scores.

A program may run for minutes. Nothing waits behind it: tables are scored and boards ranked meanwhile.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from deepdojo.competition.database.engine import Database
from deepdojo.competition.database.events import by_id
from deepdojo.competition.database.lease import Job, fail, give_up_worn_out, lease, postpone, program_waits
from deepdojo.competition.database.programs import ProgramRun, keep_fault, keep_table
from deepdojo.competition.database.tables import payloads, submissions
from deepdojo.competition.event import INPUTS, Rules
from deepdojo.competition.refusal import Refusal
from deepdojo.competition.worker.heartbeat import Heartbeat
from deepdojo.competition.worker.process import Died, ScoringLimits, ScoringProcess
from deepdojo.contracts import MEDIA, contract_of

__all__ = ["Programs", "limits_of", "output_name"]

_log = logging.getLogger("deepdojo.worker")
_LOOK_S = 0.25
_UNFIT_S = 10.0
_AGAIN_S = 60.0
"""A sandbox that is not whole is looked at again so often; a process that has nothing to do ends after as long."""
_SPARE_S = 150.0  # to unpack, to copy inputs, to give back memory
_DISK_BYTES = 256 << 20


class Programs:
    """Leases jobs of the kind `run` and has them done by a process that has no database and no answers.

    Args:
        folder: the server's events/.
    """

    def __init__(self, database: Database, folder: Path, lease_s: float) -> None:
        self.database, self.folder, self.lease_s = database, folder, lease_s
        self.process = ScoringProcess(
            ScoringLimits(), program=("-m", "deepdojo.competition.worker.program_process")
        )  # fmt: skip
        self.grader = ScoringProcess(ScoringLimits(), program=("-m", "deepdojo.session.lesson_grading"))
        self.missing: list[str] = []
        self._whole = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._heart = Heartbeat(database, lease_s)

    def start(self) -> None:
        """Begin, once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="programs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End, with a program that runs: its job is done again by another worker."""
        self._closed.set()
        self.process.close()
        self.grader.close()
        self._heart.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(10)

    def _work(self) -> None:
        idle = 0.0
        while not self._closed.wait(_LOOK_S):
            try:
                if self.once():
                    idle = 0.0
                    continue
                idle += _LOOK_S
                if idle > _AGAIN_S:
                    idle, self._whole = 0.0, False
                    self.process.end()
                    self.grader.end()
            except (Refusal, DBAPIError) as error:
                _log.warning("programs wait: %s", error)
                self._closed.wait(2.0)
            except Exception:  # whatever one program brings about, the next ones must run
                if not self._closed.is_set():
                    _log.exception("a fault of the worker itself")
                    self._closed.wait(2.0)

    def once(self) -> int:
        """Run the next program: how many."""
        if not program_waits(self.database) or not self._ready():
            return 0
        jobs = lease(self.database, 1, lease_s=self.lease_s, programs=True)
        with self._heart.holding(jobs):
            for job in give_up_worn_out(self.database, jobs):
                self._do(job)
        return len(jobs)

    def _ready(self) -> bool:
        """Whether the sandbox is whole here; where it is not, programs wait for a worker whose is."""
        if not self._whole:
            try:
                missing = list(self.process.ask({"ask": "missing"})[0]["missing"])
            except (Died, KeyError) as error:
                missing = [f"the process that runs programs does not start ({error})"]
            if missing and missing != self.missing:
                _log.warning("no program is run here: %s", "; ".join(missing))
            self.missing, self._whole = missing, not missing
            if missing:
                self.process.end()
                self._closed.wait(_AGAIN_S)
        return self._whole

    def _do(self, job: Job) -> None:
        with self.database.read() as connection:
            event = by_id(connection, job.event_id)
            s, p = submissions.c, payloads.c
            file = connection.execute(
                sa.select(p.data, p.encoding, s.bytes, s.file_name).join(submissions, s.id == p.submission_id).where(
                    p.submission_id == job.submission_id
                )
            ).one()  # fmt: skip
        private, rules = (self.folder / event.name / "private").absolute(), event.rules
        head = {"encoding": file.encoding, "bytes": file.bytes, "show_printed": rules.show_printed}
        if rules.lesson is not None:
            process, output = self.grader, "checks.csv"
            head |= {"ask": "grade", "private": str(private), "name": file.file_name, "wall_s": rules.run_s,
                     "memory_bytes": rules.run_bytes}  # fmt: skip
        else:
            process, output = self.process, output_name(rules.task)
            head |= {"ask": "run", "inputs": str(private / INPUTS), "name": "submission.zip", "output": output,
                     "limits": limits_of(rules)}  # fmt: skip
        try:
            answer, table = process.ask(head, bytes(file.data), wall_s=rules.run_s + _SPARE_S)
        except Died as error:
            if self._closed.is_set():
                postpone(self.database, job, "the worker was ended", 0.0)
            else:
                self._said(job, str(error), fail(self.database, job, str(error)))
            return
        self._keep(job, output, answer, table)

    def _keep(self, job: Job, output: str, answer: dict[str, Any], table: bytes) -> None:
        if "cannot" in answer:  # the machine's fault, nobody's program
            self._whole = False
            self._said(job, answer["cannot"], postpone(self.database, job, answer["cannot"], _UNFIT_S))
            return
        if "failed" in answer:
            self._said(job, answer["failed"], fail(self.database, job, answer["failed"]))
            return
        run = ProgramRun(**answer["ran"], file_name=output, table=table) if "ran" in answer else None
        verdict = answer.get("verdict")
        if "refused" in answer:
            ours = keep_fault(self.database, job, run, answer["refused"], verdict=verdict)
        else:
            assert run is not None
            ours = keep_table(self.database, job, run, verdict=verdict)
        if not ours:
            _log.warning("job %d came too late: another worker has it", job.id)

    def _said(self, job: Job, why: str, state: str) -> None:
        _log.warning("job %d (%s): %s; it is %s", job.id, job.kind, why.splitlines()[-1] if why else "", state)


def output_name(task: str) -> str:
    """The name of the table that a program of this task writes: with files where answers are files."""
    media = any(kind in MEDIA for kind in contract_of(task).predictions.values())
    return "predictions.zip" if media else "predictions.csv"


def limits_of(rules: Rules) -> dict[str, float]:
    """Of the sandbox, as its `Limits` names them."""
    return {"wall_s": rules.run_s, "cpu_s": rules.run_s, "memory_bytes": rules.run_bytes, "disk_bytes": _DISK_BYTES,
            "output_bytes": rules.largest_bytes}  # fmt: skip
