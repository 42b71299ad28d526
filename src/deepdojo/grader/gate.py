"""The author's gate: what must be true of a lesson before a learner sees it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepdojo.errors import DojoError
from deepdojo.grader.figures import svg_faults
from deepdojo.grader.finale import finale
from deepdojo.grader.formulas import FormulaError, plain, reader
from deepdojo.grader.grade import Questions, grade_source, prepare
from deepdojo.grader.lessons import Lesson
from deepdojo.grader.loading import load_check, mutated
from deepdojo.grader.runner import Runner, shared_runner
from deepdojo.grader.spec import Check, LessonError, Mutant, text_of
from deepdojo.grader.verdict import Verdict
from deepdojo.grader.words import LANGUAGES, fill

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Report", "check_lesson"]

_MAX_WORDS = 600
_CHECK_S = 1.0
_BUDGET_S = 60.0  # the gate looks at every mutant, however long it takes
_OPTIONAL = {"finale.py"}
_FILES = {"lesson.toml", "check.py", "solution.py", *(f"{n}.{lang}.md" for n in ("text", "why") for lang in LANGUAGES)}


@dataclass
class Report:
    """What the gate found.

    Attributes:
        faults: sentences; empty when the lesson is fit to be shown.
        mutants, variants: how many were tried, each with `seeds` seeds.
        check_s: CPU seconds of one verdict on the solution.
    """

    lesson: str
    faults: list[str] = field(default_factory=list)
    mutants: int = 0
    variants: int = 0
    seeds: int = 0
    check_s: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **vars(self)}


def check_lesson(lesson: Lesson, lessons: Sequence[Lesson], *, seeds: int = 20, runner: Runner | None = None) -> Report:
    """Everything of the gate for one lesson.

    Args:
        lessons: all lessons, for what `needs` names.
        seeds: how many seeds solution and accepted variants must pass, and mutants fail.
    """
    report = Report(lesson.id, seeds=seeds)
    before = _stamps(lesson)
    report.faults += _texts(lesson)
    report.faults += _needs(lesson, lessons)
    runner = runner or shared_runner()
    try:
        check = load_check(lesson)
        report.faults += _sentences(check)
        report.faults += _edits(lesson, check)
        if not report.faults:
            _behaviour(lesson, check, report, runner)
    except LessonError as fault:
        report.faults.append(str(fault))
    changed = sorted(name for name, stamp in _stamps(lesson).items() if before.get(name) != stamp)
    if changed:  # half of what was found is of the old file, half of the new one
        report.faults = [f"{changed[0]} was changed while the lesson was checked: check it again"]
    return report


def _stamps(lesson: Lesson) -> dict[str, int]:
    """File -> when it was written last; 0 for one that is away, as for a moment while an editor replaces it."""
    found = {}
    for name in ("check.py", "solution.py"):
        try:
            found[name] = (lesson.folder / name).stat().st_mtime_ns
        except OSError:
            found[name] = 0
    return found


def _behaviour(lesson: Lesson, check: Check, report: Report, runner: Runner) -> None:
    first = prepare(lesson, range(min(2, report.seeds)))
    report.faults += _stub(lesson, check, first, runner)
    begun = time.process_time(), time.monotonic()
    right = {"solution.py": lesson.solution, **lesson.accepted()}
    verdicts = {name: grade_source(lesson, text, questions=first, runner=runner) for name, text in right.items()}
    report.check_s = (time.monotonic() - begun[1]) / len(right)
    report.faults += [f"{name} does not pass: {v}" for name, v in verdicts.items() if not v.passed]
    if report.faults:
        return
    if (lesson.folder / "finale.py").is_file() and finale(lesson, lesson.solution, None, runner) is None:
        report.faults.append("finale.py shows nothing for the solution")
    if report.check_s > _CHECK_S:
        report.faults.append(f"a verdict takes {report.check_s:.1f} s, more than {_CHECK_S:.0f}")
    report.variants, report.mutants = len(right), len(check.mutants)
    report.faults += _every_mutant(lesson, check, first, runner)
    for seed in range(2, report.seeds):
        questions = prepare(lesson, [seed])
        for name, text in right.items():
            verdict = grade_source(lesson, text, questions=questions, runner=runner)
            if not verdict.passed:
                report.faults.append(f"{name} fails with seed {seed}: {verdict}")
        for mutant in check.mutants:
            if not mutant.slow and _grade_mutant(lesson, check, mutant, questions, runner, budget_s=0.0).passed:
                report.faults.append(f"mutant {mutant.name!r} passes with seed {seed}")


def _stub(lesson: Lesson, check: Check, questions: Questions, runner: Runner) -> Iterator[str]:
    if lesson.planted:
        return  # its stubs are its mutants
    verdict = grade_source(lesson, lesson.stub, questions=questions, runner=runner)
    if verdict.kind != "unwritten":
        yield f"the stub should say that it is not written yet, but says: {verdict}"


def _every_mutant(lesson: Lesson, check: Check, questions: Questions, runner: Runner) -> Iterator[str]:
    for mutant in check.mutants:
        verdict = _grade_mutant(lesson, check, mutant, questions, runner)
        if verdict.passed:
            yield f"mutant {mutant.name!r} passes"
            continue
        if mutant.slow:
            if verdict.stage != "speed":
                yield f"mutant {mutant.name!r} should be slow, but fails by {verdict.stage}"
            continue
        if mutant.near and verdict.kind not in ("near", "nan", "inf") and verdict.stage != "float32":
            yield f"near miss {mutant.name!r} is no matter of arithmetic: {verdict}"
        twins = check.twins_of(mutant.name)
        if mutant.name not in verdict.mutants or not {*verdict.mutants} <= twins:
            yield f"mutant {mutant.name!r} is named {verdict.mutants}: {verdict}"


def _grade_mutant(
    lesson: Lesson,
    check: Check,
    mutant: Mutant,
    questions: Questions,
    runner: Runner,
    *,
    budget_s: float = _BUDGET_S,
) -> Verdict:
    source = mutated(lesson.solution, mutant) if mutant.function is None else _function_source(lesson, check, mutant)
    return grade_source(lesson, source, questions=questions, runner=runner, budget_s=budget_s)


def _function_source(lesson: Lesson, check: Check, mutant: Mutant) -> str:
    """A mutant that is a function: the solution, and below it the function under the learner's name."""
    found = mutant.function if isinstance(mutant.function, dict) else {lesson.function: mutant.function}
    parts = [lesson.solution, "import math\nimport torch\nimport torch.nn.functional as F\n"]
    for name, function in found.items():
        parts.append(text_of(function))
        parts.append(f"{name} = {function.__name__}\n")
    return "\n\n".join(parts)


