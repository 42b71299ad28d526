"""The Chinese texts use one word for one idea: that of docs/glossary.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
KINDS = (".md", ".toml", ".py", ".html", ".js", ".json")
HAN = re.compile(r"[\u4e00-\u9fff]")


def _rows() -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def _avoided() -> dict[str, str]:
    """A word to avoid -> what stands in its place."""
    return {word: good for _, good, bad in _rows() for word in filter(None, bad.split("、"))}


def _texts() -> list[Path]:
    found = [p for folder in ("src", "docs") for p in (ROOT / folder).rglob("*") if p.suffix in KINDS]
    return [p for p in [ROOT / "README.zh-CN.md", *found] if p != GLOSSARY and HAN.search(p.read_text("utf-8"))]


def test_no_text_uses_a_word_that_the_glossary_avoids():
    avoided, faults = _avoided(), []
    for path in _texts():
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            faults += [
                f"{path.relative_to(ROOT)}:{number}: {bad} → {good}" for bad, good in avoided.items() if bad in line
            ]
    assert not faults, "\n".join(faults)


def test_the_glossary_does_not_contradict_itself():
    rows = _rows()
    assert len(rows) > 40
    words = [english for english, _, _ in rows]
    assert words == sorted(words, key=str.lower)
    good = {word for _, chinese, _ in rows for word in chinese.split("、")}
    assert not good & set(_avoided())


@pytest.mark.parametrize("line", ["这里用遮罩盖住填充", "每个批次的损失"])
def test_such_a_word_is_found(line):
    assert any(bad in line for bad in _avoided())
