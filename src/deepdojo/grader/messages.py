"""The words of each failure, in English and Chinese. First what fails, then input, expected, got; no blame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from deepdojo.grader.compare import Difference, Mismatch, show, shown_apart
from deepdojo.grader.draws import tensors_in
from deepdojo.grader.judge import Finding
from deepdojo.grader.spec import shapes
from deepdojo.grader.truth import Asked
from deepdojo.grader.words import Text

__all__ = ["Said", "say", "where_line"]

Said = tuple[Text, list[Text], Text | None]  # first sentence, facts, what to do where no cause is known

_WORDS = {"nan": "NaN", "inf": "inf"}
_RUNS = {
    "float32": Text("float32 inputs", "float32 输入"),
    "layout": Text("inputs that are not contiguous in memory", "内存不连续的输入"),
    "again": Text("the second call with the same inputs", "用相同输入再次调用"),
}


def say(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    """The first sentence and the facts of a failure in one case.

    Args:
        names: of what is returned.
    """
    return _SAY[finding.stage](finding, asked, names)


def context(asked: Asked) -> Text:
    """Case, seed, and the inputs' shapes or the author's note."""
    case = asked.drawn.case
    note = dead_row(asked)
    given = shapes(asked.drawn)
    en, zh = (case.note.en, case.note.zh) if case.note else (note.en, note.zh) if note else (given, given)
    return Text(
        f'case "{case.name}" · seed {asked.drawn.seed} · {en}'.rstrip(" ·"),
        f"用例 “{case.name}” · 种子 {asked.drawn.seed} · {zh}".rstrip(" ·"),
    )


def dead_row(asked: Asked) -> Text | None:
    """`keep[0, 0, 2, :] is all False`: the first row of a mask that sees nothing."""
    for path, tensor in tensors_in(asked.question["arguments"]).items():
        if tensor.dtype == torch.bool and tensor.dim():
            dead = (~tensor.any(-1)).nonzero()
            if len(dead):
                at = f"{path}[{', '.join([*map(str, dead[0].tolist()), ':'])}]"
                return Text(f"{at} is all False", f"{at} 全为 False")
    return None


def place(path: str, names: Sequence[str], index: Sequence[int] | None = None) -> str:
    """`out[0, 0, 0]`, `h[2, 1]`: a leaf of what is returned, by name."""
    if not path:
        name = names[0] if names else "out"
    elif path.startswith("["):
        number, _, rest = path[1:].partition("]")
        name = (names[int(number)] + rest) if int(number) < len(names) else f"out{path}"
    else:
        name = path
    return name if index is None else f"{name}[{', '.join(map(str, index))}]"


def where_line(fault: Mapping[str, Any], source: str, file: str) -> Text | None:
    """`attention.py, line 9:  scores = q @ k`"""
    line = fault.get("line")
    if not line:
        return None
    lines = source.splitlines()
    code = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return Text(f"{file}, line {line}:  {code}", f"{file} 第 {line} 行：{code}")


def _call(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    if finding.kind == "unwritten":
        return (
            Text("not written yet", "还没有写"),
            [],
            Text(
                "Replace the line that raises NotImplementedError.",
                "请把抛出 NotImplementedError 的那一行换成你的代码。",
            ),
        )
    return _crash(Text("it stops with an error", "运行时出错"), finding.data["fault"])


def _crash(head: Text, fault: Mapping[str, Any]) -> Said:
    message = f"{fault['type']}: {fault['message']}".splitlines()[0][:200].rstrip(": ")
    if fault["type"] == "MemoryError" or "DefaultCPUAllocator" in fault["message"]:
        return (
            head,
            [Text(message, message)],
            Text(
                "It asked for more memory than it may have (2 GiB): is a tensor larger than it need be?",
                "它申请的内存超过了上限（2 GiB）：是否有张量比需要的大？",
            ),
        )
    return head, [Text(message, message)], None


def _input(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    changed = finding.data["changed"]
    path, index = changed["path"], changed["index"]
    head = Text(f"your function changed its input {path}", f"函数改动了输入 {path}")
    root = path.split("[")[0].split(".")[0]
    if index is None:
        fact = Text(f"{path} is another after the call. The caller still needs {root}.",
                    f"调用后 {path} 已不是原来的样子。调用者还要用 {root}。")  # fmt: skip
        return head, [fact], None
    at = f"{path}[{', '.join(map(str, index))}]" if index else path
    before, after = shown_apart(changed["before"], changed["after"])
    fact = Text(
        f"{at} was {before} before the call and is {after} after it. The caller still needs {root}.",
        f"调用前 {at} 为 {before}，调用后为 {after}。调用者还要用 {root}。",
    )
    todo = Text(
        f"Likely cause: an in-place operation (-=, sub_, {path}[...] = …) on {path}. Make a new tensor instead.",
        f"可能的原因：对 {path} 做了原地操作（-=、sub_、{path}[...] = …）。请改为生成新张量。",
    )
    return head, [fact], todo


def _structure(finding: Finding, asked: Asked, names: Sequence[str], tail: Text | None = None) -> Said:
    wrong: Mismatch = finding.data["mismatch"]
    at = place(wrong.path, names)
    whole = not wrong.path and len(names) != 1
    named = Text("", "") if whole or at == "out" else Text(f" of {at}", f"（{at}）")
    heads = {
        "shape": Text(f"wrong shape{named.en}", f"形状不对{named.zh}"),
        "dtype": Text(f"wrong dtype{named.en}", f"dtype 不对{named.zh}"),
        "length": Text(f"wrong length{named.en}", f"长度不对{named.zh}"),
        "structure": Text(f"another kind of answer is asked for{named.en}", f"返回值的类型不对{named.zh}"),
    }
    head = heads[wrong.kind]
    if tail is not None:
        head = Text(f"{head.en} for {tail.en}", f"{tail.zh}：{head.zh}")
    fact = Text(f"expected {wrong.expected}   got {wrong.got}", f"应为 {wrong.expected}，得到 {wrong.got}")
    return head, [fact], None


def _value(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    wrong = finding.difference
    assert wrong is not None
    at = place(wrong.path, names, wrong.index)
    todo = Text(
        f"No known mistake gives these numbers. Compare {at} by hand.", f"已知的错误都得不到这些数。请手算 {at} 对照。"
    )
    if finding.kind in ("nan", "inf"):
        return _not_finite(finding, asked, names), _nan_facts(finding, asked, at), todo
    expected, got = shown_apart(wrong.expected, wrong.got)
    if finding.kind == "near":
        head = Text("the formula is right, the arithmetic loses digits", "公式正确，但运算丢失精度")
        fact = Text(
            f"{at}:  expected {expected}   got {got}   already in float64; in float32 nothing would be left",
            f"{at}：应为 {expected}，得到 {got}（这还是 float64；float32 下将毫无精度）",
        )
        return head, [fact], None
    which = Text("the output is wrong", "输出不对")
    if len(names) > 1 and wrong.path:
        root = place(wrong.path, names).split("[")[0].split(".")[0]
        which = Text(f"{root} is wrong", f"{root} 不对")
    return which, [_first_difference(at, expected, got, wrong)], todo


def _first_difference(at: str, expected: str, got: str, wrong: Difference) -> Text:
    if wrong.total == 1:
        many = Text("", "")
    elif wrong.wrong == wrong.total:
        many = Text(f"      (all {wrong.total} entries differ)", f"（{wrong.total} 个数全都不同）")
    else:
        many = Text(
            f"      ({wrong.wrong} of {wrong.total} entries differ)", f"（{wrong.total} 个数中有 {wrong.wrong} 个不同）"
        )
    return Text(
        f"first difference at {at}:  expected {expected}   got {got}{many.en}",
        f"第一处不同 {at}：应为 {expected}，得到 {got}{many.zh}",
    )


def _not_finite(finding: Finding, asked: Asked, names: Sequence[str]) -> Text:
    said = asked.drawn.case.nan
    if said is not None:
        return said
    word = _WORDS[finding.kind]
    return Text(f"{word} comes out", f"结果中出现 {word}")


def _nan_facts(finding: Finding, asked: Asked, at: str) -> list[Text]:
    wrong, odd = finding.difference, finding.data["odd"]
    assert wrong is not None
    expected, got = show(wrong.expected), show(wrong.got)
    if wrong.total == 1 or wrong.index is None:
        return [Text(f"expected {expected}   got {got}", f"应为 {expected}，得到 {got}")]
    n, total = int(odd.sum()), wrong.total
    en, zh = f"{n} of {total} outputs are {_WORDS[finding.kind]}", f"{total} 个输出中有 {n} 个 {_WORDS[finding.kind]}"
    rows = _dead_rows(asked, odd)
    if rows:
        where = Text("that row", "全在这一行") if rows == 1 else Text("such rows", "全在这样的行里")
        return [
            Text(f"{en}, all of them in {where.en}.  Expected there: 0.", f"{zh}，{where.zh}。那里应为 0。")
        ]  # fmt: skip
    return [
        Text(f"{en}; the first is {at}.  Expected there: {expected}.", f"{zh}；第一个是 {at}，那里应为 {expected}。")
    ]


def _dead_rows(asked: Asked, odd: Tensor) -> int:
    """How many rows of a mask see nothing, where all that is not finite stands in these rows; else 0."""
    for tensor in tensors_in(asked.question["arguments"]).values():
        if tensor.dtype == torch.bool and tensor.dim() == odd.dim():
            dead = ~tensor.any(-1, keepdim=True)
            if dead.any() and all(d in (1, o) for d, o in zip(dead.shape, odd.shape, strict=True)):
                return int(dead.sum()) if not (odd & ~dead).any() else 0
    return 0


def _gradient(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    if finding.kind in ("backward", "tracked"):
        head = Text("values are right, but no gradient can be computed", "数值正确，但无法计算梯度")
        return _crash(head, finding.data["fault"])
    wrong, path = finding.difference, finding.data["path"]
    assert wrong is not None
    heads = {
        "zero": Text(
            f"values are right, the gradient of {path} is zero everywhere", f"数值正确，但 {path} 的梯度处处为零"
        ),
        "nan": Text(f"values are right, the gradient of {path} is NaN", f"数值正确，但 {path} 的梯度是 NaN"),
        "inf": Text(f"values are right, the gradient of {path} is infinite", f"数值正确，但 {path} 的梯度是无穷大"),
    }
    other = Text(f"values are right, the gradient of {path} is wrong", f"数值正确，但 {path} 的梯度不对")
    at = f"d/d{path}" + (f"[{', '.join(map(str, wrong.index))}]" if wrong.index is not None else "")
    expected, got = shown_apart(wrong.expected, wrong.got)
    fact = Text(f"{at}:  expected {expected}   got {got}", f"{at}：应为 {expected}，得到 {got}")
    return heads.get(finding.kind, other), [fact], None


def _run(finding: Finding, asked: Asked, names: Sequence[str]) -> Said:
    run = _RUNS[finding.stage]
    if finding.kind == "crash":
        head = Text(f"right in float64, but it fails for {run.en}", f"float64 下正确，但{run.zh}时出错")
        return _crash(head, finding.data["fault"])
    if "mismatch" in finding.data:
        return _structure(finding, asked, names, run)
    wrong = finding.difference
    assert wrong is not None
    at = place(wrong.path, names, wrong.index)
    expected, got = shown_apart(wrong.expected, wrong.got)
    heads = {
        "float32": Text(
            "right in float64, but float32 loses too many digits", "float64 下正确，但 float32 下精度损失过大"
        ),
        "layout": Text("wrong for inputs that are not contiguous in memory", "输入在内存中不连续时结果不对"),
        "again": Text("the second call with the same inputs gives another answer", "用相同输入再次调用，结果不同"),
    }
    todos = {
        "layout": Text("Use reshape or index by axes; data_ptr, view and as_strided see the memory's order.",
                       "请用 reshape 或按轴索引；data_ptr、view、as_strided 看到的是内存顺序。"),
        "again": Text("Does it keep something between calls, or draw random numbers?",
                      "它是否在两次调用之间保留了状态，或用了随机数？"),
    }  # fmt: skip
    if finding.kind in ("nan", "inf"):
        word = _WORDS[finding.kind]
        head = Text(f"{word} comes out for {run.en}", f"{run.zh}时结果中出现 {word}")
    else:
        head = heads[finding.stage]
    return head, [_first_difference(at, expected, got, wrong)], todos.get(finding.stage)


_SAY: dict[str, Callable[[Finding, Asked, Sequence[str]], Said]] = {
    "call": _call, "input": _input, "structure": _structure, "value": _value, "gradient": _gradient, "float32": _run,
    "layout": _run, "again": _run,
}  # fmt: skip


def count_gradients(asked: Sequence[Asked]) -> int:
    """Distinct inputs whose gradients were compared."""
    return len({path for each in asked for path in each.question["grads"]})


def passed(asked: Sequence[Asked], cases: int, ratio: float | None) -> Text:
    """`6 cases, values, 3 gradients, masks, float32, speed 1.4 ×`"""
    masks = any(t.dtype == torch.bool for each in asked for t in tensors_in(each.question["arguments"]).values())
    n = count_gradients(asked)
    narrow = any(each.question["float32"] and _has_floats(each) for each in asked)
    en = [f"{cases} cases" if cases != 1 else "one case", "values"]
    zh = [f"{cases} 个用例", "数值"]
    for holds, a, b in (
        (n, f"{n} gradient{'s' if n != 1 else ''}", f"{n} 个梯度"),
        (masks, "masks", "掩码"),
        (narrow, "float32", "float32"),
        (ratio is not None, f"speed {_ratio(ratio or 0)} ×", f"速度 {_ratio(ratio or 0)} ×"),
    ):
        if holds:
            en.append(a)
            zh.append(b)
    return Text(", ".join(en), "，".join(zh))


def _has_floats(asked: Asked) -> bool:
    tensors: list[Tensor] = list(tensors_in(asked.question["arguments"]).values())
    return any(t.is_floating_point() for t in tensors)


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value >= 0.1 else "< 0.1"