def _texts(lesson: Lesson) -> Iterator[str]:
    present = {p.name for p in lesson.folder.iterdir() if p.is_file() and p.suffix != ".svg"}
    for name in sorted(_FILES - present):
        yield f"{name} is missing"
    strays = present - _FILES - _OPTIONAL
    if strays:
        yield f"{sorted(strays)[0]} belongs to no lesson"
    if _FILES - present:
        return
    if not lesson.accepted():
        yield "accept/ holds no unusual solution"
    if not 3 <= len(lesson.hints) <= 5:
        yield f"has {len(lesson.hints)} hints, not 3 to 5"
    for name in ("text", "why"):
        en, zh = (_read(lesson.folder / f"{name}.{lang}.md") for lang in LANGUAGES)
        if _levels(en) != _levels(zh):
            yield f"{name}.en.md and {name}.zh.md do not have the same headings"
        if _blocks(en) != _blocks(zh):
            yield f"{name}.en.md and {name}.zh.md do not have the same code"
        if len(en.split()) > _MAX_WORDS:
            yield f"{name}.en.md has {len(en.split())} words, more than {_MAX_WORDS}"
        yield from _formulas(name, en, zh)
        yield from _run_blocks(f"{name}.en.md", en)
    yield from _figures(lesson)
    if not lesson.planted:
        try:
            lesson.stub  # noqa: B018
        except DojoError as fault:
            yield str(fault)


