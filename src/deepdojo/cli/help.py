"""Help pages: what a command does in one line, three examples, then its options in groups with their defaults.

Written here and not by cyclopts, whose pages frame everything and need rich; ours stay plain text in 80 columns.
"""

from __future__ import annotations

import inspect
import re
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdojo.cli.app import COMMANDS, GROUPS, build_app
from deepdojo.cli.output import head, next_step, out, styled, width
from deepdojo.errors import UnknownNameError

__all__ = ["IN_CHINESE", "chinese", "command_options", "example_parts", "print_help"]


IN_CHINESE = ("learn", "grade", "lessons")
"""The commands whose help is written in Chinese as well."""


def print_help(topic: str | None, lang: str | None = None) -> None:
    """The help of one command, or of `dojo` itself. Raises UnknownNameError for a command that does not exist.

    Args:
        lang: "en" or "zh", for the commands of `IN_CHINESE`; default: that of the locale.
    """
    if topic is None:
        _top()
    elif topic in COMMANDS:
        _command(topic, _words(topic, lang))
    else:
        raise UnknownNameError("command", topic, COMMANDS)


def command_options(name: str) -> list[Any]:
    """The arguments of a command, as cyclopts understands them, in the order in which they are declared."""
    return list(build_app()[name].assemble_argument_collection())


def _top() -> None:
    out("DeepDojo: become good at deep learning by doing it.")
    out()
    for example, what in (
        ("dojo", "where am I, what is the next step"),
        ("dojo train digits", "train, score, explain, report: offline, in seconds"),
        ("dojo new reviews --from reviews.csv --target label", ""),
    ):
        out(f"  {example:<22} {styled(what, 'dim')}".rstrip())
    wide = max(map(len, COMMANDS))
    for group in GROUPS:
        members = [(name, c) for name, c in COMMANDS.items() if c.group == group]
        if members:
            out()
            head(group)
            for name, command in members:
                out(f"  {name:<{wide}}  {command.summary.rstrip('.')}")
    next_step("dojo COMMAND --help", "options and examples of a command")


def chinese() -> Mapping[str, str]:
    """English text -> Chinese text."""
    return tomllib.loads(Path(__file__).with_name("help_zh.toml").read_text(encoding="utf-8"))


def _words(name: str, lang: str | None) -> Mapping[str, str]:
    """Chinese for the texts of a command; empty: they stay English."""
    if name not in IN_CHINESE:
        return {}
    from deepdojo.grader.words import language

    return chinese() if (lang or language()) == "zh" else {}


def example_parts(line: str) -> tuple[str, str, str]:
    """The command of an example, the blanks behind it, and what is said of it."""
    found = re.fullmatch(r"(.*?\S)(?:(\s{2,})(\S.*))?", line)
    return (found[1], found[2] or "", found[3] or "") if found else (line, "", "")


def _example(line: str, words: Mapping[str, str]) -> str:
    command, gap, said = example_parts(line)
    return command + gap + words.get(said, said)


def _command(name: str, words: Mapping[str, str]) -> None:
    function = build_app()[name].default_command
    summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    out(f"dojo {name}: {words.get(summary, summary)}")
    out()
    examples = "\n".join(_example(line, words) for line in textwrap.dedent(rest).splitlines())
    out(textwrap.indent(examples, "  ").rstrip())
    groups: dict[str, list[tuple[str, str]]] = {}
    for argument in command_options(name):
        group = next((getattr(g, "name", str(g)) for g in argument.parameter.group or ()), "Options")
        groups.setdefault(group, []).append((_label(argument), _meaning(argument, words)))
    wide = min(24, max(len(label) for rows in groups.values() for label, _ in rows))
    for group in sorted(groups, key=lambda g: g != "Arguments"):
        out()
        head(words.get(group, group))
        for label, meaning in groups[group]:
            _row(label, meaning, wide)


def _row(label: str, meaning: str, wide: int) -> None:
    lines = _wrapped(meaning, width() - wide - 5) or [""]
    if len(label) > wide:
        out(f"  {label}")
        label = ""
    out(f"  {label:<{wide}}  {lines[0]}".rstrip())
    for line in lines[1:]:
        out(f"  {'':<{wide}}  {line}")


def _wrapped(text: str, columns: int) -> list[str]:
    if text.isascii():
        return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)
    from deepdojo.learn.wrapping import fit

    return fit(text, columns, indent=0)


def _label(argument: Any) -> str:
    if argument.index is not None:
        return argument.field_info.name.upper()
    names = sorted(argument.names, key=lambda n: (n.startswith("--"), n))
    text = ", ".join(names)
    hint = argument.hint
    if hint is bool:
        return text
    text += f" {argument.parameter.metavar or _kind(hint)}"
    return text


def _kind(hint: Any) -> str:
    from pathlib import Path

    name = str(hint)
    if hint is int:
        return "N"
    if hint == int | bool:
        return "[N]"
    if hint is float:
        return "X"
    if hint is Path or "Path" in name:
        return "PATH"
    return "TEXT"


def _meaning(argument: Any, words: Mapping[str, str]) -> str:
    text = argument.parameter.help or ""
    default = argument.field_info.default
    if default is inspect.Parameter.empty or default is None or default is False or "default" in text.lower():
        return words.get(text, text)
    if text in words:
        return f"{words[text].rstrip('。')}（{words['default: {}'].format(default)}）。"
    return f"{text.rstrip('.')} (default: {default})."
