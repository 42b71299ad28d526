"""The process that grades what entrants send to a hosted lesson: `python -m deepdojo.session.lesson_grading`.

A worker (`competition.worker.programs`) starts it and asks. It holds check, solution and the host's seeds, and opens
no database; the entrant's code runs in the sandbox, in a process that knows the questions alone. What comes back is a
table that says of each seed and case whether it is right, and the verdict on the seeds of the public board.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from deepdojo.competition.hosting.lesson import LESSON, RIGHT, SEEDS, WRONG, check_ids
from deepdojo.competition.packing import unpack
from deepdojo.competition.sandbox.limits import SandboxError
from deepdojo.competition.sandbox.words import stopped_by, tail
from deepdojo.competition.worker.answering import answer_the_worker
from deepdojo.grader.grade import Questions, judged, outcomes, prepare
from deepdojo.grader.lessons import read_lesson
from deepdojo.grader.runner import Reply
from deepdojo.grader.spec import LessonError
from deepdojo.grader.verdict import Verdict
from deepdojo.grader.words import LANGUAGES
from deepdojo.session.lesson_sandbox import run_in_sandbox

__all__ = ["HostedLesson", "for_sender", "main"]

_NO_ANSWER = ("syntax", "import", "missing", "signature", "unwritten", "timeout", "exit", "died")
"""Kinds of verdicts on what never answered; they cost no quota, like programs that fail."""
_COMPARED = ("wrong", "near", "nan", "inf", "zero")
"""Kinds whose facts quote a number of the answer: the first that differs."""
_CHARS, _LOG_CHARS = 1500, 4000
_MIB = 1 << 20
_SEED = re.compile(r" · (?:seed|种子) \d+")
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)e[-+]?\d+|-?\d*\.\d+|\d{5,}", re.IGNORECASE)


def main() -> int:
    return answer_the_worker(_answer)


def _answer(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _graded(head, unpack(data, head["encoding"], head["bytes"]))
    except (SandboxError, LessonError, OSError) as error:  # the machine's fault, or the host's: nobody's file
        return {"cannot": str(error)[:_LOG_CHARS]}, b""
    except Exception:  # anything that a file of a stranger can bring about: the host reads it, the worker goes on
        return {"failed": traceback.format_exc()[-_LOG_CHARS:]}, b""


@dataclass(frozen=True)
class HostedLesson:
    """A lesson's questions for all seeds of the host's, and those of the public board alone, which verdicts tell of."""

    every: Questions
    public: Questions
    seeds: int

    @classmethod
    def read(cls, private: Path) -> HostedLesson:
        """Of an event's private folder. Raises LessonError."""
        [folder] = (private / LESSON).iterdir()
        kept = json.loads((private / SEEDS).read_text(encoding="utf-8"))
        return cls.drawn(folder, kept["seeds"], kept["public"])

    @classmethod
    def drawn(cls, folder: Path, seeds: list[int], public: int) -> HostedLesson:
        # What the learner's code draws itself starts from the seed's number, since a seed could be asked for.
        every = prepare(read_lesson(folder), seeds, hidden=True)
        first = every.asked[: public * len(every.check.cases)]
        return cls(every, replace(every, asked=first), len(seeds))

    def table(self, reply: Reply) -> bytes:
        """id, label: of each seed its cases, then its speed where the lesson asks for it."""
        right, fast = outcomes(self.every, reply)
        cases = len(self.every.check.cases)
        labels: list[bool] = []
        for start in range(0, len(right), cases):
            labels += [*right[start : start + cases], *([fast] if self.every.speed is not None else [])]
        ids = check_ids(self.seeds, len(labels) // self.seeds)
        rows = (f"{each},{RIGHT if good else WRONG}" for each, good in zip(ids, labels, strict=True))
        return "\n".join(["id,label", *rows, ""]).encode()


@lru_cache(maxsize=4)
def _lesson(private: Path) -> HostedLesson:
    return HostedLesson.read(private)


def _graded(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    name = str(head["name"])
    source, fault = _text(data, name)
    if fault is not None:
        return {"refused": fault}, b""
    hosted = _lesson(Path(head["private"]))
    job = {**hosted.every.job(source, None), "file": name}
    reply, done, limits = run_in_sandbox(job, wall_s=head["wall_s"], memory_bytes=head["memory_bytes"])
    peak = -(-done.peak_bytes // _MIB) * _MIB
    log = tail(reply.output.encode(), lines=60, chars=_LOG_CHARS)
    ran = {"kind": "lesson", "seconds": round(done.seconds, 1), "peak_bytes": peak, "log": log}
    why = stopped_by(done, limits)
    if why is not None:
        return {"refused": _fault(why, name, "try it with dojo grade"), "ran": ran}, b""
    try:
        verdict, table = judged(hosted.public, reply, source, name), hosted.table(reply)
    except Exception:  # frames that the sender's code wrote itself; counted as a failure, or it could go on for ever
        ran["log"] = f"{log}\n{traceback.format_exc()[-_LOG_CHARS:]}"
        return {"refused": _fault("what came back of it is no answer", name, "try it with dojo grade"), "ran": ran}, b""
    told = for_sender(verdict, printed=tail(log.encode()) if head["show_printed"] else "")
    if verdict.kind in _NO_ANSWER:
        fact = verdict.facts[0].en if verdict.facts else ""
        said = f"{verdict.head.en}: {fact}" if fact else verdict.head.en
        return {"refused": _fault(_clean(verdict, said), name, "see dojo grade"), "ran": ran, "verdict": told}, b""
    return {"ran": ran, "verdict": told}, table


def _text(data: bytes, name: str) -> tuple[str, dict[str, Any] | None]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "", _fault("is no UTF-8 text", name, "save it as UTF-8")
    if "\0" in text:
        return "", _fault("holds binary data", name, "give a Python file")
    return text.replace("\r\n", "\n"), None


def _fault(what: str, where: str, todo: str) -> dict[str, Any]:
    return {"error": what[:_CHARS], "where": where, "todo": todo, "code": "bad_file"}


def for_sender(verdict: Verdict, printed: str = "") -> dict[str, Any]:
    """passed, and the message in each language, without the seed; numbers that an error's own words quote are blanked,
    since the learner's code may have put its inputs there."""
    verdict.output = ""
    verdict.seconds = 0.0
    texts: dict[str, str] = {lang: _clean(verdict, "\n".join(verdict.lines(lang))) for lang in LANGUAGES}
    if printed:
        texts = {lang: f"{text}\n\n{printed}" for lang, text in texts.items()}
    return {"passed": verdict.passed, **texts}


def _clean(verdict: Verdict, text: str) -> str:
    text = _SEED.sub("", text)
    if not verdict.passed and verdict.kind not in _COMPARED:
        text = _NUMBER.sub("…", text)
    return tail(text.encode("utf-8", "replace"), lines=40, chars=_CHARS)


if __name__ == "__main__":
    sys.exit(main())
