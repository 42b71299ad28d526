"""The check of m6-numerics: value and gradient where the usual ways break."""

import torch

from deepdojo.grader import Check, case, mutant, near_miss, normal


def oracle(x, y, scale, keep):
    """Pair by pair, with the logarithm of the sigmoid written out on the side where it is safe."""
    rows = [i for i in range(len(x)) if bool(keep[i])]
    zero = 0 * (x.sum() + y.sum() + scale)
    distances, losses = [], []
    for i in rows:
        gap = x[i] - y[i]
        top = gap.detach().abs().max()
        d = zero if float(top) == 0 else top * (gap / top).square().sum().sqrt()
        z = scale * (1 - d)
        safe = torch.log1p((-z.abs()).exp())
        losses.append(safe + (-z if float(z.detach()) < 0 else zero))
        distances.append(d)
    n = max(len(rows), 1)
    centre = sum(distances, zero) / n
    variance = sum(((d - centre) ** 2 for d in distances), zero) / n
    return sum(losses, zero) / n + (variance + 1e-6).sqrt()


def some(d):
    flags = torch.rand(d.size("B"), generator=d.gen) < 0.6
    flags[0], flags[1] = True, False
    return flags


def equal_rows(d):
    other = d["x"].detach().clone()
    other[2:] += d.normal("B D")[2:].detach()
    return other


def near_by(d):
    return d["x"].detach() + d.normal("B D").detach()


def far_alike(d):
    return d["x"].detach() + 1e5 + d.normal("B D").detach()


