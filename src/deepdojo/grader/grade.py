"""One file, one lesson, one verdict: draw the cases, let the learner's process answer, judge, say why."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from deepdojo.errors import nearest
from deepdojo.grader import messages
from deepdojo.grader.diagnosis import BUDGET_S, Mistakes, named_mutants
from deepdojo.grader.draws import map_tensors
from deepdojo.grader.judge import STAGES, Finding, first_failure
from deepdojo.grader.lessons import Lesson
from deepdojo.grader.loading import load_check
from deepdojo.grader.observe import RUNS, call
from deepdojo.grader.optimizers import light_optimizers
from deepdojo.grader.patterns import pattern
from deepdojo.grader.runner import Reply, Runner, shared_runner
from deepdojo.grader.spec import Check, sentence, shapes
from deepdojo.grader.truth import Asked, ask
from deepdojo.grader.verdict import Verdict
from deepdojo.grader.words import Text

__all__ = ["SEEDS", "Questions", "grade_source", "judged", "outcomes", "prepare"]

SEEDS = (0, 1)
_SPEED_FLOOR_S = 0.05


@dataclass
class Questions:
    """A lesson's cases, drawn for some seeds, with the oracle's answers; used again for every file that is graded.

    Attributes:
        oracle_s: CPU seconds of the oracle on the timed case.
    """

    lesson: Lesson
    check: Check
    asked: list[Asked]
    speed: Any = None
    oracle_s: float = 0.0
    mistakes: Mistakes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.mistakes = Mistakes(self.lesson, self.check, self.asked)

    def job(self, source: str, file: Path | None) -> dict[str, Any]:
        """What the learner's process gets: questions, no answers."""
        check = self.check
        timed = None
        if self.speed is not None:
            cut_s = max(_SPEED_FLOOR_S, check.speed_limit * self.oracle_s)
            timed = {"cut_s": cut_s, "arguments": self.speed_arguments()}
        return {
            "source": source,
            "file": file.name if file else "your code",
            "folder": str(file.parent.resolve()) if file else "",
            "names": list(check.adapt.names if check.adapt else (self.lesson.function,)),
            "driver": check.adapt.source if check.adapt else None,
            "forbidden": list(check.forbidden),
            "cases": [each.question for each in self.asked],
            "speed": timed,
            "speed_after": 1,  # early: slow work on the other cases must not hide that it is merely slow
        }

    def speed_arguments(self) -> dict[str, Any]:
        names = self.check._order
        return dict(zip(names, self.check.positional(self.speed.arguments), strict=False))


def prepare(lesson: Lesson, seeds: Sequence[int] = SEEDS, *, hidden: bool = False) -> Questions:
    """Draws and answers all cases for each seed. Raises LessonError where check.py is wrong.

    Args:
        hidden: the seeds are a secret: what the learner's code draws itself starts from their numbers 0, 1, ...
    """
    check = load_check(lesson)
    with light_optimizers(), warnings.catch_warnings(action="ignore"):
        asked = [
            ask(check, case.draw(seed), runs_from=i if hidden else None)
            for i, seed in enumerate(seeds) for case in check.cases
        ]  # fmt: skip
    questions = Questions(lesson, check, asked)
    if check.speed is not None:
        questions.speed = check.speed.draw(seeds[0])
        questions.oracle_s = _timed(questions)
    return questions


def grade_source(
    lesson: Lesson,
    source: str,
    *,
    file: Path | None = None,
    questions: Questions | None = None,
    seeds: Sequence[int] = SEEDS,
    runner: Runner | None = None,
    budget_s: float = BUDGET_S,
) -> Verdict:
    """Runs `source` in a process of its own and says what is wrong with it, or that it is right.

    Args:
        file: where it lies; messages name it, and its folder is searched for what it imports.
        seeds: the cases are drawn for each.
    """
    begun = time.monotonic()
    runner = runner or shared_runner()  # before any check is loaded: the learner's process then holds no oracle
    questions = questions or prepare(lesson, seeds)
    reply = runner.run(questions.job(source, file))
    verdict = judged(questions, reply, source, file.name if file else "your code", budget_s)
    verdict.output, verdict.seconds = reply.output, time.monotonic() - begun
    if verdict.passed:
        verdict.context = Text(f"{verdict.seconds:.2f} s", f"{verdict.seconds:.2f} 秒")
    return verdict