def _formulas(name: str, en: str, zh: str) -> Iterator[str]:
    """Each can be shown, and those that stand by themselves are the same in both languages, but for their words."""
    for lang, text in zip(LANGUAGES, (en, zh), strict=True):
        for token in _tokens(text):
            if token.type in ("math_inline", "math_block"):
                try:
                    plain(token.content)
                except FormulaError as fault:
                    yield f"{name}.{lang}.md: {fault}"
    one, other = (
        [re.sub(r"\\text\{[^}]*\}|\s", "", t.content) for t in _tokens(text) if t.type == "math_block"]
        for text in (en, zh)
    )
    if one != other:
        yield f"{name}.en.md and {name}.zh.md do not have the same formulas"


def _figures(lesson: Lesson) -> Iterator[str]:
    """Named in both languages, with words for whoever does not see them; sound; none left over."""
    named: dict[str, list[str]] = {}
    for lang in LANGUAGES:
        pictures = [
            t
            for name in ("text", "why")
            for t in _tokens(_read(lesson.folder / f"{name}.{lang}.md"))
            if t.type == "image"
        ]
        named[lang] = [str(t.attrs.get("src", "")) for t in pictures]
        yield from (
            f"the figure {t.attrs.get('src')!r} has no words in {lang}" for t in pictures if not t.content.strip()
        )
    one, other = named.values()
    if one != other:
        yield "the two languages do not name the same figures"
    for name in sorted({*one, *other}):
        if "/" in name or not name.endswith(".svg"):
            yield f"the figure {name!r} is no SVG file of this folder"
        else:
            yield from svg_faults(lesson.folder / name)
    for path in sorted(lesson.folder.glob("*.svg")):
        if path.name not in one:
            yield f"{path.name} is named in no text"


def _tokens(text: str) -> Iterator[Token]:
    for token in reader().parse(text):
        yield token
        yield from token.children or []


def _run_blocks(name: str, text: str) -> Iterator[str]:
    """A text's blocks of Python run one after another, as a reader would run them."""
    space: dict[str, Any] = {}
    for block in _blocks(text):
        try:
            exec(compile(block, name, "exec"), space)
        except Exception as error:
            yield f"a block of {name} does not run: {type(error).__name__}: {error}"
            return


def _needs(lesson: Lesson, lessons: Sequence[Lesson]) -> Iterator[str]:
    known = {each.id: each for each in lessons}
    seen, waiting = set(), list(lesson.needs)
    while waiting:
        needed = waiting.pop()
        if needed == lesson.id:
            yield "needs itself, by way of others"
            return
        if needed in known and needed not in seen:
            waiting += known[needed].needs
        seen.add(needed)


def _sentences(check: Check) -> Iterator[str]:
    drawn = [case.draw(0) for case in check.cases]
    for mutant in check.mutants:
        for lang in LANGUAGES:
            if not mutant.text[lang].strip():
                yield f"mutant {mutant.name!r} has no sentence in {lang}"
        for each in drawn:
            try:
                fill(mutant.text, each.values())
            except KeyError as error:
                yield f"the sentence of mutant {mutant.name!r} names {error}, which case {each.case.name!r} lacks"
        if not re.search(r"[\u4e00-\u9fff]", mutant.text.zh):
            yield f"the Chinese sentence of mutant {mutant.name!r} is not Chinese"
    if check.speed is not None and check.slow is None:
        yield "a check of speed needs `slow`, which says what to do"
    if check.forbidden and check.allowed is None:
        yield "forbidden calls need `allowed`, which says what may be used"


def _edits(lesson: Lesson, check: Check) -> Iterator[str]:
    for mutant in check.mutants:
        if mutant.function is None:
            try:
                compile(mutated(lesson.solution, mutant), mutant.name, "exec")
            except (LessonError, SyntaxError) as fault:
                yield (
                    str(fault) if isinstance(fault, LessonError) else f"mutant {mutant.name!r} does not parse: {fault}"
                )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _levels(text: str) -> list[int]:
    return [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]


def _blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
