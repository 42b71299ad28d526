"""General patterns of wrong numbers, each of which must hold on every case to be said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from deepdojo.grader.compare import Mismatch, Pair, align, largest
from deepdojo.grader.judge import Finding
from deepdojo.grader.truth import Asked
from deepdojo.grader.words import Text

__all__ = ["pattern"]

_NEAR = 1e-8


def pattern(asked: Sequence[Asked], records: Sequence[Mapping[str, Any]], finding: Finding) -> Text | None:
    """A sentence, or None where no pattern fits every case."""
    if finding.stage == "gradient" and finding.kind == "zero":
        path = finding.data["path"]
        return Text(
            f"{path} was detached on its way (.detach(), .data, no_grad or a new tensor built from numbers)",
            f"{path} 在途中被切断（.detach()、.data、no_grad，或用数字新建了张量）",
        )
    if finding.stage == "gradient" and finding.kind == "backward":
        message = finding.data["fault"]["message"]
        if "inplace" in message or "in-place" in message:
            return Text(
                "an in-place operation (+=, mul_, x[...] = …) changed a tensor that backward still needs; "
                "make a new tensor instead",
                "原地操作（+=、mul_、x[...] = …）改动了反向传播还要用的张量，请改为生成新张量",
            )
        return None
    pairs = list(_float_pairs(asked, records))
    if finding.stage == "structure" and finding.kind == "shape":
        return _transposed_shape(asked, records)
    if finding.stage != "value" or not pairs:
        return None
    for holds, text in _PATTERNS:
        if all(holds(pair.expected, pair.got) for _, pair in pairs):
            return text
    return _ratio(pairs) or _along_axis(pairs)


def _float_pairs(asked: Sequence[Asked], records: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Asked, Pair]]:
    """Of each case the leaves that are float tensors with finite truth; nothing at all where one case has no answer."""
    found = []
    for each, record in zip(asked, records, strict=True):
        try:
            pairs = align(each.record["plain"], record.get("plain"))
        except Mismatch:
            return
        found += [(each, p) for p in pairs if isinstance(p.expected, Tensor) and p.expected.is_floating_point()]
    yield from (f for f in found if f[1].expected.isfinite().all() and f[1].expected.numel())


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a - b).abs() <= _NEAR * max(largest(a), 1e-300)).all())


def _first_only(e: Tensor, g: Tensor) -> bool:
    # A first row of zeros is right by itself, and says nothing.
    return (
        e.dim() > 1
        and len(e) > 1
        and largest(e[0]) > 0
        and _same(e[0], g[0])
        and not any(_same(e[i], g[i]) for i in range(1, len(e)))
    )


def _transposed(e: Tensor, g: Tensor) -> bool:
    return e.dim() > 1 and _same(e.transpose(-1, -2), g)


def _shuffled(e: Tensor, g: Tensor) -> bool:
    return e.numel() > 2 and not _same(e, g) and _same(e.flatten().sort()[0], g.flatten().sort()[0])


_PATTERNS: tuple[tuple[Callable[[Tensor, Tensor], bool], Text], ...] = (
    (lambda e, g: largest(e) > 0 and _same(-e, g), Text("every sign is reversed", "所有符号都反了")),
    (_first_only, Text("only the first sample of the batch is right", "只有批中的第一个样本是对的")),
    (_transposed, Text("the last two axes are exchanged", "最后两个轴交换了")),
)


def _ratio(pairs: Sequence[tuple[Asked, Pair]]) -> Text | None:
    """One factor for each case, and the same expression of the sizes for all of them."""
    factors = []
    for each, pair in pairs:
        at = pair.expected.abs().argmax() if pair.expected.numel() else None
        if at is None or not largest(pair.expected):
            return None
        factor = float(pair.got.flatten()[at] / pair.expected.flatten()[at])
        if not math.isfinite(factor) or not factor or not _same(pair.expected * factor, pair.got):
            return None
        factors.append((each.drawn.sizes, factor))
    if all(abs(f - 1) < 1e-6 for _, f in factors):
        return None
    # First: a size that is the same in all cases explains nothing.
    if all(abs(f / factors[0][1] - 1) < 1e-6 for _, f in factors):
        return Text(
            f"everything is {factors[0][1]:.4g} times what it should be", f"所有数都是应有值的 {factors[0][1]:.4g} 倍"
        )
    letters = set.intersection(*({*sizes} for sizes, _ in factors))
    for letter in sorted(letters):
        for name, power in ((letter, 1.0), (f"√{letter}", 0.5), (f"1/{letter}", -1.0), (f"1/√{letter}", -0.5)):
            if all(abs(f / sizes[letter] ** power - 1) < 1e-6 for sizes, f in factors):
                return Text(f"everything is {name} times too large", f"所有数都是应有值的 {name} 倍")
    return None


def _along_axis(pairs: Sequence[tuple[Asked, Pair]]) -> Text | None:
    for axis in range(min(p.expected.dim() for _, p in pairs)):
        if all(p.expected.shape[axis] > 1 and _same(p.expected.flip(axis), p.got) for _, p in pairs):
            return Text(f"axis {axis} runs backwards", f"第 {axis} 个轴的顺序颠倒了")
        for name, zh, a, b in (("later", "后", 1, 0), ("earlier", "前", 0, 1)):
            if all(_shifted(p, axis, a, b) for _, p in pairs):
                return Text(
                    f"everything stands one place {name} along axis {axis}", f"沿第 {axis} 个轴整体向{zh}错了一位"
                )
    offsets = [(p.got - p.expected) for _, p in pairs]
    if all(_same(o, torch.full_like(o, float(offsets[0].flatten()[0]))) for o in offsets):
        by = float(offsets[0].flatten()[0])
        return Text(f"everything is off by the same {by:.4g}", f"所有数都差同一个值 {by:.4g}") if by else None
    if all(_shuffled(p.expected, p.got) for _, p in pairs):
        return Text("the right numbers stand in the wrong places", "数都对，但位置不对")
    return None


def _shifted(pair: Pair, axis: int, a: int, b: int) -> bool:
    n = pair.expected.shape[axis] - 1
    return n > 1 and _same(pair.expected.narrow(axis, b, n), pair.got.narrow(axis, a, n))


def _transposed_shape(asked: Sequence[Asked], records: Sequence[Mapping[str, Any]]) -> Text | None:
    for each, record in zip(asked, records, strict=True):
        e, g = each.record["plain"], record.get("plain")
        if not isinstance(e, Tensor) or not isinstance(g, Tensor) or e.dim() < 2 or not e.is_floating_point():
            return None
        if not _same(e.transpose(-1, -2), g.to(e.dtype)):
            return None
    return Text("the numbers are right, but the last two axes are exchanged", "数都对，但最后两个轴交换了")
