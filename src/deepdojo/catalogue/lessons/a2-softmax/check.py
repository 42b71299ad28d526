"""The check of a2-softmax."""

import torch

from deepdojo.grader import Check, case, mutant, normal


def oracle(x, dim):
    return torch.softmax(x, dim)


def far_rows(draw):
    """Each row at a level of its own: one maximum for all of them leaves nothing of the lower rows."""
    return draw.normal("N C") + torch.linspace(-2000, 2000, draw.size("N"), dtype=torch.float64)[:, None]


def wide_row(draw):
    """Numbers of one row far apart: exp of their distance overflows, whatever but the maximum is subtracted."""
    return draw.normal("N C") + torch.linspace(-2000, 2000, draw.size("C"), dtype=torch.float64)


check = Check(
    oracle,
    cases=[
        case("rows", x=normal("N C"), dim=-1),
        case("columns", x=normal("N C"), dim=0),
        case("middle axis", x=normal("B C T", scale=3), dim=1),
        case("last of three axes", x=normal("B C T"), dim=2),
        case("counted from the end", x=normal("B C T"), dim=-2),
        case("a vector", x=normal("C"), dim=0),
        case("square", sizes={"N": 5}, x=normal("N N"), dim=1),
        case("one entry", x=normal("N 1"), dim=-1),
        case("values near 100", x=normal("N C", mean=100, scale=3), dim=-1),
        # In float32 x - logsumexp(x) rounds at 1000: right code of another kind, which loses more than its inputs did.
        case(
            "large numbers", x=normal("N C", mean=1000, scale=3), dim=-1, float32=False,
            note=("values near 1000", "数值约 1000"),
            nan=("NaN for large numbers", "数值较大时得到 NaN"),
        ),
        case(
            "rows at different levels", sizes={"N": (5, 7)}, x=far_rows, dim=1, float32=False,
            note=("rows from -2000 to 2000", "各行的数值从 -2000 到 2000"),
            nan=("NaN when rows lie far apart", "各行数值相差很大时得到 NaN"),
        ),
        case(
            "a wide row", sizes={"C": (5, 7)}, x=wide_row, dim=1, float32=False,
            note=("each row from -2000 to 2000", "每行的数值从 -2000 到 2000"),
            nan=("NaN when the numbers of a row lie far apart", "一行中的数值相差很大时得到 NaN"),
        ),
    ],
    forbidden=["softmax", "log_softmax", "softmin"],
    allowed=("exp, amax, sum and logsumexp are yours to use.", "可以使用 exp、amax、sum、logsumexp。"),
    mutants=[
        mutant(
            "no_maximum", "x - top", "x",
            en="exp(1000) overflows. Subtract each row's maximum first: the result does not change",
            zh="exp(1000) 溢出。请先减去每一行的最大值，结果不变",
        ),
        mutant(
            "global_maximum", "x.amax(dim, keepdim=True)", "x.amax()",
            en="one maximum is subtracted from the whole tensor. In a row far below it every exp is 0; each row needs "
               "its own maximum",
            zh="整个张量只减去了一个最大值。远低于它的行中所有 exp 都是 0；每一行都要减去自己的最大值",
        ),
        mutant(
            "last_axis", "top = x.amax(dim, keepdim=True)", "dim = -1\n    top = x.amax(dim, keepdim=True)",
            en="the last axis is normalised whatever dim says (here dim = {dim})",
            zh="无论 dim 是多少，归一化的总是最后一个轴（此处 dim = {dim}）",
        ),
        mutant(
            "no_keepdim", "e.sum(dim, keepdim=True)", "e.sum(dim)",
            en="the sum lost its axis and is lined up with the wrong one; keepdim=True keeps it in place",
            zh="求和后丢失了那个轴，除法时对错了位置；keepdim=True 可以保留它",
        ),
        mutant(
            "detached_denominator", "e.sum(dim, keepdim=True)", "e.sum(dim, keepdim=True).detach()",
            en="the denominator is detached: every exp in it depends on x, too",
            zh="分母被 detach 了：其中的每个 exp 同样依赖 x",
        ),
        mutant(
            "clamped", "x - top", "x.clamp(max=80)",
            en="x is clamped before exp: all large numbers become equal. Subtract the maximum instead",
            zh="exp 之前对 x 做了 clamp：所有大数都变得相等。应改为减去最大值",
        ),
        mutant(
            "no_division", "e / e.sum(dim, keepdim=True)", "e",
            en="exp(x - max) is not divided by its sum yet",
            zh="exp(x - max) 还没有除以它的和",
        ),
        mutant(
            "sum_of_all", "e.sum(dim, keepdim=True)", "e.sum()",
            en="the division is by the sum of the whole tensor, not by the sum along dim",
            zh="除以的是整个张量的和，而不是沿 dim 的和",
        ),
    ],
)  # fmt: skip
