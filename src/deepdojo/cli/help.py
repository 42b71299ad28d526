"""Help pages: what a command does in one line, three examples, then its options in groups with their defaults.

Written here and not by cyclopts, whose pages frame everything and need rich; ours stay plain text in 80 columns.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from deepdojo.cli.app import COMMANDS, GROUPS, build_app
from deepdojo.cli.output import head, next_step, out, styled, width
from deepdojo.errors import UnknownNameError

__all__ = ["command_options", "print_help"]


def print_help(topic: str | None) -> None:
    """The help of one command, or of `dojo` itself. Raises UnknownNameError for a command that does not exist."""
    if topic is None:
        _top()
    elif topic in COMMANDS:
        _command(topic)
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


def _command(name: str) -> None:
    function = build_app()[name].default_command
    summary, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
    out(f"dojo {name}: {summary}")
    out()
    out(textwrap.indent(textwrap.dedent(rest), "  ").rstrip())
    groups: dict[str, list[tuple[str, str]]] = {}
    for argument in command_options(name):
        group = next((getattr(g, "name", str(g)) for g in argument.parameter.group or ()), "Options")
        groups.setdefault(group, []).append((_label(argument), _meaning(argument)))
    wide = min(24, max(len(label) for rows in groups.values() for label, _ in rows))
    for group in sorted(groups, key=lambda g: g != "Arguments"):
        out()
        head(group)
        for label, meaning in groups[group]:
            _row(label, meaning, wide)


def _row(label: str, meaning: str, wide: int) -> None:
    lines = textwrap.wrap(meaning, width() - wide - 5, break_long_words=False, break_on_hyphens=False) or [""]
    if len(label) > wide:
        out(f"  {label}")
        label = ""
    out(f"  {label:<{wide}}  {lines[0]}".rstrip())
    for line in lines[1:]:
        out(f"  {'':<{wide}}  {line}")


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


def _meaning(argument: Any) -> str:
    text = argument.parameter.help or ""
    default = argument.field_info.default
    if default is inspect.Parameter.empty or default is None or default is False or "default" in text.lower():
        return text
    return f"{text.rstrip('.')} (default: {default})."