def judged(questions: Questions, reply: Reply, source: str, file: str, budget_s: float = BUDGET_S) -> Verdict:
    """What a reply is worth. Of a reply to more questions than these, the first ones count."""
    with light_optimizers():
        return _Judging(questions, reply, source, file, budget_s).verdict()


def outcomes(questions: Questions, reply: Reply) -> tuple[list[bool], bool]:
    """Of each case whether it is right, then whether the code is fast enough; all wrong after a forbidden call."""
    judging, tolerance = _Judging(questions, reply, "", "", 0.0), questions.check.tolerance
    none = [False] * len(questions.asked)
    if any(f.get("forbidden") for f in judging.frames):
        return none, False
    with light_optimizers():
        records = judging._records()
        right = [first_failure([a], [r], tolerance) is None for a, r in zip(questions.asked, records, strict=False)]
        return (right + none)[: len(none)], judging._speed(True) is None


def _timed(questions: Questions) -> float:
    """The best of five, in CPU seconds, after one that warms up."""
    best = float("inf")
    for _ in range(6):
        given = map_tensors(questions.speed_arguments(), lambda _, t: t.clone())
        start = time.process_time()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        call(questions.check.oracle, given)
        torch.set_num_threads(threads)
        best = min(best, time.process_time() - start)
    return max(best, 1e-6)


