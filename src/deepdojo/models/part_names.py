"""Parts of a network by name: what a recipe's `freeze` and `lora_on` mean, and how deep a part lies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from torch import nn

from deepdojo.errors import UnknownNameError

__all__ = ["HEADS", "depths", "matching"]

HEADS = ("head", "pooler", "words", "auxiliary")
"""How our models call what stands on their trunk: the parts that give the answers."""
STACKS = ("layers", "blocks", "stages")
"""How our models call a list whose members follow one another; members of any other list lie side by side."""


def matching(patterns: Sequence[str], names: Iterable[str], *, where: str) -> set[str]:
    """The names that a pattern names: `layers.0` names layers.0.linear1.weight, `norm*` each norm1 and norm2.

    A pattern is one part of a name or several in a row, each with the signs of file names (*, ?, [...]).

    Args:
        where: the recipe's key, for errors.

    Raises:
        UnknownNameError: a pattern that names nothing, with the nearest part.
    """
    names = list(names)
    found: set[str] = set()
    for pattern in patterns:
        hits = {name for name in names if _names(pattern, name)}
        if not hits:
            known = {part for name in names for part in _runs(name)}
            raise UnknownNameError(
                "part of the network", pattern, sorted(known, key=lambda p: (p.count("."), p)), where=where
            )
        found |= hits
    return found


def _names(pattern: str, name: str) -> bool:
    wanted, parts = pattern.split("."), name.split(".")
    return any(
        all(map(fnmatchcase, parts[at : at + len(wanted)], wanted)) for at in range(len(parts) - len(wanted) + 1)
    )


def _runs(name: str) -> list[str]:
    """The name's beginnings, and each of its parts."""
    parts = name.split(".")
    return [*(".".join(parts[:n]) for n in range(1, len(parts) + 1)), *(p for p in parts if not p.isdigit())]


def depths(model: nn.Module) -> tuple[dict[str, int], int]:
    """(depth of each parameter, the greatest): 0 is nearest to the input.

    Our models make their parts in the order in which data pass them, so the order of `named_children` is that of the
    layers. Parts before the first list called layers, blocks or stages are depth 0 together (tables of words and
    places, the first convolution); each member of such a list, and of lists inside it, is one deeper than the last;
    what follows a list shares the depth of its last member (a last normalisation). Without such a list each part is one
    deeper than the one before. The parts that give the answers (`HEADS`) are one deeper than all others.
    """
    children = [(name, part) for name, part in model.named_children() if any(True for _ in part.parameters())]
    trunk = [(name, part) for name, part in children if name not in HEADS]
    stacked = any(_is_stack(name, part) for name, part in trunk)
    found: dict[str, int] = {name: 0 for name, _ in model.named_parameters() if "." not in name}
    level, started = 0, False
    for name, part in trunk:
        if _is_stack(name, part):
            for place, member in _members(name, part):
                level += 1
                found |= {f"{place}.{key}": level for key, _ in member.named_parameters()}
        else:
            level += 0 if stacked or not started else 1
            found |= {f"{name}.{key}": level for key, _ in part.named_parameters()}
        started = True
    tops = [(name, part) for name, part in children if name in HEADS]
    deepest = level + 1 if tops else level
    for name, part in tops:
        found |= {f"{name}.{key}": deepest for key, _ in part.named_parameters()}
    return {name: found[name] for name, _ in model.named_parameters()}, deepest


def _is_stack(name: str, part: nn.Module) -> bool:
    return isinstance(part, nn.ModuleList | nn.Sequential) and re.sub(r"\d+$", "", name) in STACKS


def _members(name: str, part: nn.Module) -> Iterable[tuple[str, nn.Module]]:
    for key, member in part.named_children():
        if isinstance(member, nn.ModuleList | nn.Sequential):
            yield from _members(f"{name}.{key}", member)
        else:
            yield f"{name}.{key}", member