check = Check(
    oracle,
    cases=[
        case("some kept", sizes={"B": (7, 8, 9)}, x=normal("B D"), y=normal("B D"), scale=2.0, keep=some),
        case(
            "equal rows", sizes={"B": (7, 8)}, x=normal("B D"), y=equal_rows, scale=2.0,
            keep=lambda d: torch.ones(d.size("B"), dtype=torch.bool),
            note=("rows 0 and 1 of x and y are equal", "x 与 y 的第 0、1 行相等"),
            nan=("NaN where two rows are equal", "两行相等时得到 NaN"),
        ),
        case(
            "far apart", sizes={"B": (7, 8)}, x=normal("B D", scale=400), y=normal("B D", scale=400), scale=3.0,
            keep=some, note=("distances near 1000", "距离约 1000"), float32=False,
            nan=("NaN or infinity for rows that are far apart", "两行相距很远时得到 NaN 或无穷"),
        ),
        case(
            "nothing kept", sizes={"B": (4, 5)}, x=normal("B D"), y=normal("B D"), scale=2.0,
            keep=lambda d: torch.zeros(d.size("B"), dtype=torch.bool),
            note=("keep is False throughout", "keep 全为 False"),
            nan=("NaN where nothing is kept", "一行也不保留时得到 NaN"),
        ),
        case(
            "one kept", sizes={"B": (4, 5)}, x=normal("B D"), y=normal("B D"), scale=2.0,
            keep=lambda d: torch.arange(d.size("B")) == 1,
            note=("one pair kept: its variance is 0", "只保留一对：方差为 0"),
            nan=("NaN where one pair is kept", "只保留一对时得到 NaN"),
        ),
        case(
            "far from the origin", sizes={"B": (7, 8)}, x=normal("B D", mean=1e4), y=near_by, scale=2.0, keep=some,
            note=("all numbers near 10 000, distances near 1", "所有的数约为 10 000，距离约为 1"),
        ),
        case(
            "distances alike", sizes={"B": (7, 8)}, x=normal("B D"), y=far_alike, scale=0.0, keep=some, float32=False,
            note=("distances near 100 000, a spread near 1", "距离约 100 000，散布约 1"),
        ),
    ],
    mutants=[
        mutant(
            "sqrt_of_zero", "torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0)", "square.sqrt()",
            en="sqrt is taken of 0 where two rows are equal: its slope there is infinite, and ∞ · 0 is NaN",
            zh="两行相等时对 0 开了平方根：那里的斜率是无穷，无穷乘零得 NaN",
        ),
        mutant(
            "where_too_late", "torch.where(apart, square, 1.0).sqrt()", "square.sqrt()",
            en="where picks the value 0, but the gradient still passes through sqrt(0) of the other branch; make the "
               "argument of sqrt safe first",
            zh="where 选出了值 0，但梯度仍经过另一个分支里的 sqrt(0)；应先让 sqrt 的参数安全",
        ),
        mutant(
            "eps_under_the_root", "torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0)",
            "(square + 1e-8).sqrt()",
            en="an eps under the root makes every distance a little too large, and that of equal rows 1e-4, not 0",
            zh="根号里加了 eps：每个距离都略微偏大，相等两行的距离成了 1e-4 而不是 0",
        ),
        mutant(
            "log_of_sigmoid", "-F.logsigmoid(scale * (1 - distance))",
            "-torch.log(torch.sigmoid(scale * (1 - distance)))",
            en="sigmoid of a large negative number is 0, and log 0 is −inf; logsigmoid never takes the detour",
            zh="很小的负数经 sigmoid 得 0，而 log 0 是 −∞；logsigmoid 不走这条弯路",
        ),
        mutant(
            "log_of_sigmoid_with_eps", "-F.logsigmoid(scale * (1 - distance))",
            "-torch.log(torch.sigmoid(scale * (1 - distance)) + 1e-12)",
            en="log(sigmoid + eps) stops at log(eps): pairs that are far apart are no longer pulled",
            zh="log(sigmoid + eps) 停在 log(eps)：相距很远的对不再被拉近",
        ),
        mutant(
            "exp_overflows", "-F.logsigmoid(scale * (1 - distance))",
            "torch.log(1 + torch.exp(-scale * (1 - distance)))",
            en="exp of a large number overflows before the log brings it back; logsigmoid or softplus do not",
            zh="大数取 exp 先溢出了，log 救不回来；logsigmoid 或 softplus 不会",
        ),
        mutant(
            "count_of_zero", "kept.sum().clamp(min=1)", "kept.sum()",
            en="where nothing is kept this divides 0 by 0",
            zh="一行也不保留时，这里是 0 除以 0",
        ),
        mutant(
            "count_of_all", "kept.sum().clamp(min=1)", "len(x)",
            en="the mean is over all rows, not over the kept ones",
            zh="平均取自所有行，而不是保留的行",
        ),
        mutant(
            "spread_without_eps", "(variance + 1e-6).sqrt()", "variance.sqrt()",
            en="the root of a variance of 0 has an infinite slope: the eps under it is missing",
            zh="方差为 0 时平方根的斜率是无穷：根号里少了 eps",
        ),
        mutant(
            "eps_lost_in_float32", "(variance + 1e-6).sqrt()", "(variance + 1e-60).sqrt()",
            en="an eps of 1e-60 is 0 in float32, and no help; 1e-6 is asked for",
            zh="1e-60 的 eps 在 float32 下就是 0，毫无用处；要求的是 1e-6",
        ),
        mutant(
            "eps_outside", "(variance + 1e-6).sqrt()", "(variance.sqrt() + 1e-6)",
            en="eps is added outside the root, where it does not help: sqrt(0) keeps its infinite slope",
            zh="eps 加在了根号外面，没有用处：sqrt(0) 的斜率仍是无穷",
        ),
        near_miss(
            "expanded_square", "((x - y) ** 2).sum(1)", "(x**2 + y**2 - 2 * x * y).sum(1)",
            en="x² + y² − 2xy subtracts large, nearly equal numbers; subtract first, then square",
            zh="x² + y² − 2xy 是几个很大且几乎相等的数相减；应先相减，再平方",
        ),
        near_miss(
            "one_pass_variance", "((distance - centre) ** 2 * kept).sum() / count",
            "(distance**2 * kept).sum() / count - centre**2",
            en="E[d²] − E[d]² subtracts two nearly equal numbers, and may even come out negative",
            zh="E[d²] − E[d]² 是两个几乎相等的数相减，甚至可能得到负数",
        ),
    ],
    twins=[("sqrt_of_zero", "where_too_late"), ("log_of_sigmoid", "exp_overflows")],
)  # fmt: skip