class _Judging:
    def __init__(self, questions: Questions, reply: Reply, source: str, file: str, budget_s: float) -> None:
        self.q, self.reply, self.source, self.file, self.budget_s = questions, reply, source, file, budget_s
        self.frames = [f for f in reply.frames if isinstance(f.get("kind"), str)]

    def verdict(self) -> Verdict:
        early = next((f for f in self.frames if f["kind"] in ("syntax", "import", "missing", "signature")), None)
        if early is not None:
            return self._early(early)
        records = self._records()
        slow = any(f["kind"] == "speed" and f.get("seconds") is None for f in self.frames)
        whole = len(records) == len(self.q.asked)
        if not whole and not (slow and records):
            return self._ended()
        forbidden = next((f["forbidden"] for f in self.frames if f.get("forbidden")), None)
        finding = first_failure(self.q.asked[: len(records)], records, self.q.check.tolerance)
        if forbidden is not None and (finding is None or finding.stage != "call"):
            return self._forbidden(forbidden)
        if finding is not None:
            return self._failed(finding, records)
        return self._speed(whole) or self._passed()

    def _records(self) -> list[Mapping[str, Any]]:
        """Records in the order of the cases, up to the first that is missing or was not written by us."""
        found: list[Mapping[str, Any]] = []
        for each in (f for f in self.frames if f["kind"] == "case"):
            record = each.get("record")
            if each.get("case") != len(found) or len(found) == len(self.q.asked):
                break
            if not _complete(record, self.q.asked[len(found)].question):
                break
            assert record is not None
            found.append(record)
        return found

    def _make(self, stage: str, kind: str, head: Text, facts: Sequence[Text | None] = (), **more: Any) -> Verdict:
        waiting = len(STAGES) - 1 - STAGES.index(stage)
        if self.q.speed is None and stage != "speed":
            waiting -= 1
        known = [f for f in facts if f is not None]
        return Verdict(
            self.q.lesson.id, self.q.lesson.function, False, stage, kind, head, facts=known, waiting=waiting, **more
        )

    def _early(self, frame: Mapping[str, Any]) -> Verdict:
        if frame["kind"] == "syntax":
            head = Text("the file is not Python yet", "文件还不是合法的 Python")
            return self._make("parse", "syntax", head, [where_said(frame, self.source, self.file)])
        if frame["kind"] == "missing":
            return self._missing(str(frame.get("name")), [str(h) for h in frame.get("have") or []])
        if frame["kind"] == "signature":
            wanted = f"({', '.join(map(str, frame.get('wanted') or []))})"
            head = Text("its parameters do not fit the call", "参数与调用不符")
            fact = Text(f"it is called with {wanted}   it takes {frame.get('got')}",
                        f"调用时传入 {wanted}，而它接受 {frame.get('got')}")  # fmt: skip
            return self._make("call", "signature", head, [fact])
        head = Text("the file stops with an error before anything is called", "文件在被调用之前就出错了")
        said = f"{frame.get('type')}: {frame.get('message', '')}".splitlines()[0][:200].rstrip(": ")
        return self._make(
            "parse", "import", head, [Text(said, said), messages.where_line(frame, self.source, self.file)],
            trace=str(frame.get("trace", "")),
        )  # fmt: skip

    def _missing(self, name: str, have: Sequence[str]) -> Verdict:
        head = Text(f"{self.file} defines no {name}", f"{self.file} 中没有定义 {name}")
        guess = nearest(name, have)
        if guess is not None:
            fact = Text(f"It has {guess}. Did you mean {name}?", f"其中有 {guess}。是否想写 {name}？")
        elif have:
            fact = Text(f"It has {', '.join(have[:6])}.", f"其中有 {'、'.join(have[:6])}。")
        else:
            fact = Text("It defines nothing.", "其中没有任何定义。")
        return self._make("name", "missing", head, [fact])

    def _ended(self) -> Verdict:
        """No answer: time ran out, or the process ended."""
        begun = [f.get("case") for f in self.frames if f["kind"] == "begin"]
        at = begun[-1] if begun else None
        asked = self.q.asked[at] if isinstance(at, int) and 0 <= at < len(self.q.asked) else None
        place: dict[str, Any] = {}
        if asked is not None:
            place = {"case": asked.name, "seed": asked.drawn.seed, "context": messages.context(asked)}
        stopped = next((f for f in self.frames if f["kind"] == "stopped"), None)
        code = self.reply.exit_code
        if stopped is not None or (not self.reply.done and code in (-9, -24, None) and self.reply.seconds > 1):
            return self._timeout(stopped, place)
        if self.reply.done or code == 0:
            head = Text("your code ended the process", "你的代码结束了进程")
            return self._make("call", "exit", head, [_HINT_EXIT], **place)
        what = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        head = Text(f"the process died ({what})", f"进程崩溃（{what}）")
        return self._make("call", "died", head, [_HINT_DIED], **place)

    def _timeout(self, stopped: Mapping[str, Any] | None, place: dict[str, Any]) -> Verdict:
        # The limit of the runner that was used; the sentence quotes it.
        limit = f"{self.reply.wall_s:.3g}"
        head = Text(f"no answer within {limit} s, stopped", f"{limit} 秒内没有结果，已停止")
        line = messages.where_line(stopped or {}, self.source, self.file)
        fact = Text(f"Your code was in {line.en}", f"当时执行到 {line.zh}") if line else None
        return self._make("call", "timeout", head, [fact], todo=self.q.check.hang, **place)

    def _forbidden(self, found: Mapping[str, Any]) -> Verdict:
        name, line = str(found.get("name")), found.get("line")
        at = Text(f" ({self.file}, line {line})", f"（{self.file} 第 {line} 行）") if line else Text("", "")
        head = Text(f"{name} was called{at.en}", f"调用了 {name}{at.zh}")
        allowed = self.q.check.allowed
        fact = Text("That is what you are about to write.", "这正是你要写的函数。")
        if allowed is not None:
            fact = Text(f"{fact.en} {allowed.en}", f"{fact.zh}{allowed.zh}")
        return self._make("forbidden", "forbidden", head, [fact])

    def _failed(self, finding: Finding, records: Sequence[Mapping[str, Any]]) -> Verdict:
        assert finding.case is not None
        check, asked = self.q.check, self.q.asked[finding.case]
        names = check.outputs
        head, facts, todo = messages.say(finding, asked, names)
        fault = finding.data.get("fault")
        if fault is not None and finding.kind != "unwritten":
            facts = [*facts, *filter(None, [messages.where_line(fault, self.source, self.file)])]
        verdict = self._make(
            finding.stage, finding.kind, head, facts, todo=todo, case=asked.name, seed=asked.drawn.seed,
            context=messages.context(asked), trace=str((fault or {}).get("trace", "")),
        )  # fmt: skip
        if finding.kind == "unwritten":
            return verdict
        known = self.q.asked[: len(records)]
        with warnings.catch_warnings(action="ignore"):  # what mistakes make torch say is nothing to the learner
            mutants = named_mutants(self.q.mistakes, known, records, finding, budget_s=self.budget_s)
        if finding.kind == "near" and mutants and not any(m.near for m in mutants):
            # A formula whose fault weighs little in these cases: its own mistake agrees to the last digits.
            head, facts, _ = messages.say(replace(finding, kind="wrong"), asked, names)
            verdict.kind, verdict.head, verdict.facts = "wrong", head, [f for f in facts if f is not None]
        verdict.mutants = [m.name for m in mutants]
        verdict.causes = [sentence(m.text, asked.drawn) for m in mutants]
        if not mutants:
            general = pattern(known, records, finding)
            verdict.causes = [general] if general is not None else []
        return verdict

    def _speed(self, whole: bool) -> Verdict | None:
        if self.q.speed is None:
            return None
        found = next((f for f in self.frames if f["kind"] == "speed"), None)
        if found is None:
            return self._ended()
        if found.get("fault"):
            head, facts, todo = messages._crash(
                Text("it stops with an error on a larger input", "在较大的输入上出错"), found["fault"]
            )
            line = messages.where_line(found["fault"], self.source, self.file)
            return self._make("speed", "crash", head, [*facts, line], todo=todo)
        if isinstance(found.get("seconds"), float):
            return None
        limit = f"{self.q.check.speed_limit:.0f}"
        given = shapes(self.q.speed)
        fact = Text(
            f"stopped at {limit} × the time of a plain reference.", f"用时达到普通参考实现的 {limit} 倍时被停止。"
        )
        head = Text("right, but too slow", "结果正确，但太慢")
        if not whole:
            head = Text("right so far, but too slow", "目前结果正确，但太慢")
        return self._make("speed", "slow", head, [fact],
                          context=Text(given, given), todo=self.q.check.slow)  # fmt: skip

    def _passed(self) -> Verdict:
        speed = next((f.get("seconds") for f in self.frames if f["kind"] == "speed"), None)
        ratio = speed / self.q.oracle_s if speed is not None else None
        said = messages.passed(self.q.asked, len(self.q.check.cases), ratio)
        return Verdict(self.q.lesson.id, self.q.lesson.function, True, "pass", "pass", said)


_HINT_EXIT = Text("Is there an exit() or sys.exit() in it?", "其中是否有 exit() 或 sys.exit()？")
_HINT_DIED = Text(
    "Something below Python failed: too much memory, or memory that is not yours.",
    "Python 之下出了问题：内存用得过多，或访问了不该访问的内存。",
)


def _complete(record: Any, question: Mapping[str, Any]) -> bool:
    """Every run that was asked for has an answer or a fault: none can be passed by leaving it out."""
    if not isinstance(record, dict) or "changed" not in record or "grads" not in record:
        return False
    faults = record.get("faults")
    if not isinstance(faults, dict) or not {*faults} <= {*RUNS, "backward"}:
        return False
    if not all(isinstance(f, dict) and {"type", "message", "line"} <= {*f} for f in faults.values()):
        return False
    asked_for = ["plain", "again", *(run for run in ("float32", "layout") if question[run])]
    return bool(faults) or all(run in record for run in asked_for)


def where_said(frame: Mapping[str, Any], source: str, file: str) -> Text:
    message, line = str(frame.get("message", "")), messages.where_line(frame, source, file)
    return Text(f"{message} ({line.en})", f"{message}（{line.zh}）") if line else Text(message, message)
