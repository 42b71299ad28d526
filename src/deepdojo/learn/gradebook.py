"""For a class: a learner's progress file, and a table of many whose files are graded again by whoever hosts it."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deepdojo.grader.lessons import Lesson
from deepdojo.grader.words import Language, Text, language
from deepdojo.learn.course import BUILT_IN, open_course
from deepdojo.learn.folder import digest, read_answer
from deepdojo.learn.learner import Learner
from deepdojo.learn.words import LearnError, refuse, say
from deepdojo.places import write_text

__all__ = ["FORMAT", "Gradebook", "Line", "make_gradebook", "write_progress"]

FORMAT = "deepdojo-progress/1"
_MOST_BYTES = 8 << 20
_COLUMNS = ("learner", "lesson", "title", "claimed", "graded", "attempts", "hints", "seconds", "given_up", "passed_at",
            "check_version", "sha256", "same_file", "why")  # fmt: skip


def write_progress(learner: Learner, path: Path | None) -> tuple[Path, dict[str, Any]]:
    """`dojo learn export`: what is kept of each lesson, with the files' texts and hashes as they are now."""
    progress, lessons = learner.progress(), {}
    for lesson in learner.lessons:
        entry = progress.lessons.get(lesson.id)
        if entry is None:
            continue
        kept: dict[str, Any] = asdict(entry)
        try:
            text = read_answer(learner.path(lesson))
            kept |= {"file": learner.path(lesson).name, "sha256": digest(text), "source": text}
        except LearnError:
            kept |= {"file": None, "sha256": None, "source": None}
        lessons[lesson.id] = kept
    content = {
        "format": FORMAT,
        "note": {lang: say(lang, "no_proof") for lang in ("en", "zh")},
        "learner": learner.folder.resolve().parent.name if learner.folder.name == "dojo-lessons"
        else learner.folder.resolve().name,
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "lessons": lessons,
    }  # fmt: skip
    target = path or learner.folder / "progress.json"
    write_text(target, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    return target, content


@dataclass
class Line:
    """One lesson of one learner.

    Attributes:
        claimed: the state that the progress file says.
        graded: "right", "wrong" (of the file, with the host's numbers), or "" where it was not run.
        why: what is wrong with it.
        same_file: whether the text's hash is the one that was graded at the learner's; None: not known.
    """

    learner: str
    lesson: str
    title: Text
    claimed: str
    graded: str = ""
    attempts: int = 0
    hints: int = 0
    seconds: int = 0
    given_up: bool = False
    passed_at: str | None = None
    check_version: int | None = None
    sha256: str | None = None
    same_file: bool | None = None
    why: Text = field(default_factory=lambda: Text("", ""))


@dataclass
class Gradebook:
    """The table. `seeds`: those that files were graded with; None: they were not. `unreadable`: file -> why."""

    lines: list[Line]
    lessons: list[Lesson]
    learners: list[str]
    seeds: tuple[int, int] | None
    unreadable: dict[str, Text] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        lines = [{**asdict(each), "title": each.title.as_json(), "why": each.why.as_json()} for each in self.lines]
        wrong = {name: why.as_json() for name, why in self.unreadable.items()}
        return {"seeds": self.seeds, "lines": lines, "unreadable": wrong, "files": [str(f) for f in self.files]}

    def heads(self, lang: str) -> tuple[str, ...]:
        return tuple(_HEADS[name][lang] for name in ("learner", "claimed", "graded", "attempts", "hints", "minutes"))

    def of(self, learner: str) -> list[Line]:
        return [each for each in self.lines if each.learner == learner]

    def summary(self, lang: str) -> list[tuple[str, ...]]:
        """One row a learner: claimed, right, attempts, hints, minutes."""
        rows: list[tuple[str, ...]] = []
        for name in self.learners:
            mine = self.of(name)
            right = str(sum(each.graded == "right" for each in mine)) if self.seeds else "–"
            rows.append((
                name, str(sum(each.claimed == "passed" for each in mine)), right,
                str(sum(each.attempts for each in mine)), str(sum(each.hints for each in mine)),
                str(round(sum(each.seconds for each in mine) / 60)),
            ))  # fmt: skip
        return rows

    def said(self, lang: str) -> str:
        head = _SAID_SEEDS[lang].format(*self.seeds) if self.seeds else _SAID_CLAIMS[lang]
        wrong = [f"{name}{'：' if lang == 'zh' else ': '}{why[lang]}" for name, why in self.unreadable.items()]
        return "\n".join([head, *wrong])

    def csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for each in self.lines:
            values = {**vars(each), "title": each.title.en, "why": each.why.en}
            writer.writerow([_safe(values[name]) for name in _COLUMNS])
        return text.getvalue()

    def html(self, lang: str) -> str:
        from jinja2 import Environment, PackageLoader

        environment = Environment(loader=PackageLoader("deepdojo.learn", "pages"), autoescape=True)
        cells = {(each.learner, each.lesson): each for each in self.lines}
        used = [each for each in self.lessons if any(line.lesson == each.id for line in self.lines)]
        return environment.get_template("gradebook.html").render(
            book=self, lang=lang, cells=cells, lessons=used, heads=_HEADS, states=_STATES, said=self.said(lang),
            summary=dict(zip(self.learners, self.summary(lang), strict=True)),
        )  # fmt: skip


def make_gradebook(
    folder: Path,
    *,
    lang: str | None = None,
    source: str | None = None,
    trust: bool = False,
    grade: bool = True,
    seed: int | None = None,
    output: Path | None = None,
) -> Gradebook:
    """Reads all progress files of a folder, grades their files anew, and writes CSV and HTML."""
    course = open_course(
        None if source in (None, BUILT_IN) else str(Path(str(source)).resolve()), trust=trust, new=True
    )
    read = list(_progress_files(folder))
    found = {name: content for name, content in read if isinstance(content, dict)}
    unreadable = {name: why for name, why in read if isinstance(why, Text)}
    if not found:
        raise refuse("no_exports", where=str(folder))
    if grade and not trust:
        raise refuse("untrusted_files", where=str(folder))
    drawn = secrets.randbelow(1 << 31) if seed is None else seed
    book = Gradebook([], course, list(found), (drawn, drawn + 1) if grade else None, unreadable)
    known = {each.id: each for each in course}
    for name, content in found.items():
        book.lines += [_line(name, known[i], kept) for i, kept in content["lessons"].items() if i in known]
    if grade:
        _grade(book, found)
    _write(book, output or folder / "gradebook", language(lang))
    return book


def _grade(book: Gradebook, found: dict[str, Any]) -> None:
    from deepdojo.learn.checker import Checker

    checker, known = Checker(book.seeds), {each.id: each for each in book.lessons}
    for line in book.lines:
        kept = found[line.learner]["lessons"][line.lesson]
        if isinstance(kept.get("source"), str):
            verdict = checker.grade(
                known[line.lesson], kept["source"], Path(Path(str(kept.get("file") or "answer.py")).name)
            )
            line.graded = "right" if verdict.passed else "wrong"
            if not verdict.passed:
                line.why = Text(verdict.cause("en") or verdict.head.en, verdict.cause("zh") or verdict.head.zh)


def _write(book: Gradebook, start: Path, lang: Language) -> None:
    table, page = start.with_name(start.name + ".csv"), start.with_name(start.name + ".html")
    write_text(table, "\ufeff" + book.csv())  # spreadsheets take it for UTF-8 by this mark
    write_text(page, book.html(lang))
    book.files = [table, page]


def _progress_files(folder: Path) -> Iterator[tuple[str, Any]]:
    """Name of the learner -> content, or what is wrong. Files in the folder, and in folders of it (one a learner)."""
    paths = sorted([*folder.glob("*.json"), *folder.glob("*/*.json")]) if folder.is_dir() else []
    for path in paths:
        own = path.parent == folder
        name = path.stem if own else path.parent.name if path.stem == "progress" else f"{path.parent.name}/{path.stem}"
        content = _read(path)
        if content is not None:
            yield name, content


def _read(path: Path) -> dict[str, Any] | Text | None:
    """None: another JSON file, none of ours."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return Text("is too large for a progress file", "太大，不像进度文件")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Text("cannot be read as JSON", "无法作为 JSON 读取")
    if not isinstance(value, dict) or "format" not in value or not str(value["format"]).startswith("deepdojo-progress"):
        return None
    lessons = value.get("lessons")
    if (
        value["format"] != FORMAT
        or not isinstance(lessons, dict)
        or not all(isinstance(e, dict) for e in lessons.values())
    ):
        return Text("is no progress file of this version", "不是当前版本的进度文件")
    return value


def _line(name: str, lesson: Lesson, kept: dict[str, Any]) -> Line:
    counts: dict[str, Any] = {
        key: kept[key] if type(kept.get(key)) is int else 0 for key in ("attempts", "hints", "seconds")
    }
    source, version = kept.get("source"), kept.get("check_version")
    before = kept.get("file_sha256")
    sha256 = digest(source) if isinstance(source, str) else None
    return Line(
        name, lesson.id, lesson.title, str(kept.get("state", "")), given_up=kept.get("given_up") is True,
        passed_at=str(kept["passed_at"]) if kept.get("passed_at") else None,
        check_version=version if type(version) is int else None, sha256=sha256,
        same_file=None if sha256 is None or not before else sha256 == before, **counts,
    )  # fmt: skip


def _safe(value: Any) -> Any:
    """A cell that a spreadsheet would run as a formula is text: names come from strangers."""
    if value is None:
        return ""
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_HEADS = {
    "learner": Text("learner", "学员"), "claimed": Text("claimed", "自报通过"), "graded": Text("right", "复核正确"),
    "attempts": Text("attempts", "尝试"), "hints": Text("hints", "提示"), "minutes": Text("min", "分钟"),
    "title": Text("Gradebook", "成绩册"), "given_up": Text("solution seen", "看过解答"),
    "other_file": Text("changed since its last verdict", "上次判定后又改过"),
}  # fmt: skip
_STATES = {
    "right": Text("right", "正确"), "wrong": Text("not right", "不正确"), "passed": Text("claimed", "自报通过"),
    "open": Text("begun", "进行中"), "skipped": Text("left out", "已跳过"),
}  # fmt: skip
_SAID_SEEDS = Text(
    "Every file was graded again with the seeds {} and {}. Attempts, hints and minutes are as the files say.",
    "所有文件都用种子 {} 和 {} 重新评分。尝试次数、提示和时间以学员文件自报为准。",
)
_SAID_CLAIMS = Text(
    "No file was run: this table is what the learners' files say.", "没有运行任何文件：本表只是学员文件的自报内容。"
)
