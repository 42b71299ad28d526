"""The check of a1-broadcast: the numbers, and that none of them is below zero."""

import torch

from deepdojo.grader import Check, adapt, case, mutant, normal


@adapt("pairwise_sq_dist")
def drive(pairwise_sq_dist, a, b):
    out = pairwise_sq_dist(a, b)
    return {"out": out, "below_zero": bool((out < 0).any()) if isinstance(out, torch.Tensor) else None}


def oracle(a, b):
    """Coordinate by coordinate, so that nothing is broadcast over D."""
    out = a.new_zeros(len(a), len(b))
    for x, y in zip(a.T, b.T, strict=True):
        out = out + torch.sub(x.unsqueeze(1), y.unsqueeze(0)).pow(2)
    return {"out": out, "below_zero": False}


def all_pairs(a, b):
    """Right, and slow: one pair after another."""
    rows = [torch.stack([((p - q) ** 2).sum() for q in b]) for p in a]
    return torch.stack(rows) if rows else a.new_zeros(0, len(b))


check = Check(
    oracle,
    adapt=drive,
    cases=[
        case("two sets", a=normal("N D"), b=normal("M D")),
        case("as many points in both", sizes={"N": 5}, a=normal("N D"), b=normal("N D")),
        case("square", sizes={"N": 3}, a=normal("N N"), b=normal("N N")),
        case("one coordinate", a=normal("N 1"), b=normal("M 1")),
        case("one point each", a=normal("1 D"), b=normal("1 D")),
        case("no points in a", sizes={"N": 0}, a=normal("N D"), b=normal("M D")),
        case(
            "a set and itself", sizes={"N": 61, "D": 7}, a=normal("N D", mean=1), b=lambda d: d["a"].clone(),
            note=("b is a, so the diagonal is 0", "b 就是 a，对角线应为 0"),
        ),
    ],
    forbidden=["cdist", "pdist", "pairwise_distance"],
    allowed=(
        "Indexing with None, sum, matmul and einsum are yours to use.",
        "可以使用 None 索引、sum、matmul、einsum。",
    ),
    speed=case("timed", sizes={"N": 173, "M": 179, "D": 8}, a=normal("N D"), b=normal("M D")),
    speed_limit=200,
    tolerance=1e-12,  # an eps that is added to a distance of 0 is seen
    slow=(
        "Let broadcasting make the pairs: a[:, None] stands for every point of a beside every point of b.",
        "让广播去组成所有的对：a[:, None] 让 a 的每个点都与 b 的每个点相对。",
    ),
    mutants=[
        mutant(
            "sums_first_axis", ".sum(-1)", ".sum(0)",
            en="the sum runs over the points of a; it should run over the coordinates, the last axis",
            zh="求和沿着 a 的点进行；应沿坐标，也就是最后一个轴",
        ),
        mutant(
            "point_by_point", "a[:, None] - b", "a - b",
            en="a - b pairs the n-th point with the n-th; with a[:, None] each meets all of them",
            zh="a - b 只让第 n 个点对第 n 个点；用 a[:, None] 才能让每个点对上所有的点",
        ),
        mutant(
            "root_taken", "return difference.square().sum(-1)", "return difference.square().sum(-1).sqrt()",
            en="the root is taken; the squared distance is asked for",
            zh="多开了一次方；要的是距离的平方",
        ),
        mutant(
            "rows_and_columns", ".sum(-1)", ".sum(-1).T",
            en="rows are the points of b; they should be those of a",
            zh="行对应了 b 的点；行应对应 a 的点",
        ),
        mutant(
            "no_square", "difference.square()", "difference.abs()",
            en="the differences are not squared: this is the sum of their absolute values",
            zh="差没有平方：这是绝对值之和",
        ),
        mutant(
            "square_of_sum", "difference.square().sum(-1)", "difference.sum(-1).square()",
            en="the sum is squared; square each coordinate first, then add",
            zh="先求和再平方了；应先逐个坐标平方，再相加",
        ),
        mutant(
            "mean_for_sum", ".sum(-1)", ".mean(-1)",
            en="the mean over the coordinates is taken, not their sum",
            zh="对坐标取了平均，而不是求和",
        ),
        mutant(
            "cancelled", "difference.square().sum(-1)", "(a * a).sum(-1)[:, None] + (b * b).sum(-1) - 2 * a @ b.T",
            en="|a|² + |b|² − 2ab is right, but what cancels leaves numbers below zero, whose root is NaN: clamp at 0",
            zh="|a|² + |b|² − 2ab 没有错，但相消之后会留下小于零的数，再开方就是 NaN：要 clamp 到 0",
        ),
        mutant(
            "all_pairs", function=all_pairs, slow=True,
            en="it loops over the pairs",
            zh="它在逐对循环",
        ),
    ],
)  # fmt: skip
